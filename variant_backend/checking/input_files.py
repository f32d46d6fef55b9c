"""Reading what may be anything: a file is opened only if it is one, and a document is not too large."""

from __future__ import annotations

import stat
from pathlib import Path

from ..errors import VariantError
from ..lowlevel.ranges import opened_file

# A larger document is none that anybody wrote.
_LARGEST_DOCUMENT = 64 << 20


def file_mode(path: Path) -> int:
    """Return what a file is, as `stat` has it; raises VariantError unless it is a file or a folder."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        from ..wheels.wrong_files import missing_problem

        raise VariantError(missing_problem(path) or "file not found") from None
    except (OSError, ValueError) as error:
        raise VariantError(getattr(error, "strerror", None) or str(error)) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise VariantError("neither a file nor a folder")  # reading it might never end
    return mode


def is_regular_file(path: Path) -> bool:
    """Tell whether a file is there that can be read to its end."""
    try:
        return stat.S_ISREG(file_mode(path))
    except VariantError:
        return False


def file_size(path: Path) -> int:
    """Return the size of a file; raises VariantError if there is none."""
    if not stat.S_ISREG(file_mode(path)):
        raise VariantError("it is a folder")
    return path.stat().st_size


def sorted_entries(folder: Path) -> list[Path]:
    """Return what a folder holds; raises VariantError if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None


def document_content(path: Path) -> bytes:
    """Return a document's bytes; raises VariantError when it cannot be read, or is too large."""
    with opened_file(path) as source:
        if source.size > _LARGEST_DOCUMENT:
            raise VariantError(f"{source.size} bytes are too many for a document")
        return source.read(source.size, 0)
