"""Find a few members of a zip archive by name, without reading the records of all others.

`index` reads two members of each wheel, and may read hundreds of wheels with hundreds of members.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import VariantError
from .ranges import Source
from .zip_archive import Archive
from .zip_records import (
    CENTRAL_SIZE,
    ENDING_SIZE,
    LOCAL_SIGNATURE,
    Ending,
    Entry,
    read_directory,
    read_ending,
)

_CENTRAL_SIGNATURE = b"PK\x01\x02"


def read_members(source: Source, names: Iterable[str]) -> Archive:
    """Return the archive with the named members only.

    Only these members are checked, in the same way as in `Archive.read`. If a member is missing or the
    archive is unusual, `Archive.read` reads the whole archive. Raises VariantError as `Archive.read` does.
    """
    source = _with_tail(source)
    try:
        tail_size = min(source.size, ENDING_SIZE)
        ending = read_ending(source.read(tail_size, source.size - tail_size), source.size)
        entries = _find(source, ending, [name.encode() for name in names])
    except VariantError:
        entries = None
    if entries is None or source.read(4, 0) != LOCAL_SIGNATURE:
        return Archive.read(source)
    return Archive(source, entries, ending.directory_offset, ending.records)


def _with_tail(source: Source) -> Source:
    """Return the source with its last bytes read at once: mostly the metadata and the directory."""
    start = max(source.size - ENDING_SIZE, 0)
    tail = source.read(source.size - start, start)

    def read(length: int, offset: int) -> bytes:
        if offset < start or offset + length > source.size:
            return source.read(length, offset)
        return tail[offset - start : offset - start + length]

    return Source(read, source.size)


def _find(source: Source, ending: Ending, names: Iterable[bytes]) -> list[Entry] | None:
    """Return the members; None if it is not certain that their records were found."""
    directory = source.read(ending.directory_size, ending.directory_offset)
    # Every record starts with the signature: if there are as many of them as records, each starts a record.
    # Only an archive made to deceive hides a record inside another one and announces more records than it
    # has. Reading all records would take longer than all else; `check` reads each wheel completely.
    if directory.count(_CENTRAL_SIGNATURE) != ending.total:
        return None
    entries = []
    for name in names:
        start = directory.find(name) - CENTRAL_SIZE
        if start < 0 or not directory.startswith(_CENTRAL_SIGNATURE, start) or directory.count(name) > 1:
            return None
        end = directory.find(_CENTRAL_SIGNATURE, start + CENTRAL_SIZE)
        (entry,) = read_directory(directory[start : end if end >= 0 else None], 1)
        if entry.name.encode() != name:
            return None
        entries.append(entry)
    return entries
