"""Paths that options and files name, and how messages show them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..errors import VariantError
from .ranges import path_of


def path_named(folder: Path, text: str) -> Path | None:
    """Return the file that a path or a ``file:`` URL names, None for another URL."""
    if text.lower().startswith("file:"):
        with suppress(VariantError):
            return path_of(text)
    return None if "://" in text else folder / text


def place_of_file(path: Path) -> str:
    """Return a path for a message: relative to the current folder if it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return os.fspath(path)
