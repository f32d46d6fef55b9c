"""Small ELF, Mach-O and PE files that link libraries; pyelftools, lief and pefile read the same imports."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def made_elf(*libraries: str, own_name: str = "", order: str = "<", is_wide: bool = True) -> bytes:
    """Return a shared object whose table of names is at its start, and its dynamic section at its end."""
    names = b"\0"
    tags = []
    for tag, name in [*((1, library) for library in libraries), *([(14, own_name)] if own_name else [])]:
        tags.append((tag, len(names)))
        names += name.encode() + b"\0"
    header_size, row_size = (64, 56) if is_wide else (52, 32)
    start = header_size + 2 * row_size
    # The first address is not the offset.
    tags += [(5, 0x1000 + start), (0, 0)]
    dynamic = b"".join(struct.pack(f"{order}2{'Q' if is_wide else 'I'}", *tag) for tag in tags)
    padding = bytes(-(start + len(names)) % 16 + 32)
    at_dynamic = start + len(names) + len(padding)
    size = at_dynamic + len(dynamic)
    rows = [(1, 0, 0x1000, size), (2, at_dynamic, 0x1000 + at_dynamic, len(dynamic))]
    identity = b"\x7fELF" + bytes([2 if is_wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    word = "Q" if is_wide else "I"
    header = struct.pack(
        f"{order}2HI3{word}I6H", 3, 62, 1, 0, header_size, 0, 0, header_size, row_size, len(rows), 0, 0, 0
    )
    table = b""
    for kind, offset, address, length in rows:
        values = (offset, address, address, length, length)
        table += (
            struct.pack(f"{order}2I6Q", kind, 5, *values, 8)
            if is_wide
            else struct.pack(f"{order}8I", kind, *values, 5, 8)
        )
    return identity + header + table + names + padding + dynamic


def made_mach_o(*libraries: str, own_name: str = "", order: str = "<", is_wide: bool = True) -> bytes:
    commands = [
        _dylib(kind, name, order)
        for kind, name in [*([(0xD, own_name)] if own_name else []), *((0xC, name) for name in libraries)]
    ]
    body = b"".join(commands)
    magic = 0xFEEDFACF if is_wide else 0xFEEDFACE
    header = struct.pack(f"{order}7I", magic, 0x0100000C, 0, 6, len(commands), len(body), 0)
    return header + (bytes(4) if is_wide else b"") + body + bytes(64)


def _dylib(kind: int, name: str, order: str) -> bytes:
    text = name.encode() + b"\0"
    text += bytes(-len(text) % 8)
    return struct.pack(f"{order}6I", kind, 24 + len(text), 24, 2, 0x10000, 0x10000) + text


def made_universal(*slices: bytes) -> bytes:
    offset = 8 + 20 * len(slices)
    table, body = struct.pack(">2I", 0xCAFEBABE, len(slices)), b""
    for index, content in enumerate(slices):
        table += struct.pack(">5I", 0x01000007 + index, 3, offset + len(body), len(content), 0)
        body += content
    return table + body


def made_pe(*libraries: str, delayed: Sequence[str] = (), is_wide: bool = True) -> bytes:
    """Return a DLL with one section, of which the address is not the offset."""
    address, offset = 0x1000, 0x400
    options_size = (112 if is_wide else 96) + 16 * 8
    rows = 20 * (len(libraries) + 1), 32 * (len(delayed) + 1)
    names, places = b"", []
    for name in [*libraries, *delayed]:
        places.append(address + sum(rows) + len(names))
        names += name.encode() + b"\0"
    imports = b"".join(struct.pack("<12x2I", place, 0) for place in places[: len(libraries)]) + bytes(20)
    late = b"".join(struct.pack("<2I24x", 1, place) for place in places[len(libraries) :]) + bytes(32)
    section = imports + late + names
    directories = [(0, 0)] * 16
    directories[1] = (address, rows[0])
    directories[13] = (address + rows[0], rows[1]) if delayed else (0, 0)
    options = struct.pack("<H", 0x20B if is_wide else 0x10B)
    options += bytes((112 if is_wide else 96) - len(options) - 4) + struct.pack("<I", 16)
    options += b"".join(struct.pack("<2I", *directory) for directory in directories)
    head = b"MZ" + bytes(0x3A) + struct.pack("<I", 0x40)
    head += b"PE\0\0" + struct.pack("<2H3I2H", 0x8664, 1, 0, 0, 0, options_size, 0x2022) + options
    head += struct.pack("<8s6I2HI", b".idata", len(section), address, len(section), offset, 0, 0, 0, 0, 0)
    return head + bytes(offset - len(head)) + section
