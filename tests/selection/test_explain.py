"""``variant-backend explain`` prints the ranked table, the reasons, and JSON."""

from __future__ import annotations

import copy
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import make_wheel
from helpers.programs import empty_cache, printed, run
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, only, patched, write_release, write_wheel
from helpers.servers import publish

from variant_backend._internal.cli.main import main
from variant_backend._internal.formats.release import File
from variant_backend._internal.formats.simple_api import Page, to_html

FAST, PLAIN = "demo-1.0-py3-none-any-fast.whl", "demo-1.0-py3-none-any.whl"
H100 = "machine code for NVIDIA GPUs of compute capability 9.0 (H100)"
ANOTHER = "another-1.0-py3-none-any-safe.whl"
MACHINE = {
    "default-priorities": {"namespace": ["speed", "nvidia"]},
    "providers": {
        "nvidia": {
            "requires": ["nvidia-variant-provider>=0.0.1,<1"],
            "plugin-api": "nvidia_variant_provider.plugin:NvidiaVariantPlugin",
        }
    },
    "variants": {"fast": {"nvidia": {"sm_arch": ["90_real"]}}},
}
GPU = ("--supported", "nvidia :: sm_arch :: 90_real, 80_real")
LINUX = ("--platform", "linux", "--python", "3.12")
ASSUMED = (
    "assuming for manylinux_2_28_x86_64, like uv: nvidia none; x86_64 level v2 and v1; tpu present false;"
    " use --machine SPEC to describe the machine\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release whose fast variant needs a GPU, in a folder called dist."""
    monkeypatch.chdir(tmp_path)
    return write_release(Path("dist"), patched(DOCUMENT, MACHINE))


def explain(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["explain", *map(str, arguments)], catch_exceptions=False)


def explained(*arguments: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(explain(*arguments, "--json").stdout)
    return document


def test_the_table_has_every_wheel_with_its_rank_or_reasons(folder: Path) -> None:
    make_wheel(folder, tag="cp311-cp311-win_amd64")
    result = explain("--find-links", folder, *LINUX, *GPU)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"demo 1.0: {FAST} is selected",
        f"  {H100}",
        "",
        "POSITION  LABEL    TAGS          BEST VALUES                   RANK",
        "1         fast     py3-none-any  speed :: mode :: fast         0.0.0",
        "                                 nvidia :: sm_arch :: 90_real  1.0.0",
        "2         safe     py3-none-any  speed :: mode :: safe         0.0.1",
        "3         null     py3-none-any  no properties",
        "4         (plain)  py3-none-any  no variant",
        "RANK lists the ranks of namespace, feature and value (0 is best); the first difference decides.",
        "",
        "EXCLUDED",
        "  1 wheel for other interpreters or platforms (--all shows them): cp311-cp311-win_amd64",
        "",
        "SUPPORTED",
        "  speed: static-properties",
        "    mode: fast, safe",
        "  nvidia: --supported",
        f"    sm_arch: 90_real, 80_real; 90_real means {H100}",
    ]


def test_unknown_support_excludes_a_wheel_and_options_are_suggested(folder: Path) -> None:
    Path("machine.toml").write_text("version = 1\n[machine]\n")
    result = explain("demo", "--find-links", folder, *LINUX, "--machine", "machine.toml")
    lines = result.stdout.splitlines()
    assert lines[0] == "demo 1.0: demo-1.0-py3-none-any-safe.whl is selected"
    excluded = lines.index("EXCLUDED")
    assert lines[excluded + 1 : excluded + 3] == [
        "  fast  py3-none-any",
        f"    nvidia :: sm_arch: needs 90_real; supported: none; 90_real means {H100}",
    ]
    (nvidia,) = [line for line in lines if line.startswith("  nvidia:")]
    assert "--trust-plugin nvidia-variant-provider" in nvidia
    assert "--supported 'nvidia :: FEATURE :: VALUES' or --machine SPEC says" in nvidia


def test_assumed_support_of_another_platform_is_shown(folder: Path) -> None:
    result = explain("demo", "--find-links", folder, *LINUX)
    assert result.stderr == ASSUMED
    assert "  nvidia: assumed, as in uv; --machine replaces it" in result.stdout.splitlines()


@pytest.mark.parametrize(
    ("provider", "options", "origin"),
    [
        ({"optional": True}, (), "optional and not enabled; --enable speed turns it on"),
        ({"optional": True}, ("--enable", "speed"), "static-properties"),
        ({}, ("--disable", "speed"), "disabled; --disable turns it off"),
    ],
)
def test_each_namespace_is_listed_with_the_origin_of_its_values(
    provider: dict[str, object], options: tuple[str, ...], origin: str, tmp_path: Path
) -> None:
    write_release(tmp_path, patched(DOCUMENT, {"providers": {"speed": provider}}))
    assert f"  speed: {origin}" in explain("--find-links", tmp_path, *options).stdout.splitlines()


def test_all_lists_wheels_for_other_platforms(folder: Path) -> None:
    for minor in range(10, 40):
        make_wheel(folder, tag=f"cp3{minor}-cp3{minor}-win_amd64")
    short = explain("--find-links", folder, *LINUX, *GPU).stdout
    assert "  30 wheels for other interpreters or platforms" in short
    assert "and 22 more" in short
    long = explain("--find-links", folder, *LINUX, *GPU, "--all").stdout
    assert long.count("matches neither the interpreter nor the platform") == 30


def test_the_newest_release_is_explained_if_no_wheel_is_compatible(tmp_path: Path) -> None:
    make_wheel(tmp_path, version="1.0", tag="cp311-cp311-win_amd64")
    make_wheel(tmp_path, version="2.0", tag="cp312-cp312-win_amd64")
    result = explain("demo", "--find-links", tmp_path, *LINUX)
    assert (result.exit_code, result.stderr) == (1, "error: no wheel of demo is compatible\n")
    assert result.stdout.startswith("demo 2.0: no wheel is compatible\n\nEXCLUDED\n")
    assert "cp312-cp312-win_amd64" in result.stdout
    document = explained("demo", "--find-links", tmp_path, *LINUX)
    assert (document["package"]["version"], document["selected"]) == ("2.0", None)
    assert printed(document["errors"]) == ["no wheel of demo is compatible"]


def test_newer_releases_without_a_compatible_wheel_are_named(tmp_path: Path) -> None:
    make_wheel(tmp_path, version="1.0")
    make_wheel(tmp_path, version="2.0", tag="cp312-cp312-win_amd64")
    lines = explain("--find-links", tmp_path, *LINUX).stdout.splitlines()
    assert lines[:2] == [
        f"demo 1.0: {PLAIN} is selected",
        "newer release without a compatible wheel: 2.0 (see explain demo==2.0)",
    ]
    assert explained("demo", "--find-links", tmp_path, *LINUX)["newer"] == ["2.0"]


def test_json_has_every_wheel_best_first_and_incompatible_last(folder: Path) -> None:
    make_wheel(folder, tag="cp311-cp311-win_amd64")
    document = explained("--find-links", folder, *LINUX, *GPU, "--disable", "speed")
    assert {name: document[name] for name in ("package", "selected", "newer", "errors")} == {
        "package": {"name": "demo", "version": "1.0"},
        "selected": "demo-1.0-py3-none-any-null.whl",
        "newer": [],
        "errors": [],
    }
    assert document["support"] == {
        "speed": {"origin": "disabled", "features": {}},
        "nvidia": {"origin": "--supported", "features": {"sm_arch": ["90_real", "80_real"]}},
    }
    wheels = document["wheels"]
    assert [(each["label"], each["compatible"]) for each in wheels] == [
        ("null", True),
        (None, True),
        (None, False),
        ("fast", False),
        ("safe", False),
    ]
    assert wheels[-1] == {
        "filename": "demo-1.0-py3-none-any-safe.whl",
        "label": "safe",
        "compatible": False,
        "reasons": ["speed :: mode: needs safe; supported: none"],
        "key": None,
    }


def test_the_key_in_json_is_the_sort_key(folder: Path) -> None:
    (folder / FAST).rename(folder / "demo-1.0-12a-py3-none-any-fast.whl")
    (fast, *_) = explained("--find-links", folder, "--python", "3.12", *GPU)["wheels"]
    tag = fast["key"].pop("tag")
    assert tag > 0
    assert fast["key"] == {
        "features": [
            {"best": "speed :: mode :: fast", "rank": [0, 0, 0]},
            {"best": "nvidia :: sm_arch :: 90_real", "rank": [1, 0, 0]},
        ],
        "label": "fast",
        "build": [12, "a"],
    }


@pytest.mark.parametrize(
    ("label", "options", "answer"),
    [
        ("fast", GPU, [f"{FAST} is selected"]),
        (
            "safe",
            GPU,
            [
                "demo-1.0-py3-none-any-safe.whl is compatible, but the selected wheel is better:",
                "  speed :: mode :: fast ranks before speed :: mode :: safe:"
                " value fast is listed first in the supported values",
            ],
        ),
        (
            "null",
            GPU,
            [
                "demo-1.0-py3-none-any-null.whl is compatible, but the selected wheel is better:",
                "  it has speed :: mode :: fast, and the other wheel has no more features",
            ],
        ),
        (
            "(plain)",
            GPU,
            [
                f"{PLAIN} is compatible, but the selected wheel is better:",
                "  a variant comes before a plain wheel",
            ],
        ),
        (
            "fast",
            (),
            [
                f"{FAST} is not compatible:",
                f"  nvidia :: sm_arch: needs 90_real; supported: none; 90_real means {H100}",
            ],
        ),
    ],
)
def test_why_not_prints_the_reasons_or_the_first_difference(
    label: str, options: tuple[str, ...], answer: list[str], folder: Path
) -> None:
    arguments = ("--find-links", folder, *LINUX, *options, "--why-not", label)
    lines = explain(*arguments).stdout.partition("\n\n")[2].splitlines()
    assert lines[: len(answer)] == answer
    assert lines[len(answer) : len(answer) + 2] == (["", "SUPPORTED"] if label in ("fast", "safe") else [])
    assert explained(*arguments)["why-not"] == [line.strip() for line in answer]


def test_why_not_finds_labels_of_newer_releases(folder: Path) -> None:
    write_release(folder, patched(DOCUMENT, MACHINE), labels=["fast"], plain=False, version="2.0")
    arguments = ("--find-links", folder, *LINUX)
    newest = explain(*arguments, "--why-not", "fast").stdout.splitlines()
    assert newest[3] == f"{FAST} is not compatible:"
    (folder / FAST).unlink()
    newer = explain(*arguments, "--why-not", "fast").stdout.splitlines()
    assert newer[0] == "demo 1.0: demo-1.0-py3-none-any-safe.whl is selected"
    assert newer[3] == "demo-2.0-py3-none-any-fast.whl is not compatible:"
    assert explained(*arguments, "--why-not", "fast")["why-not"][0] == newer[3]


def test_align_names_the_installed_package_and_ignores_the_explained_one(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "dist", DOCUMENT)
    write_wheel(folder / ANOTHER, only(DOCUMENT, "safe"))
    arguments = ("demo", "--find-links", folder, "--align", "speed", "--path", tmp_path)
    for wheel, expected in ((FAST, "fast"), (ANOTHER, "safe")):
        with zipfile.ZipFile(folder / wheel) as archive:
            archive.extractall(tmp_path)
        assert next(each["label"] for each in explained(*arguments)["wheels"]) == expected
    assert explain(*arguments, "--why-not", "fast").stdout.splitlines()[2:] == [
        f"{FAST} is not compatible:",
        "  speed :: mode: needs fast; supported: safe",
        "",
        "SUPPORTED",
        "  speed: static-properties; aligned with installed variants: another",
        "    mode: safe",
    ]


@pytest.mark.parametrize("arguments", [("demo", "--label", "safe"), ("demo#safe",)])
def test_only_the_wheels_of_a_label_are_shown(arguments: tuple[str, ...], folder: Path) -> None:
    head, _, table = explain(*arguments, "--find-links", folder, *LINUX, *GPU).stdout.partition("\n\n")
    assert head.splitlines()[1:] == [f"  {H100}"]
    lines = table.splitlines()
    assert lines[:2] == [
        "POSITION  LABEL  TAGS          BEST VALUES            RANK",
        "2         safe   py3-none-any  speed :: mode :: safe  0.0.1",
    ]
    assert not [line for line in lines if "nvidia" in line]
    (wheel,) = explained(*arguments, "--find-links", folder, *LINUX)["wheels"]
    assert wheel["label"] == "safe"


def test_an_unknown_label_is_an_error_with_the_existing_ones(folder: Path) -> None:
    for option in ("--label", "--why-not"):
        result = explain("demo", "--find-links", folder, *LINUX, option, "fats")
        assert (result.exit_code, result.stdout) == (2, "")
        assert (
            "demo 1.0: unknown label 'fats' (did you mean 'fast'?);"
            " existing labels: safe, null, (plain), fast\n"
        ) in result.stderr


def test_problems_of_a_source_are_warnings_if_a_wheel_is_selected(folder: Path) -> None:
    (folder / "demo-1.0-variants.json").write_text("{")
    result = explain("--find-links", folder, "--find-links", "no")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"demo 1.0: {PLAIN} is selected\n")
    first, second = result.stderr.splitlines()
    assert first.startswith("warning: no: ")
    assert second.startswith(f"warning: {folder / 'demo-1.0-variants.json'}: invalid JSON")
    assert len(explained("demo", "--find-links", folder, "--find-links", "no")["warnings"]) == 2


