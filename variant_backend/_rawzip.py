"""Zip archives as ranges of bytes: read strictly, and put together again without inflating anything.

It knows zip files (PKWARE's APPNOTE, sections 4.3 and 4.5.3), not wheels. What it reads is held to
the rules that package indexes apply, so that every reader sees the same members: records stand back
to back from byte 0, local headers and central directory agree, no name stands twice. Members that
nobody changes are copied as they are, headers included.
"""

from __future__ import annotations

import bisect
import itertools
import operator
import os
import re
import struct
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ._files import read_at
from .errors import VariantError

STORED = 0
DEFLATED = 8

_LOCAL_SIGNATURE = b"PK\x03\x04"
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_END64_SIGNATURE = b"PK\x06\x06"
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END_SIGNATURE = b"PK\x05\x06"

# What a slot holds when the value does not fit, and stands in a ZIP64 record instead.
_FULL16 = 0xFFFF
_FULL32 = 0xFFFFFFFF
_ZIP64 = 0x0001

_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_DATA_DESCRIPTOR = 0x0008
_FORBIDDEN = _ENCRYPTED | _DATA_DESCRIPTOR
_UTF8 = 0x0800

_UNSAFE_NAME = re.compile(r"^$|^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|[\x00-\x1f\x7f]")
# What every unsafe name contains, seen in a list of names with a line feed in front of each.
_SUSPICIOUS = ("\n/", "\n\n", "\\", ":", "..")

# The most that is inflated into memory for one member: RECORD of half a million files is smaller.
_LARGEST_CONTENT = 64 << 20

REBUILD = "rebuild the wheel, or repack it with `wheel unpack` and `wheel pack`"


class _Local(NamedTuple):
    """A local file header without its name and extra fields (APPNOTE 4.3.7)."""

    signature: bytes
    needed: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    compressed_size: int
    size: int
    name_length: int
    extra_length: int


class _Central(NamedTuple):
    """A central directory record without its name and extra fields (APPNOTE 4.3.12)."""

    signature: bytes
    made_by: int
    needed: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    compressed_size: int
    size: int
    name_length: int
    extra_length: int
    comment_length: int
    disk: int
    internal_attributes: int
    external_attributes: int
    offset: int


class _End(NamedTuple):
    """The end of central directory record without its comment (APPNOTE 4.3.16)."""

    signature: bytes
    disk: int
    first_disk: int
    total_here: int
    total: int
    size: int
    offset: int
    comment_length: int


class _End64(NamedTuple):
    """The ZIP64 end of central directory record (APPNOTE 4.3.14)."""

    signature: bytes
    rest: int
    made_by: int
    needed: int
    disk: int
    first_disk: int
    total_here: int
    total: int
    size: int
    offset: int


_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
# What reading needs of a directory record: signature, flags, method, CRC, compressed size, size, the
# lengths of name, extra fields and comment, disk, offset.
_CENTRAL_PART = struct.Struct("<4s4xHH4xLLLHHHH6xL")
_LOCATOR = struct.Struct("<4sLQL")  # signature, disk, offset of the ZIP64 end record, disks


class Entry(NamedTuple):
    """A member as the central directory describes it, with its whole record there."""

    name: str
    central: bytes
    offset: int
    compressed_size: int
    size: int
    crc: int
    method: int


_OFFSET = operator.attrgetter("offset")


class Range(NamedTuple):
    """A range of bytes of the archive that was read."""

    offset: int
    length: int


class Member(NamedTuple):
    """A member to be written: both headers, and its data. Its offset is still open."""

    local: bytes
    central: bytes
    data: bytes | Range


Segment: TypeAlias = Range | bytes


