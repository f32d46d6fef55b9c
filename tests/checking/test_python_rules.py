"""`check` finds each release that uv drops because of Requires-Python although another wheel would fit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.programs import empty_cache, run
from helpers.sample_release import DOCUMENT, encoded, only, write_wheel

from variant_backend._internal.checking.run import check_files

UV = (
    "uv",
    "pip",
    "install",
    "--no-config",
    "--no-index",
    "--dry-run",
    "--preview-features",
    "wheel-variants",
)
NEW = ">=3.13"

# Releases: Requires-Python by tags and label. The second value tells whether uv drops it with Python 3.12.3.
RELEASES: dict[str, tuple[dict[str, str], bool]] = {
    "equal": ({"py3-none-any-fast": ">=3.10", "py3-none-any": ">=3.10.0,<4"}, False),
    "a variant before the plain wheel": ({"py3-none-any-fast": NEW, "py3-none-any": ">=3.10"}, True),
    "a variant before null": ({"py3-none-any-fast": NEW, "py3-none-any-null": ""}, True),
    "a variant before another": ({"py3-none-any-fast": "~=3.13", "py3-none-any-safe": ""}, True),
    "null before the plain wheel": ({"py3-none-any-null": "==3.13.*", "py3-none-any": ""}, True),
    "only an upper bound": ({"py3-none-any-fast": "<3.12", "py3-none-any": ""}, False),
    "an excluded version": ({"py3-none-any-fast": "!=3.12.*", "py3-none-any": ""}, False),
    "an excluded lower bound": ({"py3-none-any-fast": ">=3.12,!=3.12.*", "py3-none-any": ""}, True),
    "bounds that allow no version": ({"py3-none-any-fast": ">=3.13,<3", "py3-none-any": ""}, False),
    "a newer plain wheel": ({"py3-none-any-null": "", "py3-none-any": NEW}, False),
    "a newer plain wheel with better tags": (
        {"py3-none-any-null": "", "py3-none-any": "", "cp312-none-any": NEW},
        False,
    ),
    "tags for the newer Python": ({"cp313-none-any-fast": NEW, "py3-none-any": ""}, False),
    "better tags of a plain wheel": ({"cp310-abi3-{}": NEW, "py3-none-any": ""}, True),
    "worse tags of a plain wheel": ({"cp312-cp312-{}": "", "py3-none-any": NEW}, False),
    "a higher build number": ({"1-py3-none-any": "", "2-py3-none-any": NEW}, True),
    "a lower build number": ({"1-py3-none-any": NEW, "2-py3-none-any": ""}, False),
    "another platform": ({"cp310-abi3-win_amd64-fast": NEW, "cp310-abi3-{}-safe": ""}, False),
    "the same platform": ({"cp310-abi3-{}-fast": NEW, "cp312-cp312-{}": ">=3.9"}, True),
    "another implementation": ({"pp310-none-any-fast": NEW, "py3-none-any": ""}, False),
    "a bound that is excluded": ({"py3-none-any-fast": ">=3.12,!=3.12.*", "py3-none-any": ""}, True),
    "a mistake that uv corrects": ({"py3-none-any-fast": ">=3.13.*", "py3-none-any": ""}, True),
    "a bound that excludes itself": ({"py3-none-any-fast": ">3.12.3", "py3-none-any": ""}, True),
    "bug fix releases": ({"py3-none-any-fast": ">=3.12.4", "py3-none-any": ">=3.12.2"}, True),
}
LINUX = "manylinux_2_17_x86_64"


def write(folder: Path, project: str, wheels: dict[str, str]) -> None:
    for name, requires in wheels.items():
        path = folder / f"{project}-1.0-{name.format(LINUX)}.whl"
        label = name.rpartition("-")[2] if name.count("-") == 3 and not name[0].isdigit() else None
        field = f"Requires-Python: {requires}" if requires else ""
        write_wheel(path, only(DOCUMENT, label) if label else None, field)
    (folder / f"{project}-1.0-variants.json").write_bytes(encoded(DOCUMENT))
    write_wheel(folder / f"{project}-0.9-py3-none-any.whl")


@pytest.mark.agreement
def test_each_release_that_uv_drops_has_an_error_and_no_other(tmp_path: Path) -> None:
    projects = [f"demo{number}" for number in range(len(RELEASES))]
    for project, (wheels, _) in zip(projects, RELEASES.values(), strict=True):
        write(tmp_path, project, wheels)
    findings = check_files([tmp_path], {"python-differs"}).findings
    found = {Path(finding.file).name.partition("-")[0] for finding in findings}
    dropped = {name for name, (_, is_lost) in zip(projects, RELEASES.values(), strict=True) if is_lost}
    assert found == dropped
    place = ("--python-version", "3.12.3", "--python-platform", "x86_64-manylinux_2_28")
    options = ("--target", tmp_path / "t", "--find-links", tmp_path, *place)
    output = run(*UV, *empty_cache(), *options, *projects).stderr
    assert {*re.findall(r"^ \+ (\w+)==0.9$", output, re.MULTILINE)} == dropped


def test_a_wheel_with_better_tags_hides_another_only_with_its_python(tmp_path: Path) -> None:
    wheels = {"cp312-none-any-fast": "", "py3-none-any-fast": NEW, "py3-none-any": ""}
    write(tmp_path, "demo", wheels)
    (finding,) = check_files([tmp_path], {"python-differs"}).findings
    assert finding.problem.text.startswith("with Python 3.11, ")


def test_the_finding_names_both_wheels_and_the_version_of_python(tmp_path: Path) -> None:
    write(tmp_path, "demo", RELEASES["a variant before the plain wheel"][0])
    (finding,) = check_files([tmp_path], {"python-differs"}).findings
    assert Path(finding.file).name == "demo-1.0-py3-none-any-fast.whl"
    assert finding.severity == "error"
    other = tmp_path / "demo-1.0-py3-none-any.whl"
    assert finding.problem.text == (
        "with Python 3.12, uv may select this wheel, and then drop the release:"
        f" the wheel needs Python 3.13, and {other} does not"
    )
