"""The import tables of ELF, Mach-O and PE files, whole and damaged."""

from __future__ import annotations

import random
import struct
import time

import pytest
from helpers.made_modules import made_elf, made_mach_o, made_pe, made_universal

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.import_tables import Imports, is_shared_object, read_imports
from variant_backend._internal.lowlevel.ranges import Source

NAMES = ("libcudart.so.12", "libgomp-a34b3233.so.1.0.0")
FILES = {
    "elf": made_elf(*NAMES, own_name="libdemo.so.1"),
    "elf32-big": made_elf(*NAMES, own_name="libdemo.so.1", order=">", is_wide=False),
    "mach-o": made_mach_o(*NAMES, own_name="libdemo.so.1"),
    "mach-o32-big": made_mach_o(*NAMES, own_name="libdemo.so.1", order=">", is_wide=False),
    "universal": made_universal(
        made_mach_o(NAMES[0], own_name="libdemo.so.1"), made_mach_o(*NAMES, order=">", is_wide=False)
    ),
    "pe": made_pe(*NAMES),
    "pe32-delayed": made_pe(NAMES[0], delayed=NAMES[1:], is_wide=False),
}


def source(data: bytes) -> Source:
    def read(length: int, offset: int) -> bytes:
        if not 0 <= offset <= offset + length <= len(data):
            raise VariantError("truncated")
        return data[offset : offset + length]

    return Source(read, len(data))


def survives(data: bytes) -> bool:
    """Return whether the file can be read, or is refused by an error of the project."""
    try:
        imports = read_imports(source(data))
    except VariantError:
        return False
    return imports is not None


@pytest.mark.parametrize("kind", FILES)
def test_the_libraries_and_the_own_name_are_read(kind: str) -> None:
    own_name = "" if kind.startswith("pe") else "libdemo.so.1"
    assert read_imports(source(FILES[kind])) == Imports(NAMES, own_name)


@pytest.mark.parametrize("data", [b"", b"MZ", b"MZ" + bytes(100), b"INPUT(libfoo.so)", b"PK\3\4" + bytes(9)])
def test_other_files_have_no_imports(data: bytes) -> None:
    assert read_imports(source(data)) is None


@pytest.mark.parametrize("data", [made_elf(), made_pe(), made_mach_o()])
def test_a_module_may_link_nothing(data: bytes) -> None:
    assert read_imports(source(data)) == Imports()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("demo/_core.abi3.so", True),
        ("demo.libs/libgomp-a34b3233.so.1.0.0", True),
        ("demo/_core.pyd", True),
        ("demo/A.DLL", True),
        ("demo/.dylibs/libomp.dylib", True),
        ("demo/lib.so.debug", False),
        ("demo/so", False),
        ("demo/__init__.py", False),
        ("demo/" + ".so.1" * 100_000 + "x", False),
    ],
)
def test_shared_objects_are_known_by_their_names(path: str, expected: bool) -> None:
    assert is_shared_object(path) is expected


@pytest.mark.parametrize("kind", FILES)
def test_every_truncated_file_is_read_or_refused(kind: str) -> None:
    data = FILES[kind]
    assert survives(data)
    assert not all(survives(data[:length]) for length in range(4, len(data)))


@pytest.mark.parametrize("kind", FILES)
def test_every_changed_file_is_read_or_refused(kind: str) -> None:
    generator = random.Random(0)
    for _ in range(500):
        data = bytearray(FILES[kind])
        for _ in range(generator.randint(1, 3)):
            # The headers and the tables are at the start and at the end.
            position = generator.choice([generator.randrange(len(data)), generator.randrange(0x200)])
            width = generator.choice([1, 2, 4, 8])
            value = generator.choice([0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)])
            data[position : position + width] = bytes([value]) * len(data[position : position + width])
        survives(bytes(data))


def _with(data: bytes, form: str, offset: int, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


HOSTILE = {
    "many segments of which most are empty": _with(made_elf("a"), "<H", 56, 0xFFFF) + bytes(1 << 20),
    "a name without an end": made_elf("a" * 50_000),
    "many libraries": made_elf(*(["liba.so"] * 5000)),
    "many delayed libraries": made_pe(delayed=["a.dll"] * 5000),
    "many commands": made_mach_o(*(["a"] * 20_000)),
    "many slices": struct.pack(">2I", 0xCAFEBABE, 0xFFFF) + bytes(2 << 20),
    "many sections": _with(made_pe("a.dll"), "<H", 0x46, 0xFFFF) + bytes(4 << 20),
    "a slice that is a universal binary": made_universal(made_universal(made_mach_o("a"))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_tables_beyond_the_limits_are_refused_fast(name: str) -> None:
    started = time.process_time()
    with pytest.raises(VariantError):
        read_imports(source(HOSTILE[name]))
    assert time.process_time() - started < 1
