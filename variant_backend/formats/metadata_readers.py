"""Read METADATA as other tools read it, and check that they all read what was meant.

pip and installer read it with `email`. twine and package indexes use `packaging`, which does so too, and
rejects repeated fields. uv 0.13 splits it into fields as `email` does, but decodes encoded words (RFC 2047)
and ignores the value UNKNOWN. Older versions of uv also read fields after a malformed line, as
`core_metadata` does. Tests compare these readers with `packaging`, which takes long to import, and with uv.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import MOST_SHOWN, Problem, VariantError, one_of

if TYPE_CHECKING:
    from email.message import Message

# The fields on which installing depends.
FIELDS = ("Name", "Version", "Requires-Dist", "Requires-Python", "Provides-Extra")
_REPEATABLE = ("Requires-Dist", "Provides-Extra")
_REMEDY = "correct it in the project, or in the wheel with `wheel unpack` and `wheel pack`"


def read_by_pip(data: bytes) -> dict[str, list[str]]:
    """Return the values of each field as pip and installer read them."""
    message = _message(data)
    return {field: message.get_all(field, []) for field in FIELDS}


def read_by_packaging(data: bytes) -> dict[str, list[str]]:
    """Return the values of each field as `packaging` reads them; none if a single field is repeated."""
    return {
        field: values if len(values) == 1 or field in _REPEATABLE else []
        for field, values in read_by_pip(data).items()
    }


def read_by_uv(data: bytes) -> dict[str, list[str]]:
    """Return the values of each field as uv reads them."""
    return {
        field: [text for text in map(_decoded, values) if text != "UNKNOWN"]
        for field, values in read_by_pip(data).items()
    }


_READERS: Mapping[str, Callable[[bytes], dict[str, list[str]]]] = {
    "pip": read_by_pip,
    "twine": read_by_packaging,
    "uv": read_by_uv,
}


def check_readers(data: bytes, meant: Mapping[str, Sequence[str]]) -> None:
    """Check that all readers of METADATA read the *meant* values of each field, apart from white space.

    Raises VariantError with the malformed line, or with the field that is read differently.
    """
    for reader, read in _READERS.items():
        values = read(data)
        for field, texts in meant.items():
            if [*map(_spaced, values[field])] != [*map(_spaced, texts)]:
                raise VariantError(_problem(data, reader, field, texts, values[field]))


def _problem(data: bytes, reader: str, field: str, meant: Sequence[str], got: Sequence[str]) -> Problem:
    lines = re.split(r"\r\n|\r|\n", data.decode("utf-8", "replace"))
    for number, line in enumerate(lines[: lines.index("")] if "" in lines else lines, 1):
        if not re.match(r"[!-9;-~]*:|[ \t]", line):
            text = f"line {number}: expected 'FIELD: VALUE' or an indented line, got {_shown(line)}"
            return Problem("error", "METADATA", f"{text}; parsers stop there", _REMEDY)
    only = [text for text in (*meant, *got) if (text in meant) != (text in got)]
    shown = f": {one_of(dict.fromkeys(map(_shown, only)))}" if only else ""
    return Problem("error", "METADATA", f"{field}: {reader} reads other values than meant{shown}", _REMEDY)


def _shown(text: str) -> str:
    return repr(text[:MOST_SHOWN])


def _message(data: bytes) -> Message:
    from email.parser import Parser

    return Parser().parsestr(data.decode("utf-8", "replace"), headersonly=True)


def _decoded(value: str) -> str:
    """Return a value with its encoded words decoded."""
    if "=?" not in value:
        return _spaced(value)
    from email.errors import HeaderParseError
    from email.header import decode_header, make_header

    try:
        return _spaced(str(make_header(decode_header(value))))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return _spaced(value)


def _spaced(value: str) -> str:
    """Return a value on one line, with single spaces."""
    return re.sub(r"[ \t\r\n]+", " ", value).strip(" ")
