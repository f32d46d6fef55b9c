"""Read the records of zip files strictly, and change them as little as possible.

Sources: PKWARE's APPNOTE, sections 4.3 (records) and 4.5.3 (ZIP64), and further rules of package
indexes, so that every reader sees the same members.
"""

from __future__ import annotations

import functools
import itertools
import operator
import re
import struct
import time
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..errors import VariantError

STORED = 0
DEFLATED = 8
_METHODS = {STORED, DEFLATED}
# Package indexes reject these methods, which Python can read, too.
RECOMPRESSED = {12: "bzip2", 14: "lzma"}

LOCAL_SIGNATURE = b"PK\x03\x04"
CENTRAL_SIGNATURE = b"PK\x01\x02"
END64_SIGNATURE = b"PK\x06\x06"
_LOCATOR_SIGNATURE = b"PK\x06\x07"
END_SIGNATURE = b"PK\x05\x06"

# A slot has this value if the real one does not fit and is in a ZIP64 record.
FULL16 = 0xFFFF
FULL32 = 0xFFFFFFFF
_ZIP64 = 0x0001

ENCRYPTED = 0x0001 | 0x0040 | 0x2000
DATA_DESCRIPTOR = 0x0008
_FORBIDDEN = ENCRYPTED | DATA_DESCRIPTOR
UTF8 = 0x0800

# If names follow one another, each after a line feed, every unsafe name has a character that is not ordinary,
# or one of the suspicious texts.
_ORDINARY = bytes({*range(0x20, 0x7F)}.difference(b"\\:")) + b"\n"
_SUSPICIOUS = (b"\n/", b"..")

# Characters in names that an installer refuses: controls, formats such as bidirectional marks, line ends,
# private and forbidden characters. The list does not depend on the version of Unicode in Python.
_REFUSED = (
    "[\\0-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u2064\u2066-\u206f\ue000-\uf8ff\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
    "\U000f0000-\U0010ffff"
    + "".join(chr(plane << 16 | last) for plane in range(1, 15) for last in (0xFFFE, 0xFFFF))
    + "]"
)

# Readers refuse a member that needs a newer version of the zip format.
_NEWEST = 63

REBUILD = "rebuild the wheel"
# The remedy for problems that `mend` repairs.
MEND = "write a sound copy with `variant-backend mend WHEEL -o mended`, or rebuild the wheel"


class Local(NamedTuple):
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


class Central(NamedTuple):
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


class End(NamedTuple):
    """The end of central directory record without its comment (APPNOTE 4.3.16)."""

    signature: bytes
    disk: int
    first_disk: int
    total_here: int
    total: int
    size: int
    offset: int
    comment_length: int


LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
# The fields of a directory record that reading needs: needed version, flags, method, CRC, compressed size,
# size, length of the name, lengths of extra fields and comment as one number, disk, offset.
_CENTRAL_PART = struct.Struct("<6xBxHH4xLLLHLH6xL")
LOCATOR = struct.Struct("<4sLQL")  # signature, disk, offset of the ZIP64 end record, disks


class Entry(NamedTuple):
    """A member as the central directory describes it, with its whole record in the directory."""

    name: str
    central: bytes
    offset: int
    compressed_size: int
    size: int
    crc: int
    method: int


# `Entry._make` without a Python call for each of ten thousand records.
_ENTRY = functools.partial(tuple.__new__, Entry)


class Ending(NamedTuple):
    """The end of an archive: number of members, size and offset of the directory, and the end records."""

    total: int
    directory_size: int
    directory_offset: int
    records: bytes


# The last bytes of a file that can have records after the directory.
ENDING_SIZE = END.size + FULL16 + LOCATOR.size + END64.size


