"""Open files as ranges of bytes: reading, copying in the fastest way, digests."""

from __future__ import annotations

import bisect
import errno
import operator
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import VariantError
from .regular_files import open_regular
from .terminal import print_read

# The most that one call copies: small enough to report progress in between, and large enough that a copy in
# the background does not often wait for the interpreter.
_CHUNK = 256 << 20
_BUFFER = 1 << 20

# Parts within this many bytes are read by one call, which takes less time than several calls.
_NEAR = 32 << 10

Advance = Callable[[int], object]
_Way = Callable[[int, int, int, int], int]


# A file has one position only, and the background copy reads from the same file.
_seeking = threading.Lock()


def _seek_and_read(descriptor: int, length: int, offset: int) -> bytes:
    with _seeking:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, length)


_pread = getattr(os, "pread", _seek_and_read)  # Windows does not have it


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Return exactly *length* bytes of an open file; raises VariantError if the file ends before that."""
    # A ZIP64 field may have a larger number than systems accept as a position.
    data: bytes = _pread(descriptor, length, offset) if offset + length < 1 << 63 else b""
    if len(data) < length:
        raise VariantError(f"truncated: expected {length} bytes at byte {offset}, got {len(data)}")
    return data


def real_path(path: Path) -> Path:
    """Return a path without symbolic links; links in a circle may remain.

    Before Python 3.13, `Path.resolve` raises RuntimeError for links in a circle.
    """
    return Path(os.path.realpath(path))


def path_of(url: str) -> Path:
    """Return the path of a ``file:`` URL; raises VariantError if it is invalid or of another machine."""
    from urllib.parse import unquote_to_bytes, urlsplit

    parts = urlsplit(url)
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if "\0" in path:
        raise VariantError(f"invalid path {path!r}")
    is_windows = sys.platform == "win32"
    if parts.netloc not in ("", "localhost"):
        if is_windows:
            return Path(f"//{parts.netloc}{path}")  # a network share
        host = parts.netloc.rpartition("@")[2]
        raise VariantError(f"names a file on another machine, {host!r}", remedy="write file:///PATH")
    return Path(path[1:] if is_windows and re.match("/[A-Za-z]:", path) else path)


class Source(NamedTuple):
    """A local or remote file that is read in ranges, by `read(length, offset)`; *size* is in bytes.

    Reading raises VariantError if the file ends before the range does.
    """

    read: Callable[[int, int], bytes]
    size: int

    @classmethod
    def of(cls, descriptor: int) -> Source:
        """Return an open file as a source."""
        return cls(partial(read_at, descriptor), os.fstat(descriptor).st_size)


@contextmanager
def opened_file(path: Path) -> Iterator[Source]:
    """Open a regular file as a source; raises VariantError, without a place, if it cannot be read."""
    print_read(path)
    try:
        with open_regular(path, buffering=0) as file:
            yield Source.of(file.fileno())
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None


def has_parts(source: Source, offsets: Sequence[int], parts: Sequence[bytes]) -> bool:
    """Return whether a source has these bytes at these offsets, which ascend.

    Parts near each other are read at once. If parts overlap, the result may be False.
    """
    ends = list(map(operator.add, offsets, map(len, parts)))
    first = 0
    while first < len(parts):
        start = offsets[first]
        last = max(bisect.bisect_right(ends, start + _NEAR, first), first + 1)
        try:
            block = source.read(ends[last - 1] - start, start)
        except VariantError:  # the source ends before that
            return False
        places = [offset - start for offset in offsets[first:last]]
        if not all(map(block.startswith, parts[first:last], places)):
            return False
        first = last
    return True


@contextmanager
def opened_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file to read all of it; raises VariantError if it cannot be opened or read."""
    try:
        with open_regular(path, buffering=0) as file:
            yield file
    except VariantError as error:
        raise error.within(path) from None
    except OSError as error:
        raise VariantError(str(error.strerror), place=path) from None


def content_digest(file: BinaryIO, algorithm: str = "sha256", advance: Advance = lambda _: None) -> str:
    """Return the hexadecimal digest of an open file; *advance* is called with the numbers of bytes read."""
    import hashlib

    digest = hashlib.new(algorithm)
    while block := file.read(_BUFFER):
        digest.update(block)
        advance(len(block))
    return digest.hexdigest()


def file_digest(path: Path, algorithm: str = "sha256", advance: Advance = lambda _: None) -> str:
    """Return the hexadecimal digest of a file, as `content_digest` does; raises VariantError."""
    with opened_whole(path) as file:
        return content_digest(file, algorithm, advance)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes at the position of the file."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def copy_range(source: int, target: int, offset: int, length: int, advance: Advance) -> None:
    """Copy bytes of an open file to the position of another one, in the fastest way that works.

    *advance* is called with the numbers of bytes copied.
    """
    ways = [*_KERNEL_COPIES, _read_and_write]
    end = offset + length
    while offset < end:
        copied = _copy_some(ways, source, target, offset, end - offset)
        offset += copied
        advance(copied)


def _copy_some(ways: list[_Way], source: int, target: int, offset: int, length: int) -> int:
    """Copy at least one byte in the first way that works, and remove ways that do not work."""
    while True:
        try:
            copied = ways[0](source, target, offset, min(length, _CHUNK))
        except OSError as error:
            if len(ways) == 1 or error.errno in _REAL_FAULTS:
                raise
            copied = 0
        if copied:
            return copied
        if len(ways) == 1:
            raise VariantError(f"truncated: ends at byte {offset}, {length} bytes too early")
        del ways[0]


# Every other way would fail for the same reason.
_REAL_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def _read_and_write(source: int, target: int, offset: int, length: int) -> int:
    data = read_at(source, min(length, _BUFFER), offset)
    write_all(target, data)
    return len(data)


_KERNEL_COPIES: list[_Way] = []
if sys.platform == "linux":
    # copy_file_range shares blocks if the file system can; it may refuse to copy between file systems.
    if hasattr(os, "copy_file_range"):
        _KERNEL_COPIES.append(
            lambda source, target, offset, length: os.copy_file_range(source, target, length, offset)
        )
    _KERNEL_COPIES.append(lambda source, target, offset, length: os.sendfile(target, source, offset, length))


class HeadCopy:
    """Copies the start of a file to an empty file, while the caller computes how many bytes it needs.

    Use it in a ``with`` statement, and call `finish` inside.
    """

    def __init__(self, source: int, target: int, length: int, advance: Advance) -> None:
        self._source = source
        self._target = target
        self._end = length
        self._advance = advance
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> HeadCopy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end = 0
        self._thread.join()

    def finish(self, length: int) -> None:
        """Wait until the first *length* bytes are copied; raises the error of the copy if there was one."""
        self._end = min(length, self._end)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            position = 0
            ways = [*_KERNEL_COPIES, _read_and_write]
            while (left := self._end - position) > 0:  # other threads may lower the end at any time
                copied = _copy_some(ways, self._source, self._target, position, left)
                position += copied
                self._advance(copied)
        except Exception as error:  # raised again by `finish`
            self._error = error
