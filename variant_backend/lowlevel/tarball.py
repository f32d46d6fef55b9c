"""Write source distributions reproducibly, and read them one member at a time."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Mapping
from typing import BinaryIO

from ..errors import VariantError

# Limits in bytes: of the unpacked archive up to the member, and of the member.
_LARGEST_ARCHIVE = 1 << 30
_LARGEST_CONTENT = 8 << 20


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


class _Limited(gzip.GzipFile):
    """A compressed file that can be read up to a limit."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > _LARGEST_ARCHIVE:
            raise VariantError(f"not found in the first {_LARGEST_ARCHIVE >> 20} MiB")
        return super().read(size)


def read_member(sdist: BinaryIO, name: str) -> bytes:
    """Return the content of a file at the root of an sdist; raises VariantError if it cannot be read."""
    pattern = re.compile(rf"(?:\./)?[^/]+/{re.escape(name)}")
    try:
        with _Limited(fileobj=sdist) as file, tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                if member.isfile() and pattern.fullmatch(member.name):
                    return _content(archive, member)
    except VariantError as error:
        raise error.within(name) from None
    except Exception as error:  # tarfile, gzip and zlib have no common error for damaged files
        raise VariantError(f"damaged: {error}") from None
    raise VariantError(f"{name} is missing")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None or member.size > _LARGEST_CONTENT:
        raise VariantError(f"too large: {member.size} bytes (limit: {_LARGEST_CONTENT})")
    return file.read()