def read_ending(tail: bytes, file_size: int) -> Ending:
    """Read the end of an archive from the last `ENDING_SIZE` bytes, or all if there are fewer.

    Raises VariantError if it is missing, damaged, or does not follow the directory.
    """
    position = _find_end(tail)
    end = End._make(END.unpack_from(tail, position))
    total, size, offset, start = end.total, end.size, end.offset, position
    if tail[max(position - LOCATOR.size, 0) : position].startswith(_LOCATOR_SIGNATURE):
        start = position - LOCATOR.size - END64.size
        end64 = _read_end64(tail, start, file_size)
        if not (
            total in (end64.total, FULL16)
            and size in (end64.size, FULL32)
            and offset in (end64.offset, FULL32)
        ):
            raise VariantError("the two end records differ", remedy=REBUILD)
        total, size, offset = end64.total, end64.size, end64.offset
    if end.disk or end.first_disk or end.total != end.total_here:
        raise VariantError("spread over several disks", remedy=REBUILD)
    behind = file_size - len(tail) + start
    if offset + size != behind:
        raise VariantError(
            f"damaged central directory: expected its end at byte {offset + size}, got {behind}",
            remedy=REBUILD,
        )
    return Ending(total, size, offset, tail[start:])


def directory_shift(tail: bytes, file_size: int) -> int | None:
    """Return how many bytes before an archive make its directory start later than its end record says.

    None if there is no end record. ZIP64 records are not read.
    """
    position = tail.rfind(END_SIGNATURE)
    if not 0 <= position <= len(tail) - END.size:
        return None
    end = End._make(END.unpack_from(tail, position))
    return file_size - len(tail) + position - end.size - end.offset


def _find_end(tail: bytes) -> int:
    """Return the offset of the last record, which must end where the file ends."""
    trailing = -1
    position = tail.rfind(END_SIGNATURE)
    if 0 <= position <= len(tail) - END.size:
        end = End._make(END.unpack_from(tail, position))
        trailing = len(tail) - position - END.size - end.comment_length
    if trailing == 0:
        return position
    if trailing > 0:
        raise VariantError(f"{trailing} bytes after the last record of the zip file", remedy=MEND)
    raise VariantError(
        "truncated: the last record of a zip file is missing",
        remedy="download or build the wheel again",
    )


def _read_end64(tail: bytes, start: int, file_size: int) -> End:
    """Read the ZIP64 end record (APPNOTE 4.3.14), directly before its locator."""
    if start < 0:
        raise VariantError("damaged ZIP64 end record", remedy=REBUILD)
    signature, rest, _, _, *counts = END64.unpack_from(tail, start)
    end64 = End._make([signature, *counts, 0])
    _, disk, offset, disks = LOCATOR.unpack_from(tail, start + END64.size)
    if offset != file_size - len(tail) + start or disk or disks != 1:
        raise VariantError("the ZIP64 end record is at the wrong offset", remedy=REBUILD)
    if signature != END64_SIGNATURE or rest != END64.size - 12:
        raise VariantError("damaged ZIP64 end record", remedy=REBUILD)
    if end64.disk or end64.first_disk or end64.total != end64.total_here:
        raise VariantError("spread over several disks", remedy=REBUILD)
    return end64


def read_directory(directory: bytes, total: int) -> list[Entry]:
    """Return the members; raises VariantError at the first damaged or forbidden record."""
    entries = _read_plain(directory, total)
    if entries is None:
        entries = _read_records(directory, total)
    check_member_folders([entry.name for entry in entries])
    return entries


def _read_plain(directory: bytes, total: int) -> list[Entry] | None:
    """Return the members; None if one of them is unusual.

    There may be ten thousand records. Reading them by column takes half the time.
    """
    start, *parts = directory.split(CENTRAL_SIGNATURE)
    records = [CENTRAL_SIGNATURE + part for part in parts]
    if start or len(records) != total or min(map(len, records), default=0) <= CENTRAL.size:
        return None
    columns = zip(*map(_CENTRAL_PART.unpack_from, records), strict=True)
    needed, flags, methods, crcs, compressed_sizes, sizes, name_lengths, other_lengths, disks, offsets = (
        columns
    )
    encoded = [record[CENTRAL.size :] for record in records]
    if (
        # A signature inside a record would split it, so that its length is wrong.
        name_lengths != tuple(map(len, encoded))
        or any(kind & _FORBIDDEN for kind in set(flags))
        or not _METHODS.issuperset(methods)
        or max(needed) > _NEWEST
        or (STORED in methods and any(map(_is_cut, methods, compressed_sizes, sizes)))
        or any(other_lengths)
        or any(disks)
        or max(map(max, (compressed_sizes, sizes, offsets))) == FULL32
        or (names := _plain_names(encoded)) is None
    ):
        return None
    members = zip(names, records, offsets, compressed_sizes, sizes, crcs, methods, strict=True)
    return list(map(_ENTRY, members))


