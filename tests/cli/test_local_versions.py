"""`make-variant` removes local versions, also for plain wheels, and from filenames alone."""

from __future__ import annotations

import json
from email import message_from_bytes
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from helpers.made_wheels import METADATA, make_wheel
from helpers.programs import empty_cache, run
from helpers.strict_reader import walk

from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.make_variant import make_variant_command

PIN = METADATA.replace("Summary", "Requires-Dist: core (==1.0+cu128)\nSummary")
TABLE = """
[variant]
default-priorities.namespace = ["acc"]
providers.acc.static-properties.mode = ["fast", "slow"]
variants.fast = { acc = { mode = ["fast"] } }
"""
NULL = ("--null", "--static", "acc :: mode :: fast")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def make(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(make_variant_command, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == code, result.stderr
    return result


def renamed(folder: Path = Path()) -> Path:
    """Return a wheel with a local version in its filename only, as some projects publish them."""
    return make_wheel(folder, version="2.8.3").rename(folder / "demo-2.8.3+cu12torch2.9-py3-none-any.whl")


def metadata_of(wheel: Path) -> list[tuple[str, str]]:
    (content,) = (text for name, text in walk(wheel).items() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(content).items()


# Wheels whose filename alone has the local version.


def test_the_remedy_for_a_local_version_in_the_filename_works() -> None:
    wheel = renamed()
    refused = make(*NULL, wheel, code=1)
    remedy = "run `make-variant` with --strip-local-version, which takes the version in the wheel\n"
    assert refused.stderr.endswith(f"does not match demo-2.8.3+cu12torch2.9 in the filename; {remedy}")
    for options in (["-n"], []):
        made = make(*NULL, "--strip-local-version", *options, wheel).stdout
        assert made == "demo-2.8.3-py3-none-any-null.whl\n"
    make_wheel(Path(), version="2.8.3")
    twin = Path(make(*NULL, "-o", "twin", "demo-2.8.3-py3-none-any.whl").stdout.strip())
    assert Path(made.strip()).read_bytes() == twin.read_bytes()


def test_a_match_selects_a_wheel_by_the_local_version_of_its_filename() -> None:
    recipe = (
        "[tool.variant-backend]\nstrip-local-version = true\n"
        "[tool.variant-backend.variants.fast]\n"
        'match = { local = "cu12*" }\nremove-dependencies = ["core"]\n'
    )
    Path("pyproject.toml").write_text(recipe + TABLE)
    result = make(renamed())
    assert result.stdout == "demo-2.8.3-py3-none-any-fast.whl\n"
    assert "'core' matches no requirement" in result.stderr


def test_a_data_folder_has_the_version_in_the_wheel_too() -> None:
    files = {"demo-2.8.3.data/scripts/tool": b"#!python\n"}
    wheel = make_wheel(Path(), version="2.8.3", files=files).rename("demo-2.8.3+cu12-py3-none-any.whl")
    made = Path(make(*NULL, "--strip-local-version", "--name", "other", wheel).stdout.strip())
    assert "other-2.8.3.data/scripts/tool" in walk(made)


def test_another_version_in_the_wheel_stays_an_error() -> None:
    wheel = make_wheel(Path(), version="2.8.4").rename("demo-2.8.3+cu12-py3-none-any.whl")
    refused = make(*NULL, "--strip-local-version", wheel, code=1)
    assert "directory demo-2.8.4.dist-info does not match demo-2.8.3+cu12 in the filename" in refused.stderr


# Requirements on local versions of other projects.


def test_a_requirement_on_a_version_that_the_run_removes_is_reported() -> None:
    addon = make_wheel(Path(), "addon", "1.0+cu128", metadata=PIN)
    core = make_wheel(Path(), "core", "1.0+cu128")
    result = make(*NULL, "--strip-local-version", addon, core)
    assert result.stderr == (
        f"warning: {addon.name}: requires 'core (==1.0+cu128)', but this run removes that local version of"
        " core; replace it with remove-dependencies and dependencies in the project file\n"
    )
    recipe = '[tool.variant-backend]\nremove-dependencies = ["core"]\ndependencies = ["core==1.0"]\n'
    Path("pyproject.toml").write_text(recipe + TABLE)
    options = ("--null", "--strip-local-version", "-o", "out")
    assert make(*options, addon).stderr == make(*options, "--force", core, addon).stderr == ""


def test_a_requirement_on_a_local_version_alone_is_reported() -> None:
    addon = make_wheel(Path(), "addon", "1.0+cu128", metadata=PIN)
    result = make(*NULL, "--strip-local-version", addon)
    assert "which no wheel of core without a local version satisfies; replace it with" in result.stderr
    assert make(*NULL, "--label", "null", "-o", "out", addon).stderr == ""


def test_check_reports_local_versions_that_no_wheel_has() -> None:
    make_wheel(Path("addon"), "addon", metadata=PIN)
    make_wheel(Path("core"), "core", "1.0")
    places = [Path("addon"), Path("core")]
    (finding,) = find_problems(places)
    assert finding.problem.code == "missing-local-version"
    assert finding.problem.text == "'core (==1.0+cu128)': the wheels of core have the version 1.0"
    assert find_problems(places[:1]) == []
    make_wheel(Path("core"), "core", "1.0+cu128")
    assert find_problems(places) == []


# Plain wheels.


def test_a_plain_wheel_without_its_local_version_is_made() -> None:
    wheel = make_wheel(Path(), version="2.10.0+cpu")
    result = make("--plain", "--strip-local-version", "--json", wheel)
    (entry,) = json.loads(result.stdout)["wheels"]
    path = "demo-2.10.0-py3-none-any.whl"
    assert entry == {"input": wheel.name, "path": path, "label": None, "properties": [], "written": True}
    members = walk(Path(path))
    assert not any(name.endswith("variant.json") for name in members)
    assert members.keys() == walk(make_wheel(Path("same"), version="2.10.0")).keys()
    run("uv", "pip", "install", "--no-deps", "--no-index", *empty_cache(), "--target", "site", path)
    assert Path("site/demo-2.10.0.dist-info").is_dir()
    assert find_problems([Path(path)]) == []


def test_a_plain_wheel_takes_name_and_version_of_the_project_file_only() -> None:
    recipe = (
        '[tool.variant-backend]\nname = "other"\nstrip-local-version = true\ndependencies = ["six"]\n'
        'remove-dependencies = ["core"]\n'
    )
    Path("pyproject.toml").write_text(recipe + TABLE)
    result = make("--plain", make_wheel(Path(), version="1.0+cpu", metadata=PIN))
    assert result.stdout == "other-1.0-py3-none-any.whl\n"
    assert ("Requires-Dist", "core (==1.0+cu128)") in metadata_of(Path(result.stdout.strip()))
    assert result.stderr.endswith("satisfies; change it in the project, and rebuild the wheel\n")


def test_variant_markers_are_decided_in_a_plain_wheel() -> None:
    markers = METADATA.replace(
        "Summary", "Requires-Dist: a; variant_label == 'x'\nRequires-Dist: b; variant_label != 'x'\nSummary"
    )
    made = make("--plain", "--name", "other", make_wheel(Path(), metadata=markers)).stdout.strip()
    requirements = [value for field, value in metadata_of(Path(made)) if field == "Requires-Dist"]
    assert requirements == ["b"]


def test_a_plain_wheel_that_needs_no_change_is_copied_or_left() -> None:
    wheel = make_wheel(Path())
    options = ("--plain", "--strip-local-version")
    assert make(*options, "-o", "out", wheel).stdout == f"{Path('out', wheel.name)}\n"
    assert Path("out", wheel.name).read_bytes() == wheel.read_bytes()
    assert "is plain, and has this name and version already" in make(*options, wheel).stderr


def test_a_variant_does_not_become_plain_but_is_unmade() -> None:
    variant = make(*NULL, make_wheel(Path())).stdout.strip()
    refused = make("--plain", "--name", "other", variant, code=1)
    assert refused.stderr == f"error: {variant}: the wheel is a variant; use `variant-backend unmake` on it\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--plain changes nothing; add --strip-local-version or --name"),
        (["--null", "--name", "x"], "--plain cannot be used with --property, --null or --label"),
        (["-l", "x", "--name", "x"], "--plain cannot be used with --property, --null or --label"),
        (["--static", "a::b::c", "--name", "x"], "missing variant; add --property, --null or --label"),
    ],
)
def test_a_plain_wheel_needs_a_change_and_no_variant(options: list[str], message: str) -> None:
    assert message in make("--plain", *options, make_wheel(Path()), code=2).stderr