class Archive(NamedTuple):
    """An open archive: its members in the directory's order, and where the directory stands."""

    descriptor: int
    entries: tuple[Entry, ...]
    directory_offset: int
    end_records: bytes

    @classmethod
    def read(cls, descriptor: int) -> Archive:
        """Read the central directory of an open file; local headers are left to `local_lengths`.

        Raises VariantError when it is damaged, or breaks a rule that package indexes apply.
        """
        end, end_records, end_offset = _read_end(descriptor)
        if end.offset + end.size != end_offset:
            raise VariantError(
                f"damaged central directory: it should end at byte {end.offset + end.size},"
                f" but what follows it starts at byte {end_offset}",
                hint=REBUILD,
            )
        entries = tuple(_read_directory(read_at(descriptor, end.size, end.offset), end.total))
        _check_names([entry.name for entry in entries])
        return cls(descriptor, entries, end.offset, end_records)

    def check_layout(self) -> None:
        """Check that local headers agree with the directory, and that records stand back to back.

        Raises VariantError when they do not: when members overlap, leave gaps, or do not start at byte 0.
        """
        expected = 0
        for entry in sorted(self.entries, key=_OFFSET):
            if entry.offset != expected:
                fault = (
                    f"{entry.offset - expected} dead bytes before member {entry.name!r}"
                    if entry.offset > expected
                    else f"member {entry.name!r} overlaps the one before it"
                )
                raise VariantError(fault, hint=REBUILD)
            expected += self.length(entry)
        if expected != self.directory_offset:
            dead = self.directory_offset - expected
            raise VariantError(f"{dead} dead bytes before the central directory", hint=REBUILD)

    def content(self, entry: Entry) -> bytes:
        """Return a member's content, checked against its size and CRC.

        Raises VariantError when they do not agree, and when it is larger than 64 MiB.
        """
        raw = self.raw(entry)
        content, complete = raw, True
        if entry.method == DEFLATED:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                content = inflater.decompress(raw, entry.size + 1)
            except zlib.error as error:
                raise VariantError(f"member {entry.name!r}: damaged data: {error}", hint=REBUILD) from None
            complete = inflater.eof and not inflater.unused_data
        if not complete or len(content) != entry.size or zlib.crc32(content) != entry.crc:
            fault = "damaged data: its size or CRC is not what the directory says"
            raise VariantError(f"member {entry.name!r}: {fault}", hint=REBUILD)
        return content

    def raw(self, entry: Entry) -> bytes:
        """Return a member's data as it is stored; raises VariantError if it is larger than 64 MiB."""
        if max(entry.size, entry.compressed_size) > _LARGEST_CONTENT:
            raise VariantError(f"member {entry.name!r}: {entry.size} bytes are too many for metadata")
        where = self._data(entry)
        return read_at(self.descriptor, where.length, where.offset)

    def renamed(self, entry: Entry, name: str) -> Member:
        """Return the member under another name, its data untouched."""
        return self._patched(entry, name, self._data(entry), entry.method, entry.crc, entry.size)

    def replaced(
        self,
        entry: Entry,
        name: str,
        content: bytes,
        *,
        deflated: bytes | None = None,
        moment: int | None = None,
    ) -> Member:
        """Return the member with other *content*; all else that its headers say stays.

        *deflated* is the same content, compressed; without it the content is stored as it is, so
        that the bytes do not depend on a zlib build. *moment* (seconds since 1970) replaces its time.
        """
        method, data = (STORED, content) if deflated is None else (DEFLATED, deflated)
        return self._patched(entry, name, data, method, zlib.crc32(content), len(content), moment)

    def _data(self, entry: Entry) -> Range:
        """Return where a member's data stands, after comparing its headers."""
        end = entry.offset + self.length(entry)
        return Range(end - entry.compressed_size, entry.compressed_size)

    def length(self, entry: Entry) -> int:
        """Return a member's length in bytes, header and data, after comparing its two headers."""
        central = entry.central
        # Most local headers repeat the directory's bytes, from the version to the extra fields' length
        # (which is 0), then the name. Every member comes here, so this is what checking costs.
        header = read_at(self.descriptor, len(central) - _CENTRAL.size + _LOCAL.size, entry.offset)
        if header == _LOCAL_SIGNATURE + central[6:32] + central[46:]:
            length = len(header) + entry.compressed_size
        else:
            length = self._compared_length(entry)
        if entry.offset + length > self.directory_offset:
            raise VariantError(f"member {entry.name!r} overlaps the central directory", hint=REBUILD)
        return length

    def _compared_length(self, entry: Entry) -> int:
        """Return a member's length, after comparing its two headers field by field."""
        local = _Local._make(_LOCAL.unpack(read_at(self.descriptor, _LOCAL.size, entry.offset)))
        central = _Central._make(_CENTRAL.unpack_from(entry.central))
        if local.signature != _LOCAL_SIGNATURE:
            raise VariantError(f"member {entry.name!r}: no local header at byte {entry.offset}", hint=REBUILD)
        start = entry.offset + _LOCAL.size
        name = read_at(self.descriptor, local.name_length, start)
        extra = read_at(self.descriptor, local.extra_length, start + len(name))
        size, compressed_size = _read_local_sizes(entry.name, local, extra)
        for what, ours, theirs in (
            ("name", name, entry.name.encode()),
            ("flags", local.flags, central.flags),
            ("compression method", local.method, central.method),
            ("CRC", local.crc, central.crc),
            ("compressed size", compressed_size, entry.compressed_size),
            ("size", size, entry.size),
        ):
            if ours != theirs:
                raise VariantError(
                    f"member {entry.name!r}: its local header and the central directory differ in {what}:"
                    f" {ours!r} and {theirs!r}",
                    hint=REBUILD,
                )
        return _LOCAL.size + len(name) + len(extra) + compressed_size

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
        """Return a member with the headers of *entry*, changed as little as can be."""
        compressed_size = data.length if isinstance(data, Range) else len(data)
        changes = {"method": method, "crc": crc, "size": size, "compressed_size": compressed_size}
        if moment is not None:
            changes["time"], changes["date"] = _dos_time(moment)
        header = read_at(self.descriptor, self._data(entry).offset - entry.offset, entry.offset)
        return Member(
            _change_local(header, name, changes), _change_central(entry.central, name, changes), data
        )


