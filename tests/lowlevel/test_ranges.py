"""Comparing parts of a file in blocks gives the same as comparing them one by one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.ranges import HeadCopy, Source, has_parts, read_at

DATA = random.Random(825).randbytes(200_000)
MOST_AT_ONCE = 32 << 10

distances = st.integers(0, 100) | st.integers(0, 70_000)
lengths = st.integers(1, 100) | st.integers(1, 40_000)


class Reads:
    """A source of DATA that notes the lengths of reads."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.source = Source(self.read, len(DATA))

    def read(self, length: int, offset: int) -> bytes:
        self.lengths.append(length)
        part = DATA[offset : offset + length]
        if len(part) < length:
            raise VariantError("truncated")
        return part


changes = st.none() | st.tuples(st.integers(0, 29), st.sampled_from([b"\0", DATA[:1]]))


@given(st.lists(st.tuples(distances, lengths), max_size=30), changes)
def test_parts_are_found_at_their_offsets(
    places: list[tuple[int, int]], change: tuple[int, bytes] | None
) -> None:
    offsets: list[int] = []
    parts: list[bytes] = []
    start = 0
    for distance, length in places:
        start += distance
        if start + length <= len(DATA):
            offsets.append(start)
            parts.append(DATA[start : start + length])
        start += length
    if change is not None and change[0] < len(parts):
        parts[change[0]] += change[1]
    one_by_one = [DATA[start : start + len(part)] for start, part in zip(offsets, parts, strict=True)]
    reads = Reads()
    ends = [start + len(part) for start, part in zip(offsets, parts, strict=True)]
    overlap = any(end > start for end, start in zip(ends, offsets[1:], strict=False))
    found = has_parts(reads.source, offsets, parts)
    assert found == (one_by_one == parts) or (overlap and not found)
    assert max(reads.lengths, default=0) <= max([MOST_AT_ONCE, *map(len, parts)])


def test_parts_near_each_other_are_read_at_once() -> None:
    reads = Reads()
    offsets = [*range(0, 30_000, 100), 150_000]
    assert has_parts(reads.source, offsets, [DATA[offset : offset + 46] for offset in offsets])
    assert reads.lengths == [29_946, 46]


@pytest.mark.parametrize("offset", [(1 << 63) - 1, 1 << 63, 1 << 64])
def test_a_too_large_position_is_after_the_end(offset: int, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x")
    with path.open("rb") as file, pytest.raises(VariantError, match="truncated"):
        read_at(file.fileno(), 1, offset)


class LoweredAtOnce(HeadCopy):
    """A copy whose end another thread lowers directly after it is read for the first time."""

    @property
    def _end(self) -> int:
        self._ends.append(0)
        return self._ends.pop(0)

    @_end.setter
    def _end(self, end: int) -> None:
        self._ends = [end]


def test_the_end_of_a_copy_may_be_lowered_at_any_time(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(DATA)
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("wb") as target:
        counts: list[int] = []
        with LoweredAtOnce(source.fileno(), target.fileno(), 1000, counts.append) as copy:
            copy._thread.join()
            assert copy._error is None
    assert counts == [1000]