def test_without_wheels_the_error_names_the_sources(folder: Path) -> None:
    result = explain("other", "--find-links", folder)
    text = "error: other: no wheels in dist; existing packages: demo\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", text)
    assert explain("--find-links", "empty").stderr.startswith("error: empty: ")
    Path("empty").mkdir()
    index = ("--index-url", "http://127.0.0.1:9/")  # an index is not asked for its projects
    assert explain("--find-links", "empty", *index).stderr.startswith("error: no wheels in empty; ")
    result = explain("demo==2", "--find-links", folder)
    assert result.stderr == "error: demo==2: no wheels of this version; existing versions: 1.0\n"
    document = explained("other", "--find-links", folder)
    assert (document["wheels"], printed(document["errors"])) == (
        [],
        ["other: no wheels in dist; existing packages: demo"],
    )


def test_package_may_be_omitted_only_if_folders_have_one_project(folder: Path) -> None:
    make_wheel(folder, "other")
    for arguments, message in (
        (("--find-links", folder), "name one as PACKAGE: demo, other"),
        (("--index-url", "http://127.0.0.1:9/"), "missing PACKAGE"),
        (("demo",), "missing source; add --find-links DIR or --index-url URL"),
        (("demo >> 1", "--find-links", folder), "PACKAGE: 'demo >> 1': "),
    ):
        result = explain(*arguments)
        assert result.exit_code == 2
        assert message in result.stderr