def _is_cut(method: int, compressed_size: int, size: int) -> bool:
    """Return whether a member is stored unchanged, but with two sizes."""
    return method == STORED and compressed_size != size


def _plain_names(encoded: list[bytes]) -> list[str] | None:
    """Return the names; None unless all are unique, safe, and in ordinary ASCII, and none is empty."""
    joined = b"\n".join(encoded)
    if joined.translate(None, _ORDINARY) or any(text in b"\n" + joined for text in _SUSPICIOUS):
        return None
    names = joined.decode().split("\n")
    return names if len(set(names)) == len(names) == len(encoded) else None


def _read_records(directory: bytes, total: int) -> list[Entry]:
    """Return the members, read record by record."""
    position, end = 0, len(directory)
    entries: list[Entry] = []
    while position + CENTRAL.size <= end and len(entries) < total:
        central = Central._make(CENTRAL.unpack_from(directory, position))
        length = CENTRAL.size + central.name_length + central.extra_length + central.comment_length
        if central.signature != CENTRAL_SIGNATURE or position + length > end:
            raise VariantError(
                f"damaged central directory: record {len(entries) + 1} of {total}", remedy=REBUILD
            )
        entries.append(_read_record(central, directory[position : position + length]))
        position += length
    if position != end or len(entries) != total:
        raise VariantError(
            f"damaged central directory: expected {total} members, got {len(entries)},"
            f" and {end - position} more bytes",
            remedy=REBUILD,
        )
    _check_names(entries)
    return entries


def _read_record(central: Central, record: bytes) -> Entry:
    """Return a member; raises VariantError if it uses a forbidden feature."""
    name_end = CENTRAL.size + central.name_length
    try:
        name = record[CENTRAL.size : name_end].decode()
    except UnicodeDecodeError as error:
        raise VariantError(f"member {error.object!r}: its name is not UTF-8", remedy=MEND) from None
    if not name.isascii() and not central.flags & UTF8:
        raise VariantError(f"member {name!r}: its name is not marked as UTF-8", remedy=MEND)
    if text := _forbidden(central):
        is_mendable = (
            not central.flags & ENCRYPTED
            and central.method in {*_METHODS, *RECOMPRESSED}
            and central.needed & 0xFF <= _NEWEST
        )
        raise VariantError(f"member {name!r} {text}", remedy=MEND if is_mendable else REBUILD)
    slots = [central.size, central.compressed_size, central.offset]
    if central.extra_length:
        slots = read_slots(name, slots, record[name_end:])
    elif FULL32 in slots:
        raise VariantError(f"member {name!r}: its ZIP64 extra field is missing", remedy=REBUILD)
    size, compressed_size, offset = slots
    if _is_cut(central.method, compressed_size, size):
        text = f"is stored, but has two sizes: {compressed_size} and {size} bytes"
        raise VariantError(f"member {name!r} {text}", remedy=REBUILD)
    return Entry(name, record, offset, compressed_size, size, central.crc, central.method)


def _forbidden(central: Central) -> str | None:
    """Return the text about a feature that package indexes reject; None if a member uses none."""
    if central.flags & ENCRYPTED:
        return "is encrypted"
    if central.flags & DATA_DESCRIPTOR:
        return "has a data descriptor, which package indexes reject"
    if central.method not in _METHODS:
        return f"has compression method {central.method}; allowed methods: stored (0), deflated (8)"
    if central.needed & 0xFF > _NEWEST:
        return f"needs version {_version(central.needed)} of zip; readers support versions up to 6.3"
    if central.comment_length:
        return "has a comment, which package indexes reject"
    return "is on another disk" if central.disk else None


