"""Installers get a project whose labels are other projects, and `run` warns of those with the same files."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from helpers.made_wheels import make_wheel, requiring
from helpers.offers import label_in, machine
from helpers.overlays import JOINT_PROJECTS, make_members, write_overlay
from helpers.programs import empty_cache, run, run_here

from variant_backend._internal.cli.main import main
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.loopback import loopback_server
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.upstream import Upstream

EXTRA = ("Provides-Extra: all", 'Requires-Dist: scipy; extra == "all"')
TOOLS = ["pip", pytest.param("old pip", marks=pytest.mark.slow), "uv"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two projects that are one, and others that require them."""
    folder = tmp_path_factory.mktemp("upstream") / "wheels"
    make_members(folder, ["13.5.0", "13.6.0", "14.0.0rc1"], fields=EXTRA)
    make_wheel(folder, "scipy")
    for name, required in {"all": "cupy", "old": "cupy-cuda12x", "new": "cupy-cuda13x"}.items():
        metadata = requiring(required)
        make_wheel(folder, f"needs_{name}", metadata=metadata)
    write_overlay(folder.parent / "overlay.toml", JOINT_PROJECTS)
    return folder


@pytest.fixture(scope="module")
def site(wheels: Path) -> Iterator[tuple[Site, str]]:
    """Serve the offer to a machine with CUDA 12; return it with the URL of its index."""
    sources = Sources.of([str(wheels)], [], [wheels.parent / "overlay.toml"])
    served = {"gpu": Served("gpu", machine("cuda:12.8"), Policy())}
    with tempfile.TemporaryDirectory() as cache:
        offer = Site(Upstream(sources, Path(cache)), served)
        with loopback_server(offer.respond, count(0)) as port:
            yield offer, f"http://127.0.0.1:{port}/gpu/simple/"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Return a new environment without pip."""
    run("uv", "venv", "--quiet", "--no-config", *empty_cache(), tmp_path / "env")
    return tmp_path / "env"


def python_of(environment: Path) -> Path:
    return next(path for path in environment.glob("*/*") if path.stem == "python")


def site_packages(environment: Path) -> Path:
    return next(path for path in environment.rglob("site-packages") if path.is_dir())


def install(tool: str, environment: Path, index: str, old_pip: Path, *words: str) -> None:
    """Install requirements from an index into an environment."""
    python = python_of(environment)
    if tool == "uv":
        options = ("--python", python, "--no-config", "--default-index", index, *empty_cache())
        run("uv", "pip", "install", *options, *words)
        return
    pip = ("python", "-m", "pip", "--python", python, "install")
    path = str(old_pip) if tool == "old pip" else ""
    settings = ("--isolated", "--no-cache-dir", "--no-compile", "--index-url", index)
    run(*pip, *settings, *words, PYTHONPATH=path)


def installed(environment: Path) -> set[str]:
    """Return the installed releases as the names of their dist-info folders have them."""
    return {path.stem for path in site_packages(environment).glob("*.dist-info")}


def check(environment: Path) -> str:
    return run("pip", "--python", python_of(environment), "check").stdout.strip()


@pytest.mark.parametrize("tool", TOOLS)
def test_dependents_share_the_project_that_fits(
    tool: str, environment: Path, site: tuple[Site, str], old_pip: Path
) -> None:
    install(tool, environment, site[1], old_pip, "cupy[all]", "needs-all", "needs-old")
    names = {"cupy-13.6.0", "cupy_cuda12x-13.6.0", "scipy-1.0", "needs_all-1.0", "needs_old-1.0"}
    assert installed(environment) == names
    assert label_in(site_packages(environment), "cupy") == "cuda12"
    assert check(environment) == "No broken requirements found."


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_an_installed_member_is_not_installed_again(
    tool: str, environment: Path, site: tuple[Site, str], old_pip: Path
) -> None:
    install(tool, environment, site[1], old_pip, "cupy-cuda12x")
    record = site_packages(environment) / "cupy_cuda12x-13.6.0.dist-info" / "RECORD"
    before = record.stat()
    install(tool, environment, site[1], old_pip, "--upgrade", "cupy")
    assert installed(environment) == {"cupy-13.6.0", "cupy_cuda12x-13.6.0"}
    assert (record.stat().st_ino, record.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_versions_are_those_of_the_members(
    tool: str, environment: Path, site: tuple[Site, str], old_pip: Path
) -> None:
    install(tool, environment, site[1], old_pip, "--no-deps", "cupy<13.6")
    assert installed(environment) == {"cupy-13.5.0"}
    install(tool, environment, site[1], old_pip, "cupy==14.0.0rc1")
    assert installed(environment) == {"cupy-14.0.0rc1", "cupy_cuda12x-14.0.0rc1"}


def test_uv_locks_and_syncs_the_generated_wheel(tmp_path: Path, site: tuple[Site, str]) -> None:
    project = (
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["cupy[all]"]\n'
    )
    (tmp_path / "pyproject.toml").write_text(project)
    options = ("--no-config", "--default-index", site[1], *empty_cache())
    run("uv", "sync", *options, cwd=tmp_path, UV_PROJECT_ENVIRONMENT=str(tmp_path / "env"))
    lock = (tmp_path / "uv.lock").read_text()
    assert "cupy-13.6.0-0_cuda12-py3-none-any.whl" in lock
    assert lock.count('hash = "sha256:') == 3
    assert installed(tmp_path / "env") == {"cupy-13.6.0", "cupy_cuda12x-13.6.0", "scipy-1.0"}


def through_run(wheels: Path, environment: Path, spec: str, *words: str) -> str:
    """Install with uv through `run`, and return what is on stderr."""
    sources = ("-f", wheels, "--overlay", wheels.parent / "overlay.toml", "--machine", spec)
    tool = ("uv", "pip", "install", "--python", python_of(environment), *empty_cache(), *words)
    home = str(environment.parent)
    return run("variant-backend", "run", *sources, *tool, cwd=environment.parent, HOME=home).stderr


@pytest.mark.slow
def test_run_warns_before_it_installs_the_same_files_twice(wheels: Path, environment: Path) -> None:
    output = through_run(wheels, environment, "cuda:12.8", "needs-all", "needs-new")
    text = (
        "warning: the command requests several projects: cupy-cuda12x and cupy-cuda13x are labels of cupy,"
        " so they may have the same files; require only one of them\n"
    )
    assert output.count(text) == 1
    assert output.index(text) < output.index("Installed ")
    assert "cupy 13.6.0: cuda12 (cupy-cuda12x; NVIDIA driver for CUDA 12.0 or newer)" in output


def test_a_dry_run_warns_of_the_same_files(wheels: Path) -> None:
    sources = ("-f", wheels, "--overlay", wheels.parent / "overlay.toml", "--machine", "cuda:12.8")
    command = ("uv", "pip", "install", "cupy", "cupy-cuda13x")
    done = run_here(main, "run", *sources, "--dry-run", *command)
    assert "warning: the command requests several projects: cupy-cuda12x and cupy-cuda13x are" in done.stderr


@pytest.mark.slow
def test_run_warns_of_an_installed_member_before_it_starts(wheels: Path, environment: Path) -> None:
    through_run(wheels, environment, "cuda:12.8", "cupy")
    output = through_run(wheels, environment, "cuda:13.0", "--upgrade", "cupy")
    removal = f"run `uv pip uninstall --python {python_of(environment)} cupy-cuda12x`"
    assert output.splitlines()[0] == (
        "warning: cupy-cuda12x 13.6.0: it is installed, and may have the same files as cupy-cuda13x;"
        f" {removal} first"
    )
    assert "the command requests several projects" not in output
    (remedy,) = re.findall("; (run .*, then run .*)", output)
    assert remedy.startswith(f"{removal}, then run `variant-backend run --find-links ")
    for line in re.findall("run `(.*?)`", remedy):
        words = shlex.split(line, posix=sys.platform != "win32")
        run(*(word.strip('"') for word in words), cwd=environment.parent, HOME=str(environment.parent))
    assert installed(environment) == {"cupy-13.6.0", "cupy_cuda13x-13.6.0"}
    assert "cuda13x" in (site_packages(environment) / "cupy" / "__init__.py").read_text()
    output = through_run(wheels, environment, "cuda:13.0", "cupy", "needs-old")
    assert re.findall(
        "^warning: (cupy-cuda13x 13.6.0: it is installed, .* as cupy-cuda12x); run", output, re.M
    )
    assert "the command requests several projects" not in output


@pytest.mark.slow
def test_run_warns_of_an_installed_member_beside_a_project_with_own_wheels(
    wheels: Path, environment: Path, tmp_path: Path
) -> None:
    through_run(wheels, environment, "cuda:12.8", "cupy")
    shutil.copytree(wheels.parent, tmp_path / "newer")
    make_wheel(tmp_path / "newer" / "wheels", "cupy", "15.0")
    output = through_run(tmp_path / "newer" / "wheels", environment, "cuda:12.8", "--upgrade", "cupy")
    assert output.startswith(
        "warning: cupy-cuda12x 13.6.0: it is installed, and may have the same files as cupy; run"
    )


@pytest.mark.slow
def test_an_aligned_command_with_the_same_files_twice_is_not_started(wheels: Path, environment: Path) -> None:
    sources = ("-f", wheels, "--overlay", wheels.parent / "overlay.toml", "--machine", "cuda:12.8")
    tool = ("uv", "pip", "install", "--python", python_of(environment), *empty_cache())
    words = ("--align", "nvidia", *tool, "needs-all", "needs-new")
    done = run("variant-backend", "run", *sources, *words, ok=False, HOME=str(environment.parent))
    assert done.returncode == 1
    assert "cupy-cuda12x and cupy-cuda13x are labels of cupy" in done.stderr
    assert installed(environment) == set()
