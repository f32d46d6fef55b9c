"""The files of a project as tools find and read them; what a tool cannot read, it reports itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import VariantError
from ..formats.toml_read import parse_toml
from ..lowlevel.named_paths import place_of_file
from ..lowlevel.regular_files import read_regular
from .command import ToolCommand

_FOLDER_OPTIONS = {"uv": ("--project",), "pdm": ("-p", "--project"), "tox": ("--root",), "hatch": ("-p",)}
_FOLDER_VARIABLES = {"uv": "UV_PROJECT", "pdm": "PDM_PROJECT", "hatch": "HATCH_PROJECT"}


def working_folder(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Path:
    """Return the folder that relative paths of a command are relative to; it is started in *folder*."""
    if command.tool != "uv":
        return folder
    named = command.values("--directory")[-1:] or [environ.get("UV_WORKING_DIR", "")]
    return folder / named[0]


def project_folder(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Path:
    """Return the folder where a tool looks for its project, from its working folder."""
    named = command.values(*_FOLDER_OPTIONS.get(command.tool, ()))[-1:]
    variable = _FOLDER_VARIABLES.get(command.tool, "")
    return folder / (named or [environ.get(variable, "")])[0]


def file_above(folder: Path, name: str) -> Path | None:
    """Return the nearest file of a name in a folder or above it, None if there is none."""
    return next((path for above in (folder, *folder.parents) if (path := above / name).is_file()), None)


def pipfile(folder: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the file of pipenv for a folder, None if there is none."""
    return file_above(folder, environ.get("PIPENV_PIPFILE", "Pipfile"))


def lock_of_pipenv(folder: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the lock file of pipenv for a folder, None if there is none."""
    return file_above(folder, f"{environ.get('PIPENV_PIPFILE', 'Pipfile')}.lock")


def text_of(path: Path) -> str:
    """Return the text of a file, empty if it cannot be read."""
    with suppress(OSError, VariantError):
        return read_regular(path).decode(errors="replace")
    return ""


def toml_of(text: str) -> dict[str, object]:
    """Return a TOML document, empty if it is invalid."""
    with suppress(VariantError):
        return parse_toml(text.encode(), "")
    return {}


def place_of_line(path: Path, text: str, *parts: str) -> str:
    """Return the place of the first line, from the last line before, that has each part in turn."""
    lines = text.splitlines()
    start = 0
    for part in parts:
        start = next((number for number in range(start, len(lines)) if part in lines[number]), start)
    return f"{place_of_file(path)}:{start + 1}"