def new_member(name: str, content: bytes, like: Entry, moment: int | None = None) -> Member:
    """Return a stored member with the time, mode and origin of another; *moment* replaces the time."""
    model = _Central._make(_CENTRAL.unpack_from(like.central))
    clock, date = (model.time, model.date) if moment is None else _dos_time(moment)
    encoded = name.encode()
    local = _Local(
        signature=_LOCAL_SIGNATURE,
        needed=20,
        flags=model.flags & _UTF8 if name.isascii() else _UTF8,
        method=STORED,
        time=clock,
        date=date,
        crc=zlib.crc32(content),
        compressed_size=len(content),
        size=len(content),
        name_length=len(encoded),
        extra_length=0,
    )
    central = _Central(
        _CENTRAL_SIGNATURE,
        model.made_by,
        *local[1:],
        comment_length=0,
        disk=0,
        internal_attributes=0,
        external_attributes=model.external_attributes,
        offset=0,
    )
    return Member(_LOCAL.pack(*local) + encoded, _CENTRAL.pack(*central) + encoded, content)


def assemble(archive: Archive, edits: Mapping[str, Sequence[Member]]) -> list[Segment]:
    """Return the new archive as ranges of the old one and new bytes, in order.

    *edits* gives for a member's name the members that take its place: none, itself changed, or
    more. All others stay where they are in the order, in the file and in the directory alike.
    """
    edited = sorted((entry for entry in archive.entries if entry.name in edits), key=_OFFSET)
    segments: list[Segment] = []
    directory: dict[str, bytes] = {}  # of the edited members
    starts, shifts = [0], [0]  # from an old offset on, members move by so much
    position = new_position = 0
    for entry in edited:
        segments.append(Range(position, entry.offset - position))
        new_position += entry.offset - position
        position = entry.offset + archive.length(entry)
        records = b""
        for member in edits[entry.name]:
            records += _moved(member.central, new_position)
            segments += [member.local, member.data]
            new_position += len(member.local) + length_of(member.data)
        directory[entry.name] = records
        starts.append(position)
        shifts.append(new_position - position)
    segments.append(Range(position, archive.directory_offset - position))

    def central(entry: Entry) -> bytes:
        if entry.name in directory:
            return directory[entry.name]
        shift = shifts[bisect.bisect_right(starts, entry.offset) - 1]
        return _moved(entry.central, entry.offset + shift) if shift else entry.central

    new_directory = b"".join(map(central, archive.entries))
    count = len(archive.entries) + sum(len(members) - 1 for members in edits.values())
    offset = archive.directory_offset + shifts[-1]
    segments += [new_directory, _change_end(archive.end_records, count, len(new_directory), offset)]
    return [segment for segment in segments if length_of(segment)]


def length_of(segment: Segment) -> int:
    """Return the length of a segment in bytes."""
    return segment.length if isinstance(segment, Range) else len(segment)


