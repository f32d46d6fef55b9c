"""Builds need variant-backend-core and packaging only; variant-backend adds the commands."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from email.parser import BytesParser
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from helpers.programs import run
from helpers.range_server import Server
from helpers.sample_projects import ROOT
from helpers.servers import publish
from helpers.strict_reader import walk
from packaging.requirements import Requirement

from variant_backend import __version__
from variant_backend._internal.formats.toml_read import read_toml
from variant_backend._internal.lowlevel.newer_dependencies import Newer
from variant_backend._internal.project.own_requirement import CORE

COMMANDS = "variant-backend"
NEEDED = {CORE, "packaging", *(["tomli"] if sys.version_info < (3, 11) else [])}
PUBLISHED = ROOT / "tests" / "data" / "dispatching-0.1.0"
PROJECT = """\
[build-system]
requires = ["REQUIREMENT"]
build-backend = "variant_backend.hooks"
[tool.variant-backend]
build-backend = "wrapped"
backend-path = ["."]
[project]
name = "demo"
version = "1.0"
[variant]
default-priorities.namespace = ["speed"]
providers.speed.static-properties.mode = ["fast", "safe"]
variants.fast.speed.mode = ["fast"]
variants.safe.speed.mode = ["safe"]
"""
# A backend whose wheel lists the distributions of the build environment.
WRAPPED = """\
import base64, hashlib, importlib.metadata, json, pathlib, zipfile
INFO = "demo-1.0.dist-info"
METADATA = "Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder, INFO)
    info.mkdir()
    (info / "METADATA").write_bytes(METADATA.encode())
    (info / "WHEEL").write_bytes(WHEEL.encode())
    return INFO
def build_wheel(folder, config_settings=None, metadata_directory=None):
    names = sorted(each.metadata["Name"] for each in importlib.metadata.distributions())
    files = {"demo.json": json.dumps(names), f"{INFO}/METADATA": METADATA, f"{INFO}/WHEEL": WHEEL}
    digests = {name: hashlib.sha256(text.encode()).digest() for name, text in files.items()}
    rows = [
        f"{name},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},{len(files[name])}\\n"
        for name, digest in digests.items()
    ]
    with zipfile.ZipFile(pathlib.Path(folder, "demo-1.0-py3-none-any.whl"), "w") as wheel:
        for name, text in {**files, f"{INFO}/RECORD": "".join([*rows, f"{INFO}/RECORD,,\\n"])}.items():
            wheel.writestr(name, text)
    return "demo-1.0-py3-none-any.whl"
build_editable, prepare_metadata_for_build_editable = build_wheel, prepare_metadata_for_build_wheel
"""
# Calls hooks as a frontend does, and prints their results.
CALLS = """\
import json, sys, tempfile
from importlib import import_module
backend = import_module(sys.argv[1])
for hook, settings in json.loads(sys.argv[2]):
    print(getattr(backend, hook)(tempfile.mkdtemp(dir="."), settings))