def test_the_wheel_that_uv_selects_is_printed_with_reasons(folder: Path) -> None:
    lines = explain("--find-links", folder, *LINUX, *GPU, "--installer", "uv").stdout.splitlines()
    start = lines.index("uv selects demo-1.0-py3-none-any-safe.whl")
    assert lines[start + 1 :] == [
        f"  for uv, {FAST} is not compatible: nvidia :: sm_arch: needs 90_real; supported: none; "
        f"90_real means {H100}",
        f"  for uv, {FAST} is not compatible: uv uses only its own detection of supported values",
    ]
    same = explain("--find-links", folder, *LINUX, "--installer", "uv")
    assert same.stdout.splitlines()[-1] == "uv selects the same wheel"
    assert same.stderr == ASSUMED
    assert explained("--find-links", folder, *LINUX, "--installer", "uv")["installer"] == {
        "name": "uv",
        "selected": "demo-1.0-py3-none-any-safe.whl",
        "reasons": [],
    }


def test_text_from_an_index_is_escaped(server: Server) -> None:
    project = server.folder / "demo"
    wheel = make_wheel(project)
    files = [
        File(wheel.name, wheel.name, {}, yanked="ESC[31mred"),
        File("demo-1.0-py3-none-ESC[2J.whl", "x.whl", {}),
        File("demo-1.0-variants.json", "ESC.json", {}),
    ]
    page = to_html(Page("demo", tuple(files)))  # has no control characters
    (project / "index.html").write_bytes(page.replace(b"ESC", b"\x1b"))
    result = explain("demo", "--index-url", server.url, "--all")
    assert "yanked: \\x1b[31mred" in result.stdout
    assert "\x1b" not in result.stdout + result.stderr


