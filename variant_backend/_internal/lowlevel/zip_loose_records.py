"""Read the records of unsound zip files, name their defects, and write sound headers.

`zip_records` has the rules; this module applies none of them while it reads.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import VariantError
from .zip_records import (
    CENTRAL,
    CENTRAL_SIGNATURE,
    DATA_DESCRIPTOR,
    ENCRYPTED,
    END,
    END64,
    END64_SIGNATURE,
    END_SIGNATURE,
    FULL16,
    FULL32,
    LOCAL,
    LOCAL_SIGNATURE,
    LOCATOR,
    REBUILD,
    UTF8,
    Central,
    End,
    Entry,
    Local,
    extra_fields,
    read_local_sizes,
    read_slots,
    with_zip64,
)

# An extra field with the name of a member in Unicode (APPNOTE 4.6.9).
_UNICODE_PATH = 0x7075
_LEVEL = 0x0006  # how well the data is compressed


class LooseRecord(NamedTuple):
    """A directory record as it is, before any rule is applied."""

    fields: Central
    name: bytes
    extra: bytes

    @property
    def is_encrypted(self) -> bool:
        """Whether the data is encrypted."""
        return bool(self.fields.flags & ENCRYPTED)

    @property
    def has_descriptor(self) -> bool:
        """Whether a data descriptor follows the data."""
        return bool(self.fields.flags & DATA_DESCRIPTOR)

    @property
    def is_marked(self) -> bool:
        """Whether the name is marked as UTF-8."""
        return bool(self.fields.flags & UTF8)

    @property
    def is_link(self) -> bool:
        """Whether the member is a symbolic link."""
        return self.fields.external_attributes >> 16 & 0o170000 == 0o120000


def read_loosely(directory: bytes, total: int) -> tuple[list[LooseRecord], int]:
    """Return the records of *total* members, and the length of the directory.

    Raises VariantError if a record is damaged.
    """
    records: list[LooseRecord] = []
    position = 0
    for _ in range(total):
        if not directory.startswith(CENTRAL_SIGNATURE, position) or position + CENTRAL.size > len(directory):
            raise VariantError("damaged central directory", remedy=REBUILD)
        fields = Central._make(CENTRAL.unpack_from(directory, position))
        name_start = position + CENTRAL.size
        extra_start = name_start + fields.name_length
        position = extra_start + fields.extra_length
        records.append(
            LooseRecord(fields, directory[name_start:extra_start], directory[extra_start:position])
        )
        position += fields.comment_length
    return records, position


class LooseEnding(NamedTuple):
    """The lengths of the archive's comment, and of the bytes after the last record."""

    comment: int
    trailing: int


def read_loose_ending(tail: bytes, total: int, size: int) -> LooseEnding:
    """Read the end records at the start of *tail*, after a directory of *total* members and *size* bytes.

    Raises VariantError if they are damaged or contradict the directory: then readers see different members.
    """
    position, wide = 0, None
    if tail.startswith(END64_SIGNATURE) and len(tail) >= END64.size:
        rest, _, _, _, _, _, *wide = END64.unpack_from(tail)[1:]
        position = 12 + rest + LOCATOR.size
    if not tail.startswith(END_SIGNATURE, position) or position + END.size > len(tail):
        raise VariantError("damaged end records", remedy=REBUILD)
    end = End._make(END.unpack_from(tail, position))
    slots = [end.total, end.size, end.offset]
    actual = [total, size, wide[2] if wide else end.offset]
    agree = all(
        slot == value or (wide is not None and slot == full)
        for slot, value, full in zip(slots, actual, (FULL16, FULL32, FULL32), strict=True)
    )
    if not agree or (wide and wide[:2] != actual[:2]):
        raise VariantError("the end records contradict the central directory", remedy=REBUILD)
    behind = len(tail) - position - END.size
    return LooseEnding(min(end.comment_length, behind), max(behind - end.comment_length, 0))


