"""`run` finds the environment that a command installs into, and reads what is installed there."""

from __future__ import annotations

import os
import re
import shlex
import sys
import venv
from contextlib import suppress
from pathlib import Path

import pytest

from variant_backend._internal.running.command import read_command
from variant_backend._internal.running.destination import destination
from variant_backend._internal.running.site_packages import changed, installed_wheels

SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
POSIX_ONLY = pytest.mark.skipif("sys.platform == 'win32'", reason="py.exe finds another Python")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "pyproject.toml").touch()
    for name in (".venv", "other"):
        venv.create(folder / name, symlinks=sys.platform != "win32")
    pip = folder / "other" / SCRIPTS / ("pip.exe" if sys.platform == "win32" else "pip")
    pip.touch(mode=0o755)
    with suppress(OSError):  # Windows has its own py.exe
        (folder / "other" / SCRIPTS / "py").symlink_to("python")
    return folder


def found(project: Path, line: str, **environ: str) -> str | None:
    """Return where a command installs, relative to the project."""
    variables = {"PATH": str(project / "other" / SCRIPTS), "PATHEXT": ".EXE", **environ}
    place = destination(read_command(shlex.split(line)), variables, project)
    return None if place is None else os.path.relpath(place.location, project)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pip install demo", "other"),
        ("python -m pip install demo", "other"),
        pytest.param("py -m pip install demo", "other", marks=POSIX_ONLY),
        ("py -3.12 -m pip install demo", None),
        ("pip --python .venv install demo", ".venv"),
        ("pip download demo", None),
        ("uv pip install demo", ".venv"),
        ("uv pip sync -p other all.txt", "other"),
        ("uv sync --frozen", ".venv"),
        ("pdm install --frozen-lockfile", ".venv"),
        ("uv tool install demo", None),
        ("uv --directory nowhere/else pip install demo", ".venv"),
        ("tox", None),
        ("env -i time pip install demo", "other"),
        ("sh -c 'uv pip install demo'", ".venv"),
        ("python script.py", "other"),
        ("unknown install demo", ".venv"),
    ],
)
def test_the_command_line_decides_where_a_command_installs(
    project: Path, line: str, expected: str | None
) -> None:
    assert found(project, line) == expected


def test_variables_of_the_tool_decide_where_it_installs(project: Path) -> None:
    other = str(project / "other")
    assert found(project, "uv pip install demo", VIRTUAL_ENV=other) == "other"
    assert found(project, "uv sync --frozen", VIRTUAL_ENV=other) == ".venv"
    assert found(project, "uv sync --frozen --active", VIRTUAL_ENV=other) == "other"
    assert found(project, "uv sync --frozen", UV_PROJECT_ENVIRONMENT="other") == "other"
    assert found(project, "pip install demo", PIP_PYTHON=str(project / ".venv")) == ".venv"
    assert found(project, "uv pip install demo", VIRTUAL_ENV=str(project / "missing")) is None


def test_target_folders_have_no_interpreter(project: Path) -> None:
    for line in ("pip install -t lib demo", "uv pip install --target=lib demo"):
        place = destination(read_command(shlex.split(line)), {}, project)
        assert place is not None
        assert (place.folders, place.interpreter) == ((project / "lib",), None)


def test_target_folders_are_for_the_python_of_the_command(project: Path) -> None:
    config = project / ".venv" / "pyvenv.cfg"
    text = config.read_text()
    config.write_text(re.sub(r"(?m)^version.*$", "version = 3.99.1", text))
    try:
        for line in ("uv pip install -p .venv -t lib demo", "pip --python .venv install --prefix lib demo"):
            place = destination(read_command(shlex.split(line)), {}, project)
            assert place is not None
            assert place.python == "3.99.1"
    finally:
        config.write_text(text)


def test_a_snapshot_has_labels_and_shows_what_was_installed_again(tmp_path: Path) -> None:
    documents = {"a-1.0": None, "B_b-2.0": '{"variants": {"cu128": {}}}', "c-1": "[" * 100_000}
    for name, document in documents.items():
        folder = tmp_path / f"{name}.dist-info"
        folder.mkdir()
        if document is not None:
            (folder / "variant.json").write_text(document)
    before = installed_wheels([tmp_path, tmp_path / "missing"])
    assert {str(one): one.label for one in before.values()} == {"a 1.0": None, "b-b 2.0": "cu128", "c 1": ""}
    os.utime(tmp_path / "a-1.0.dist-info", ns=(0, 0))
    (tmp_path / "d-1.dist-info").mkdir()
    assert {*changed(before, installed_wheels([tmp_path]))} == {"a", "d"}
