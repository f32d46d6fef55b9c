"""Rewrite zip archives as ranges of bytes, without reading or inflating unchanged members.

This module knows zip files, not wheels. Unchanged members are copied with their headers.
"""

from __future__ import annotations

import bisect
import itertools
import operator
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ..errors import VariantError
from .ranges import Source, has_parts
from .zip_records import (
    CENTRAL_SIZE,
    DEFLATED,
    END_SIGNATURE,
    END_SIZE,
    ENDING_SIZE,
    FULL16,
    FULL32,
    LOCAL_SIGNATURE,
    LOCAL_SIZE,
    MEND,
    REBUILD,
    STORED,
    Entry,
    change_central,
    change_end,
    change_local,
    compare_headers,
    directory_shift,
    dos_time,
    header_length,
    moved,
    narrowed,
    new_headers,
    read_directory,
    read_ending,
)

# The most that is inflated into memory for one member: RECORD of half a million files is smaller. A member
# many times as large as the archive is made to fill the memory: RECORD has fewer bytes about a file than the
# archive has, and text usually shrinks to a quarter. Small members may be compressed more: METADATA of real
# projects has up to 200 KB, and shrinks to a tenth with many extras or a long change log.
_LARGEST_CONTENT = 64 << 20
_SMALL_CONTENT = 2 << 20
_GROWTH = 4

# An archive may have ten thousand members, so no loop in Python runs over all of them.
_OFFSET = operator.attrgetter("offset")
_COMPRESSED_SIZE = operator.attrgetter("compressed_size")


def largest_content(archive_size: int) -> int:
    """Return the most bytes that are inflated into memory for one member."""
    return min(_LARGEST_CONTENT, max(_SMALL_CONTENT, _GROWTH * archive_size))


class Range(NamedTuple):
    """A range of bytes of the old archive."""

    offset: int
    length: int


class Member(NamedTuple):
    """A member to be written: both headers, and its data. Its offset is not known yet."""

    local: bytes
    central: bytes
    data: bytes | Range


Segment: TypeAlias = Range | bytes