def test_an_unreadable_wheel_is_assumed_to_be_valid(server: Server) -> None:
    server.misbehave = lambda handler, _: bool(handler.headers["Range"]) and not handler.send(200, b"")  # type: ignore[func-returns-value]
    write_release(server.folder / "demo", DOCUMENT)
    publish(list((server.folder / "demo").iterdir()), server.folder / "simple" / "demo")
    result = explain("demo", "--index-url", f"{server.url}simple", "--installer", "uv")
    assert result.stdout.endswith("uv selects the same wheel\n")
    assert result.stderr == (
        f"warning: {server.url}simple/demo/{FAST}: the server does not support range requests;"
        " it is assumed to be valid\n"
    )


def test_a_missing_index_file_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_release(Path("dist"), None, wheels=lambda label: only(DOCUMENT, label))
    (warning,) = explained("demo", "--find-links", "dist")["warnings"]
    assert warning == {
        "code": "missing-index",
        "place": "dist",
        "message": "the index file demo-1.0-variants.json is missing, so 3 variants are excluded",
        "remedy": "write it with `variant-backend index dist`",
    }


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("demo#fast", "-l", "safe"), "PACKAGE#LABEL and --label"),
        (("demo", "-l", "safe", "--why-not", "fast"), "--label and --why-not"),
        (("demo#fast", "--why-not", "safe"), "PACKAGE#LABEL and --why-not"),
    ],
)
def test_several_labels_are_refused(arguments: tuple[str, ...], options: str, folder: Path) -> None:
    result = explain(*arguments, "-f", folder)
    assert result.exit_code == 2
    assert result.stderr.endswith(f"error: {options} cannot be used together; leave one of them out\n")


