"""Read ranges of a compressed member of a zip archive, without holding its content in memory.

The tables of a shared object are at its start and near its end, and it may inflate to 2 GB. So the content is
inflated as a stream, and the state of the inflater is kept from time to time: going back costs little.
"""

from __future__ import annotations

import bisect
import operator
import zlib
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from .ranges import Source
from .zip_archive import Archive
from .zip_records import DEFLATED, REBUILD, Entry

if TYPE_CHECKING:
    from zlib import _Decompress

# The compressed bytes of one step, and the most that one step inflates.
_INPUT = 32 << 10
_OUTPUT = 1 << 20

# The last bytes before a block are kept: a name may start in one block, and the next name, too.
_KEPT = 4 << 10

# The states that are kept: each takes 40 to 72 KB.
_MOST_STATES = 512
_LEAST_DISTANCE = 128 << 10

# Large shared objects inflate to 4 or 5 times their compressed size; a member that is made to take long
# inflates to a thousand times. Small ones may be compressed more.
_GROWTH = 50
_SMALL = 8 << 20

_OFFSET = operator.attrgetter("offset")


def content_source(archive: Archive, entry: Entry) -> Source:
    """Return the content of a member as a source; its size and CRC are not verified.

    Raises VariantError if its headers differ, or if it is very large compared with its compressed size.
    """
    start, length = archive.data_range(entry)
    if entry.method != DEFLATED:
        raw = _part(archive.source, start, length)
        return Source(raw.read, min(entry.size, length))
    if entry.size > max(_SMALL, _GROWTH * entry.compressed_size):
        raise VariantError(f"{entry.size} bytes are too many for {length} compressed bytes")
    return Source(_Inflated(_part(archive.source, start, length), entry.size).read, entry.size)


def _part(source: Source, start: int, size: int) -> Source:
    """Return a part of a source as a source."""

    def read(length: int, offset: int) -> bytes:
        if offset + length > size:
            raise VariantError(f"truncated: expected {length} bytes at byte {offset} of {size}")
        return source.read(length, start + offset)

    return Source(read, size)


class _State(NamedTuple):
    """An inflater after *consumed* compressed bytes, which gave *offset* bytes."""

    offset: int
    consumed: int
    inflater: _Decompress


class _Inflated:
    """The content of a deflated member, of *size* bytes."""

    def __init__(self, raw: Source, size: int) -> None:
        self._raw = raw
        self._size = size
        self._distance = max(_LEAST_DISTANCE, size // _MOST_STATES)
        self._states = [_State(0, 0, zlib.decompressobj(-zlib.MAX_WBITS))]
        self._go_to(self._states[0])

    def _go_to(self, state: _State) -> None:
        self._inflater = state.inflater.copy()
        self._read = state.consumed  # compressed bytes that were read, including those in `_input`
        self._input = b""
        self._start = state.offset  # the offset of `_block`: the last inflated bytes
        self._block = b""

    def read(self, length: int, offset: int) -> bytes:
        """Return exactly *length* bytes; raises VariantError if the data are damaged or end before that."""
        if offset + length > self._size:
            raise VariantError(f"truncated: expected {length} bytes at byte {offset} of {self._size}")
        state = self._states[bisect.bisect_right(self._states, offset, key=_OFFSET) - 1]
        if not self._start <= offset or state.offset > self._start + len(self._block):
            self._go_to(state)
        parts = []
        while length:
            first = offset - self._start
            part = self._block[first : first + length]
            parts.append(part)
            offset += len(part)
            length -= len(part)
            if length:
                self._advance()
        return b"".join(parts)

    def _advance(self) -> None:
        """Inflate the next block."""
        end = self._start + len(self._block)
        if not self._input:
            size = min(_INPUT, self._raw.size - self._read)
            self._input = self._raw.read(size, self._read)
            self._read += size
        try:
            block = self._inflater.decompress(self._input, _OUTPUT)
        except zlib.error as error:
            raise VariantError(f"damaged data: {error}", remedy=REBUILD) from None
        self._input = self._inflater.unconsumed_tail
        if not block and not self._input and (self._inflater.eof or self._read == self._raw.size):
            raise VariantError(f"damaged data: ends at byte {end} of {self._size}", remedy=REBUILD)
        kept = self._block[-_KEPT:]
        self._start, self._block = end - len(kept), kept + block
        end += len(block)
        if end >= self._states[-1].offset + self._distance:
            self._states.append(_State(end, self._read - len(self._input), self._inflater.copy()))