def with_stored_head(head: bytes, deflated: bytes) -> bytes:
    """Return compressed data of *head* and what *deflated* holds, without compressing anything.

    A deflate stream may open with a stored block, which ends on a byte: the rest follows as it is.
    """
    if not head:
        return deflated
    size = len(head)
    return struct.pack("<BHH", 0, size, size ^ _FULL16) + head + deflated


def split_stored_head(deflated: bytes) -> tuple[bytes, bytes]:
    """Take compressed data apart that `with_stored_head` may have put together; the head may be empty."""
    if len(deflated) > 5:
        kind, size, complement = struct.unpack_from("<BHH", deflated)
        if kind == 0 and size == complement ^ _FULL16 and 5 + size < len(deflated):
            return deflated[5 : 5 + size], deflated[5 + size :]
    return b"", deflated


def _read_end(descriptor: int) -> tuple[_End, bytes, int]:
    """Find the end of the archive: what it says, its records as they are, and where they start."""
    file_size = os.fstat(descriptor).st_size
    window = min(file_size, _END.size + _FULL16)
    tail = read_at(descriptor, window, file_size - window)
    position = len(tail)
    while (position := tail.rfind(_END_SIGNATURE, 0, position)) >= 0:
        if len(tail) - position >= _END.size:
            end = _End._make(_END.unpack_from(tail, position))
            if position + _END.size + end.comment_length == len(tail):
                break
    else:
        if tail and read_at(descriptor, min(4, file_size), 0) == _LOCAL_SIGNATURE:
            raise VariantError("truncated, or bytes follow its end: a zip file's last record is missing")
        raise VariantError("not a zip file")
    records = tail[position:]
    start = file_size - len(records)
    if locator := _read_locator(descriptor, start):
        start, locator_records = locator
        end64 = _End64._make(_END64.unpack_from(locator_records))
        for ours, theirs, full in (
            (end.total, end64.total, _FULL16),
            (end.size, end64.size, _FULL32),
            (end.offset, end64.offset, _FULL32),
        ):
            if ours not in (theirs, full):
                raise VariantError("its two end records disagree", hint=REBUILD)
        records = locator_records + records
        end = end._replace(
            total=end64.total, total_here=end64.total_here, size=end64.size, offset=end64.offset
        )
    if end.disk or end.first_disk or end.total != end.total_here:
        raise VariantError("spread over several disks", hint=REBUILD)
    return end, records, start


def _read_locator(descriptor: int, end_offset: int) -> tuple[int, bytes] | None:
    """Return where the ZIP64 end record starts, and its bytes and the locator's; None if there is none."""
    length = _END64.size + _LOCATOR.size
    if end_offset < _LOCATOR.size:
        return None
    locator = read_at(descriptor, _LOCATOR.size, end_offset - _LOCATOR.size)
    signature, disk, offset, disks = _LOCATOR.unpack(locator)
    if signature != _LOCATOR_SIGNATURE:
        return None
    if end_offset < length or offset != end_offset - length or disk or disks != 1:
        raise VariantError("the ZIP64 end record is not where it should be", hint=REBUILD)
    record = read_at(descriptor, _END64.size, offset)
    if record[:4] != _END64_SIGNATURE or _End64._make(_END64.unpack(record)).rest != _END64.size - 12:
        raise VariantError("damaged ZIP64 end record", hint=REBUILD)
    return offset, record + locator


def _read_directory(directory: bytes, total: int) -> Iterator[Entry]:
    """Yield the members; raises VariantError at the first record that is damaged or not allowed."""
    position = 0
    unpack, make_entry = _CENTRAL_PART.unpack_from, Entry._make  # many thousand records come here
    for index in range(total):
        if position + _CENTRAL.size > len(directory):
            raise VariantError(f"damaged central directory: {total} members announced, {index} there")
        (
            signature,
            flags,
            method,
            crc,
            compressed_size,
            size,
            name_length,
            extra_length,
            comment_length,
            disk,
            offset,
        ) = unpack(directory, position)
        name_start = position + _CENTRAL.size
        name_end = name_start + name_length
        following = name_end + extra_length + comment_length
        if signature != _CENTRAL_SIGNATURE or following > len(directory):
            raise VariantError(f"damaged central directory: record {index + 1} of {total}", hint=REBUILD)
        try:
            name = directory[name_start:name_end].decode("utf-8" if flags & _UTF8 else "ascii")
        except UnicodeDecodeError:
            shown = directory[name_start:name_end]
            raise VariantError(
                f"member {shown!r}: its name is not marked as UTF-8, or is not", hint=REBUILD
            ) from None
        if flags & _FORBIDDEN or comment_length or disk or method not in (STORED, DEFLATED):
            raise _forbidden(name, flags, method, comment_length)
        if extra_length:
            slots, extra = (size, compressed_size, offset), directory[name_end:following]
            size, compressed_size, offset = _read_slots(name, slots, extra)
        elif _FULL32 in (size, compressed_size, offset):
            raise VariantError(f"member {name!r}: its ZIP64 extra field is missing", hint=REBUILD)
        central = directory[position:following]
        yield make_entry((name, central, offset, compressed_size, size, crc, method))
        position = following
    if position != len(directory):
        raise VariantError(f"damaged central directory: more than the {total} members announced")


