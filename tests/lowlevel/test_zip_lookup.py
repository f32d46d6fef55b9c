"""Looking up members finds the same as reading the whole directory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.ranges import Source
from variant_backend._internal.lowlevel.zip_archive import Archive
from variant_backend._internal.lowlevel.zip_lookup import read_members

NAMES = ["demo-1.0.dist-info/METADATA", "demo-1.0.dist-info/variant.json"]
SIGNATURE = b"PK\x01\x02"


def archive(*others: str, content: bytes = b"{}") -> bytes:
    """Return an archive with the two members, and others before, between and after them."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for number, name in enumerate([*others[:1], NAMES[0], *others[1:2], NAMES[1], *others[2:]]):
            file.writestr(zipfile.ZipInfo(name), content + str(number).encode())
    return data.getvalue()


def contents(data: bytes, read: Callable[[Source], Archive]) -> dict[str, bytes] | list[str]:
    """Return the contents of the two members, or the problems of reading them."""

    def part(length: int, offset: int) -> bytes:
        if not 0 <= offset <= offset + length <= len(data):
            raise VariantError("truncated")
        return data[offset : offset + length]

    try:
        opened = read(Source(part, len(data)))
        return {entry.name: opened.content(entry) for entry in opened.entries if entry.name in NAMES}
    except VariantError as error:
        return error.lines()


def lookup(source: Source) -> Archive:
    return read_members(source, NAMES)


@pytest.mark.parametrize(
    "others",
    [
        (),
        ("demo/__init__.py", "demo/a.py", "demo/b.py"),
        (f"{NAMES[0]}.old", f"{NAMES[1]}.old", f"x/{NAMES[0]}"),
        (f"x/{NAMES[1]}",),
    ],
)
def test_a_lookup_finds_the_same_members_as_reading(others: tuple[str, ...]) -> None:
    data = archive(*others, content=b"PK\x01\x02" * 9)
    assert contents(data, lookup) == contents(data, Archive.read)
    assert set(contents(data, lookup)) == set(NAMES)


def test_a_lookup_reads_no_other_member() -> None:
    data = archive("../outside.py")
    assert "must not be absolute" in "".join(contents(data, Archive.read))
    assert set(contents(data, lookup)) == set(NAMES)


def test_a_missing_member_is_not_found() -> None:
    data = archive().replace(b"variant.json", b"variant.jsom")
    assert contents(data, lookup) == contents(data, Archive.read) == {NAMES[0]: b"{}0"}


def test_a_duplicate_member_is_an_error() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = archive(NAMES[0])
    assert contents(data, lookup) == contents(data, Archive.read)
    assert "duplicate member" in "".join(contents(data, lookup))


@settings(max_examples=500)
@given(st.data())
def test_a_lookup_in_damaged_bytes_finds_no_other_content(data: st.DataObject) -> None:
    sound = archive("demo/a.py", "demo/b.py")
    position = data.draw(st.integers(0, len(sound) - 1))
    new = data.draw(st.binary(max_size=4) | st.just(SIGNATURE))
    damaged = sound[:position] + new + sound[position + data.draw(st.integers(0, 4)) :]
    whole, part = contents(damaged, Archive.read), contents(damaged, lookup)
    if isinstance(whole, dict):
        assert part == whole
