"""`explain --installer uv` agrees with real uv on random projects, whatever their sources and faults."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
from helpers.range_server import Server
from helpers.uv_cases import FOLDERS, INDEX, Case, cases, write
from helpers.uv_oracle import uv_installs

from variant_backend.selection.releases import Sources, find_listings
from variant_backend.selection.source_files import Folders
from variant_backend.selection.target import running_target
from variant_backend.selection.uv_selection import uv_select

_AT_ONCE = 100


def _predicted(projects: list[Case], sources: Sources) -> dict[str, str | None]:
    """Return the filename that uv is predicted to install, by project."""
    folders, target = Folders(), running_target()
    listings = {case: find_listings(case.name, sources, folders, with_sdists=True) for case in projects}
    selected = {case: uv_select(found, {}, target).filename for case, found in listings.items()}
    return {case.name: None if case.has_wrong_hash(name) else name for case, name in selected.items()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
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
