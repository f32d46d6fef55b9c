"""`explain --installer uv` agrees with real uv on random projects, whatever their sources and mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner
from helpers.made_wheels import make_wheel
from helpers.range_server import Server
from helpers.sample_release import DOCUMENT, write_release
from helpers.uv_cases import FOLDERS, INDEX, WRONG_DIGEST, Case, cases, write
from helpers.uv_oracle import uv_installs

from variant_backend._internal.cli.main import main
from variant_backend._internal.lowlevel.tarball import pack
from variant_backend._internal.selection.releases import Sources, find_listings
from variant_backend._internal.selection.source_files import Folders
from variant_backend._internal.selection.target import running_target
from variant_backend._internal.selection.uv_selection import uv_select

_AT_ONCE = 100


def _predicted(projects: list[Case], sources: Sources) -> dict[str, str | None]:
    """Return the filename that uv is predicted to install, by project."""
    folders, target = Folders(), running_target()
    listings = {case: find_listings(case.name, sources, folders, with_sdists=True) for case in projects}
    selected = {case.name: uv_select(found, {}, target).file for case, found in listings.items()}
    # uv verifies the hash of the wheel that it downloads, and fails; `explain` downloads no wheels.
    return {
        name: file.filename if file and WRONG_DIGEST not in file.hashes.values() else None
        for name, file in selected.items()
    }


def explained(*arguments: object) -> dict[str, Any]:
    command = ["explain", *map(str, arguments), "--installer", "uv", "--json"]
    document: dict[str, Any] = json.loads(CliRunner().invoke(main, command, catch_exceptions=False).stdout)
    return document


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_explain_predicts_uv_for_random_projects(seed: int, tmp_path: Path) -> None:
    projects = [*cases(seed, _AT_ONCE)]
    write(tmp_path, projects)
    with Server(tmp_path / INDEX) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        folders = tuple(tmp_path / folder for folder in FOLDERS)
        predicted = _predicted(projects, Sources(folders, (server.url,)))
        options = [part for folder in folders for part in ("--find-links", folder)]
        failing = [name for name, filename in predicted.items() if filename is None]
        names = [case.name for case in projects]
        installed = uv_installs(
            names, tmp_path / "target", "--index-url", server.url, *options, failing=failing
        )
        server.shutdown()
    for case in projects:
        assert predicted[case.name] == installed[case.name], str(case)


@pytest.mark.parametrize("name", ["Demo-1.0-variants.json", "demo-v1.0-variants.json"])
def test_only_uv_reads_an_index_file_with_another_spelling(name: str, tmp_path: Path) -> None:
    write_release(tmp_path, DOCUMENT)
    (tmp_path / "demo-1.0-variants.json").rename(tmp_path / name)
    document = explained("demo", "--find-links", tmp_path)
    assert document["selected"] == "demo-1.0-py3-none-any.whl"
    assert document["installer"]["selected"] == "demo-1.0-py3-none-any-fast.whl"
    (warning, *_) = document["warnings"]
    assert (warning["message"], warning["remedy"]) == (
        "name or version is not normalized",
        "rename it to demo-1.0-variants.json",
    )


def test_uv_builds_the_sdist_of_a_version_without_wheels(tmp_path: Path) -> None:
    make_wheel(tmp_path)
    (tmp_path / "demo-2.0.tar.gz").write_bytes(
        pack("demo-2.0", {"PKG-INFO": b"Name: demo\nVersion: 2.0\n"}, time=0)
    )
    document = explained("demo", "--find-links", tmp_path)
    assert document["selected"] == "demo-1.0-py3-none-any.whl"
    assert document["installer"] == {
        "name": "uv",
        "selected": "demo-2.0.tar.gz",
        "reasons": ["uv builds demo-2.0.tar.gz: the version has no wheel that is compatible for uv"],
    }


@pytest.mark.parametrize("is_sdist", [False, True])
def test_uv_drops_a_release_without_variants_for_its_bad_index_file(is_sdist: bool, tmp_path: Path) -> None:
    make_wheel(tmp_path, version="0.1")
    if is_sdist:
        info = {"PKG-INFO": b"Metadata-Version: 2.2\nName: demo\nVersion: 1.0\n"}
        (tmp_path / "demo-1.0.tar.gz").write_bytes(pack("demo-1.0", info, time=0))
    else:
        make_wheel(tmp_path)
    (tmp_path / "demo-1.0-variants.json").write_text("{}")
    oldest = "demo-0.1-py3-none-any.whl"
    sources = ("--find-links", tmp_path)
    assert explained("demo", *sources)["installer"]["selected"] == oldest
    assert uv_installs(["demo"], tmp_path / "target", "--no-index", *sources) == {"demo": oldest}
