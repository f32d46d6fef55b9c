"""With the lowest declared dependencies, builds, stubs, mirrors and offers work; others name a remedy.

uv installs the versions that pyproject.toml declares. Builds run without isolation, as in distributions.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.programs import run
from helpers.sample_projects import ROOT, WRAPS_FLIT
from helpers.sample_release import DOCUMENT, write_release
from helpers.serve_process import served_by_command
from helpers.servers import served

from variant_backend._internal.formats.toml_read import read_toml
from variant_backend._internal.project.own_requirement import CORE

pytestmark = pytest.mark.slow

PIP = ("pip", "--disable-pip-version-check", "--quiet")
NO_ISOLATION = ("--no-build-isolation", "--no-deps", "--no-cache-dir")
# Runs a module of the environment, and returns its output.
Program = Callable[..., str]


def interpreter(folder: Path) -> Path:
    return folder / "environment" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


@pytest.fixture
def module(tmp_path: Path) -> Program:
    """An environment with the lowest dependencies and what the builds need, in a folder with a project."""
    environment, python = tmp_path / "environment", interpreter(tmp_path)
    install = ("uv", "pip", "install", "--quiet", "--python", python)
    run("uv", "venv", "--quiet", "--python", sys.executable, environment)
    run(*install, "--resolution", "lowest-direct", ROOT, f"{ROOT / 'commands'}[serve]")
    run(*install, "flit_core", "pip")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pyproject.toml").write_text(WRAPS_FLIT)
    (tmp_path / "project" / "demo.py").write_text("x = 1\n")

    def module(*arguments: object, ok: bool = True) -> str:
        ended = run(python, "-m", *arguments, cwd=tmp_path, ok=ok, VIRTUAL_ENV=environment)
        assert ok or ended.returncode == 1
        return ended.stdout + ended.stderr

    return module


def remedy(output: str) -> str:
    """Return the requirement in the command of a remedy."""
    (command,) = re.findall(r"run `(pip install .*?)`", output)
    return shlex.split(command)[2]


def test_builds_conversions_stubs_mirrors_and_offers_work(tmp_path: Path, module: Program) -> None:
    lines = module(*PIP, "freeze", "--all").splitlines()
    installed = dict(line.split("==") for line in lines if "==" in line)
    core: Any = read_toml(ROOT / "pyproject.toml")["project"]
    commands: Any = read_toml(ROOT / "commands" / "pyproject.toml")["project"]
    extra = commands["optional-dependencies"]["serve"]
    bounds = [*core["dependencies"], *commands["dependencies"], *extra]
    for text in bounds:
        name, bound = re.match(r"([a-z-]+)[>=]=([\d.]+)", text).groups()  # type: ignore[union-attr]
        assert name in (CORE, "tomli") or f"{installed[name]}.0.0".startswith(f"{bound}.0"), text

    module("build", "--no-isolation", "--wheel", "-Cvariant=fast", "--outdir", "dist", "project")
    module(*PIP, "wheel", *NO_ISOLATION, "--wheel-dir", "dist", "./project")
    plain = "dist/demo-1.0-py3-none-any.whl"
    options = ("--pyproject", "project/pyproject.toml", "--label", "safe", "--output", "dist")
    module("variant_backend", "make-variant", *options, plain)
    module("variant_backend", "index", "dist")
    found = module("variant_backend", "check", "dist")
    assert "3 wheels, 1 index file: no problems" in found
    assert remedy(found) == "packaging>=26.0"
    stubbed = module("variant_backend", "stub", "dist", "--base-url", "https://example.org", "-o", "out")
    assert remedy(stubbed) == "packaging>=26.0"
    assert (tmp_path / "out" / "demo-1.0.tar.gz").exists()

    site = ("--resolver", "pip", "--machine", "any=x86_64:v1", "--output", "site")
    module("variant_backend", "mirror", "demo", "--find-links", "dist", *site)
    locked: Any = read_toml(tmp_path / "site" / "pylock.any.toml")["packages"]
    assert locked[0]["wheels"][0]["path"].endswith("/demo-1.0-0_fast-py3-none-any.whl")

    download = (*PIP, "download", "--no-deps", "--dest", "offered")
    module("variant_backend", "run", "--find-links", "dist", sys.executable, "-m", *download, "demo")
    command = (interpreter(tmp_path), "-m", "variant_backend", "serve")
    with served_by_command(tmp_path, "--find-links", tmp_path / "dist", command=command) as serving:
        module(*download, "--no-cache-dir", "--index-url", serving.urls[0], "demo")
    assert [path.name for path in (tmp_path / "offered").iterdir()] == ["demo-1.0-0_fast-py3-none-any.whl"]

    module(*PIP, "install", *NO_ISOLATION, "-Cvariant=safe", "--editable", "./project")
    assert "safe" in module("variant_backend", "installed")


def test_features_that_need_more_name_a_remedy_that_works(tmp_path: Path, module: Program) -> None:
    write_release(tmp_path / "dist", DOCUMENT)
    with served(tmp_path / "dist") as url:
        module("variant_backend", "stub", "dist", "--base-url", url, "-o", "out")
        commands = {
            "packaging>=26.1": (*PIP, "install", *NO_ISOLATION, "out/demo-1.0.tar.gz"),
            "build>=1.4.4": ("variant_backend", "build", "project", "--no-isolation", "--output", "built"),
            "tomlkit>=0.15": ("variant_backend", "init", "project", "-l", "new", "-p", "speed::mode::safe"),
        }
        for needed, command in commands.items():
            assert remedy(module(*command, ok=False)) == needed
            module(*PIP, "install", needed)
            module(*command)
    assert "fast" in module("variant_backend", "installed")
