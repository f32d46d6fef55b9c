"""Write source distributions reproducibly, and read them one member at a time."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from ..errors import VariantError

# Limits in bytes: of the part of the unpacked archive that is read, and of a member or an extended header.
_LARGEST_ARCHIVE = 1 << 30
_LARGEST_CONTENT = 8 << 20
# Reading two million empty members would take a minute; the largest sdists on PyPI have tens of thousands.
_MOST_MEMBERS = 200_000
_STEP = 1 << 20


def pack(top: str, files: Mapping[str, bytes], *, time: int) -> bytes:
    """Return an sdist with files, by name, in the folder *top*; *time* is in seconds since 1970."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", fileobj=buffer, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,  # required by PEP 625
    ):
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(f"{top}/{name}")  # has owner 0 and mode 644
            member.size, member.mtime = len(content), time
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


class MissingMemberError(VariantError):
    """The archive does not have the requested file."""


class _LimitError(VariantError):
    """The archive is larger than what is read of it."""


class _Limited(gzip.GzipFile):
    """A compressed file that can be read up to a limit."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > _LARGEST_ARCHIVE:
            raise _LimitError(f"not found in the first {_LARGEST_ARCHIVE >> 20} MiB")
        return super().read(size)


class _Header(tarfile.TarInfo):
    """The header of a member; `tarfile` keeps the content of extended headers in memory, of any size."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """Read a header; raises VariantError if it announces too large an extended header."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENDED and header.size > _LARGEST_CONTENT:
            raise VariantError(f"extended header too large: {header.size} bytes (limit: {_LARGEST_CONTENT})")
        return header


_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def has_member(sdist: BinaryIO, name: str) -> bool:
    """Return whether a file is at the root of an sdist; the whole sdist is read if it is missing.

    Raises VariantError if the sdist cannot be read.
    """
    sdist.seek(0)
    try:
        read_member(sdist, name)
    except MissingMemberError:
        return False
    return True


def read_member(sdist: BinaryIO, name: str, *, to_end: bool = False) -> bytes:
    """Return the content of a file at the root of an sdist.

    Raises MissingMemberError if the file is missing, another VariantError if it cannot be read.
    Reading stops at the file, or, with *to_end*, at the end of the sdist or the limit of its size: then a
    truncated or damaged rest is an error, too.
    """
    pattern = re.compile(rf"(?:\./)?[^/]+/{re.escape(name)}")
    content = None
    try:
        with (
            _Limited(fileobj=sdist) as file,
            tarfile.open(fileobj=file, mode="r|", tarinfo=_Header) as archive,
        ):
            for member in _members(archive):
                if content is None and member.isfile() and pattern.fullmatch(member.name):
                    content = _content(archive, member)
                    if not to_end:
                        return content
            while to_end and file.read(_STEP):
                pass
    except VariantError as error:
        if content is None or not isinstance(error, _LimitError):
            raise error.within(name) from None
    except Exception as error:  # tarfile, gzip and zlib have no common error for damaged files
        raise VariantError(f"damaged: {error}") from None
    if content is None:
        raise MissingMemberError(f"{name} is missing")
    return content


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive without keeping them; raises VariantError if there are too many."""
    if archive.firstmember is None:  # type: ignore[attr-defined]  # typeshed lacks it
        return  # `next` of Python 3.10 would report an empty archive as damaged
    for _ in range(_MOST_MEMBERS):
        member = archive.next()
        if member is None:
            return
        archive.members.clear()  # type: ignore[attr-defined]  # typeshed lacks it
        yield member
    raise VariantError(f"more than {_MOST_MEMBERS} files")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None or member.size > _LARGEST_CONTENT:
        raise VariantError(f"too large: {member.size} bytes (limit: {_LARGEST_CONTENT})")
    return file.read()