FAULTY: dict[str, Any] = {
    "an empty list": {"static-properties": {"tone": []}},
    "no source": {},
    "two sources": {"static-properties": {"tone": ["red"]}, "requires": ["color-provider"]},
    "an unknown key": {"static-properties": {"tone": ["red"]}, "enable-if": "python_version > '3'"},
    "an invalid requirement": {"requires": ["color-provider>=x"]},
    "a duplicate requirement": {"requires": ["color-provider", "color-provider"]},
    "an invalid plugin": {"requires": ["color-provider"], "plugin-api": "a b"},
    "null for a source": {"requires": None},
    "no order of two features": {"static-properties": {"tone": ["red"], "light": ["dark"]}},
    "a list": [],
    "null": None,
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_provider_costs_only_its_namespace(name: str, tmp_path: Path) -> None:
    document = patched(copy.deepcopy(DOCUMENT), {"default-priorities": {"namespace": ["color", "speed"]}})
    document["providers"]["color"] = FAULTY[name]
    document["variants"]["red"] = {"color": {"tone": ["red"]}}
    folder = write_release(tmp_path, document, labels=("fast", "null", "red", "safe"))
    result = explain("demo", "--find-links", folder)
    assert result.exit_code == 0
    assert f"{FAST} is selected" in result.stdout
    assert "warning: " in result.stderr
    assert "providers.color" in result.stderr


def test_null_for_an_optional_key_means_no_key(tmp_path: Path) -> None:
    document = copy.deepcopy(DOCUMENT)
    document["providers"]["speed"] |= {"optional": None, "feature-order": None, "requires": None}
    result = explain("demo", "--find-links", write_release(tmp_path, document))
    assert f"{FAST} is selected" in result.stdout
    assert "providers.speed.optional: expected a value, got null; leave the key out" in result.stderr


def test_the_last_of_two_entries_with_the_same_name_counts(tmp_path: Path) -> None:
    text = json.dumps(DOCUMENT).replace('"fast": {"speed"', '"fast": {"speed": {"mode": ["slow"]}, "speed"')
    folder = write_release(tmp_path, text.encode(), lambda label: only(DOCUMENT, label))
    result = explain("demo", "--find-links", folder)
    assert f"{FAST} is selected" in result.stdout
    assert "variants.fast: duplicate entry 'speed'; the last one is used" in result.stderr


def test_a_label_without_properties_ranks_beside_null(tmp_path: Path) -> None:
    document = patched(DOCUMENT, {"variants": {"a": {}, "z": {}, "zz": {"speed": {}}}})
    folder = write_release(tmp_path, document, labels=("a", "fast", "null", "safe", "z", "zz"))
    wheels = explained("demo", "--find-links", folder)["wheels"]
    assert [wheel["label"] for wheel in wheels] == ["fast", "safe", "a", "null", "z", "zz", None]


BUILT_WITH_TORCH: dict[str, Any] = patched(
    DOCUMENT,
    {
        "default-priorities": {"namespace": ["abi_dependency", "speed"]},
        "providers": {"abi_dependency": {"builtin": "abi_dependency"}},
        "variants": {"torch": {"abi_dependency": {"torch": ["2.8"]}, "speed": {"mode": ["fast"]}}},
    },
)


@pytest.mark.parametrize(("version", "label"), [("2.8.1", "torch"), ("2.9", "fast")])
def test_a_declared_abi_dependency_has_its_usual_meaning(version: str, label: str, tmp_path: Path) -> None:
    folder = write_release(tmp_path, BUILT_WITH_TORCH, labels=("fast", "null", "safe", "torch"))
    result = explain("demo", "--find-links", folder, "--pin", f"torch=={version}")
    assert f"demo-1.0-py3-none-any-{label}.whl is selected" in result.stdout
    assert "namespace 'abi_dependency' is reserved" in result.stderr


@pytest.mark.agreement
def test_uv_does_not_drop_a_release_with_a_declared_abi_dependency(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "dist", BUILT_WITH_TORCH, labels=("fast", "null", "safe", "torch"))
    options = (*empty_cache(), "--no-config", "--preview-features", "wheel-variants", "--no-index")
    target = ("--target", tmp_path / "target", "--python", sys.executable)
    run("uv", "pip", "install", *options, *target, "--find-links", folder, "demo")
    (variant,) = (tmp_path / "target").glob("demo-1.0.dist-info/variant.json")
    assert [*json.loads(variant.read_bytes())["variants"]] == ["fast"]
    installer = explained("demo", "--find-links", folder, "--installer", "uv")["installer"]
    assert installer["selected"] == FAST
