"""Dispatching sdists by requirement: empty wheels that require the own distribution of the best variant."""

from __future__ import annotations

import copy
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from click.testing import CliRunner, Result
from helpers.made_sdists import metadata_of
from helpers.programs import run, run_here
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, only, patched, write_release, write_wheel
from helpers.servers import answering, publish
from packaging.metadata import Metadata
from packaging.version import Version

from variant_backend import dispatch
from variant_backend._internal.checking.run import find_problems
from variant_backend._internal.cli.main import main
from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.machine_spec import parse_machine
from variant_backend._internal.formats.release import Candidate
from variant_backend._internal.formats.toml_edit import from_dict
from variant_backend._internal.formats.toml_read import read_toml
from variant_backend._internal.formats.variant_requirements import Requirable, unlocated_file
from variant_backend._internal.graphs.delivered_wheels import check_required_distribution
from variant_backend._internal.machine.detect import hardware_of
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.project import user_variables
from variant_backend._internal.selection.target import running_target

EXTRAS = "Requires-Python: >=3.8\nProvides-Extra: plot\nRequires-Dist: six; extra == 'plot'\n"
SETTINGS = (user_variables.LABEL, user_variables.HARDWARE, user_variables.INDEX_URL, user_variables.NO_POLICY)


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder has a release without a plain wheel; one of its variants has an extra."""
    for name in (*SETTINGS, "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    folder = write_release(tmp_path / "dist", DOCUMENT, plain=False)
    write_wheel(folder / "demo-1.0-py3-none-any-fast.whl", only(DOCUMENT, "fast"), EXTRAS)
    return folder


def stub(*arguments: object) -> Result:
    words = ["stub", *map(str, arguments), "--by-requirement", "-o", "out"]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def unpacked(*arguments: object) -> Path:
    """Make an sdist, and unpack it."""
    result = stub(*arguments)
    assert result.exit_code == 0, result.output
    shutil.rmtree("sdist", ignore_errors=True)
    with tarfile.open(Path(result.stdout.splitlines()[0])) as archive:
        archive.extractall("sdist", filter="data")
    (root,) = Path("sdist").resolve().iterdir()
    return root


@pytest.fixture
def sdist(dist: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is the unpacked sdist of the release."""
    root = unpacked(dist)
    monkeypatch.chdir(root)
    return root


def build(label: str | None = None, prepared: Path | None = None) -> Path:
    settings = {"variant": label} if label else None
    name: str = dispatch.build_wheel("../../built", settings, str(prepared) if prepared else None)
    return Path("../../built", name)


def fields(wheel: Path) -> Message:
    return message_from_bytes(metadata_of(wheel))


@pytest.mark.usefixtures("sdist")
def test_the_wheel_is_empty_and_requires_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    wheel = build()
    assert wheel.name == "demo-1.0-0_fast-py3-none-any.whl"
    assert "; requires demo-fast==1.0\n" in capsys.readouterr().err
    with ZipFile(wheel) as archive:
        folders = {name.partition("/")[0] for name in archive.namelist()}
        document = json.loads(archive.read("demo-1.0.dist-info/variant.json"))
    assert folders == {"demo-1.0.dist-info"}
    assert document["variants"] == {"fast": DOCUMENT["variants"]["fast"]}
    assert wheel.stat().st_size < 3000


@pytest.mark.usefixtures("sdist")
def test_extras_are_handed_on_with_their_markers() -> None:
    assert fields(build()).get_all("Requires-Dist") == [
        "demo-fast==1.0",
        'demo-fast[plot]==1.0 ; extra == "plot"',
    ]
    assert fields(build()).get_all("Provides-Extra") == ["plot"]
    assert fields(build("null")).get_all("Requires-Dist") == ["demo-null==1.0"]
    assert fields(build("null")).get_all("Provides-Extra") is None


