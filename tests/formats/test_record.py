from __future__ import annotations

import csv

import pytest
from helpers.made_wheels import record_row
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.record import Record

paths = st.text('ab,"; é/', min_size=1, max_size=8)
line_ends = st.sampled_from(["\n", "\r\n"])


@st.composite
def records(draw: st.DrawFn) -> tuple[list[str], bytes]:
    chosen = draw(st.lists(paths, min_size=1, max_size=6, unique=True))
    end = draw(line_ends)
    text = "".join(record_row(path, path.encode()) for path in chosen).replace("\n", end)
    return chosen, text.removesuffix(end if draw(st.booleans()) else "").encode()


def rows(data: bytes) -> dict[str, tuple[str, str]]:
    return {row[0]: (row[1], row[2]) for row in csv.reader(data.decode().splitlines())}


@given(records())
def test_no_change_gives_the_same_bytes(record: tuple[list[str], bytes]) -> None:
    assert Record.parse(record[1]).changed({}, (), {}) == record[1]


@given(records(), paths)
def test_a_new_file_gets_the_first_row(record: tuple[list[str], bytes], path: str) -> None:
    _, data = record
    path = f"new/{path}"
    changed = Record.parse(data).changed({path: b"content"}, (), {})
    assert changed.endswith(data)
    end = "\r\n" if b"\r\n" in data else "\n"
    assert changed[: -len(data)].decode() == record_row(path, b"content").replace("\n", end)


@given(records(), st.data())
def test_changed_files_change_their_own_rows_only(
    record: tuple[list[str], bytes], data: st.DataObject
) -> None:
    listed, content = record
    some = st.sets(st.sampled_from(listed))
    changed, dropped = data.draw(some), data.draw(some)
    moved = {path: f"moved/{path}" for path in data.draw(some)}
    contents = {moved.get(path, path): b"new" for path in changed - dropped}
    result = rows(Record.parse(content).changed(contents, dropped, moved))
    before = rows(content)
    assert list(result) == [moved.get(path, path) for path in listed if path not in dropped]
    for path in set(listed) - dropped:
        expected = rows(record_row("x", b"new").encode())["x"] if path in changed else before[path]
        assert result[moved.get(path, path)] == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,b\n", "row 1: expected 3 columns, got 2"),
        (b"a,b,c\n\nd,e,f\n", "row 2: expected 3 columns"),
        (b"a,b,c\na,b,c,d\n", "row 2: expected 3 columns, got 4"),
        (b"a,b,c\n\xff,,\n", "not UTF-8 at byte 6"),
        (b'"a\nb",c,d\n', "has several lines"),
        (b'"a"b,c,d\n', "not CSV"),
        (b'"a,b,c', "not CSV"),
        (b"a\0,b,c\n", "NUL character"),
    ],
)
def test_an_invalid_record_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(VariantError, match=message):
        Record.parse(data)