def header_defects(record: LooseRecord, entry: Entry, header: bytes) -> list[str]:
    """Return what package indexes or installers reject in the headers of a member.

    *entry* has the real sizes and CRC, *header* is the local header. Each defect is the text of its repair.
    """
    central = record.fields
    local = Local._make(LOCAL.unpack_from(header))
    name_end = LOCAL.size + local.name_length
    name = header[LOCAL.size : name_end]
    cleaned = [clean_extra(extra) for extra in (record.extra, header[name_end:])]
    extra, local_extra = (field for field, _ in cleaned)
    slots = [central.size, central.compressed_size, central.offset]
    return [
        text
        for applies, text in (
            (record.has_descriptor or local.flags & DATA_DESCRIPTOR, "data descriptor removed"),
            (central.comment_length, "comment of the member removed"),
            (any(is_bad for _, is_bad in cleaned), "damaged or repeated extra field removed"),
            (_has_bad_zip64(slots, extra, local_extra, local), "ZIP64 extra field corrected"),
            (_differs(record, local, name, local_extra, entry), "local header made equal to the directory"),
            (central.disk, "disk number corrected"),
        )
        if applies
    ]


def _has_bad_zip64(slots: Sequence[int], extra: bytes, local_extra: bytes, local: Local) -> bool:
    try:
        read_slots("", slots, extra)
        read_local_sizes("", local, local_extra)
    except VariantError:
        return True
    return False


def _differs(record: LooseRecord, local: Local, name: bytes, extra: bytes, entry: Entry) -> bool:
    """Return whether a local header differs from the directory, except for reasons that have own texts."""
    if (local.flags, local.method, name) != (record.fields.flags, record.fields.method, record.name):
        return True
    if record.has_descriptor:
        return False
    try:
        sizes = read_local_sizes("", local, extra)
    except VariantError:
        return False
    return (local.crc, *sizes) != (entry.crc, entry.size, entry.compressed_size)


def clean_extra(extra: bytes) -> tuple[bytes, bool]:
    """Return extra fields without damaged and repeated ones, and whether there were such fields."""
    fields: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind in fields or position + 4 + length > len(extra):
            break
        fields[kind] = extra[position : position + 4 + length]
        position += 4 + length
    return b"".join(fields.values()), position < len(extra)


def rebuilt_headers(
    record: LooseRecord, header: bytes, name: str, changes: Mapping[str, int]
) -> tuple[bytes, bytes]:
    """Return both headers of a member, in the form that all readers accept; its offset is not known yet.

    *header* is the old local header, *changes* has the method, CRC and sizes. Times, mode and other extra
    fields stay.
    """
    old = Local._make(LOCAL.unpack_from(header))
    start = LOCAL.size + old.name_length
    encoded, is_marked = name.encode(), not name.isascii() or record.is_marked
    sizes = (changes["size"], changes["compressed_size"])
    is_wide = max(sizes) >= FULL32
    zip64 = sizes if is_wide else ()
    # A field with the name in Unicode describes the old name.
    gone = {_UNICODE_PATH} if encoded != record.name else set[int]()
    local_extra, central_extra = (
        with_zip64(_without(clean_extra(extra)[0], gone), zip64) for extra in (header[start:], record.extra)
    )
    slots = dict.fromkeys(("size", "compressed_size"), FULL32) if is_wide else {}
    central = record.fields._replace(
        **{**changes, **slots},  # type: ignore[arg-type]  # as in change_local
        needed=45 if is_wide else 20,
        flags=record.fields.flags & _LEVEL | (UTF8 if is_marked else 0),
        name_length=len(encoded),
        extra_length=len(central_extra),
        comment_length=0,
        disk=0,
        offset=0,
    )
    shared = {key: getattr(central, key) for key in Local._fields if key != "signature"}
    local = Local(**{**shared, "signature": LOCAL_SIGNATURE, "extra_length": len(local_extra)})
    return LOCAL.pack(*local) + encoded + local_extra, CENTRAL.pack(*central) + encoded + central_extra


def _without(extra: bytes, kinds: set[int]) -> bytes:
    return b"".join(field for kind, field in extra_fields("", extra) if kind not in kinds)


EMPTY_END = END_SIGNATURE + bytes(END.size - 4)
