"""Read untrusted input: only regular files are opened, and documents have a maximum size."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from urllib.parse import unquote

from ..errors import VariantError
from ..formats.release import Location
from ..lowlevel.regular_files import blocks, check_kind, joined, open_regular
from ..lowlevel.shell_words import quoted
from ..lowlevel.terminal import print_read


def file_mode(path: Path) -> int:
    """Return the mode of a file, as in `stat`. Raises VariantError unless it is a file or a folder."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        from ..wheels.wrong_files import missing_problem

        raise VariantError(
            missing_problem(path, "a wheel" if path.suffix else "a file or folder") or "file not found"
        ) from None
    except (OSError, ValueError) as error:
        raise VariantError(getattr(error, "strerror", None) or str(error)) from None
    check_kind(mode)
    return mode


def is_regular_file(path: Path) -> bool:
    """Return whether a regular file exists."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):  # not `file_mode`, which looks for files with similar names
        return False


def file_size(path: Path) -> int:
    """Return the size of a file in bytes. Raises VariantError unless it is a regular file."""
    if not stat.S_ISREG(file_mode(path)):
        raise VariantError("expected a file, got a folder")
    return path.stat().st_size


def sorted_entries(folder: Path) -> list[Path]:
    """Return the sorted paths in a folder. Raises VariantError if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None


def document_content(path: Path) -> bytes:
    """Return the bytes of a document. Raises VariantError if it is unreadable or too large."""
    print_read(path)
    try:
        with open_regular(path, buffering=0) as file:
            return joined(blocks(file))
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None


def name_of(location: Location) -> str:
    """Return the filename at the end of a path or a URL."""
    return location.name if isinstance(location, Path) else unquote(location.rpartition("/")[2])


def folder_of(url: str) -> str:
    """Return the URL of the folder of the release that a file at a URL belongs to."""
    return re.sub(r"/simple/([^/]+/)?\Z", "/", url[: url.rindex("/") + 1])


def release_folder(file: str) -> str:
    """Return the folder of the release that a file belongs to, as an argument in a shell."""
    path = Path(file)
    folder = path if path.is_dir() else path.parent
    above = [folder, *folder.parents][:2]
    inside = next((place.parent for place in above if place.name == "simple"), folder)
    return quoted(inside)
