"""A build backend that makes variants by itself, with `variant_backend.api`: examples/own-backend."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from helpers.documentation import DOCS, shown_file
from helpers.made_wheels import make_wheel
from helpers.programs import run, run_here
from helpers.strict_reader import walk

from variant_backend._internal.cli.main import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own-backend"
BACKEND = EXAMPLE / "backend" / "own_backend.py"
DIST_INFO = "blas_example-1.0.dist-info"
UV = ("uv", "build", "--wheel")
FRONTENDS = {"build": ("python", "-m", "build", "--installer", "uv", "--wheel"), "uv": UV}
PLUGIN = b"""
from types import SimpleNamespace

all_properties_compatible = True

def get_supported_configs():
    return [SimpleNamespace(name="library", values=["mkl", "openblas"], multi_value=False)]

get_all_configs = get_supported_configs
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return shutil.copytree(
        EXAMPLE, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__", "dist")
    )


def build(project: Path, *settings: str, frontend: str = "uv") -> Path:
    """Build a wheel in an isolated environment."""
    out = project.parent / f"{frontend}{len([*project.parent.iterdir()])}"
    run(*FRONTENDS[frontend], *(f"-C{text}" for text in settings), "-o", out, project)
    (wheel,) = out.glob("*.whl")
    return wheel


def required(wheel: Path) -> list[str]:
    """Return the values of Requires-Dist."""
    metadata = walk(wheel)[f"{DIST_INFO}/METADATA"].decode()
    return re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)


def test_the_backend_has_40_lines_of_code_and_imports_only_the_interface() -> None:
    text = BACKEND.read_text(encoding="utf-8")
    docstring, *code = [line for line in text.splitlines() if line.strip()]
    assert docstring.startswith('"""')
    assert len(code) <= 40
    assert re.findall(r".*import.*variant_backend.*|.*variant_backend.*import.*", text) == [
        "from variant_backend import api"
    ]


@pytest.mark.parametrize("path", [BACKEND, EXAMPLE / "pyproject.toml"], ids=lambda path: path.name)
def test_the_guide_shows_the_files_of_the_example(path: Path) -> None:
    guide = (DOCS / "how-to" / "own-backend.md").read_text(encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert shown_file(guide, path.relative_to(EXAMPLE).as_posix()) == text


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
@pytest.mark.parametrize("frontend", FRONTENDS)
def test_installers_accept_the_wheels(project: Path, frontend: str, tmp_path: Path) -> None:
    plain = build(project, frontend=frontend)
    mkl = build(project, "variant=mkl", frontend=frontend)
    openblas = build(project, "variant=blas::library::openblas", "variant-label=open", frontend=frontend)
    assert [wheel.name.removeprefix("blas_example-1.0-py3-none-any") for wheel in (plain, mkl, openblas)] == [
        ".whl",
        "-mkl.whl",
        "-open.whl",
    ]
    assert build(project, "variant=mkl", frontend=frontend).read_bytes() == mkl.read_bytes()
    assert [required(wheel) for wheel in (plain, mkl, openblas)] == [
        ["packaging"],
        ["packaging", "mkl>=2024"],
        ["packaging"],
    ]
    dist = tmp_path / "dist"
    dist.mkdir()
    for wheel in (plain, mkl, openblas):
        shutil.copy(wheel, dist)
    run_here(main, "index", dist)
    assert "no problems" in run_here(main, "check", dist).stderr
    run("python", "-m", "installer", "--prefix", tmp_path / "by-installer", plain)
    options = ("--no-deps", "--no-index", "--find-links", dist, "--preview-features", "wheel-variants")
    run("uv", "pip", "install", "--quiet", "--target", tmp_path / "by-uv", *options, "blas_example")
    assert (tmp_path / "by-uv" / "blas_example.py").read_text(encoding="utf-8") == "LABEL = 'mkl'\n"


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
def test_a_plugin_runs_in_the_build(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = make_wheel(tmp_path / "links", "blas_plugin", files={"blas_plugin.py": PLUGIN}).parent
    monkeypatch.setenv("UV_FIND_LINKS", ",".join([links.as_uri(), os.environ["UV_FIND_LINKS"]]))
    toml = project / "pyproject.toml"
    text = toml.read_text(encoding="utf-8")
    listed = 'static-properties.library = ["mkl", "openblas"]'
    assert listed in text
    toml.write_text(text.replace(listed, 'build-requires = ["blas-plugin"]'), encoding="utf-8")
    for label in ("mkl", "null"):
        document = json.loads(walk(build(project, f"variant={label}"))[f"{DIST_INFO}/variant.json"])
        assert document["providers"] == {"blas": {"static-properties": {"library": ["mkl", "openblas"]}}}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            "variant_label == 'mkl'",
            "variant_label = 'mkl'",
            "requirement \"mkl>=2024; variant_label = 'mkl'\": ",
        ),
        (
            'static-properties.library = ["mkl", "openblas"]',
            'build-requires = ["missing-plugin"]',
            "providers.blas: ",
        ),
    ],
    ids=["marker", "plugin"],
)
def test_every_error_of_a_hook_comes_without_a_traceback(
    project: Path, old: str, new: str, error: str
) -> None:
    toml = project / "pyproject.toml"
    text = toml.read_text(encoding="utf-8")
    assert old in text
    toml.write_text(text.replace(old, new), encoding="utf-8")
    code = "import own_backend; own_backend.build_wheel('.', {'variant': 'mkl'})"
    result = run("python", "-c", code, cwd=project, PYTHONPATH="backend", ok=False)
    assert result.stderr.startswith(f"error: {error}")
    assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ("variant=mlk", "unknown label 'mlk' (did you mean 'mkl'?); known labels: mkl, null, openblas"),
        ("varient=mkl", "unknown config setting 'varient' (did you mean 'variant'?); write -Cvariant=LABEL"),
    ],
)
def test_a_wrong_setting_ends_the_build_without_a_traceback(project: Path, setting: str, error: str) -> None:
    result = run(*UV, f"-C{setting}", project, ok=False)
    assert result.returncode != 0
    assert f"error: {error}" in result.stderr.splitlines()
    assert "Traceback" not in result.stderr