def _forbidden(name: str, flags: int, method: int, comment_length: int) -> VariantError:
    """Say which of the features that package indexes reject a member uses."""
    if flags & _ENCRYPTED:
        fault = "is encrypted"
    elif flags & _DATA_DESCRIPTOR:
        fault = "has a data descriptor, which package indexes reject"
    elif method not in (STORED, DEFLATED):
        fault = f"is compressed by method {method}, and only stored (0) and deflated (8) are allowed"
    elif comment_length:
        fault = "has a comment, which package indexes reject"
    else:
        fault = "stands on another disk"
    return VariantError(f"member {name!r} {fault}", hint=REBUILD)


def _check_names(names: list[str]) -> None:
    """Check that each name is safe to extract, and stands there once."""
    lines = "\n" + "\n".join(names) + "\n"
    # Looking at all of them at once is a hundred times faster, and mostly enough.
    if not "".join(names).isprintable() or any(text in lines for text in _SUSPICIOUS):
        for name in names:
            if _UNSAFE_NAME.search(name):
                raise VariantError(
                    f"member {name!r}: a name must not be absolute, nor contain '..' or control characters"
                )
    if len(set(names)) < len(names):
        twice = next(name for name, following in itertools.pairwise(sorted(names)) if name == following)
        raise VariantError(f"member {twice!r} stands in it twice", hint=REBUILD)


