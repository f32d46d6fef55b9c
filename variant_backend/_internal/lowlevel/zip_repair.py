"""Read zip archives as tolerantly as Python's `zipfile`, and write them as all readers accept them.

`zip_archive` is strict, and copies headers. This module verifies the data of each member, copies compressed
data without changes, and writes new headers. It knows zip files, not wheels.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..errors import VariantError
from .ranges import Advance, Source, copy_range, write_all
from .zip_archive import Range, largest_content
from .zip_loose_records import (
    EMPTY_END,
    LooseRecord,
    header_defects,
    read_loose_ending,
    read_loosely,
    rebuilt_headers,
)
from .zip_records import (
    DEFLATED,
    LOCAL_SIGNATURE,
    LOCAL_SIZE,
    REBUILD,
    RECOMPRESSED,
    STORED,
    Entry,
    change_end,
    header_length,
    moved,
)

_CHUNK = 1 << 20

# PyPI rejects an archive that unpacks to more than this, and to more than fifty times its size.
_LARGE_TOTAL = 64 << 20
_TOTAL_GROWTH = 50

# A data descriptor with its signature, in ZIP64 form, is the longest one.
_LONGEST_DESCRIPTOR = 24


class LooseMember(NamedTuple):
    """A member as the central directory describes it, its local header, and the range of its data."""

    record: LooseRecord
    info: zipfile.ZipInfo
    header: bytes
    data: Range

    @property
    def shown(self) -> str:
        """The name for messages."""
        return self.record.name.decode("utf-8", "backslashreplace")

    @property
    def is_link(self) -> bool:
        """Whether the member is a symbolic link."""
        return self.record.is_link


class Contents(NamedTuple):
    """The verified content of a member: its size, its digests by algorithm, and the range of its data.

    The digests have the form of RECORD: URL-safe base64 without padding.
    """

    size: int
    digests: Mapping[str, str]
    data: Range


class LooseArchive(NamedTuple):
    """An open archive: the members in the directory's order, and the repairs of its layout as texts."""

    file: IO[bytes]
    source: Source
    zip: zipfile.ZipFile
    members: list[LooseMember]
    repairs: list[str]

    @classmethod
    def read(cls, file: IO[bytes]) -> LooseArchive:
        """Read the directory and the local headers.

        Raises VariantError if that is impossible, or if readers see different members.
        """
        source = Source.of(file.fileno())
        archive = _opened(file)
        start, total = archive.start_dir, len(archive.filelist)
        records, size = read_loosely(source.read(source.size - start, start), total)
        tail = source.read(source.size - start - size, start + size)
        comment, trailing = read_loose_ending(tail, total, size)
        members = [
            _located(source, record, info) for record, info in zip(records, archive.filelist, strict=True)
        ]
        repairs = list(_layout_repairs(members, start))
        if comment:
            repairs.append("comment of the archive removed")
        if trailing:
            repairs.append(f"{trailing} bytes after the archive removed")
        _check_total(members, source.size)
        return cls(file, source, archive, members, repairs)

    def content(self, member: LooseMember) -> bytes:
        """Return the verified content of a member; raises VariantError if it is too large for memory."""
        if member.info.file_size > (most := largest_content(self.source.size)):
            raise VariantError(f"member {member.shown!r}: too large: {member.info.file_size} (limit: {most})")
        parts: list[bytes] = []
        self._inflate(member, parts.append, lambda _: None)
        return b"".join(parts)

    def verify(
        self, member: LooseMember, algorithms: Iterable[str], advance: Advance = lambda _: None
    ) -> Contents:
        """Verify size and CRC of a member, and compute digests; raises VariantError if they differ."""
        digests = {algorithm: hashlib.new(algorithm) for algorithm in algorithms}

        def update(block: bytes) -> None:
            for digest in digests.values():
                digest.update(block)

        data = self._inflate(member, update, advance)
        return Contents(member.info.file_size, _encoded(digests), data)

    def defects(self, member: LooseMember, contents: Contents) -> list[str]:
        """Return the repairs of a member's headers and data, as texts."""
        info = member.info
        entry = Entry("", b"", 0, info.compress_size, info.file_size, info.CRC, info.compress_type)
        texts = header_defects(member.record, entry, member.header)
        if name := RECOMPRESSED.get(info.compress_type):
            texts.append(f"recompressed: package indexes reject {name}")
        if contents.data.length < member.data.length:
            texts.append("unused bytes after the compressed data removed")
        return texts

    def _inflate(self, member: LooseMember, use: Callable[[bytes], object], advance: Advance) -> Range:
        """Pass the blocks of a member's content to *use*, verify them, and return the range of its data."""
        info, crc, size, length = member.info, 0, 0, member.data.length
        blocks = self._blocks(member, advance)
        try:
            while True:
                block = next(blocks)
                size, crc = size + len(block), zlib.crc32(block, crc)
                if size > info.file_size:
                    break
                use(block)
        except StopIteration as end:
            length = length if end.value is None else end.value
        except (zlib.error, EOFError, OSError, ValueError, zipfile.BadZipFile, RuntimeError) as error:
            raise VariantError(f"member {member.shown!r}: damaged data: {error}", remedy=REBUILD) from None
        if size != info.file_size or crc != info.CRC:
            text = (
                f"member {member.shown!r}: damaged data: its size or CRC differs from the central directory"
            )
            raise VariantError(text, remedy=REBUILD)
        return Range(member.data.offset, length)

    def _blocks(self, member: LooseMember, advance: Advance) -> Any:
        """Yield blocks of a member's content, and return the length of its compressed data."""
        method = member.info.compress_type
        if method == DEFLATED:
            return _inflated(_read_blocks(self.source, member.data, advance))
        if method == STORED:
            return _read_blocks(self.source, member.data, advance)
        advance(member.data.length)
        return _decompressed(self.zip, member)


