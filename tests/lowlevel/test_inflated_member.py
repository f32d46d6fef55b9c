"""Ranges of members, read without holding their content."""

from __future__ import annotations

import io
import random
import tracemalloc
import zipfile

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.inflated_member import content_source
from variant_backend._internal.lowlevel.ranges import Source
from variant_backend._internal.lowlevel.zip_archive import Archive

CONTENT = random.Random(0).randbytes(1 << 18) + bytes(1 << 20) + b"end" * 100_000


def archive_of(content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> Archive:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("demo.so", content, compresslevel=1)
    data = file.getvalue()
    return Archive.read(Source(lambda length, offset: data[offset : offset + length], len(data)))


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_ranges_are_read_in_any_order(compression: int) -> None:
    archive = archive_of(CONTENT, compression)
    source = content_source(archive, archive.entries[0])
    assert source.size == len(CONTENT)
    generator = random.Random(1)
    for _ in range(100):
        offset = generator.randrange(len(CONTENT))
        length = min(generator.choice([0, 1, 100, 300_000]), len(CONTENT) - offset)
        assert source.read(length, offset) == CONTENT[offset : offset + length]
    with pytest.raises(VariantError, match="truncated"):
        source.read(2, len(CONTENT) - 1)


def test_damaged_data_are_an_error() -> None:
    archive = archive_of(CONTENT)
    (entry,) = archive.entries
    short = entry._replace(compressed_size=entry.compressed_size - 1000)
    longer = entry._replace(size=entry.size + 1)
    for changed in (short, longer):
        source = content_source(archive, changed)
        with pytest.raises(VariantError, match="damaged data"):
            source.read(1, changed.size - 1)


def test_a_member_that_inflates_a_thousandfold_is_refused() -> None:
    archive = archive_of(bytes(9 << 20))
    with pytest.raises(VariantError, match="too many"):
        content_source(archive, archive.entries[0])


def test_memory_is_bounded() -> None:
    content = b"".join(b"%d," % number for number in range(700_000))
    archive = archive_of(content)
    source = content_source(archive, archive.entries[0])
    tracemalloc.start()
    assert source.read(1000, len(content) - 1000) == content[-1000:]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < len(content) / 2
