"""The times of files in an index: uv and pip leave out what is newer than a moment."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.index_servers import nginx
from helpers.made_wheels import make_wheel
from helpers.offers import label_in, make_variants
from helpers.programs import empty_cache, run, run_here
from helpers.servers import serving

from variant_backend._internal.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"
# The mtimes of the two releases, in seconds since 1970, and as the page has them.
OLD, NEW = (1704067200, "2024-01-01T00:00:00Z"), (1735689600, "2025-01-01T00:00:00Z")


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A folder with an old and a new release, without an index."""
    folder = tmp_path / "dist"
    for version, (moment, _) in {"1.0": OLD, "2.0": NEW}.items():
        make_variants(folder, "demo", {"null": [], None: []}, version=version)
        for path in folder.glob(f"demo-{version}-*.whl"):
            os.utime(path, (moment, moment))
    return folder


def index(folder: Path, **env: Any) -> dict[str, str | None]:
    """Write the index of a folder; return the time of each file of the project ``demo``."""
    run_here(main, "index", "--simple", folder, **env)
    page = json.loads((folder / "simple" / "demo" / "index.json").read_bytes())
    return {file["filename"]: file.get("upload-time") for file in page["files"]}


def test_new_files_have_their_mtime_and_index_files_no_time(dist: Path) -> None:
    assert index(dist) == {
        "demo-1.0-py3-none-any-null.whl": OLD[1],
        "demo-1.0-py3-none-any.whl": OLD[1],
        "demo-1.0-variants.json": None,
        "demo-2.0-py3-none-any-null.whl": NEW[1],
        "demo-2.0-py3-none-any.whl": NEW[1],
        "demo-2.0-variants.json": None,
    }


def test_files_keep_their_time_until_their_content_changes(dist: Path) -> None:
    before = index(dist)
    for path in dist.glob("*.whl"):
        os.utime(path)
    assert index(dist) == before
    assert run_here(main, "index", "--simple", "--check", dist).stdout == ""
    changed = make_wheel(dist, "demo", "1.0", files={"demo/__init__.py": b"x = 2\n"})
    os.utime(changed, (NEW[0], NEW[0]))
    assert index(dist) == {**before, changed.name: NEW[1]}


def test_no_file_is_uploaded_in_the_future(dist: Path) -> None:
    later = make_wheel(dist, "demo", "3.0")
    os.utime(later, (32503680000, 32503680000))
    assert str(index(dist)[later.name]) < "3000"


def test_source_date_epoch_is_the_time_of_new_files(dist: Path) -> None:
    before = index(dist)
    make_wheel(dist, "demo", "3.0")
    after = index(dist, SOURCE_DATE_EPOCH="1000000000")
    assert after == {**before, "demo-3.0-py3-none-any.whl": "2001-09-09T01:46:40Z"}


@pytest.mark.parametrize("moment", ["-5", "999999999999999"])
def test_the_time_of_a_file_is_always_a_valid_moment(dist: Path, moment: str) -> None:
    known = {"1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", None}
    assert {*index(dist, SOURCE_DATE_EPOCH=moment).values()} <= known


@pytest.mark.parametrize("time", ["2024-02-30T00:00:00Z", "2024-01-01T::::::::Z", "2024-01-01T00:00Z", 1, {}])
def test_an_invalid_time_of_an_existing_page_is_replaced(dist: Path, time: object) -> None:
    before = index(dist)
    path = dist / "simple" / "demo" / "index.json"
    page = json.loads(path.read_bytes())
    for file in page["files"]:
        file["upload-time"] = time
    path.write_text(json.dumps(page))
    assert index(dist) == before


def test_a_wrong_source_date_epoch_is_an_error(dist: Path) -> None:
    result = run_here(main, "index", "--simple", dist, ok=False, SOURCE_DATE_EPOCH="now")
    assert result.exit_code == 1
    assert "SOURCE_DATE_EPOCH: expected a number of seconds, got 'now'" in result.stderr
    assert not (dist / "simple").exists()


@pytest.fixture(params=["made server", "nginx"])
def url(request: pytest.FixtureRequest, dist: Path, tmp_path: Path) -> Iterator[str]:
    """The URL of an index whose server sends JSON: one of the tests, or nginx as documented."""
    index(dist)
    if request.param == "nginx":
        maps, *lines = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        (tmp_path / "scratch").mkdir()
        with nginx(dist, tmp_path / "scratch", tmp_path, maps=maps, locations="".join(lines)) as url:
            yield url
    else:
        with serving(dist, as_json=True) as (url, _):
            yield f"{url}simple/"


@pytest.mark.agreement
@pytest.mark.parametrize(("moment", "version"), [("2024-06-01", "1.0"), ("2025-06-01", "2.0")])
def test_uv_excludes_newer_releases_and_still_selects_variants(
    url: str, tmp_path: Path, moment: str, version: str
) -> None:
    options = [*empty_cache(), "--no-config", "--target", tmp_path / "t", "--python", sys.executable]
    moments = ["--preview-features", "wheel-variants", "--exclude-newer", f"{moment}T00:00:00Z"]
    run("uv", "pip", "install", *options, *moments, "--index-url", url, "demo")
    assert (tmp_path / "t" / f"demo-{version}.dist-info").exists()
    assert label_in(tmp_path / "t", "demo") == "null"


@pytest.mark.agreement
@pytest.mark.slow  # pip
def test_pip_excludes_newer_releases(url: str, tmp_path: Path) -> None:
    options = ["--no-cache-dir", "--target", tmp_path / "t", "--uploaded-prior-to", "2024-06-01T00:00:00Z"]
    run("pip", "install", *options, "--index-url", url, "demo")
    assert (tmp_path / "t" / "demo-1.0.dist-info").exists()
