"""Real installers without variant support install from the offer what each machine supports."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.offers import CUDA, MACHINES, label_in, make_torchy, make_variants, offered
from helpers.programs import empty_cache, run, run_here
from helpers.servers import served

from variant_backend._internal.cli.main import main

EXPECTED = {"new": "cu128", "old": "cu126", "cpu": None}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    make_torchy(folder)
    make_variants(folder, "visiony", {"cu128": [CUDA.format("12.8")]})
    run_here(main, "index", "--simple", folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_an_installer_installs_the_variant_of_the_machine_and_its_requirements(
    index: Path, name: str, tool: str, tmp_path: Path
) -> None:
    with served(index) as upstream, offered(f"{upstream}simple/") as site:
        options = ("--index-url", f"{site}{name}/simple/", "--target", tmp_path, "torchy")
        if tool == "pip":
            run("pip", "install", "--isolated", "--no-cache-dir", *options)
        else:
            run("uv", "pip", "install", "--no-config", *empty_cache(), *options)
    assert label_in(tmp_path, "torchy") == EXPECTED[name]
    runtimes = {path.name for path in tmp_path.glob("runtime-*.dist-info")}
    wanted = {"new": "12.8", "old": "12.6"}.get(name)
    assert runtimes == ({f"runtime-{wanted}.dist-info"} if wanted else set())


@pytest.mark.slow
@pytest.mark.agreement
def test_uv_takes_no_project_from_the_next_index_after_an_empty_page(index: Path, tmp_path: Path) -> None:
    make_variants(tmp_path, "visiony", {None: []})
    run_here(main, "index", "--simple", tmp_path)
    with served(index) as upstream, served(tmp_path) as other, offered(f"{upstream}simple/") as site:
        for name, is_taken in (("cpu", False), ("unknown", True)):
            options = ("--index", f"{site}{name}/simple/", "--default-index", f"{other}simple/", "visiony")
            command = ("uv", "pip", "install", "--no-config", *empty_cache(), "--target", tmp_path / name)
            done = run(*command, *options, ok=False)
            assert (done.returncode == 0) == is_taken, done.stderr