def digests_of(content: bytes, algorithms: Iterable[str]) -> dict[str, str]:
    """Return the digests of a content by algorithm, as in `Contents`."""
    return _encoded({algorithm: hashlib.new(algorithm, content) for algorithm in algorithms})


def _encoded(digests: Mapping[str, Any]) -> dict[str, str]:
    encoded = {name: base64.urlsafe_b64encode(digest.digest()) for name, digest in digests.items()}
    return {name: value.rstrip(b"=").decode() for name, value in encoded.items()}


def _opened(file: IO[bytes]) -> Any:
    """Return an archive as `zipfile` reads it; raises VariantError."""
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError, ValueError, EOFError) as error:
        raise VariantError(f"cannot be read: {error}", remedy=REBUILD) from None


def _located(source: Source, record: LooseRecord, info: zipfile.ZipInfo) -> LooseMember:
    """Return a member after reading its local header; raises VariantError if it cannot be read."""
    shown = record.name.decode("utf-8", "backslashreplace")
    start = source.read(LOCAL_SIZE, info.header_offset) if info.header_offset >= 0 else b""
    if not start.startswith(LOCAL_SIGNATURE):
        text = f"member {shown!r}: no local header at byte {info.header_offset}"
        raise VariantError(text, remedy=REBUILD)
    if record.is_encrypted:
        raise VariantError(f"member {shown!r} is encrypted", remedy=REBUILD)
    if info.compress_type not in (STORED, DEFLATED, *RECOMPRESSED):
        raise VariantError(
            f"member {shown!r} has the unknown compression method {info.compress_type}", remedy=REBUILD
        )
    if info.compress_type == STORED and info.file_size != info.compress_size:
        raise VariantError(f"member {shown!r} is stored with two different sizes", remedy=REBUILD)
    header = source.read(header_length(start), info.header_offset)
    return LooseMember(record, info, header, Range(info.header_offset + len(header), info.compress_size))


def _layout_repairs(members: list[LooseMember], end: int) -> Iterator[str]:
    """Find unused bytes before and between the members, which end at *end*.

    Raises VariantError if members overlap.
    """
    position = gaps = descriptor = 0
    ordered = sorted(members, key=lambda member: member.info.header_offset)
    starts = [*(member.info.header_offset for member in ordered), end]
    for start, member in zip(starts, [*ordered, None], strict=True):
        gap = start - position
        if gap < 0:
            name = member.shown if member else "the central directory"
            raise VariantError(f"member {name!r} overlaps the one before it", remedy=REBUILD)
        if position == 0 and gap:
            yield f"{gap} bytes before the archive removed"
        elif gap > descriptor:
            gaps += gap
        if member:
            position = member.data.offset + member.data.length
            descriptor = _LONGEST_DESCRIPTOR if member.record.has_descriptor else 0
    if gaps:
        yield f"{gaps} unused bytes between members removed"