def test_extras_that_nobody_can_request_are_left_out(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extras = "Provides-Extra: a b\nProvides-Extra: C_d\n"
    write_wheel(dist / "demo-1.0-py3-none-any-fast.whl", only(DOCUMENT, "fast"), extras)
    monkeypatch.chdir(unpacked(dist))
    assert fields(build()).get_all("Provides-Extra") == ["C_d"]


def test_the_requirements_are_dynamic_and_common_fields_are_static(sdist: Path) -> None:
    metadata = Metadata.from_email((sdist / "PKG-INFO").read_bytes())
    assert metadata.dynamic == ["provides-extra", "requires-dist", "requires-python"]
    assert metadata.summary == "a test"
    assert fields(build())["Requires-Python"] == ">=3.8"
    for label in DOCUMENT["variants"]:
        Metadata.from_email(metadata_of(build(label)))


@pytest.mark.parametrize("version", ["2.1", "2.2", "2.3", "2.4", "2.5"])
def test_all_metadata_versions_become_metadata_of_empty_wheels(version: str) -> None:
    files = "License-File: LICENSE\nLicense-Expression: MIT\n" if version >= "2.4" else ""
    modules = "Import-Name: demo\n" if version >= "2.5" else ""
    common = (
        f"Metadata-Version: {version}\nName: demo\nVersion: 1\nRequires-Dist: six\n{files}{modules}\ntext"
    )
    wheel = Candidate.of(unlocated_file("demo-1-py3-none-any-fast.whl", ">=3.8"))
    assert wheel is not None
    built = Requirable(wheel, "demo-fast", ("plot",)).metadata(common.encode(), Version("1"))
    metadata = Metadata.from_email(built)
    assert [str(requirement) for requirement in metadata.requires_dist or ()] == [
        "demo-fast==1",
        'demo-fast[plot]==1; extra == "plot"',
    ]
    assert (metadata.license_files, metadata.import_names, metadata.description) == (None, None, "text")


def test_the_sdist_has_neither_urls_nor_hashes(sdist: Path) -> None:
    assert {path.name for path in sdist.iterdir()} == {
        "PKG-INFO",
        "README",
        "pyproject.toml",
        "variants.toml",
    }
    table = read_toml(sdist / "variants.toml")
    assert table["wheels"][0] == {  # type: ignore[index]
        "filename": "demo-1.0-py3-none-any-fast.whl",
        "distribution": "demo-fast",
        "requires-python": ">=3.8",
        "extras": ["plot"],
    }
    assert "sha256" not in (sdist / "variants.toml").read_text()


def test_all_hooks_build_the_same_bytes(sdist: Path) -> None:
    first = build().read_bytes()
    prepared = Path("../../prepared")
    name = dispatch.prepare_metadata_for_build_wheel(str(prepared))
    assert build(prepared=prepared / name).read_bytes() == first
    with ZipFile(build()) as archive:
        for path in (prepared / name).iterdir():
            assert path.read_bytes() == archive.read(f"{name}/{path.name}")
    packed = Path("../../again") / dispatch.build_sdist("../../again")
    with tarfile.open(packed) as archive:
        assert {member.name for member in archive} == {f"demo-1.0/{path.name}" for path in sdist.iterdir()}


@pytest.mark.usefixtures("sdist")
def test_prepared_metadata_of_another_variant_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    name = dispatch.prepare_metadata_for_build_wheel("../../prepared", {"variant": "null"})
    with pytest.raises(SystemExit):
        build(prepared=Path("../../prepared") / name)
    assert "METADATA differs from the prepared METADATA" in capsys.readouterr().err
    assert not list(Path("../../built").iterdir())


@pytest.mark.usefixtures("sdist")
def test_the_index_variable_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(user_variables.INDEX_URL, "https://127.0.0.1:1/")
    assert build().name == "demo-1.0-0_fast-py3-none-any.whl"


def test_only_the_listed_labels_are_selected(dist: Path) -> None:
    root = unpacked(dist, "--label", "safe", "--label", "null")
    names = [wheel["distribution"] for wheel in read_toml(root / "variants.toml")["wheels"]]  # type: ignore[attr-defined]
    assert names == ["demo-null", "demo-safe"]


def test_an_index_gives_the_same_sdist_as_its_folder(dist: Path, server: Server) -> None:
    stub(dist)
    content = Path("out/demo-1.0.tar.gz").read_bytes()
    Path("out/demo-1.0.tar.gz").unlink()
    publish(dist.iterdir(), server.folder / "demo")
    with answering(server):
        assert stub(server.url, "--package", "demo").exit_code == 0
    assert Path("out/demo-1.0.tar.gz").read_bytes() == content


def test_the_output_names_distributions_and_gaps(dist: Path) -> None:
    result = stub(dist, "--label", "safe")
    assert "its wheels require demo-safe==1.0; publish these before the sdist\n" in result.stderr
    assert "no null variant is listed, so machines that support no variant get no wheel" in result.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--base-url", "https://example.org"), "--by-requirement lists no URLs; leave out --base-url"),
        (("--redirect-host", "example.org"), "--by-requirement lists no URLs; leave out --redirect-host"),
        (("--label", "(plain)"), "--by-requirement lists variants only; leave out --label '(plain)'"),
    ],
)
def test_options_without_effect_are_refused(options: tuple[str, ...], text: str, dist: Path) -> None:
    result = stub(dist, *options)
    assert result.exit_code == 2
    assert text in result.stderr


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda table: table.pop("wheels"), "wheels: expected a list of wheels"),
        (lambda table: table.update(version="x y"), "version: Invalid version: 'x y'"),
        (lambda table: table.update(name="other"), "a wheel of another release"),
        (lambda table: table["wheels"][0].update(filename="demo.zip"), "expected the filename of a wheel"),
        (lambda table: table["wheels"][0].update(distribution="a\nb"), "invalid project name"),
        (lambda table: table["wheels"][0].update(extras=["a b"]), "invalid project name"),
        (lambda table: table["wheels"][0].update({"requires-python": "1\nX: y"}), "invalid characters"),
        (lambda table: table["variants-json"]["variants"].pop("fast"), "does not define its label"),
    ],
)
def test_a_broken_sdist_is_refused(
    change: Callable[[Any], object], text: str, sdist: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table: Any = copy.deepcopy(read_toml(sdist / "variants.toml"))
    change(table)
    (sdist / "variants.toml").write_text(from_dict(table))
    with pytest.raises(SystemExit):
        build()
    assert text in capsys.readouterr().err


def distributions(*arguments: object) -> Result:
    words = ["index", "--as-distributions", *map(str, arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


def test_each_variant_gets_a_plain_wheel_of_its_own_project(dist: Path) -> None:
    result = distributions(dist, "-o", "own")
    assert result.stdout.splitlines() == [
        str(Path("own", f"demo_{label}-1.0-py3-none-any.whl")) for label in ("fast", "null", "safe")
    ]
    assert not [*find_problems([Path("own")])]
    fast = Path("own/demo_fast-1.0-py3-none-any.whl")
    assert fields(fast)["Name"] == "demo-fast"
    with ZipFile(fast) as new, ZipFile(dist / "demo-1.0-py3-none-any-fast.whl") as old:
        assert new.testzip() is None
        assert new.read("demo/__init__.py") == old.read("demo/__init__.py")
        documents = [
            json.loads(archive.read(name))
            for archive, name in (
                (new, "demo_fast-1.0.dist-info/variant.json"),
                (old, "demo-1.0.dist-info/variant.json"),
            )
        ]
    assert documents[0] == documents[1]


def test_equal_distributions_are_kept_and_others_are_not_replaced(dist: Path) -> None:
    distributions(dist, "-o", "own")
    again = json.loads(distributions(dist, "-o", "own", "--json").stdout)
    assert [item["written"] for item in again["files"]] == [False, False, False]
    Path("own/demo_fast-1.0-py3-none-any.whl").write_bytes(b"other")
    result = distributions(dist, "-o", "own")
    assert result.exit_code == 1
    assert "already exists with different content" in result.stderr


def test_labels_that_become_one_project_are_an_error(dist: Path) -> None:
    document = patched(DOCUMENT, {"variants": {"fa.st": {}, "fa_st": {}}})
    for label in ("fa.st", "fa_st"):
        write_wheel(dist / f"demo-1.0-py3-none-any-{label}.whl", only(document, label))
    result = distributions(dist)
    assert result.exit_code == 1
    assert (
        "demo-fa-st: expected one project of this name, got demo#fa.st, demo#fa_st; rename" in result.stderr
    )


def test_a_label_without_letters_has_no_project_of_its_own(dist: Path) -> None:
    document = patched(DOCUMENT, {"variants": {"_": DOCUMENT["variants"]["fast"]}})
    (dist / "demo-1.0-py3-none-any-fast.whl").unlink()
    write_wheel(dist / "demo-1.0-py3-none-any-_.whl", only(document, "_"))
    run_here(main, "index", dist)
    for result in (distributions(dist), stub(dist)):
        assert result.exit_code == 1
        assert "demo: expected one project of this name, got demo, demo#_; rename" in result.stderr


def test_variants_of_two_projects_that_become_one_are_an_error(dist: Path) -> None:
    document = {**DOCUMENT, "variants": {"fast.er": DOCUMENT["variants"]["fast"]}}
    write_wheel(dist / "demo-2.0-py3-none-any-fast.er.whl", document)
    document = {**DOCUMENT, "variants": {"er": DOCUMENT["variants"]["fast"]}}
    write_wheel(dist / "demo_fast-1.0-py3-none-any-er.whl", document)
    result = distributions(dist)
    assert result.exit_code == 1
    assert (
        "demo-fast-er: expected one project of this name, got demo#fast.er, demo-fast#er; rename"
        in result.stderr
    )


def test_variant_markers_of_distributions_are_decided(dist: Path) -> None:
    requires = "Requires-Dist: six; 'fast' in variant_label\nRequires-Dist: idna; variant_label == 'safe'\n"
    write_wheel(dist / "demo-1.0-py3-none-any-fast.whl", only(DOCUMENT, "fast"), requires)
    distributions(dist, "-o", "own")
    assert fields(Path("own/demo_fast-1.0-py3-none-any.whl")).get_all("Requires-Dist") == ["six"]


@pytest.mark.parametrize("option", ["--simple", "--check", "--verify", "--merge=x"])
def test_options_of_the_index_are_refused_for_distributions(option: str, dist: Path) -> None:
    result = distributions(dist, option)
    assert result.exit_code == 2
    assert f"--as-distributions writes no index; leave out {option.partition('=')[0]}" in result.stderr


def test_pip_and_uv_install_the_distribution(dist: Path) -> None:
    distributions(dist, "-o", "own")
    where = ("--no-index", "--find-links", "own", "demo-fast", "--no-deps", "--target")
    run("pip", "install", *where, "pip")
    run("uv", "pip", "install", *where, "uv")
    for site in ("pip", "uv"):
        assert Path(site, "demo_fast-1.0.dist-info", "variant.json").is_file()
        assert Path(site, "demo", "__init__.py").is_file()


def test_a_mirror_needs_the_distribution_of_its_machine(dist: Path) -> None:
    sdist = Path(stub(dist).stdout.strip())
    machine = Machine(hardware_of(parse_machine("none"), os.environ))
    where = (sdist, machine, Policy(), running_target())
    check_required_distribution(*where, {"demo", "demo-fast"})
    with pytest.raises(VariantError, match=r"requires demo-fast==1\.0, and the graph lacks that"):
        check_required_distribution(*where, {"demo", "demo-null"})
