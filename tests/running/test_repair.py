"""The commands that `installed` prints exchange wrong wheels, with the tools that installed them."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.offers import CUDA, label_in, machine, make_torchy, make_variants
from helpers.programs import SCRIPTS, empty_cache, run, run_here

from variant_backend._internal.cli.main import main
from variant_backend._internal.machine.environment import find_environment
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.loopback import loopback_server
from variant_backend._internal.serving.respond import ClientRequest, ServerAnswer
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.upstream import Upstream

OLD, NEW = "cuda:12.6", "cuda:12.8"
# uv runs the newest Poetry, as users do.
POETRY = ("uvx", "--quiet", "--python", sys.executable, "poetry>=2")
PROJECT = f"""\
[project]
name = "consumer"
version = "1.0"
requires-python = "=={sys.version_info[0]}.{sys.version_info[1]}.*"
dependencies = ["torchy"]
"""
INDEXES = {
    "uv sync": "[[tool.uv.index]]\nname = 'offer'\nurl = '{}'\ndefault = true\n",
    "poetry": "[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = 'offer'\nurl = '{}'\n",
    "pdm": "[tool.pdm]\ndistribution = false\n[[tool.pdm.source]]\nname = 'pypi'\nurl = '{}'\n",
}


class Offering:
    """A folder with wheels, and their offer to a machine that changes: its index has one URL."""

    def __init__(self, wheels: Path, sites: Mapping[str, Site]) -> None:
        self.wheels, self.sites, self.machine, self.index = wheels, sites, NEW, ""

    def respond(self, request: ClientRequest) -> ServerAnswer:
        return self.sites[self.machine].respond(request)


@pytest.fixture(scope="module")
def offering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offering]:
    folder = tmp_path_factory.mktemp("wheels")
    make_torchy(folder)
    for version in ("1.0", "2.0"):
        make_variants(folder, "other", {None: []}, version=version)
    for name in ("visiony", "audioy"):
        make_variants(folder, name, {"cu128": [CUDA.format("12.8")]})
    run_here(main, "index", "--simple", folder)
    upstream = Upstream(Sources.of([], [str(folder / "simple")]), tmp_path_factory.mktemp("cache"))
    sites = {spec: Site(upstream, {"m": Served("m", machine(spec), Policy())}) for spec in (OLD, NEW)}
    offering = Offering(folder, sites)
    with loopback_server(offering.respond, count(0)) as port:
        offering.index = f"http://127.0.0.1:{port}/m/simple/"
        yield offering


class Place(NamedTuple):
    """A folder of a user, with an environment or a folder in which packages are installed."""

    folder: Path
    variables: Mapping[str, Any]
    site_packages: Path

    def run(self, *command: object) -> None:
        program, *rest = map(str, command)
        start = POETRY if program == "poetry" else (program,)
        run(*start, *rest, cwd=self.folder, **self.variables)

    def check(self, offering: Offering, spec: str, *options: object, ok: bool) -> list[str]:
        """Return the lines of `installed --check`."""
        options = ("--find-links", offering.wheels, "--machine", spec, *options)
        done = run_here(main, "installed", "--check", *options, cwd=self.folder, ok=ok)
        assert (done.exit_code == 0) == ok
        said = ("looking into", "no variant is installed")
        return [line for line in done.stderr.splitlines() if not line.startswith(said)]

    def repair(self, lines: list[str]) -> None:
        """Start the printed commands."""
        for line in lines:
            if line.startswith("to repair: "):
                words = shlex.split(line.removeprefix("to repair: "), posix=sys.platform != "win32")
                self.run(*(word.strip('"') for word in words))

    def installed(self) -> set[str]:
        names = {path.name.removesuffix(".dist-info") for path in self.site_packages.glob("*.dist-info")}
        return {name for name in names if not name.startswith("_")}


@pytest.fixture
def place(offering: Offering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return a folder with an empty environment, for the new machine."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("PATH", str(SCRIPTS), prepend=os.pathsep)
    offering.machine = NEW
    run("uv", "venv", "--quiet", "--python", sys.executable, cwd=tmp_path)
    (site_packages,) = tmp_path.glob(".venv/[lL]ib/**/site-packages")
    variables = {"PDM_CACHE_DIR": tmp_path / "pdm", "POETRY_CACHE_DIR": tmp_path / "poetry"}
    names = ("POETRY_VIRTUALENVS_IN_PROJECT", "POETRY_NO_INTERACTION", "PIP_NO_CACHE_DIR", "NO_COLOR")
    everywhere = {**dict.fromkeys(names, "1"), "PDM_CHECK_UPDATE": "0"}
    return Place(
        tmp_path, {**{name: str(path) for name, path in variables.items()}, **everywhere}, site_packages
    )


def install(place: Place, tool: str, index: str) -> None:
    if tool in INDEXES:
        (place.folder / "pyproject.toml").write_text(PROJECT + INDEXES[tool].format(index))
    python = ("--python", place.folder / ".venv")
    commands: dict[str, list[tuple[object, ...]]] = {
        "pip": [("pip", "--quiet", *python, "install", "--index-url", index, "torchy", "other==1.0")],
        "uv pip": [("uv", "pip", "install", "--default-index", index, "torchy", "other==1.0")],
        "uv sync": [("uv", "sync")],
        "poetry": [("poetry", "install")],
        "pdm": [("pdm", "lock"), ("pdm", "sync")],
    }
    for command in commands[tool]:
        place.run(*command)


@pytest.mark.parametrize(
    "tool",
    ["pip", "uv pip", "uv sync", *(pytest.param(tool, marks=pytest.mark.slow) for tool in ("poetry", "pdm"))],
)
def test_repair_commands_install_the_variant_that_fits(offering: Offering, place: Place, tool: str) -> None:
    if tool.startswith("uv"):
        place = place._replace(variables={**place.variables, "UV_CACHE_DIR": empty_cache()[1]})
    install(place, tool, offering.index)
    assert place.check(offering, NEW, ok=True) == []
    others = place.installed() - {"torchy-1.0", "runtime-12.8"}
    offering.machine = OLD
    lines = place.check(offering, OLD, ok=False)
    assert "; a source has cu126 (NVIDIA driver for CUDA 12.6 or newer); run the repair commands" in lines[0]
    place.repair(lines)
    assert place.check(offering, OLD, ok=True) == []
    assert label_in(place.site_packages, "torchy") == "cu126"
    assert place.installed() == {"torchy-1.0", "runtime-12.6", *others}


def put_plain(place: Place, name: str, installer: str, *, url: str | None = None) -> None:
    """Write the metadata of an installed plain wheel."""
    folder = place.site_packages / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "INSTALLER").write_text(installer)
    if url:
        (folder / "direct_url.json").write_text(json.dumps({"url": url, "dir_info": {"editable": True}}))


def repairs_of(place: Place, offering: Offering, *options: object) -> dict[str, list[list[str]]]:
    """Return by tool the commands that `installed --json` has on the new machine."""
    options = ("--find-links", offering.wheels, "--machine", NEW, *options)
    done = run_here(main, "installed", "--json", *options, cwd=place.folder)
    return {repair["tool"]: repair["commands"] for repair in json.loads(done.stdout)["repair"]}


def test_plain_wheels_in_a_target_folder_are_repaired(offering: Offering, place: Place) -> None:
    place = place._replace(site_packages=place.folder / "my site")
    options = ("--target", "my site", "--no-index", "--find-links", offering.wheels)
    place.run("pip", "--quiet", "install", *options, "torchy")
    lines = place.check(offering, NEW, "--path", "my site", ok=False)
    assert lines[0].startswith(
        "error: torchy 1.0: a plain wheel is installed, and a source has cu128 (NVIDIA"
    )
    place.repair(lines)
    assert place.check(offering, NEW, "--path", "my site", ok=True) == []
    place.repair(place.check(offering, OLD, "--path", "my site", ok=False))
    assert place.check(offering, OLD, "--path", "my site", ok=True) == []
    assert place.installed() == {"torchy-1.0", "runtime-12.6"}  # pip would leave runtime-12.8


def test_a_better_variant_is_a_warning(offering: Offering, place: Place) -> None:
    offering.machine = OLD
    place.run("uv", "pip", "install", "--default-index", offering.index, "torchy")
    lines = place.check(offering, NEW, ok=True)
    assert "cu128 (NVIDIA driver for CUDA 12.8 or newer) is better than the installed cu126" in lines[0]
    place.repair(lines)
    assert place.installed() == {"torchy-1.0", "runtime-12.8"}


def test_packages_of_one_tool_share_commands(offering: Offering, place: Place) -> None:
    for name, installer in (("torchy", "uv"), ("visiony", "uv"), ("audioy", "conda"), ("other", "uv")):
        put_plain(place, name, installer)
    commands = repairs_of(place, offering)
    start = ["variant-backend", "run", "--find-links", str(offering.wheels), "--machine", NEW]
    again = ["--reinstall-package", "torchy", "--reinstall-package", "visiony"]
    assert commands["uv"] == [[*start, "uv", "pip", "install", *again, "torchy==1.0", "visiony==1.0"]]
    forced, plain = commands["pip"]
    assert forced[-4:] == ["install", "--force-reinstall", "--no-deps", "audioy==1.0"]
    assert plain[-2:] == ["install", "audioy==1.0"]


@pytest.mark.parametrize("option", ["--interpreter", "--path"])
def test_a_command_names_the_environment_of_an_option(
    offering: Offering, place: Place, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_plain(place, "torchy", "uv")
    put_plain(place, "visiony", "")
    value = place.folder / ".venv" if option == "--interpreter" else place.site_packages
    python = ["--python", find_environment(str(place.folder / ".venv")).executable()]
    monkeypatch.setenv("VIRTUAL_ENV", str(place.folder))
    commands = repairs_of(place, offering, option, value)
    assert all(python[1] in command for lines in commands.values() for command in lines)
    assert commands["uv"][0][6:11] == ["uv", "pip", "install", *python]
    assert commands["pip"][1][6:] == ["pip", *python, "install", "visiony==1.0"]


@pytest.mark.parametrize(
    ("lock", "registry", "program"),
    [
        ("uv.lock", "http://127.0.0.1:1/m/simple", ["uv", "sync"]),
        ("uv.lock", "https://pypi.org/simple/", ["variant-backend", "run"]),
        ("uv.lock", None, ["variant-backend", "run"]),
        ("poetry.lock", None, ["variant-backend", "run"]),
    ],
)
def test_uv_sync_repairs_projects_whose_lock_has_an_offer(
    offering: Offering, place: Place, lock: str, registry: str | None, program: list[str]
) -> None:
    put_plain(place, "torchy", "uv")
    package = f"[[package]]\nname = 'torchy'\nsource = {{ registry = '{registry}' }}\n" if registry else ""
    (place.folder / lock).write_text(package)
    environment = ("--interpreter", place.folder / ".venv")
    ((command,),) = repairs_of(place, offering, *environment).values()
    assert command[:2] == program
    assert ("--project" in command) == (program == ["uv", "sync"])
    (place.folder / "pyproject.toml").touch()
    ((command,),) = repairs_of(place, offering, *environment).values()
    assert "--project" not in command


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ((), "file:///projects/torchy"),
        (("--machine", "b=cuda:12.8"), None),
        (("--platform", "windows"), None),
        (("--requirements",), None),
    ],
)
def test_no_command_is_printed_for_other_machines_and_local_projects(
    offering: Offering, place: Place, options: tuple[str, ...], url: str | None
) -> None:
    put_plain(place, "torchy", "pip", url=url)
    assert repairs_of(place, offering, *options) == {}


def test_an_error_names_run_if_there_are_no_repair_commands(offering: Offering, place: Place) -> None:
    put_plain(place, "torchy", "pip")
    (line,) = place.check(offering, NEW, "--machine", "b=cuda:12.8", ok=False)
    assert line.endswith(
        "install it again with `variant-backend run`, and --force-reinstall (pip) or --reinstall (uv)"
    )


def test_a_repair_command_shows_no_password(offering: Offering, place: Place) -> None:
    put_plain(place, "torchy", "pip")
    url = offering.index.replace("http://", "http://me:secret@")
    options = ("--machine", NEW, "--find-links", offering.wheels, "--index-url", url)
    done = run_here(main, "installed", *options, cwd=place.folder)
    assert "to repair: " in done.stderr
    assert "secret" not in done.stderr