def _version(needed: int) -> str:
    """Return a version of the zip format as text; its upper byte names a system."""
    return f"{(needed & 0xFF) // 10}.{(needed & 0xFF) % 10}"


def is_unsafe(name: str) -> bool:
    """Return whether a name is empty, absolute, has ``..``, or has characters that installers refuse."""
    has_drive = name[1:2] == ":" and name[0].isascii() and name[0].isalpha()
    leads_up = ".." in name and ".." in name.split("/")
    return (
        not name or name[0] == "/" or has_drive or leads_up or "\\" in name or bool(re.search(_REFUSED, name))
    )


def _check_names(entries: list[Entry]) -> None:
    """Check that each name is safe to extract, and unique; raises VariantError."""
    for name in (entry.name for entry in entries):
        if is_unsafe(name):
            raise VariantError(
                f"member {name!r}: a name must not be absolute, nor contain '..', backslashes or"
                " characters that installers refuse",
                remedy=REBUILD if is_unsafe(name.replace("\\", "/")) else MEND,
            )
    ordered = sorted(entries, key=operator.attrgetter("name"))
    for one, other in itertools.pairwise(ordered):
        if one.name == other.name:
            is_copy = (one.size, one.crc) == (other.size, other.crc)
            raise VariantError(f"duplicate member {one.name!r}", remedy=MEND if is_copy else REBUILD)


def check_member_folders(names: Collection[str]) -> None:
    """Check that no member is a file and a folder at once; raises VariantError."""
    folders = upper = {name.rpartition("/")[0] for name in names}
    while upper := {name.rpartition("/")[0] for name in upper} - folders:
        folders |= upper
    if both := {name for name in folders.intersection(names) if name[-1] != "/"}:
        raise VariantError(f"member {min(both)!r} is a file, and a folder of other members", remedy=REBUILD)


LOCAL_SIZE = LOCAL.size
CENTRAL_SIZE = CENTRAL.size
END_SIZE = END.size


def header_length(header: bytes) -> int:
    """Return the length of a local header with its name and extra fields, from its first 30 bytes."""
    return LOCAL.size + (header[26] | header[27] << 8) + (header[28] | header[29] << 8)


def compare_headers(entry: Entry, header: bytes) -> None:
    """Compare a local header with the directory, field by field; raises VariantError."""
    local = Local._make(LOCAL.unpack_from(header))
    central = Central._make(CENTRAL.unpack_from(entry.central))
    if local.signature != LOCAL_SIGNATURE:
        raise VariantError(f"member {entry.name!r}: no local header at byte {entry.offset}", remedy=REBUILD)
    if local.needed & 0xFF > _NEWEST:
        text = f"needs version {_version(local.needed)} of zip; readers support versions up to 6.3"
        raise VariantError(f"member {entry.name!r} {text}", remedy=REBUILD)
    name_end = LOCAL.size + local.name_length
    size, compressed_size = read_local_sizes(entry.name, local, header[name_end:])
    for what, here, there in (
        ("name", header[LOCAL.size : name_end], entry.name.encode()),
        ("flags", local.flags, central.flags),
        ("compression method", local.method, central.method),
        ("CRC", local.crc, central.crc),
        ("compressed size", compressed_size, entry.compressed_size),
        ("size", size, entry.size),
    ):
        if here != there:
            raise VariantError(
                f"member {entry.name!r}: its local header and the central directory differ in {what}:"
                f" {here!r} and {there!r}",
                # Python cannot read a member with two names.
                remedy=REBUILD if what == "name" else MEND,
            )


def extra_fields(name: str, extra: bytes, remedy: str = REBUILD) -> Iterator[tuple[int, bytes]]:
    """Yield the extra fields, each with its header; *remedy* is the remedy for damaged ones."""
    position = 0
    while position < len(extra):
        kind, length = (
            struct.unpack_from("<HH", extra, position) if position + 4 <= len(extra) else (0, FULL16)
        )
        if position + 4 + length > len(extra):
            raise VariantError(f"member {name!r}: damaged extra field", remedy=remedy)
        yield kind, extra[position : position + 4 + length]
        position += 4 + length


