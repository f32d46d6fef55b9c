"""The files of a project that tools find by themselves, and the places in them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import VariantError
from ..formats.toml_read import parse_toml
from ..lowlevel.regular_files import read_regular
from .requirement_files import place_of_file

_TRUE = ("1", "true", "yes", "on", "y", "t")


def is_on(environ: Mapping[str, str], *variables: str) -> bool:
    """Return whether one of some variables of uv, PDM or pipenv is set to a true value."""
    return any(environ.get(name, "").lower() in _TRUE for name in variables)


def text_of(path: Path) -> str:
    """Return the text of a file, empty if it cannot be read: its tool reports that."""
    with suppress(OSError, VariantError):
        return read_regular(path).decode(errors="replace")
    return ""


def toml_of(text: str) -> dict[str, object]:
    """Return a TOML document, empty if it is invalid: its tool reports that."""
    with suppress(VariantError):
        return parse_toml(text.encode(), "")
    return {}


def file_above(folder: Path, name: str) -> Path | None:
    """Return the nearest file of a name in a folder or above it, None if there is none."""
    return next((path for above in (folder, *folder.parents) if (path := above / name).is_file()), None)


def place_of_line(path: Path, text: str, *parts: str) -> str:
    """Return the place of the first line, from the last line before, that has each part in turn."""
    lines = text.splitlines()
    start = 0
    for part in parts:
        start = next((number for number in range(start, len(lines)) if part in lines[number]), start)
    return f"{place_of_file(path)}:{start + 1}"
