"""What public indexes refuse: `check` warns about all that `twine check` rejects, and about more."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.made_wheels import METADATA, make_wheel
from helpers.sample_release import DOCUMENT, write_release
from packaging.tags import mac_platforms
from twine.commands.check import check
from twine.exceptions import InvalidDistribution

from variant_backend._internal.checking.codes import RULES, UPLOAD, select_codes
from variant_backend._internal.checking.release_rules import of_release_upload
from variant_backend._internal.checking.run import check_files, find_problems
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.wheels.upload_rules import LARGEST_FILE, of_fields, of_upload

HEAD = "Metadata-Version: {version}\nName: {{name}}\nVersion: {{version}}\n"


def metadata(fields: str = "", version: str = "2.1") -> str:
    return f"{HEAD.format(version=version)}{fields}\nThe text.\n"


LICENSE = metadata("License-Expression: MIT\nLicense-File: LICENSE\n", "2.4")
# METADATA, the code that `check` reports, and whether twine rejects it.
FIELDS = {
    "plain": (METADATA, None, False),
    "repeated": (metadata("Keywords: a\nKeywords: b\n"), "refused-field", True),
    "unknown": (metadata("X-Thing: 1\n"), "refused-field", True),
    "version20": (metadata(version="2.0"), "refused-field", True),
    "version30": (metadata(version="3.0"), "refused-field", True),
    "version26": (metadata(version="2.6"), "refused-field", False),  # PyPI refuses it, twine does not
    "lines": (metadata("Summary: a\n b\n"), "refused-field", True),
    "long": (metadata(f"Summary: {'a' * 513}\n"), "refused-field", False),  # a limit of PyPI
    "urls": (metadata("Project-URL: a, https://a\nProject-URL: a, https://b\n"), "refused-field", True),
    "expression": (metadata("License-Expression: no license\n", "2.4"), "refused-field", True),
    "early": (metadata("Import-Name: demo\n"), "refused-field", True),
    "content": (metadata("Description-Content-Type: text/html\n"), "refused-field", True),
    "license": (LICENSE, "missing-license-file", False),  # twine does not look at files
    "setuptools": (metadata("License-File: LICENSE\nDynamic: license-file\n", "2.2"), None, False),
    "new": (metadata("Import-Name: demo\n", "2.5"), None, False),
}


def twine_rejects(wheel: Path) -> bool:
    try:
        return check([str(wheel)])
    except InvalidDistribution:
        return True


@pytest.mark.parametrize("name", FIELDS)
def test_twine_rejects_no_more_than_check(tmp_path: Path, name: str) -> None:
    text, code, is_rejected = FIELDS[name]
    wheel = make_wheel(tmp_path, metadata=text)
    assert twine_rejects(wheel) == is_rejected
    assert [finding.problem.code for finding in find_problems([wheel])] == [code] * bool(code)


def test_a_license_file_in_the_wheel_is_found(tmp_path: Path) -> None:
    files = {"demo/__init__.py": b"", "demo-1.0.dist-info/licenses/LICENSE": b"MIT"}
    assert find_problems([make_wheel(tmp_path, metadata=LICENSE, files=files)]) == []


@pytest.mark.parametrize(
    ("text", "field", "message"),
    [
        ("Keywords: a\nKeywords: b\n", "Keywords", "expected one value, got 2"),
        ("X-Thing: 1\nX-Thing: 2\n", "X-Thing", "unknown field or invalid value"),
        ("Requires-Dist: !\nRequires-Python: x\n", None, None),  # other rules report these
        ("Summary: \udcff\n", None, None),
    ],
)
def test_a_field_is_reported_once_with_its_reason(text: str, field: str | None, message: str | None) -> None:
    data = metadata(text).format(name="demo", version="1.0").encode(errors="surrogateescape")
    assert [(problem.place, problem.text) for problem in of_fields(data)] == (
        [(field, message)] if field else []
    )


def upload_codes(name: str, size: int = 1) -> list[str]:
    return [problem.code for problem in of_upload(WheelFilename.parse(name), size)]


@pytest.mark.parametrize(
    ("platform", "is_accepted"),
    [
        ("any", True),
        ("win_amd64.win32", True),
        ("linux_x86_64", False),
        ("linux_armv7l", True),
        ("manylinux_2_28_x86_64.manylinux2014_x86_64", True),
        ("manylinux1_aarch64", False),
        ("musllinux_1_2_riscv64", True),
        ("musllinux_1_2_ppc64", False),
        ("macosx_10_9_universal2", True),
        ("macosx_11_0_arm64", True),
        ("macosx_11_3_arm64", False),
        ("macosx_26_0_arm64", True),
        ("ios_13_0_arm64_iphoneos", True),
        ("android_24_arm64_v8a", True),
        ("pyemscripten_2026_0_wasm32", True),
        ("emscripten_3_1_58_wasm32", False),
        ("freebsd_14_amd64", False),
    ],
)
def test_platforms_that_pypi_accepts(platform: str, is_accepted: bool) -> None:
    assert upload_codes(f"demo-1.0-py3-none-{platform}.whl") == ["refused-platform"] * (not is_accepted)


def test_normal_mac_platforms_are_accepted() -> None:
    tags = [tag for tag in mac_platforms((15, 0), "arm64") if "_0_" in tag or "_10_" in tag]
    assert not any(upload_codes(f"demo-1.0-py3-none-{tag}.whl") for tag in tags)


def test_names_versions_and_sizes_that_pypi_refuses() -> None:
    assert upload_codes("Demo.Pkg-1.0+cpu-py3-none-any.whl") == ["name-spelling", "local-version"]
    assert upload_codes("demo-1.0-py3-none-any.whl", LARGEST_FILE) == []
    assert upload_codes("demo-1.0-py3-none-any.whl", LARGEST_FILE + 1) == ["large-upload"]


def test_a_release_over_the_limit_is_reported_with_numbers_by_label() -> None:
    sizes = [(None, 1000), ("cuda12", 6 << 30), ("cuda12", 5 << 30)]
    large, labelled = of_release_upload("demo-1.0-variants.json", sizes)
    assert (
        large.text
        == "the release has 11.8 GB (plain: 1 wheel, 1.0 kB; cuda12: 2 wheels, 11.8 GB), over 10 GiB"
    )
    assert labelled.text.startswith("public indexes refuse 2 labelled wheels and demo-1.0-variants.json;")
    assert [*of_release_upload("demo-1.0-variants.json", [(None, 1000)])] == []


def test_labels_are_reported_once_and_only_if_selected(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "dist", DOCUMENT)
    assert find_problems([folder]) == []
    selected = select_codes([UPLOAD], [], [])
    assert [finding.problem.code for finding in check_files([folder], selected).findings] == [
        "labelled-upload"
    ]
    assert {code for code, rule in RULES.items() if rule.groups == (UPLOAD,)} <= selected