def _bad_zip64(name: str) -> VariantError:
    return VariantError(
        f"member {name!r}: installers reject its ZIP64 extra field"
        " (`wheel tags` up to 0.47 writes such fields in files over 2 GiB)",
        remedy=MEND,
    )


def read_local_sizes(name: str, local: Local, extra: bytes) -> tuple[int, int]:
    """Return a local header's size and compressed size.

    They are in the header, in the ZIP64 extra field, or in both; then they must be equal.
    """
    fields = [field[4:] for kind, field in extra_fields(name, extra, MEND) if kind == _ZIP64]
    slots = (local.size, local.compressed_size)
    if not fields and FULL32 not in slots:
        return slots
    if [len(field) for field in fields] != [16]:
        raise _bad_zip64(name)
    size, compressed_size = struct.unpack("<2Q", fields[0])
    if slots not in ((FULL32, FULL32), (size, compressed_size)):
        raise _bad_zip64(name)
    return size, compressed_size


def read_slots(name: str, slots: Sequence[int], extra: bytes) -> list[int]:
    """Return the values of a directory record's slots; for full slots, they are in the ZIP64 extra field.

    Raises VariantError unless there is one such field with exactly the values of the full slots, or no field
    if no slot is full (APPNOTE 4.5.3): installers reject all other forms.
    """
    fields = [field[4:] for kind, field in extra_fields(name, extra) if kind == _ZIP64]
    wanted = slots.count(FULL32)
    if [len(field) for field in fields] != ([8 * wanted] if wanted else []):
        raise _bad_zip64(name)
    values = iter(struct.unpack(f"<{wanted}Q", fields[0]) if fields else ())
    return [next(values) if slot == FULL32 else slot for slot in slots]


def with_zip64(extra: bytes, values: Sequence[int]) -> bytes:
    """Return extra fields with these values in the ZIP64 field. Without values, the field is left out.

    The field keeps its position; a new one is the first.
    """
    field = struct.pack(f"<HH{len(values)}Q", _ZIP64, 8 * len(values), *values) if values else b""
    fields = [*extra_fields("", extra)]
    if not any(kind == _ZIP64 for kind, _ in fields):
        return field + extra
    return b"".join(field if kind == _ZIP64 else other for kind, other in fields)


def new_headers(name: str, content: bytes, like: Entry, moment: int | None) -> tuple[bytes, bytes]:
    """Return the local header and the directory record of a new stored member; see `new_member`."""
    model = Central._make(CENTRAL.unpack_from(like.central))
    clock, date = (model.time, model.date) if moment is None else dos_time(moment)
    encoded = name.encode()
    shared = {
        "needed": 20,
        "flags": model.flags & UTF8 if name.isascii() else UTF8,
        "method": STORED,
        "time": clock,
        "date": date,
        "crc": zlib.crc32(content),
        "compressed_size": len(content),
        "size": len(content),
        "name_length": len(encoded),
        "extra_length": 0,
    }
    local = Local(signature=LOCAL_SIGNATURE, **shared)
    central = Central(
        signature=CENTRAL_SIGNATURE,
        made_by=model.made_by,
        **shared,
        comment_length=0,
        disk=0,
        internal_attributes=0,
        external_attributes=model.external_attributes,
        offset=0,
    )
    return LOCAL.pack(*local) + encoded, CENTRAL.pack(*central) + encoded


def change_local(header: bytes, name: str, changes: Mapping[str, int]) -> bytes:
    """Return a local header with other values, but the same ZIP64 form and other extra fields."""
    old = Local._make(LOCAL.unpack_from(header))
    new = old._replace(**changes)  # type: ignore[arg-type]  # every field but the signature is a number
    extra = header[LOCAL.size + old.name_length :]
    if any(kind == _ZIP64 for kind, _ in extra_fields(name, extra)):
        extra = with_zip64(extra, (new.size, new.compressed_size))
    if old.size == FULL32:
        new = new._replace(size=FULL32, compressed_size=FULL32)
    encoded = name.encode()
    new = new._replace(name_length=len(encoded), extra_length=len(extra))
    return LOCAL.pack(*new) + encoded + extra


