"""Read TOML; separate from the module that edits it, whose library builds must not load."""

from __future__ import annotations

import codecs
import re
import sys
from pathlib import Path

from ..errors import VariantError
from ..lowlevel.regular_files import LARGEST, read_regular
from ..lowlevel.terminal import print_read

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Windows PowerShell writes UTF-16 with ``>``.
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# The time that tomllib takes for a key grows with the square of its parts.
_MOST_PARTS = 100


def read_toml(path: Path, limit: int = LARGEST) -> dict[str, object]:
    """Read a TOML file of at most *limit* bytes; raises VariantError if it cannot be read, or is not TOML."""
    print_read(path)
    try:
        data = read_regular(path, limit)
    except OSError as error:
        if path.is_dir():
            raise VariantError("expected a file, got a folder", place=path, remedy="name a file") from None
        is_missing = isinstance(error, FileNotFoundError)
        raise VariantError(
            "file not found" if is_missing else error.strerror or str(error), place=path
        ) from None
    return parse_toml(data, path)


def value_at(data: object, *keys: str) -> object:
    """Return the value of nested tables; None if a key is missing, or if a value on the way is not a table.

    >>> value_at({"project": {"name": "demo"}}, "project", "name")
    'demo'
    """
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def parse_toml(data: bytes, place: object) -> dict[str, object]:
    """Parse TOML; raises VariantError with the *place* if it is not TOML in UTF-8."""
    refuse_byte_order_mark(data, place)
    try:
        text = data.decode("utf-8")
        _check_keys(text)
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise VariantError(f"invalid TOML: {error}", code="not-toml", place=place) from None


def refuse_byte_order_mark(data: bytes, place: object) -> None:
    """Raise VariantError if TOML starts with a byte order mark, which TOML does not allow."""
    if data.startswith(_MARKS):
        text = "expected TOML in UTF-8, got a byte order mark"
        remedy = "save the file as UTF-8 without a byte order mark"
        raise VariantError(text, code="not-toml", place=place, remedy=remedy)


def _check_keys(text: str) -> None:
    """Check that no key has so many parts that tomllib takes minutes for it; raises ValueError."""
    if text.count(".") < _MOST_PARTS:
        return
    # Each run of parts is matched once, and a part can be matched in one way only.
    parts = re.compile(r"""(?:(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*)+|[A-Za-z0-9_-]+""")
    most = max((match[0].count(".") + 1 for match in parts.finditer(text)), default=0)
    if most > _MOST_PARTS:
        raise ValueError(f"expected keys of at most {_MOST_PARTS} parts, got {most}")
