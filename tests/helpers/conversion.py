"""Conversions of wheels."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from variant_backend._internal.variants.metadata import VariantMetadata, declared_metadata
from variant_backend._internal.variants.properties import NULL_VARIANT, Property
from variant_backend._internal.variants.wheel_metadata import select_variant
from variant_backend._internal.wheel_rewrite import Plan, write_variant
from variant_backend._internal.wheels.reading import WheelFile

LEVEL = Property("x86_64", "level", "v3")


def metadata(label: str = "v3", *properties: Property) -> VariantMetadata:
    release = declared_metadata(properties or [LEVEL])
    return release.only(select_variant(release, label, frozenset(properties or [LEVEL])))


def null_metadata() -> VariantMetadata:
    return declared_metadata([LEVEL]).only(NULL_VARIANT)


def convert(wheel: Path, folder: Path, plan: Plan | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return write_variant(WheelFile.of(wheel), plan or Plan(metadata()), folder, force=True).path


def write_sparse_wheel(wheel: Path, members: dict[str, bytes], size: int, extra: bytes = b"") -> None:
    """Write a wheel with one more member: *size* zero bytes that take no space on the disk.

    All members have the *extra* fields.
    """
    directory = b""
    with wheel.open("wb") as file:
        for name, content in [("demo/large", None), *members.items()]:
            length, crc = (size, 0) if content is None else (len(content), zlib.crc32(content))
            numbers = (20, 0, 0, 0, 33, crc, length, length, len(name), len(extra))
            record = struct.pack("<4sH5H3L5H2L", b"PK\x01\x02", 788, *numbers, 0, 0, 0, 0, file.tell())
            directory += record + name.encode() + extra
            file.write(struct.pack("<4s5H3L2H", b"PK\x03\x04", *numbers) + name.encode() + extra)
            if content is None:
                file.seek(length, os.SEEK_CUR)
            else:
                file.write(content)
        total, end = len(members) + 1, file.tell()
        assert end < 0xFFFFFFFF
        file.write(directory)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, total, total, len(directory), end, 0))