class Archive(NamedTuple):
    """An open archive: its members in the directory's order, and the location of the directory."""

    source: Source
    entries: list[Entry]
    directory_offset: int
    end_records: bytes

    @classmethod
    def read(cls, source: Source) -> Archive:
        """Read the central directory; `check_layout` reads the local headers.

        Raises VariantError if it is damaged, or breaks a rule of package indexes.
        """
        text = "does not start with a member, as a wheel must"
        size = source.size
        tail_size = min(size, ENDING_SIZE)
        tail = source.read(tail_size, size - tail_size)
        try:
            ending = read_ending(tail, size)
        except VariantError:
            if source.read(min(size, 4), 0) == LOCAL_SIGNATURE:
                raise
            raise VariantError(text, remedy=_remedy(source, directory_shift(tail, size))) from None
        directory = source.read(ending.directory_size, ending.directory_offset)
        entries = read_directory(directory, ending.total)
        # The first bytes are not read for that: in a remote file, each part takes a request.
        if all(entry.offset for entry in entries):
            raise VariantError(text, remedy=_remedy(source, min(map(_OFFSET, entries), default=0)))
        return cls(source, entries, ending.directory_offset, ending.records)

    def check_layout(self) -> None:
        """Compare the local headers with the directory, and check that members follow each other closely.

        Raises VariantError if members overlap, leave gaps, or do not start at byte 0.
        """
        entries = sorted(self.entries, key=_OFFSET)
        starts = [*map(_OFFSET, entries), self.directory_offset]
        ends = list(itertools.accumulate(self._lengths(entries), initial=0))
        if starts == ends:
            return
        position = next(index for index, start in enumerate(starts) if start != ends[index])
        dead = starts[position] - ends[position]
        if position == len(entries):
            raise VariantError(f"{dead} unused bytes before the central directory", remedy=MEND)
        name = entries[position].name
        if dead > 0:
            raise VariantError(f"{dead} unused bytes before member {name!r}", remedy=MEND)
        raise VariantError(f"member {name!r} overlaps the one before it", remedy=REBUILD)

    def has_comment(self) -> bool:
        """Return whether the archive has a comment, which follows its end record."""
        return not self.end_records.startswith(END_SIGNATURE, len(self.end_records) - END_SIZE)

    def content(self, entry: Entry) -> bytes:
        """Return a member's content after verifying its size and CRC.

        Raises VariantError if they differ, or if the content is too large: over 64 MiB, or very large
        compared with the archive.
        """
        raw = self.raw(entry)
        content, complete = raw, True
        if entry.method == DEFLATED:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                content = inflater.decompress(raw, entry.size + 1)
            except zlib.error as error:
                raise VariantError(f"member {entry.name!r}: damaged data: {error}", remedy=REBUILD) from None
            complete = inflater.eof and not inflater.unused_data
        if not complete or len(content) != entry.size or zlib.crc32(content) != entry.crc:
            text = "damaged data: its size or CRC differs from the central directory"
            raise VariantError(f"member {entry.name!r}: {text}", remedy=REBUILD)
        return content

    def raw(self, entry: Entry) -> bytes:
        """Return a member's data as stored; raises VariantError if it is too large for memory."""
        most = largest_content(self.source.size)
        if (size := max(entry.size, entry.compressed_size)) > most:
            text = f"too large: {size} bytes (limit for metadata in this wheel: {most})"
            raise VariantError(f"member {entry.name!r}: {text}")
        where = self.data_range(entry)
        return self.source.read(where.length, where.offset)

    def renamed(self, entry: Entry, name: str) -> Member:
        """Return the member with another name and the same data."""
        return self._patched(entry, name, self.data_range(entry), entry.method, entry.crc, entry.size)

    def replaced(
        self,
        entry: Entry,
        name: str,
        content: bytes,
        *,
        deflated: bytes | None = None,
        moment: int | None = None,
    ) -> Member:
        """Return the member with other *content*; all other fields of its headers stay.

        *deflated* is the same content, compressed. Without it, the content is stored uncompressed, so that
        the bytes do not depend on the version of zlib. *moment* (seconds since 1970) replaces its time.
        """
        method, data = (STORED, content) if deflated is None else (DEFLATED, deflated)
        return self._patched(entry, name, data, method, zlib.crc32(content), len(content), moment)

    def length(self, entry: Entry) -> int:
        """Return a member's length in bytes, header and data, after comparing its two headers."""
        length = len(self._local_header(entry)) + entry.compressed_size
        if entry.offset + length > self.directory_offset:
            raise VariantError(f"member {entry.name!r} overlaps the central directory", remedy=REBUILD)
        return length

    def _lengths(self, entries: list[Entry]) -> list[int]:
        """Return the `length` of each of many members."""
        headers = list(map(_usual_header, entries))
        offsets = list(map(_OFFSET, entries))
        # Comparing all of them at once makes checking fast.
        if any(map(_has_extra, headers)) or not has_parts(self.source, offsets, headers):
            return [self.length(entry) for entry in entries]
        return list(map(operator.add, map(len, headers), map(_COMPRESSED_SIZE, entries)))

    def _local_header(self, entry: Entry) -> bytes:
        """Return a member's local header, with name and extra fields, after comparing it to the directory."""
        usual = _usual_header(entry)
        if not _has_extra(usual) and has_parts(self.source, [entry.offset], [usual]):
            return usual
        start = self.source.read(LOCAL_SIZE, entry.offset)
        header = self.source.read(header_length(start), entry.offset)
        compare_headers(entry, header)
        return header

    def data_range(self, entry: Entry) -> Range:
        """Return the range of a member's data, after comparing its headers."""
        return Range(entry.offset + len(self._local_header(entry)), entry.compressed_size)

    def _patched(
        self,
        entry: Entry,
        name: str,
        data: bytes | Range,
        method: int,
        crc: int,
        size: int,
        moment: int | None = None,
    ) -> Member:
        """Return a member with the headers of *entry*, changed as little as possible."""
        changes = {"method": method, "crc": crc, "size": size, "compressed_size": length_of(data)}
        if moment is not None:
            changes["time"], changes["date"] = dos_time(moment)
        local = change_local(self._local_header(entry), name, changes)
        return Member(local, change_central(entry.central, name, changes), data)


def symbolic_links(entries: Iterable[Entry]) -> list[str]:
    """Return the names of the members that are symbolic links."""
    # Only the upper half of a member's attributes has its mode, whatever system wrote it.
    return [entry.name for entry in entries if entry.central[41] & 0xF0 == 0xA0 and entry.name[-1] != "/"]


def _remedy(source: Source, prefix: int | None) -> str | None:
    """Return the remedy for an archive whose first local header should follow *prefix* bytes."""
    if prefix is None:
        return None
    is_whole = 0 < prefix <= source.size - LOCAL_SIZE and source.read(4, prefix) == LOCAL_SIGNATURE
    return MEND if is_whole else REBUILD


def _usual_header(entry: Entry) -> bytes:
    """Return the local header that most members have.

    It repeats the directory's record from the version to the length of the extra fields, then the name.
    """
    return LOCAL_SIGNATURE + entry.central[6:32] + entry.central[CENTRAL_SIZE:]


def _has_extra(header: bytes) -> bool:
    """Return whether a local header has extra fields, which may have sizes."""
    return header[28:30] != b"\0\0"


def new_member(name: str, content: bytes, like: Entry, moment: int | None = None) -> Member:
    """Return a stored member with the time, mode and origin of another one; *moment* replaces the time."""
    local, central = new_headers(name, content, like, moment)
    return Member(local, central, content)


