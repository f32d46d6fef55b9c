"""Remember the SHA-256 of files between runs, so that unchanged files are not read again.

A digest is used only if path, inode, size, mtime and ctime are those of the file that was read. Programs can
set mtime back, but not ctime. On Windows, ctime is the time of creation, and some file systems have no inode.
The device is not compared: a network file system may get another number with each mount.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .ranges import Advance, content_digest, opened_whole
from .terminal import print_detail
from .user_cache import cache_path

if TYPE_CHECKING:
    from .digest_database import DigestDatabase

# Some file systems store times in steps of two seconds, so a file could change again in the same step.
_STEP = 2_000_000_000  # nanoseconds


def default_path() -> Path:
    """Return the path of the database: on Linux ``~/.cache/variant-backend/digests-1.sqlite``."""
    return cache_path("digests-1.sqlite")  # the number changes with the table


def is_settled(status: os.stat_result, now: int) -> bool:
    """Return whether a file last changed long enough before *now*, in nanoseconds since 1970.

    >>> times = {"st_mtime_ns": 5_000_000_000, "st_ctime_ns": 6_000_000_000}
    >>> is_settled(os.stat_result([0] * 10, times), 7_999_999_999)
    False
    """
    return max(status.st_mtime_ns, status.st_ctime_ns) + _STEP <= now


def proof_of(path: bytes, status: os.stat_result, digest: bytes) -> bytes:
    """Return a value that is another one if the file changes, or its entry is damaged."""
    facts = (path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, digest)
    return hashlib.sha256(repr(facts).encode()).digest()


class RememberedDigests:
    """Returns the digests of files, and remembers those that it reads. Use it in a ``with`` statement.

    *path* is the database; it is opened for the first file whose digest may be remembered. If it cannot be
    used, a detail is printed, and all files are read. With *verify*, they are read, too. *clock* returns the
    nanoseconds since 1970.
    """

    def __init__(
        self, path: Path | None = None, *, verify: bool = False, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self._path = path
        self._verify = verify
        self._clock = clock
        self._database: DigestDatabase | None = None
        self._read_only: dict[int, bool] = {}

    def __enter__(self) -> RememberedDigests:
        """Start, without opening the database yet."""
        return self

    def __exit__(self, *_: object) -> None:
        if self._database is not None:
            self._database.close()

    def digest(self, path: Path, advance: Advance = lambda _: None) -> str:
        """Return the SHA-256 of a file; *advance* is called with the numbers of bytes, read or not.

        Raises VariantError if the file cannot be read.
        """
        with opened_whole(path) as file:
            return self._digest(path, file, advance)

    def _digest(self, path: Path, file: BinaryIO, advance: Advance) -> str:
        """Return the digest of an open file: another file may have its path at any time."""
        descriptor = file.fileno()
        before, now = os.fstat(descriptor), self._clock()
        if not self._is_proven(descriptor, before, now) or not (database := self._opened()):
            return _read(path, file, advance)
        name = os.fsencode(os.path.abspath(path))  # noqa: PTH100  # `resolve` would look at each folder
        digest, proof = database.find(name) or (b"", b"")
        if not self._verify and proof == proof_of(name, before, digest):
            print_detail(f"reuse the hash of {path}")
            advance(before.st_size)
            return digest.hex()
        digest = bytes.fromhex(_read(path, file, advance))
        proof = proof_of(name, before, digest)
        if proof == proof_of(name, os.fstat(descriptor), digest):
            database.add(name, digest, proof)
        return digest.hex()

    def _opened(self) -> DigestDatabase | None:
        """Return the database, None if this Python was built without sqlite3."""
        if self._database is None:
            try:
                from .digest_database import DigestDatabase
            except ImportError as error:
                print_detail(f"no hashes are remembered: {error}")
                return None
            self._database = DigestDatabase.open(self._path or default_path())
        return self._database

    def _is_proven(self, descriptor: int, status: os.stat_result, now: int) -> bool:
        """Return whether a change of a file would change its times.

        A read-only file system may be an image, and another image in its place may have the same times.
        """
        device = status.st_dev
        if device not in self._read_only:
            self._read_only[device] = _is_read_only(descriptor)
        return is_settled(status, now) and not self._read_only[device]


def _read(path: Path, file: BinaryIO, advance: Advance) -> str:
    print_detail(f"hash {path}")
    return content_digest(file, advance=advance)


def _is_read_only(descriptor: int) -> bool:
    """Return whether the file system of an open file is mounted read-only; False where that is unknown."""
    if sys.platform == "win32":
        return False
    try:
        return bool(os.fstatvfs(descriptor).f_flag & os.ST_RDONLY)
    except OSError:
        return False
