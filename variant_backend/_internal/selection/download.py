"""Download files that an index or a folder lists, and verify their size and hashes.

A file gets its final name only when it is complete and verified. Sources: RFC 9110, sections 13.1.5 and 14
(If-Range, ranges), and the simple repository API.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from math import inf
from pathlib import Path
from typing import Any

from ..errors import VariantError
from ..formats.release import ALGORITHMS, File, shown_location
from ..lowlevel.deadlines import TransientError
from ..lowlevel.http import FileVersion, Response, http_date, request
from ..lowlevel.ranges import Advance, opened_file, write_all
from ..lowlevel.regular_files import too_large
from ..lowlevel.workspace import NotWritableError, move_over, workspace

_STEP = 1 << 20
# No file of Windows has these characters: there, `a:b` is another stream of the file `a`.
_REFUSED = r'[\x00-\x1f<>:"/\\|?*]'
# The limit in bytes for a file whose source gives no size; no wheel is larger.
_LARGEST = 16 << 30


def download(
    file: File, target: Path, *, advance: Advance = lambda _count: None, hosts: Collection[str] | None = None
) -> bool:
    """Download or copy a file to *target*, replacing an existing one; return whether a hash verified it.

    *advance* gets the number of bytes received since its last call; a negative number takes back bytes that
    will be sent again. A broken transfer is resumed if the server can resume, else restarted once.
    If *hosts* is None, any host may send a file with a secure hash; otherwise only *hosts* may send files.
    Raises VariantError if the download fails or the file is not the listed one; no file is written then.
    """
    if re.search(_REFUSED, file.filename):
        text, remedy = f"invalid filename {file.filename!a}", "report this to the owner of the index"
        raise VariantError(text, place=shown_location(file), remedy=remedy)
    with workspace(target.parent) as folder:
        path = folder / target.name
        try:
            with path.open("wb", buffering=0) as out:
                part = _Part(out.fileno(), file, advance)
                if isinstance(file.location, str):
                    other_hosts = part.proven if hosts is None else hosts
                    request(
                        file.location, part.receive, headers=part.missing, other_hosts=other_hosts, total=inf
                    )
                else:
                    part.copy(file.location)
                part.check()
            move_over(path, target)
        except NotWritableError:
            raise
        except VariantError as error:
            raise error.within(shown_location(file)) from None
        except OSError as error:
            raise _not_written(file, error) from None
        return part.proven


class _Part:
    """A file that is being downloaded: the bytes received, and how to request the rest."""

    def __init__(self, descriptor: int, file: File, advance: Advance) -> None:
        self._descriptor = descriptor
        self._file = file
        self._advance = advance
        self._hashes = _new_hashes(file)
        self._validator = ""
        self._version = FileVersion("", "", None)
        self._size = 0
        self._restarted = False

    @property
    def proven(self) -> bool:
        """Whether the source lists a hash that no other file can have."""
        return bool(self._file.proofs)

    def write(self, data: bytes) -> None:
        """Write the next bytes; raises VariantError if the file becomes larger than its source says."""
        size, limit = self._size + len(data), _LARGEST if self._file.size is None else self._file.size
        if size > limit:
            raise too_large(limit)
        try:
            write_all(self._descriptor, data)
        except OSError as error:  # the source must not be blamed for it
            raise _not_written(self._file, error) from None
        for known in self._hashes.values():
            known.update(data)
        self._size = size
        self._advance(len(data))

    def copy(self, path: Path) -> None:
        """Write a local file, but no more than its size at first: another program may add to it for ever."""
        try:
            with opened_file(path) as source:
                self._check_size(source.size)
                if source.size > _LARGEST:
                    raise too_large(_LARGEST)
                for offset in range(0, source.size, _STEP):
                    self.write(source.read(min(_STEP, source.size - offset), offset))
        except ValueError as error:  # a NUL in its name
            raise VariantError(str(error)) from None

    def missing(self) -> dict[str, str]:
        """Return the headers that request the rest of the same file, or no headers to request all of it."""
        resumable = self._size and self._validator
        return {"Range": f"bytes={self._size}-", "If-Range": self._validator} if resumable else {}

    def receive(self, response: Response) -> None:
        """Write the data of a response, which is the whole file or the rest of it."""
        self._begin(response)
        try:
            for data in response.body:
                self.write(data)
        except TransientError as error:
            if self._restarted:
                remedy = "try again later; the server cannot resume a transfer"
                raise VariantError(*error.problems, remedy=remedy) from None
            raise

    def _begin(self, response: Response) -> None:
        """Read the headers of a response; raises VariantError if they contradict the source."""
        if self.missing() and response.status in (206, 416):
            if response.status == 416 or not self._continues(response):
                self._restart()
                raise TransientError(
                    "the file was replaced during the download, or the server mixes up ranges"
                )
            return
        response.check_status(200)
        if response.size is not None:
            self._check_size(response.size)
        if self._size:
            self._restart()
        self._version, self._validator = response.version(response.size), _validator(response)

    def _continues(self, response: Response) -> bool:
        """Return whether a response is the rest of the same version of the file."""
        response.check_status(206)
        try:
            _, _, size = response.content_range(f"{self._size}-")
        except VariantError:
            return False
        self._check_size(size)
        return not self._version.is_other(response.version(size))

    def check(self) -> None:
        """Raise VariantError if the complete file does not have the size and the hashes in its source."""
        self._check_size(self._size)
        digests = {name: known.hexdigest() for name, known in self._hashes.items()}
        expected = self._file.hashes
        wrong = [
            f"expected {name} {expected[name]}, got {digests[name]}"
            for name in digests
            if digests[name] != expected[name]
        ]
        if wrong:
            raise VariantError(*wrong, remedy="the file was changed; report this to the owner of the source")

    def _check_size(self, size: int) -> None:
        if self._file.size not in (None, size):
            raise VariantError(f"expected {self._file.size} bytes, got {size}")

    def _restart(self) -> None:
        """Discard the bytes received so far."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.ftruncate(self._descriptor, 0)
        self._advance(-self._size)
        self._hashes = _new_hashes(self._file)
        self._size, self._restarted = 0, True


def _not_written(file: File, error: OSError) -> NotWritableError:
    return NotWritableError(f"cannot write {file.filename}: {error.strerror}")


def _new_hashes(file: File) -> dict[str, Any]:
    """Return a new hash object for each known algorithm among the file's hashes."""
    return {name: hashlib.new(name, usedforsecurity=False) for name in file.hashes if name in ALGORITHMS}


def _validator(response: Response) -> str:
    """Return the value for If-Range, empty if the server cannot resume.

    Files with different bytes may have the same weak ETag, or the same time if it is that of the answer.
    """
    headers = response.headers
    tag, modified = (headers.get(name, "") for name in ("ETag", "Last-Modified"))
    if headers.get("Accept-Ranges", "").lower() == "none" or not f"{tag}{modified}".isprintable():
        return ""
    if tag:
        return tag if tag.startswith('"') else ""
    moment, now = map(http_date, (modified, headers.get("Date", "")))
    return modified if moment is not None and now is not None and moment < now else ""