"""
# Runs Python in an environment of builds.
Python: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def python(own_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Python:
    """An environment with nothing but variant-backend-core and its dependencies."""
    folder = tmp_path_factory.mktemp("core")
    interpreter = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run("uv", "venv", "--quiet", "--python", sys.executable, folder)
    run("uv", "pip", "install", "--quiet", "--python", interpreter, own_wheel)
    listed = run("uv", "pip", "list", "--quiet", "--python", interpreter, "--format=json").stdout
    assert {each["name"] for each in json.loads(listed)} == NEEDED

    def python(
        *arguments: object, cwd: Path, ok: bool = True, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return run(interpreter, *arguments, cwd=cwd, ok=ok, VIRTUAL_ENV=folder, **env)

    return python


def project_in(folder: Path, requirement: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(PROJECT.replace("REQUIREMENT", requirement))
    (folder / "wrapped.py").write_text(WRAPPED)
    return folder


def test_versions_licenses_and_sources_of_both_distributions_agree() -> None:
    core: Any = read_toml(ROOT / "pyproject.toml")
    folder = ROOT / core["tool"]["uv"]["sources"][COMMANDS]["path"]
    commands: Any = read_toml(folder / "pyproject.toml")["project"]
    assert commands["name"] == COMMANDS
    assert commands["version"] == __version__
    assert f"{CORE}=={__version__}" in commands["dependencies"]
    keys = ("requires-python", "license", "license-files", "authors", "keywords")
    assert all(commands[key] == core["project"][key] for key in keys)
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.slow
def test_wheels_have_the_code_and_the_commands(own_wheel: Path) -> None:
    (other,) = own_wheel.parent.glob("variant_backend-*.whl")
    core, commands = walk(own_wheel), walk(other)
    package = ROOT / "variant_backend"
    written = {path for path in package.rglob("*") if path.suffix in (".py", ".json", ".toml", ".typed")}
    assert {f"variant_backend/{path.relative_to(package).as_posix()}" for path in written} <= {*core}
    entry_points = core[f"variant_backend_core-{__version__}.dist-info/entry_points.txt"]
    assert b"scripts]" not in entry_points
    assert {name.partition("/")[0] for name in commands} == {f"variant_backend-{__version__}.dist-info"}
    info = f"variant_backend-{__version__}.dist-info"
    scripts = commands[f"{info}/entry_points.txt"].decode()
    assert scripts.startswith("[console_scripts]\nmake-variant = ") and "\nvariant-backend = " in scripts
    assert commands[f"{info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    headers = BytesParser().parsebytes(core[f"variant_backend_core-{__version__}.dist-info/METADATA"])
    assert {Requirement(text).name for text in headers.get_all("Requires-Dist", [])} == {"packaging", "tomli"}


@pytest.mark.slow
def test_hooks_work_with_packaging_alone(python: Python, tmp_path: Path) -> None:
    calls = [
        ("prepare_metadata_for_build_wheel", {"variant": "fast"}),
        ("build_wheel", None),
        ("build_wheel", {"variant": "fast"}),
        ("build_wheel", {"variant": "auto"}),
        ("build_editable", {"variant": "safe"}),
    ]
    done = python("-c", CALLS, "variant_backend.hooks", json.dumps(calls), cwd=project_in(tmp_path, CORE))
    wheel = "demo-1.0-py3-none-any"
    assert done.stdout.split() == [
        "demo-1.0.dist-info",
        f"{wheel}.whl",
        f"{wheel}-fast.whl",
        f"{wheel}-fast.whl",
        f"{wheel}.whl",  # editable wheels have no label in the filename
    ]


@pytest.mark.slow
def test_the_public_interface_works_with_packaging_alone(python: Python, tmp_path: Path) -> None:
    program = "from variant_backend import api; print(all(getattr(api, name) for name in api.__all__))"
    assert python("-c", program, cwd=tmp_path).stdout == "True\n"


@pytest.mark.slow
def test_dispatching_sdists_deliver_with_packaging_alone(
    python: Python, server: Server, tmp_path: Path
) -> None:
    publish(PUBLISHED.glob("*.whl"), server.folder / "demo")
    with tarfile.open(PUBLISHED / "demo-1.0.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    calls = json.dumps([("prepare_metadata_for_build_wheel", None), ("build_wheel", {"variant": "safe"})])
    here = {"VARIANT_BACKEND_INDEX_URL": server.url, "NETRC": str(tmp_path / "none")}
    done = python("-c", CALLS, "variant_backend.dispatch", calls, cwd=tmp_path / "demo-1.0", **here)
    assert done.stdout.split() == ["demo-1.0.dist-info", "demo-1.0-0_safe-py3-none-any.whl"]


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
@pytest.mark.parametrize(
    "frontend",
    [("pip", "wheel", "--quiet", "--wheel-dir"), ("uv", "build", "--quiet", "--wheel", "--out-dir")],
)
def test_build_environments_have_packaging_alone(frontend: tuple[str, ...], tmp_path: Path) -> None:
    settings = ("-Cvariant=fast", "-Cvariant-filename=plain")  # pip rejects labels
    run(*frontend, tmp_path, *settings, project_in(tmp_path / "project", CORE))
    (wheel,) = tmp_path.glob("demo-1.0-*.whl")
    assert {*json.loads(walk(wheel)["demo.json"])} - {"pip"} == NEEDED


@pytest.mark.slow
@pytest.mark.usefixtures("own_wheel")
def test_projects_that_require_the_commands_still_build(tmp_path: Path) -> None:
    project = project_in(tmp_path / "project", f"{COMMANDS}=={__version__}")
    run("uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path, "-Cvariant=fast", project)
    (wheel,) = tmp_path.glob("demo-1.0-*-fast.whl")
    assert {*json.loads(walk(wheel)["demo.json"])} > {*NEEDED, COMMANDS, "click"}


@pytest.mark.slow
def test_a_missing_command_line_is_an_error_with_a_remedy(python: Python, tmp_path: Path) -> None:
    done = python("-m", "variant_backend", "--version", cwd=tmp_path, ok=False)
    assert (done.returncode, done.stdout) == (1, "")
    text = "this command needs click, which is not installed; run `pip install variant-backend`"
    assert done.stderr == f"error: {text}\n"


def test_a_missing_dependency_of_a_feature_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no_such_package").mkdir()  # as the folder `build` of projects, with `python -m`
    monkeypatch.syspath_prepend(tmp_path)
    problem = Newer("no_such_package", "1.0", "packing").problem()
    expected = "packing needs no_such_package, which is not installed; run `pip install variant-backend`"
    assert str(problem) == expected


def test_a_bundled_dependency_without_metadata_is_accepted() -> None:
    assert Newer("json", "1.0", "packing").problem() is None
