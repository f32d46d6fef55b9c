"""Files that an index or a folder lists, fetched, and held to the size and the hashes that it tells.

A file is written beside its final name, and gets that when it is complete and right. Sources: RFC 9110,
sections 13.1.5 and 14 (If-Range, ranges), and the simple repository API.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ..errors import VariantError
from ..formats.release import ALGORITHMS, File, shown_location
from ..lowlevel.http import BrokenTransferError, OtherHosts, Response, request
from ..lowlevel.ranges import Advance, write_all
from ..lowlevel.workspace import workspace

_STEP = 1 << 20
_MOST_TRIES = 5
# No wheel is larger; where nobody tells the size, so many bytes are taken.
_LARGEST = 16 << 30


def download(
    file: File, target: Path, *, advance: Advance = lambda _count: None, hosts: Collection[str] | None = None
) -> bool:
    """Fetch a file to *target*, in place of one that is there, and tell whether a hash proves what it is.

    It is behind HTTP, or on this machine. *advance* gets the number of bytes that have come, now and then; a
    negative number takes those back that come again. A transfer that breaks is resumed where the
    server can, or else started again once. With a hash that is proof, another host may send the file; or
    only one of *hosts*, if these are given.
    Raises VariantError when it cannot be had or is not what was announced; nothing is left behind then.
    """
    with workspace(target.parent) as folder:
        path = folder / target.name
        try:
            with path.open("wb", buffering=0) as out:
                part = _Part(out.fileno(), file, advance)
                if isinstance(file.location, str):
                    _fetch(file.location, part, part.proven if hosts is None else hosts)
                else:
                    for data in _local(file.location):
                        part.write(data)
                part.check()
            path.replace(target)
        except VariantError as error:
            raise error.within(shown_location(file)) from None
        except OSError as error:
            raise VariantError(f"{file.filename} cannot be written: {error.strerror}") from None
        return part.proven


class _Part:
    """A file that arrives: how much of it is there, and how the rest can be asked for."""

    def __init__(self, descriptor: int, file: File, advance: Advance) -> None:
        self._descriptor = descriptor
        self._file = file
        self._advance = advance
        self._hashes = _new_hashes(file)
        self._validator = ""
        self._size = 0
        self.restarted = False

    @property
    def proven(self) -> bool:
        """Whether a hash is known that tells this file from every other one."""
        return bool(self._file.proofs)

    def write(self, data: bytes) -> None:
        """Take the next bytes; raises VariantError when they are more than were announced."""
        size, most = self._size + len(data), _LARGEST if self._file.size is None else self._file.size
        if size > most:
            raise VariantError(f"more bytes come than {most}")
        write_all(self._descriptor, data)
        for known in self._hashes.values():
            known.update(data)
        self._size = size
        self._advance(len(data))

    def missing(self) -> dict[str, str]:
        """Return the headers that ask for the rest, if it is still the same file; none for all of it."""
        resumable = self._size and self._validator
        return {"Range": f"bytes={self._size}-", "If-Range": self._validator} if resumable else {}

    def begin(self, response: Response) -> None:
        """Take what an answer tells of the file; raises VariantError when it is not the one announced."""
        if response.status == 206 and self.missing():
            response.check_status(206)
            self._check_size(response.content_range(f"{self._size}-")[2])
            return
        response.check_status(200)
        if response.size is not None:
            self._check_size(response.size)
        if self._size:
            self._start_again()
        self._validator = _validator(response)

    def check(self) -> None:
        """Raise VariantError when the complete file is not the one that was announced."""
        self._check_size(self._size)
        digests = {name: known.hexdigest() for name, known in self._hashes.items()}
        announced = self._file.hashes
        wrong = [
            f"its {name} is {digests[name]}, and {announced[name]} was announced"
            for name in digests
            if digests[name] != announced[name]
        ]
        if wrong:
            raise VariantError(*wrong, hint="it was changed, where it lies or on its way")

    def _check_size(self, size: int) -> None:
        if self._file.size not in (None, size):
            raise VariantError(f"it has {size} bytes, and {self._file.size} were announced")

    def _start_again(self) -> None:
        """Forget what has come."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.ftruncate(self._descriptor, 0)
        self._advance(-self._size)
        self._hashes = _new_hashes(self._file)
        self._size, self.restarted = 0, True


def _fetch(url: str, part: _Part, other_hosts: OtherHosts) -> None:
    """Fetch a file over HTTP, in several transfers if they break."""
    for tries in range(1, _MOST_TRIES + 1):
        try:
            with request(url, headers=part.missing(), other_hosts=other_hosts) as response:
                part.begin(response)
                for data in response.body:
                    part.write(data)
                return
        except BrokenTransferError as error:
            if part.restarted or tries == _MOST_TRIES:
                raise VariantError(*error.problems, hint=f"given up after {tries} tries") from None


def _local(path: Path) -> Iterator[bytes]:
    """Give the bytes of a local file."""
    try:
        with path.open("rb", buffering=0) as source:
            while data := source.read(_STEP):
                yield data
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        raise VariantError(getattr(error, "strerror", None) or str(error)) from None


def _new_hashes(file: File) -> dict[str, Any]:
    """Return a new hash for each algorithm of the file's that is known here."""
    return {name: hashlib.new(name, usedforsecurity=False) for name in file.hashes if name in ALGORITHMS}


def _validator(response: Response) -> str:
    """Return what tells the server which file a part was of; nothing if it cannot send the rest alone."""
    tag = response.headers.get("ETag", "")
    if response.headers.get("Accept-Ranges", "").lower() == "none":
        return ""
    # A weak one is the same for files that differ in their bytes.
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