def _check_total(members: Collection[LooseMember], file_size: int) -> None:
    """Refuse an archive that unpacks to very many bytes; raises VariantError."""
    total = sum(member.info.file_size for member in members)
    if total > max(_LARGE_TOTAL, _TOTAL_GROWTH * file_size):
        raise VariantError(f"unpacks to {total} bytes, over {_TOTAL_GROWTH} times its size", remedy=REBUILD)


def _read_blocks(source: Source, data: Range, advance: Advance) -> Iterator[bytes]:
    for offset in range(data.offset, data.offset + data.length, _CHUNK):
        block = source.read(min(_CHUNK, data.offset + data.length - offset), offset)
        advance(len(block))
        yield block


def _inflated(blocks: Iterator[bytes]) -> Any:
    """Yield blocks of bounded size, and return the length of the compressed data; raises zlib.error."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    length = 0
    for block in blocks:
        length += len(block)
        yield inflater.decompress(block, _CHUNK)
        while inflater.unconsumed_tail:
            yield inflater.decompress(inflater.unconsumed_tail, _CHUNK)
        if inflater.eof:
            return length - len(inflater.unused_data)
    # Python may still hold the end of a block that had exactly the greatest size.
    yield inflater.flush()
    if not inflater.eof:
        raise zlib.error("incomplete deflate stream")
    return length


def _decompressed(archive: zipfile.ZipFile, member: LooseMember) -> Iterator[bytes]:
    with archive.open(member.info) as file:
        while block := file.read(_CHUNK):
            yield block


class NewMember(NamedTuple):
    """A member to be written: its old form, its name, and its content, if that is new."""

    old: LooseMember
    name: str
    contents: Contents
    content: bytes | None = None


def write_archive(
    archive: LooseArchive, members: Iterable[NewMember], target: Path, advance: Advance = lambda _: None
) -> None:
    """Write the *members* to a new file; their data is copied, unless it is new or must be recompressed.

    Raises OSError if the file cannot be written.
    """
    position, records = 0, list[bytes]()
    with target.open("xb", buffering=0) as file:
        for member in members:
            source, method, data = archive.file.fileno(), member.old.info.compress_type, member.contents.data
            with ExitStack() as stack:
                if member.content is None and method in RECOMPRESSED:
                    spool = target.with_name(f"{len(records)}.deflated")
                    source = stack.enter_context(_deflated(archive, member.old, spool))
                    method, data = DEFLATED, Range(0, os.fstat(source).st_size)
                local, central = _new_headers(member, method, data.length)
                write_all(file.fileno(), local)
                if member.content is None:
                    copy_range(source, file.fileno(), data.offset, data.length, advance)
                else:
                    write_all(file.fileno(), member.content)
            records.append(moved(central, position))
            position = file.tell()
        directory = b"".join(records)
        ending = change_end(EMPTY_END, len(records), len(directory), position)
        write_all(file.fileno(), directory + ending)


def _new_headers(member: NewMember, method: int, length: int) -> tuple[bytes, bytes]:
    """Return the headers of a member, whose compressed data has a *length*, unless its content is new."""
    info, content = member.old.info, member.content
    changes = {"method": method, "crc": info.CRC, "size": info.file_size, "compressed_size": length}
    if content is not None:
        changes = {"method": STORED, "crc": zlib.crc32(content)}
        changes |= dict.fromkeys(("size", "compressed_size"), len(content))
    return rebuilt_headers(member.old.record, member.old.header, member.name, changes)


@contextmanager
def _deflated(archive: LooseArchive, member: LooseMember, path: Path) -> Iterator[int]:
    """Write the content of a member, compressed as deflate, into a file, and give it open for reading."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    with path.open("w+b", buffering=0) as file:
        for block in _decompressed(archive.zip, member):
            write_all(file.fileno(), compressor.compress(block))
        write_all(file.fileno(), compressor.flush())
        yield file.fileno()
    path.unlink()
