"""Open and read regular files only: reading a pipe or a device may wait for ever, or never end."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ..errors import VariantError

# The limit in bytes for files that are read whole: no real document, page or project file is larger.
LARGEST = 64 << 20

_BLOCK = 1 << 17

# Windows has neither pipes nor terminals among its files.
_UNBLOCKED = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


def open_regular(path: Path, *, buffering: int = -1) -> BinaryIO:
    """Open a file for reading, without waiting for another program.

    Raises VariantError, without a place, if it is a pipe, a socket or a device, else OSError as `open` does,
    also for a folder.
    """
    return open(path, "rb", buffering=buffering, opener=_open_unblocked)


def read_regular(path: Path, limit: int = LARGEST) -> bytes:
    """Return the content of a file of at most *limit* bytes.

    Raises VariantError, with the path as place, if it is larger or no regular file, OSError as `open` does.
    """
    try:
        with open_regular(path, buffering=0) as file:
            return joined(blocks(file), limit)
    except VariantError as error:
        raise error.within(path) from None


def blocks(file: BinaryIO) -> Iterator[bytes]:
    """Return the blocks of an open file, up to its end."""
    return iter(partial(file.read, _BLOCK), b"")


def joined(
    parts: Iterable[bytes], limit: int = LARGEST, *, remedy: str | None = "use a smaller file"
) -> bytes:
    """Return all parts as one; raises VariantError, without a place, if they exceed *limit* bytes."""
    content = bytearray()
    for part in parts:
        content += part
        if len(content) > limit:
            raise too_large(limit, remedy)
    return bytes(content)


def too_large(limit: int, remedy: str | None = None) -> VariantError:
    """Return the error for content of more than *limit* bytes."""
    return VariantError(f"too large: more than {limit} bytes", remedy=remedy)


def check_path(path: Path) -> None:
    """Raise VariantError if no file can have this path, for which systems raise ValueError."""
    try:
        is_possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        text = f"invalid path {str(path)!r}: it has NUL, or a character that the file system cannot encode"
        raise VariantError(text, remedy="use another path")


def check_kind(mode: int) -> None:
    """Raise VariantError, without a place, if a mode of `stat` is that of a pipe, a socket or a device."""
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = _KINDS.get(stat.S_IFMT(mode), "another kind of file")
        raise VariantError(f"expected a regular file, got {kind}", remedy="replace it with a regular file")


def _open_unblocked(path: str, flags: int) -> int:
    """Open a regular file or a folder, which `open` refuses itself."""
    try:
        descriptor = os.open(path, flags | _UNBLOCKED)
    except OSError:
        with suppress(OSError):
            check_kind(os.stat(path).st_mode)  # noqa: PTH116  # systems refuse to open sockets
        raise
    try:
        check_kind(os.fstat(descriptor).st_mode)
        if sys.platform != "win32":
            os.set_blocking(descriptor, True)  # file systems in user space see the flag
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
