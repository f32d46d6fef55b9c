"""Read which libraries a shared object links: ELF, Mach-O and PE files, without running anything.

Only the tables are read, in ranges. The files may come from anyone: each table and each name has a limit, and
the names are read in the order of their offsets. Sources: the ELF specification (gABI), Apple's
mach-o/loader.h and mach-o/fat.h, and Microsoft's PE format.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

from ..errors import VariantError
from .ranges import Source

# The names of shared objects and extension modules: libgomp.so.1.0.0, _core.abi3.so, _core.pyd.
_SHARED_OBJECT = re.compile(r"\.(?:so(?:\.[0-9]+)*|dylib|dll|pyd)\Z", re.IGNORECASE)
_LONGEST_ENDING = 40

# The most that is read. Real files link some 70 libraries, and have some 50 load commands.
_MOST_LIBRARIES = 2048
_MOST_COMMANDS = 10_000
_MOST_SECTIONS = 1000
_MOST_SLICES = 32
_LONGEST_NAME = 1024
_LARGEST_TABLE = 4 << 20


class Imports(NamedTuple):
    """The libraries that a shared object links, and its own name for others: empty if it has none."""

    libraries: tuple[str, ...] = ()
    own_name: str = ""


def is_shared_object(path: str) -> bool:
    """Return whether a file is a shared object, by its name."""
    return _SHARED_OBJECT.search(path[-_LONGEST_ENDING:]) is not None


def read_imports(source: Source) -> Imports | None:
    """Return the imports of a shared object. None if it is neither an ELF, nor a Mach-O, nor a PE file.

    Raises VariantError if a table is damaged.
    """
    magic = source.read(min(source.size, 4), 0)
    if magic == b"\x7fELF":
        return _elf_imports(source)
    if magic[:2] == b"MZ":
        return _pe_imports(source)
    if magic in _MACH_O:
        return _mach_o_imports(source, 0, source.size)
    if magic in _FAT:
        return _fat_imports(source, _FAT[magic])
    return None


def _table(source: Source, form: str, offset: int, count: int) -> list[tuple[int, ...]]:
    """Return *count* rows of a table."""
    size = struct.calcsize(form) * count
    if size > _LARGEST_TABLE:
        raise VariantError(f"a table of {size} bytes is too large")
    return list(struct.iter_unpack(form, source.read(size, offset)))


def _row(source: Source, form: str, offset: int) -> tuple[int, ...]:
    return struct.unpack(form, source.read(struct.calcsize(form), offset))


def _names(source: Source, offsets: Iterable[int]) -> dict[int, str]:
    """Return the text at each offset, up to a zero byte; in the order of the offsets."""
    return {offset: _name(source, offset) for offset in sorted(set(offsets))}


def _name(source: Source, offset: int) -> str:
    data = source.read(max(min(_LONGEST_NAME, source.size - offset), 0), offset)
    text, end, _ = data.partition(b"\0")
    if not end:
        raise VariantError(f"the name of a library at byte {offset} has no end")
    return text.decode("utf-8", "replace")


def _check_count(count: int) -> None:
    if count > _MOST_LIBRARIES:
        raise VariantError(f"links more than {_MOST_LIBRARIES} libraries")


class _Segment(NamedTuple):
    """A part of a file that is loaded to an address."""

    address: int
    size: int
    offset: int


def _file_offset(segments: Iterable[_Segment], address: int) -> int:
    """Return where an address is in the file; raises VariantError if it is not."""
    for start, size, offset in segments:
        if start <= address < start + size:
            return offset + address - start
    raise VariantError(f"address {address:#x} is not in the file")


_LOAD, _DYNAMIC = 1, 2  # PT_LOAD, PT_DYNAMIC
_END, _NEEDED, _STRINGS, _SONAME = 0, 1, 5, 14  # DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME


def _elf_imports(source: Source) -> Imports:
    identity = source.read(16, 0)
    if identity[4] not in (1, 2) or identity[5] not in (1, 2):
        raise VariantError("unknown class or byte order of an ELF file")
    is_wide, order = identity[4] == 2, "<" if identity[5] == 1 else ">"
    # The offset of the program headers; the size of one, and their number.
    start, row_size, count = _row(source, f"{order}{'16xQ14x2H' if is_wide else '12xI10x2H'}", 16)
    form = f"{order}{'2I6Q' if is_wide else '8I'}"
    if count and row_size != struct.calcsize(form):
        raise VariantError(f"program headers of {row_size} bytes")
    segments: list[_Segment] = []
    dynamic = None
    for row in _table(source, form, start, count):
        kind, (offset, address, _, size) = row[0], row[2:6] if is_wide else row[1:5]
        if kind == _LOAD:
            segments.append(_Segment(address, size, offset))
        elif kind == _DYNAMIC:
            dynamic = offset, size
    if dynamic is None:
        return Imports()
    return _dynamic_imports(source, f"{order}{'2Q' if is_wide else '2I'}", dynamic, segments)


def _dynamic_imports(
    source: Source, form: str, dynamic: tuple[int, int], segments: Iterable[_Segment]
) -> Imports:
    """Return the imports in the dynamic section, at an offset and with a size."""
    needed: list[int] = []
    values: dict[int, int] = {}
    offset, size = dynamic
    for tag, value in _table(source, form, offset, size // struct.calcsize(form)):
        if tag == _END:
            break
        if tag == _NEEDED:
            needed.append(value)
        values[tag] = value
    _check_count(len(needed))
    if not needed and _SONAME not in values:
        return Imports()
    if _STRINGS not in values:
        raise VariantError("the dynamic section has no table of names")
    start = _file_offset(segments, values[_STRINGS])
    own = [values[_SONAME]] if _SONAME in values else []
    names = _names(source, (start + value for value in [*needed, *own]))
    libraries = [names[start + value] for value in needed]
    return Imports(tuple(libraries), names[start + own[0]] if own else "")


# The byte order and the size of the header.
_MACH_O = {
    b"\xce\xfa\xed\xfe": ("<", 28),
    b"\xcf\xfa\xed\xfe": ("<", 32),
    b"\xfe\xed\xfa\xce": (">", 28),
    b"\xfe\xed\xfa\xcf": (">", 32),
}
_FAT = {b"\xca\xfe\xba\xbe": ">8x2I4x", b"\xca\xfe\xba\xbf": ">8x2Q8x"}  # offset and size of a slice
# LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB, LC_LAZY_LOAD_DYLIB, LC_LOAD_UPWARD_DYLIB
_LOADING = {0xC, 0x80000018, 0x8000001F, 0x20, 0x80000023}
_ID = 0xD  # LC_ID_DYLIB


def _fat_imports(source: Source, form: str) -> Imports:
    """Return the imports of all slices of a universal binary."""
    (count,) = _row(source, ">I", 4)
    if count > _MOST_SLICES:
        raise VariantError(f"a universal binary with {count} slices")
    slices = [_mach_o_imports(source, *row) for row in sorted(_table(source, form, 8, count))]
    libraries = dict.fromkeys(library for imports in slices for library in imports.libraries)
    return Imports(tuple(libraries), slices[0].own_name if slices else "")


def _mach_o_imports(source: Source, start: int, size: int) -> Imports:
    """Return the imports of a Mach-O file that starts at a byte, and has *size* bytes."""
    magic = source.read(4, start)
    if magic not in _MACH_O:
        raise VariantError("a slice of a universal binary is not a Mach-O file")
    order, header_size = _MACH_O[magic]
    count, commands_size = _row(source, f"{order}2I", start + 16)
    if commands_size > min(_LARGEST_TABLE, size):
        raise VariantError(f"load commands of {commands_size} bytes are too large")
    commands = source.read(commands_size, start + header_size)
    libraries: list[str] = []
    own_name = ""
    for kind, command in _commands(commands, order, count):
        if kind in _LOADING:
            libraries.append(_name_in(command, order))
        elif kind == _ID:
            own_name = _name_in(command, order)
    _check_count(len(libraries))
    return Imports(tuple(libraries), own_name)


def _commands(data: bytes, order: str, count: int) -> Iterator[tuple[int, bytes]]:
    """Yield each load command with its kind."""
    if count > _MOST_COMMANDS:
        raise VariantError(f"more than {_MOST_COMMANDS} load commands")
    position = 0
    for _ in range(count):
        if len(data) < position + 8:
            raise VariantError(f"{count} load commands do not fit into {len(data)} bytes")
        kind, size = struct.unpack_from(f"{order}2I", data, position)
        if not 8 <= size <= len(data) - position:
            raise VariantError(f"a load command of {size} bytes")
        yield kind, data[position : position + size]
        position += size


def _name_in(command: bytes, order: str) -> str:
    """Return the name in a load command for a library."""
    start = int.from_bytes(command[8:12], "little" if order == "<" else "big")
    if not 12 <= start < len(command):
        raise VariantError("a load command without the name of its library")
    return command[start:].partition(b"\0")[0][:_LONGEST_NAME].decode("utf-8", "replace")


# The size of a row in the tables of imports and of delayed imports, and where the address of the name is.
_IMPORTS, _DELAYED_IMPORTS = ("<12xI4x", 1), ("<2I24x", 13)


def _pe_imports(source: Source) -> Imports | None:
    if source.size < 0x40:
        return None
    (start,) = _row(source, "<I", 0x3C)
    if start + 24 > source.size or source.read(4, start) != b"PE\0\0":
        return None  # a program for MS-DOS
    section_count, options_size = _row(source, "<2xH12xH2x", start + 4)
    if section_count > _MOST_SECTIONS:
        raise VariantError(f"more than {_MOST_SECTIONS} sections")
    (kind,) = _row(source, "<H", start + 24)
    if kind not in (0x10B, 0x20B):
        raise VariantError(f"unknown kind {kind:#x} of a PE file")
    is_wide = kind == 0x20B
    (base,) = _row(source, "<Q", start + 48) if is_wide else _row(source, "<I", start + 52)
    at_count = start + 24 + (108 if is_wide else 92)
    (directory_count,) = _row(source, "<I", at_count)
    directories = _table(source, "<2I", at_count + 4, min(directory_count, 16))
    rows = _table(source, "<8x4I16x", start + 24 + options_size, section_count)
    sections = [_Segment(address, size, offset) for _, address, size, offset in rows]
    # The headers are loaded, too.
    sections.append(_Segment(0, min((section.address for section in sections), default=0), 0))
    to_offset = partial(_file_offset, sections)
    names = [
        *_pe_names(source, directories, to_offset, _IMPORTS, lambda row: row[0]),
        *_pe_names(
            source, directories, to_offset, _DELAYED_IMPORTS, lambda row: row[1] - (0 if row[0] & 1 else base)
        ),
    ]
    return Imports(tuple(names))


def _pe_names(
    source: Source,
    directories: list[tuple[int, ...]],
    to_offset: Callable[[int], int],
    table: tuple[str, int],
    address_of: Callable[[tuple[int, ...]], int],
) -> list[str]:
    """Return the names in a table of imports; it ends with a row of zeros."""
    form, index = table
    address = directories[index][0] if index < len(directories) else 0
    if not address:
        return []
    offset, row_size = to_offset(address), struct.calcsize(form)
    places: list[int] = []
    while any(data := source.read(row_size, offset + row_size * len(places))):
        _check_count(len(places))
        if not (name := address_of(struct.unpack(form, data))):
            break
        places.append(to_offset(name))
    names = _names(source, places)
    return [names[place] for place in places]
