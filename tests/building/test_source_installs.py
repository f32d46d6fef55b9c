"""Installers that build a variant from its source, as docs/how-to/from-source.md shows."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from helpers.programs import run
from helpers.sample_projects import WRAPS_FLIT

from variant_backend._internal.project.own_requirement import CORE

pytestmark = pytest.mark.slow

USER = """\
[project]
name = "user"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["demo"]
[tool.uv]
config-settings-package.demo = { variant = "safe", variant-filename = "plain" }
sources.demo = { path = "../project" }
"""


def project_in(folder: Path, more: str = "", requirement: str = CORE) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(WRAPS_FLIT.replace(CORE, requirement) + more)
    (folder / "demo.py").write_text("x = 1\n")
    return folder


def installed_label(folder: Path) -> str:
    (path,) = folder.rglob("demo-1.0.dist-info/variant.json")
    (label,) = json.loads(path.read_bytes())["variants"]
    return str(label)


def synced(project: Path, variable: str = "") -> str:
    sync = ("uv", "sync", "--quiet", "--no-cache", "--python", sys.executable)
    run(*sync, cwd=project, VARIANT_BACKEND_LABEL=variable)
    return installed_label(project / ".venv")


@pytest.mark.usefixtures("own_wheel")
def test_uv_reads_settings_in_its_tables(tmp_path: Path) -> None:
    project = project_in(tmp_path / "project", '[tool.uv]\nconfig-settings = { variant = "fast" }\n')
    assert synced(project) == "fast"
    (user := tmp_path / "user").mkdir()
    (user / "pyproject.toml").write_text(USER)
    assert synced(user) == "safe"


@pytest.mark.usefixtures("own_wheel")
def test_the_variable_reaches_an_editable_install(tmp_path: Path) -> None:
    assert synced(project_in(tmp_path / "project"), "demo#safe") == "safe"


@pytest.mark.usefixtures("own_wheel")
@pytest.mark.parametrize("more", ["", "-e "])
def test_pip_reads_settings_in_requirements_files(tmp_path: Path, more: str) -> None:
    project_in(tmp_path / "project")
    settings = "--config-settings variant=fast --config-settings variant-filename=plain"
    (tmp_path / "requirements.txt").write_text(f"{more}./project {settings}\n")
    target = tmp_path / "site"
    run("pip", "install", "--quiet", "--no-deps", "--target", target, "-r", "requirements.txt", cwd=tmp_path)
    assert installed_label(target) == "fast"


def test_a_requirement_may_name_the_file_of_a_wheel(own_wheel: Path, tmp_path: Path) -> None:
    requirement = f"{CORE} @ {own_wheel.as_uri()}"
    project = project_in(tmp_path / "project", requirement=requirement)
    run("uv", "build", "--quiet", "--wheel", "-Cvariant=fast", project, UV_FIND_LINKS="")
    assert [path.name for path in (project / "dist").glob("*.whl")] == ["demo-1.0-py3-none-any-fast.whl"]