def _extra_fields(name: str, extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the extra fields, each with its header."""
    position = 0
    while position < len(extra):
        kind, length = (
            struct.unpack_from("<HH", extra, position) if position + 4 <= len(extra) else (0, _FULL16)
        )
        if position + 4 + length > len(extra):
            raise VariantError(f"member {name!r}: damaged extra field", hint=REBUILD)
        yield kind, extra[position : position + 4 + length]
        position += 4 + length


def _bad_zip64(name: str) -> VariantError:
    return VariantError(
        f"member {name!r}: its ZIP64 extra field is not one that installers accept"
        " (`wheel tags` up to 0.47 leaves such ones in files over 2 GiB)",
        hint="rebuild the wheel, or retag the original with wheel 0.48 or newer",
    )


def _read_local_sizes(name: str, local: _Local, extra: bytes) -> tuple[int, int]:
    """Return a local header's size and compressed size.

    They may stand in the header, in the ZIP64 extra field, or in both, and then must agree.
    """
    fields = [field[4:] for kind, field in _extra_fields(name, extra) if kind == _ZIP64]
    slots = (local.size, local.compressed_size)
    if not fields and _FULL32 not in slots:
        return slots
    if [len(field) for field in fields] != [16]:
        raise _bad_zip64(name)
    size, compressed_size = struct.unpack("<2Q", fields[0])
    if slots not in ((_FULL32, _FULL32), (size, compressed_size)):
        raise _bad_zip64(name)
    return size, compressed_size


def _read_slots(name: str, slots: Sequence[int], extra: bytes) -> list[int]:
    """Return the values of a directory record's slots; those that are full stand in the ZIP64 extra field.

    Raises VariantError unless that field is there exactly when it is needed, once, and holds just
    the values needed (APPNOTE 4.5.3): installers reject another.
    """
    fields = [field[4:] for kind, field in _extra_fields(name, extra) if kind == _ZIP64]
    wanted = slots.count(_FULL32)
    if [len(field) for field in fields] != ([8 * wanted] if wanted else []):
        raise _bad_zip64(name)
    values = iter(struct.unpack(f"<{wanted}Q", fields[0]) if fields else ())
    return [next(values) if slot == _FULL32 else slot for slot in slots]


def _with_zip64(extra: bytes, values: Sequence[int]) -> bytes:
    """Return extra fields with these values in the ZIP64 field, which is left out without values."""
    field = struct.pack(f"<HH{len(values)}Q", _ZIP64, 8 * len(values), *values) if values else b""
    return field + b"".join(other for kind, other in _extra_fields("", extra) if kind != _ZIP64)


def _change_local(header: bytes, name: str, changes: Mapping[str, int]) -> bytes:
    """Return a local header with other values, its ZIP64 form and its other extra fields kept."""
    old = _Local._make(_LOCAL.unpack_from(header))
    new = old._replace(**changes)  # type: ignore[arg-type]  # every field but the signature is a number
    extra = header[_LOCAL.size + old.name_length :]
    if any(kind == _ZIP64 for kind, _ in _extra_fields(name, extra)):
        extra = _with_zip64(extra, (new.size, new.compressed_size))
    if old.size == _FULL32:
        new = new._replace(size=_FULL32, compressed_size=_FULL32)
    encoded = name.encode()
    new = new._replace(name_length=len(encoded), extra_length=len(extra))
    return _LOCAL.pack(*new) + encoded + extra


def _change_central(record: bytes, name: str, changes: Mapping[str, int]) -> bytes:
    """Return a directory record with other values, its ZIP64 form and its other extra fields kept."""
    old = _Central._make(_CENTRAL.unpack_from(record))
    extra = record[_CENTRAL.size + old.name_length :]
    slots = {"size": old.size, "compressed_size": old.compressed_size, "offset": old.offset}
    values = dict(zip(slots, _read_slots(name, list(slots.values()), extra), strict=True))
    values.update(changes)
    large = [key for key, slot in slots.items() if slot == _FULL32 or values[key] >= _FULL32]
    extra = _with_zip64(extra, [values[key] for key in large])
    encoded = name.encode()
    values.update(dict.fromkeys(large, _FULL32), name_length=len(encoded), extra_length=len(extra))
    return _CENTRAL.pack(*old._replace(**values)) + encoded + extra  # type: ignore[arg-type]  # as above


def _moved(record: bytes, offset: int) -> bytes:
    """Return a directory record for a member that starts elsewhere."""
    if record[42:46] != b"\xff\xff\xff\xff" and offset < _FULL32:
        return record[:42] + struct.pack("<L", offset) + record[46:]
    name_length = _Central._make(_CENTRAL.unpack_from(record)).name_length
    name = record[_CENTRAL.size : _CENTRAL.size + name_length].decode()
    return _change_central(record, name, {"offset": offset})


def _change_end(records: bytes, count: int, size: int, offset: int) -> bytes:
    """Return the end records for another directory, in ZIP64 form if they had it or need it."""
    has_zip64 = records[:4] == _END64_SIGNATURE
    end_start = _END64.size + _LOCATOR.size if has_zip64 else 0
    end = _End._make(_END.unpack_from(records, end_start))
    comment = records[end_start + _END.size :]
    result = b""
    if has_zip64 or count >= _FULL16 or max(size, offset) >= _FULL32:
        made_by, needed = _End64._make(_END64.unpack_from(records))[2:4] if has_zip64 else (45, 45)
        result = _END64.pack(
            _END64_SIGNATURE, _END64.size - 12, made_by, needed, 0, 0, count, count, size, offset
        ) + _LOCATOR.pack(_LOCATOR_SIGNATURE, 0, offset + size, 1)
    slots = {}
    for field, value, full in (
        ("total", count, _FULL16),
        ("size", size, _FULL32),
        ("offset", offset, _FULL32),
    ):
        stays_full = has_zip64 and getattr(end, field) == full
        slots[field] = full if stays_full else min(value, full)
    end = end._replace(**slots, total_here=slots["total"])  # type: ignore[arg-type]  # as above
    return result + _END.pack(*end) + comment


def _dos_time(moment: int) -> tuple[int, int]:
    """Return seconds since 1970 as a zip file's time and date, in UTC, clamped to 1980..2107."""
    earliest, latest = 315532800, 4354819198
    year, month, day, hour, minute, second, *_ = time.gmtime(min(max(moment, earliest), latest))
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
