"""Records are read by column as one by one, and large offsets are taken out of them again."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel import zip_records
from variant_backend._internal.lowlevel.zip_records import Entry, read_directory

SIGNATURE = b"PK\x01\x02"
names = st.text("ab/._-:\\\n\0é", max_size=6) | st.sampled_from(["C:/a", "a/../b", "/a", "a", "b/c", "..a"])


def directory(*members: str) -> tuple[bytes, int]:
    """Return the central directory of an archive with these members, and their number."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number, name in enumerate(members):
            info = zipfile.ZipInfo("x")
            info.filename = name  # zipfile would change it
            info.compress_type = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            archive.writestr(info, name * number)
        start = data.tell()
    return data.getvalue()[start:-22], len(members)


def one_by_one(records: bytes, total: int) -> list[Entry] | str:
    """Return the result of reading record by record, or its error."""
    try:
        entries = zip_records._read_records(records, total)
        zip_records.check_member_folders([entry.name for entry in entries])
        return entries
    except VariantError as error:
        return str(error)


def at_once(records: bytes, total: int) -> list[Entry] | str:
    """Return the result of `read_directory`, or its error."""
    try:
        return read_directory(records, total)
    except VariantError as error:
        return str(error)


def test_an_ordinary_directory_is_read_by_column() -> None:
    records, total = directory("demo/__init__.py", "demo/a b.py", "demo-1.0.dist-info/RECORD", "demo/")
    entries = zip_records._read_plain(records, total)
    assert entries == one_by_one(records, total) == at_once(records, total)


@pytest.mark.parametrize("name", ["", "/a", "C:a", "a/../b", "..", "a\\b", "a\nb", "é", "a\x7f"])
def test_an_unusual_name_needs_reading_record_by_record(name: str) -> None:
    assert zip_records._read_plain(*directory("a", name)) is None


def test_a_duplicate_name_needs_reading_record_by_record() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        records, total = directory("a", "b", "a")
    assert zip_records._read_plain(records, total) is None
    assert "duplicate member" in str(at_once(records, total))


@settings(max_examples=500)
@given(members=st.lists(names, unique=True, max_size=4), data=st.data())
@example(members=[f"a{SIGNATURE.decode()}b", "c"], data=None)
@example(members=["b", "b/c"], data=None)
def test_both_ways_give_the_same_for_damaged_directories(
    members: list[str], data: st.DataObject | None
) -> None:
    records, total = directory(*members)
    if data is not None:
        position = data.draw(st.integers(0, len(records)))
        new = data.draw(st.binary(max_size=4) | st.just(SIGNATURE) | st.just(b"\xff" * 4))
        records = records[:position] + new + records[position + data.draw(st.integers(0, 4)) :]
        total += data.draw(st.integers(-1, 1))
    assert at_once(records, total) == one_by_one(records, total)


FIELDS = st.lists(st.sampled_from([b"UT\5\0\1\1\2\3\4", b"\xfe\xca\0\0", b"\xcd\xab\3\0xyz"]), max_size=2)


@given(
    before=FIELDS,
    after=FIELDS,
    wide=st.sampled_from([(), (0,), (0, 1), (1,)]),
    offset=st.integers(0, 1 << 31),
)
def test_a_large_offset_leaves_no_trace_in_a_record(
    before: list[bytes], after: list[bytes], wide: tuple[int, ...], offset: int
) -> None:
    sizes = [5, 7]
    slots = [0xFFFFFFFF if number in wide else size for number, size in enumerate(sizes)]
    values = [sizes[number] for number in wide]
    field = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *values) if wide else b""
    extra = b"".join([*before, field, *after])
    head = struct.pack("<4s6HL", SIGNATURE, 788, 20, 0, 8, 33, 22000, 1)
    tail = struct.pack("<5H2L", 1, len(extra), 0, 0, 0, 0, offset)
    record = head + struct.pack("<2L", *reversed(slots)) + tail + b"a" + extra
    (entry,) = read_directory(record, 1)
    large = zip_records.moved(record, 5 << 30)
    assert read_directory(large, 1) == [entry._replace(central=large, offset=5 << 30)]
    assert zip_records.moved(zip_records.narrowed(large), offset) == record
