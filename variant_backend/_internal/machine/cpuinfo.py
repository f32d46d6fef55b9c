"""The entries of /proc/cpuinfo, in which Linux describes each processor."""

from __future__ import annotations

import re
from collections.abc import Iterator

CPUINFO = "/proc/cpuinfo"


def entries(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each entry."""
    return map(_fields, re.split("\n{2,}", text))


def first_entry(text: str) -> dict[str, str]:
    """Return the fields of the first entry; other entries, of which there may be hundreds, are not read."""
    return _fields(text.partition("\n\n")[0])


def _fields(entry: str) -> dict[str, str]:
    """Return the lines ``name : value`` of an entry; a regular expression would be slow on long lines."""
    lines = (line.partition(":") for line in entry.split("\n"))
    return {name.rstrip(" \t"): value.lstrip(" \t") for name, colon, value in lines if colon}
