"""Hashes that are pinned for another machine are explained before the command starts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.offers import MACHINES, label_in, machine, make_variants
from helpers.overlays import make_locals, write_overlay
from helpers.programs import empty_cache, run

from variant_backend._internal.lowlevel.ranges import file_digest
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.running.command import read_command
from variant_backend._internal.running.guard import pins
from variant_backend._internal.running.pinned_hashes import hash_problems
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.environments import unknown_environments
from variant_backend._internal.serving.loopback import loopback_server
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.upstream import Upstream

CUDA = "nvidia :: cuda_version_lower_bound :: {}"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    make_variants(
        folder, "torchy", {"cu128": [CUDA.format("12.8")], "cu126": [CUDA.format("12.6")], None: []}
    )
    make_variants(folder, "plainy", {None: []})
    run("variant-backend", "index", folder, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def site(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    served = {name: Served(name, machine(spec), Policy()) for name, spec in MACHINES.items()}
    return Site(Upstream(Sources.of([str(wheels)], []), tmp_path_factory.mktemp("cache")), served)


def digest(wheels: Path, label: str | None) -> str:
    (path,) = wheels.glob(f"torchy-1.0-py3-none-any{f'-{label}' if label else ''}.whl")
    return f"sha256:{file_digest(path)}"


def problems(line: str, folder: Path, site: Site, name: str) -> list[str]:
    environ = {"HOME": str(folder)}
    pinned = pins(read_command(line.split()), folder, environ)
    return [*map(str, hash_problems(pinned, site, name, unknown_environments()))]


@pytest.mark.parametrize(
    ("pinned", "name", "expected"),
    [
        ("cu126", "new", "the variant cu126; this machine gets the variant cu128"),
        (None, "new", "the plain wheel; this machine gets the variant cu128"),
        ("cu128", "cpu", "the variant cu128; this machine gets the plain wheel"),
    ],
)
def test_hashes_of_another_machine_are_named(
    pinned: str | None, name: str, expected: str, wheels: Path, site: Site, tmp_path: Path
) -> None:
    content = f"plainy==1.0 --hash=sha256:{'0' * 64}\nTorchy[x]==1.0 \\\n  --hash={digest(wheels, pinned)}\n"
    (tmp_path / "r.txt").write_text(content)
    (problem,) = problems("pip install -r r.txt", tmp_path, site, name)
    own = digest(wheels, {"new": "cu128", "cpu": None}[name])
    assert problem == (
        f"{tmp_path / 'r.txt'}:2: the hashes of torchy 1.0 are those of {expected}; "
        f"replace its hashes by --hash={own}"
    )
    assert not site.asked(name)  # nothing counts as requested


@pytest.mark.parametrize("marker", ["", "; python_version < '3'", "; sys_platform == 'other'"])
def test_hashes_of_this_machine_and_of_other_environments_are_fine(
    marker: str, wheels: Path, site: Site, tmp_path: Path
) -> None:
    label = "cu126" if marker else "cu128"
    (tmp_path / "r.txt").write_text(
        f"torchy==1.0 {marker} --hash={digest(wheels, label)}\nunknown==1 --hash=md5:0"
    )
    assert problems("uv pip sync r.txt", tmp_path, site, "new") == []


def test_lock_files_of_pdm_and_pipenv_are_compared(wheels: Path, site: Site, tmp_path: Path) -> None:
    pdm = f'[[package]]\nname = "torchy"\nversion = "1.0"\nfiles = [{{hash = "{digest(wheels, None)}"}}]\n'
    (tmp_path / "pdm.lock").write_text(pdm)
    pipenv = {"default": {"torchy": {"hashes": [digest(wheels, "cu126")], "version": "==1.0"}}}
    (tmp_path / "Pipfile.lock").write_text(json.dumps(pipenv))
    for line, text in (("pdm sync", "pdm.lock: torchy"), ("pipenv sync", "Pipfile.lock: torchy")):
        (problem,) = problems(line, tmp_path, site, "new")
        assert problem.startswith(str(tmp_path / text))
        assert problems(line, tmp_path, site, "cpu" if "pdm" in line else "old") == []


@pytest.mark.parametrize(("label", "is_wrong"), [("cu126", True), ("cu128", False)])
def test_a_locked_version_without_its_local_part_is_compared(
    label: str, is_wrong: bool, tmp_path: Path
) -> None:
    wheels = make_locals(tmp_path / "w", "torch", "2.10.0", ["cu126", "cu128"])
    sources = Sources((tmp_path / "w",), (), write_overlay(tmp_path / "overlay.toml"))
    new = Served("new", machine(MACHINES["new"]), Policy())
    site = Site(Upstream(sources, tmp_path / "cache"), {"new": new})
    (digest,) = (f"sha256:{file_digest(wheel)}" for wheel in wheels if label in wheel.name)
    pdm = f'[[package]]\nname = "torch"\nversion = "2.10.0"\nfiles = [{{hash = "{digest}"}}]\n'
    (tmp_path / "pdm.lock").write_text(pdm)
    shown = problems("pdm sync", tmp_path, site, "new")
    assert ["those of the variant cu126; this machine gets the variant cu128" in one for one in shown] == (
        [True] if is_wrong else []
    )


@pytest.fixture
def page(site: Site) -> Iterator[str]:
    with loopback_server(site.respond, iter([0])) as port:
        yield f"http://127.0.0.1:{port}/new/simple/"


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_following_the_remedy_installs_the_variant(
    tool: str, page: str, wheels: Path, site: Site, tmp_path: Path
) -> None:
    path, target = tmp_path / "r.txt", tmp_path / "target"
    path.write_text(f"torchy==1.0 --hash={digest(wheels, 'cu126')}\n")
    install = {
        "pip": ("pip", "install", "--isolated", "--no-cache-dir"),
        "uv": ("uv", "pip", "install", "--no-config", *empty_cache()),
    }[tool]
    options = ("--index-url", page, "--target", target, "-r", path)
    assert "hash" in run(*install, *options, ok=False).stderr.lower()
    (problem,) = problems(f"{tool} install -r r.txt".replace("uv", "uv pip"), tmp_path, site, "new")
    path.write_text(f"torchy==1.0 {re.findall('--hash=.*', problem)[0]}\n")
    run(*install, *options)
    assert label_in(target, "torchy") == "cu128"
