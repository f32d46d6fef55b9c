"""A reader of wheels that is as strict as the strictest one, without code of this project."""

from __future__ import annotations

import base64
import csv
import hashlib
import struct
import zlib
from pathlib import Path
from unicodedata import category


def walk(path: Path) -> dict[str, bytes]:
    """Read a wheel from byte 0 to its end as the strictest readers do; return its members.

    Asserts all rules of package indexes and installers.
    """
    data = path.read_bytes()
    position = 0
    members: dict[str, bytes] = {}
    local: dict[bytes, tuple[int, tuple[int, ...]]] = {}
    while data[position : position + 4] == b"PK\x03\x04":
        flags, method, crc, packed, size, name_length, extra_length = struct.unpack_from(
            "<2H4x3L2H", data, position + 6
        )
        start = position + 30 + name_length
        name, extra = data[position + 30 : start], data[start : start + extra_length]
        fields = extra_fields(extra)
        assert len(fields) == len({kind for kind, _ in fields}), f"{name!r}: duplicate extra field"
        zip64 = dict(fields).get(1)
        if zip64 is not None or packed == size == 0xFFFFFFFF:
            assert zip64 and len(zip64) == 16
            assert (size, packed) in ((0xFFFFFFFF, 0xFFFFFFFF), struct.unpack("<QQ", zip64)), (
                f"{name!r}: ZIP64"
            )
            size, packed = struct.unpack("<QQ", zip64)
        assert not flags & ~0x0806, f"{name!r}: flags {flags:#x}"
        assert method in (0, 8)
        assert flags & 0x0800 or name.isascii()
        text = name.decode()
        assert text not in members, f"duplicate member {text}"
        assert (
            not text.startswith("/")
            and ".." not in text.split("/")
            and not {"Cc", "Cf", "Co", "Zl", "Zp"}.intersection(map(category, text))
            and "\\" not in text
        )
        start += extra_length
        raw = data[start : start + packed]
        assert len(raw) == packed
        if method == 8:
            inflater = zlib.decompressobj(-15)
            content = inflater.decompress(raw) + inflater.flush()
            assert inflater.eof and not inflater.unused_data
        else:
            content = raw
        assert len(content) == size and zlib.crc32(content) == crc
        members[text] = content
        local[name] = (position, (flags, method, crc, packed, size))
        position = start + packed
    _walk_directory(data, position, local)
    _check_wheel(path.name, members)
    return members


def extra_fields(extra: bytes) -> list[tuple[int, bytes]]:
    fields = []
    while extra:
        kind, length = struct.unpack_from("<HH", extra)
        assert 4 + length <= len(extra)
        fields.append((kind, extra[4 : 4 + length]))
        extra = extra[4 + length :]
    return fields


def _walk_directory(data: bytes, position: int, local: dict[bytes, tuple[int, tuple[int, ...]]]) -> None:
    """Walk the central directory and the end records."""
    directory_offset = position
    seen: set[bytes] = set()
    while data[position : position + 4] == b"PK\x01\x02":
        flags, method, crc, packed, size, names, extras, comments, offset = struct.unpack_from(
            "<2H4x3L3H8xL", data, position + 8
        )
        name = data[position + 46 : position + 46 + names]
        extra = extra_fields(data[position + 46 + names : position + 46 + names + extras])
        assert not comments
        assert name not in seen
        seen.add(name)
        slots = [size, packed, offset]
        wide = slots.count(0xFFFFFFFF)
        zip64 = [field for kind, field in extra if kind == 1]
        assert [len(field) for field in zip64] == ([8 * wide] if wide else []), f"{name!r}: ZIP64 field"
        values = list(struct.unpack(f"<{wide}Q", zip64[0])) if wide else []
        size, packed, offset = (values.pop(0) if slot == 0xFFFFFFFF else slot for slot in slots)
        assert local[name] == (offset, (flags, method, crc, packed, size)), f"{name!r}: headers differ"
        position += 46 + names + extras
    assert seen == set(local)
    directory_size = position - directory_offset
    needs_zip64 = len(seen) >= 0xFFFF or max(directory_offset, directory_size) >= 0xFFFFFFFF
    if data[position : position + 4] == b"PK\x06\x06":
        rest, _, _, _, _, here, total, cd_size, cd_offset = struct.unpack_from("<Q2H2L4Q", data, position + 4)
        assert (rest, here, total, cd_size, cd_offset) == (
            44,
            len(seen),
            len(seen),
            directory_size,
            directory_offset,
        )
        assert struct.unpack_from("<4sLQL", data, position + 56) == (b"PK\x06\x07", 0, position, 1)
        position += 76
    else:
        assert not needs_zip64
    signature, disk, start, here, total, cd_size, cd_offset, comment = struct.unpack_from(
        "<4s4H2LH", data, position
    )
    assert signature == b"PK\x05\x06" and disk == start == 0 and here == total
    assert total in (0xFFFF, len(seen)) and cd_size in (0xFFFFFFFF, directory_size)
    assert cd_offset in (0xFFFFFFFF, directory_offset)
    assert position + 22 + comment == len(data), "more bytes after the end"


def _check_wheel(filename: str, members: dict[str, bytes]) -> None:
    """Check the parts that make a zip file a wheel: directories, METADATA and RECORD."""
    name, version = filename.split("-")[:2]
    dist_info = f"{name}-{version}.dist-info"
    tops = {member.partition("/")[0] for member in members}
    assert [top for top in tops if top.endswith(".dist-info")] == [dist_info]
    assert not [top for top in tops if top.endswith(".data") and top != f"{name}-{version}.data"]
    rows = list(csv.reader(members[f"{dist_info}/RECORD"].decode().splitlines()))
    assert all(len(row) == 3 for row in rows)
    listed = [row[0] for row in rows]
    files = {member for member in members if not member.endswith("/")}
    assert sorted(listed) == sorted(files), set(listed) ^ files
    for path, digest, size in rows:
        if path == f"{dist_info}/RECORD":
            assert (digest, size) == ("", "")
            continue
        algorithm, _, value = digest.partition("=")
        actual = base64.urlsafe_b64encode(hashlib.new(algorithm, members[path]).digest()).rstrip(b"=")
        assert (value, int(size)) == (actual.decode(), len(members[path])), path