def change_central(record: bytes, name: str, changes: Mapping[str, int]) -> bytes:
    """Return a directory record with other values, but the same ZIP64 form and other extra fields."""
    old = Central._make(CENTRAL.unpack_from(record))
    extra = record[CENTRAL.size + old.name_length :]
    slots = {"size": old.size, "compressed_size": old.compressed_size, "offset": old.offset}
    values = dict(zip(slots, read_slots(name, list(slots.values()), extra), strict=True))
    values.update(changes)
    large = [key for key, slot in slots.items() if slot == FULL32 or values[key] >= FULL32]
    extra = with_zip64(extra, [values[key] for key in large])
    encoded = name.encode()
    values.update(dict.fromkeys(large, FULL32), name_length=len(encoded), extra_length=len(extra))
    return CENTRAL.pack(*old._replace(**values)) + encoded + extra  # type: ignore[arg-type]  # as above


def moved(record: bytes, offset: int) -> bytes:
    """Return a directory record with another offset."""
    if record[42:46] != b"\xff\xff\xff\xff" and offset < FULL32:
        return record[:42] + struct.pack("<L", offset) + record[46:]
    name_length = Central._make(CENTRAL.unpack_from(record)).name_length
    name = record[CENTRAL.size : CENTRAL.size + name_length].decode()
    return change_central(record, name, {"offset": offset})


def narrowed(record: bytes) -> bytes:
    """Return a directory record after moving the offset out of its ZIP64 field, if it is there.

    The new offset is 0, and the result is what `moved` gets for a large offset.
    """
    old = Central._make(CENTRAL.unpack_from(record))
    if old.offset != FULL32:
        return record
    name_end = CENTRAL.size + old.name_length
    extra = record[name_end:]
    (field,) = (field for kind, field in extra_fields("", extra) if kind == _ZIP64)
    *values, _ = struct.unpack(f"<{len(field) // 8}Q", field[4:])  # the offset is the last value
    extra = with_zip64(extra, values)
    new = old._replace(offset=0, extra_length=len(extra))
    return CENTRAL.pack(*new) + record[CENTRAL.size : name_end] + extra


def change_end(records: bytes, count: int, size: int, offset: int) -> bytes:
    """Return the end records for another directory, in ZIP64 form if they have or need it."""
    has_zip64 = records[:4] == END64_SIGNATURE
    end_start = END64.size + LOCATOR.size if has_zip64 else 0
    end = End._make(END.unpack_from(records, end_start))
    comment = records[end_start + END.size :]
    result = b""
    if has_zip64 or count >= FULL16 or max(size, offset) >= FULL32:
        made_by, needed = END64.unpack_from(records)[2:4] if has_zip64 else (45, 45)
        result = END64.pack(
            END64_SIGNATURE, END64.size - 12, made_by, needed, 0, 0, count, count, size, offset
        ) + LOCATOR.pack(_LOCATOR_SIGNATURE, 0, offset + size, 1)
    slots = {}
    for field, value, full in (
        ("total", count, FULL16),
        ("size", size, FULL32),
        ("offset", offset, FULL32),
    ):
        stays_full = has_zip64 and getattr(end, field) == full
        slots[field] = full if stays_full else min(value, full)
    end = end._replace(**slots, total_here=slots["total"])  # type: ignore[arg-type]  # as above
    return result + END.pack(*end) + comment


def dos_time(moment: int) -> tuple[int, int]:
    """Return seconds since 1970 as a zip file's time and date, in UTC, clamped to 1980..2107."""
    earliest, latest = 315532800, 4354819198
    year, month, day, hour, minute, second, *_ = time.gmtime(min(max(moment, earliest), latest))
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