def assemble(archive: Archive, edits: Mapping[str, Sequence[Member]]) -> list[Segment]:
    """Return the new archive as ranges of the old one and new bytes, in order.

    *edits* has, by a member's name, the members that replace it: none, the changed one, or several. All
    others keep their position, in the file and in the directory. ZIP64 forms are added when they are needed,
    and removed when they no longer are, unless the old archive has them without need: so undoing the edits
    gives the old archive.
    """
    narrows = _is_large(len(archive.entries), archive.directory_offset) and not any(
        map(_is_wide, archive.entries)
    )
    body = _new_body(archive, edits, narrows)
    directory = _new_directory(archive, body, narrows)
    count = len(archive.entries) + sum(len(members) - 1 for members in edits.values())
    offset = archive.directory_offset + body.shifts[-1]
    end_records = archive.end_records
    if narrows and not _is_large(count, offset):
        end_records = end_records[end_records.rindex(END_SIGNATURE) :]
    segments = [*body.segments, directory, change_end(end_records, count, len(directory), offset)]
    return [segment for segment in segments if length_of(segment)]


class _Body(NamedTuple):
    """The new archive up to the directory, and the facts that the directory needs.

    *records* are the records of edited members, by their old names. From each of the old offsets *starts*
    on, members move by the number of bytes in *shifts*.
    """

    segments: list[Segment]
    records: dict[str, bytes]
    starts: list[int]
    shifts: list[int]


def _new_body(archive: Archive, edits: Mapping[str, Sequence[Member]], narrows: bool) -> _Body:
    """Return the edited members between ranges of the old archive."""
    body = _Body([], {}, [0], [0])
    position = new_position = 0
    for entry in sorted((entry for entry in archive.entries if entry.name in edits), key=_OFFSET):
        body.segments.append(Range(position, entry.offset - position))
        new_position += entry.offset - position
        position = entry.offset + archive.length(entry)
        record = b""
        for member in edits[entry.name]:
            record += _placed(member.central, new_position, narrows)
            body.segments.extend((member.local, member.data))
            new_position += len(member.local) + length_of(member.data)
        body.records[entry.name] = record
        body.starts.append(position)
        body.shifts.append(new_position - position)
    body.segments.append(Range(position, archive.directory_offset - position))
    return body


def _new_directory(archive: Archive, body: _Body, narrows: bool) -> bytes:
    """Return the directory: the records of edited members, and all others with their new offsets."""

    def record(entry: Entry) -> bytes:
        if entry.name in body.records:
            return body.records[entry.name]
        shift = body.shifts[bisect.bisect_right(body.starts, entry.offset) - 1]
        return _placed(entry.central, entry.offset + shift, narrows) if shift else entry.central

    first = length_of(body.segments[0])  # members in it do not move
    return b"".join([entry.central if entry.offset < first else record(entry) for entry in archive.entries])


def _placed(record: bytes, offset: int, narrows: bool) -> bytes:
    """Return a directory record with another offset; *narrows* removes a ZIP64 form without need."""
    return moved(narrowed(record) if narrows and offset < FULL32 else record, offset)


def _is_large(count: int, directory_offset: int) -> bool:
    """Return whether an archive with *count* members needs end records in ZIP64 form."""
    return count >= FULL16 or directory_offset >= FULL32


def _is_wide(entry: Entry) -> bool:
    """Return whether a directory record has a value in its ZIP64 field without need."""
    slots = struct.unpack_from("<LL14xL", entry.central, 20)
    values = (entry.compressed_size, entry.size, entry.offset)
    return any(slot == FULL32 > value for slot, value in zip(slots, values, strict=True))


def have_equal_times(one: Entry, other: Entry) -> bool:
    """Return whether two members have the same time."""
    return one.central[12:16] == other.central[12:16]


def length_of(segment: Segment) -> int:
    """Return the length of a segment in bytes."""
    return segment.length if isinstance(segment, Range) else len(segment)


def with_stored_head(head: bytes, deflated: bytes) -> bytes:
    """Return compressed data of *head* and the content of *deflated*, without compressing anything.

    A deflate stream may start with a stored block, which ends at a byte: *deflated* follows unchanged.
    """
    if not head:
        return deflated
    size = len(head)
    return struct.pack("<BHH", 0, size, size ^ 0xFFFF) + head + deflated


def split_stored_head(deflated: bytes) -> tuple[bytes, bytes]:
    """Return the parts of data from `with_stored_head`; for other data, the head is empty."""
    if len(deflated) > 5:
        kind, size, complement = struct.unpack_from("<BHH", deflated)
        if kind == 0 and 0 < size == complement ^ 0xFFFF and 5 + size < len(deflated):
            return deflated[5 : 5 + size], deflated[5 + size :]
    return b"", deflated
