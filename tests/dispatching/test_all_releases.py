"""``stub --all``: the sdists of all releases of a folder or an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, encoded, only, write_release, write_wheel
from helpers.servers import publish

from variant_backend._internal.cli.main import main
from variant_backend._internal.lowlevel.tarball import read_member

BASE_URL = "https://files.example.org/all"


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two projects: demo with two releases with variants and a plain one, other with one release."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "dist"
    for version in ("1.0", "2.0"):
        write_release(folder, DOCUMENT, version=version, plain=False)
    write_wheel(folder / "demo-3.0-py3-none-any.whl")
    for label in ("fast", "null"):
        write_wheel(folder / f"other-1.0-py3-none-any-{label}.whl", only(DOCUMENT, label))
    variants = {label: DOCUMENT["variants"][label] for label in ("fast", "null")}
    (folder / "other-1.0-variants.json").write_bytes(encoded({**DOCUMENT, "variants": variants}))
    return folder


def stub_all(place: object, *arguments: object) -> Result:
    words = ["stub", "--all", place, *arguments, "-o", "out"]
    return CliRunner().invoke(main, [*map(str, words)], catch_exceptions=False)


def publish_all(folder: Path, server: Server) -> str:
    """Publish each project of a folder, with the list of all projects, and return the URL of the index."""
    root = server.folder / "simple"
    for name in ("demo", "other"):
        publish(folder.glob(f"{name}-*"), root / name)
    (root / "index.html").write_text('<a href="demo/">Demo</a><a href="other/">other</a>')
    return f"{server.url}simple/"


PATHS = [f"out/{name}.tar.gz" for name in ("demo-2.0", "demo-1.0", "other-1.0")]


def test_each_release_with_variants_of_a_folder_gets_an_sdist(dist: Path) -> None:
    result = stub_all(dist, "--base-url", BASE_URL)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == PATHS
    assert "sdists of 3 of 3 releases with variants; skipped 1 release without variants" in result.stderr
    with Path(PATHS[2]).open("rb") as sdist:
        assert f"{BASE_URL}/other-1.0-py3-none-any-fast.whl".encode() in read_member(sdist, "pylock.toml")


def test_the_sdists_are_those_of_single_releases(dist: Path) -> None:
    assert stub_all(dist, "--base-url", BASE_URL).exit_code == 0
    words = ["stub", str(dist), "--base-url", BASE_URL, "--package", "demo==1.0", "-o", "single"]
    assert CliRunner().invoke(main, words).exit_code == 0
    assert Path("single/demo-1.0.tar.gz").read_bytes() == Path("out/demo-1.0.tar.gz").read_bytes()


def test_all_projects_on_the_list_of_an_index_get_sdists(dist: Path, server: Server) -> None:
    result = stub_all(publish_all(dist, server), "--json")
    assert result.exit_code == 0, result.stderr
    document: Any = json.loads(result.stdout)
    assert [sdist["path"] for sdist in document["sdists"]] == PATHS
    assert document["plain_releases"] == 1
    urls = {wheel["url"].rpartition("/")[0] for wheel in document["sdists"][2]["wheels"]}
    assert urls == {f"{server.url}simple/other"}


def test_one_failing_release_does_not_keep_the_others_from_sdists(dist: Path) -> None:
    (dist / "demo-1.0-variants.json").unlink()
    result = stub_all(dist, "--base-url", BASE_URL)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [PATHS[0], PATHS[2]]
    assert "error: demo 1.0: the index file is missing" in result.stderr
    assert "sdists of 2 of 3 releases with variants" in result.stderr


def test_a_project_without_its_page_is_an_error_beside_the_others(dist: Path, server: Server) -> None:
    url = publish_all(dist, server)
    (server.folder / "simple/other/index.html").unlink()
    result = stub_all(url)
    assert result.exit_code == 1
    assert f"{url}other/: not found" in result.stderr
    assert result.stdout.splitlines() == PATHS[:2]


def test_existing_equal_sdists_are_kept_and_others_only_replaced_with_force(dist: Path) -> None:
    assert stub_all(dist, "--base-url", BASE_URL).exit_code == 0
    before = [Path(path).stat().st_ino for path in PATHS]
    assert stub_all(dist, "--base-url", BASE_URL).exit_code == 0
    assert [Path(path).stat().st_ino for path in PATHS] == before
    result = stub_all(dist, "--base-url", f"{BASE_URL}/x")
    assert result.exit_code == 1
    assert result.stderr.count("already exists with different content; use --force to replace it") == 3
    assert stub_all(dist, "--base-url", f"{BASE_URL}/x", "--force").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--package", "demo"), "leave out --package"),
        (("-l", "fast"), "leave out --label"),
        (("--machine", "none"), "leave out --machine"),
        (("--python", "3.12"), "--python and --platform need --machine"),
        (("--source", "demo-1.0.tar.gz"), "leave out --source"),
    ],
)
def test_options_for_one_release_are_wrong_with_all(
    dist: Path, arguments: tuple[str, ...], problem: str
) -> None:
    result = stub_all(dist, "--base-url", BASE_URL, *arguments)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_sources_without_lists_or_variants_are_errors(dist: Path, server: Server) -> None:
    url = publish_all(dist, server)
    (server.folder / "simple/index.html").unlink()
    assert f"{url}: the index has no list of projects; use --package NAME" in stub_all(url).stderr
    for path in [*dist.glob("*-fast.whl"), *dist.glob("*-null.whl"), *dist.glob("*-safe.whl")]:
        path.unlink()
    result = stub_all(dist, "--base-url", BASE_URL)
    assert result.exit_code == 1
    assert "no release has variants; releases without variants: 1" in result.stderr


def test_all_releases_get_sdists_by_requirement(dist: Path) -> None:
    result = stub_all(dist, "--by-requirement")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == PATHS
    with Path(PATHS[2]).open("rb") as sdist:
        assert b"other-fast" in read_member(sdist, "variants.toml")
