"""Read METADATA as other tools read it, and check that they all read what was meant.

pip and installer read it with `email`. twine and package indexes use `packaging`, which does so too, and
rejects repeated fields. uv splits it into fields as `email` does, but decodes encoded words (RFC 2047) and
ignores the value UNKNOWN. Older versions of uv use the crate mailparse, which reads on after a malformed
line. Tests compare these readers with `packaging`, which takes long to import, and with uv.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import MOST_SHOWN, Problem, VariantError, one_of
from .core_metadata import all_values

if TYPE_CHECKING:
    from email.message import Message

# The fields on which installing depends.
FIELDS = ("Name", "Version", "Requires-Dist", "Requires-Python", "Provides-Extra")
_REPEATABLE = ("Requires-Dist", "Provides-Extra")

# Fields that all readers read alike. Most METADATA has only such fields, and `email` takes long to import.
_NAMED = "|".join(FIELDS)
_USUAL = re.compile(
    rf"(?:(?:{_NAMED}): (?! *UNKNOWN *\r?\n)(?:(?!=\?)[ -~])+\r?\n"
    rf"|(?!(?i:{_NAMED})[ \t]*:)[!-9;-~]+:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)+(?=\r?\n|\Z)".encode()
)

# The start of the first line that is not a field, where `email` stops.
_STRAY = re.compile(r"(?:\A|\r\n|\r(?!\n)|\n)(?!From |[!-9;-~]*:|[ \t])")
# A line that starts with a space, after a line that is not a field.
_OVERHANGING = re.compile(rb"(?:\A|\n(?![ \t]))[^:\n]*(?:\n\t[^:\n]*)*\n ")
_REMEDY = "correct it in the project file, and rebuild the wheel"


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
    return {field: _known(values) for field, values in read_by_pip(data).items()}


def read_by_older_uv(data: bytes) -> dict[str, list[str]]:
    """Return the values of each field as older versions of uv read them; none if they refuse the file.

    Source: parse_headers in lib.rs of mailparse 0.16.
    """
    end = re.search(rb"(?:\A|\n)(?=\r?\n)", data)
    headers = data[: end.end()] if end else data
    is_refused = headers[:1] in (b" ", b"\r") or b"\n\r" in headers
    if is_refused or (b"\n " in headers and _OVERHANGING.search(headers)):
        return {field: [] for field in FIELDS}
    return {
        field: _known(
            value.decode("utf-8", "replace")
            for value in re.findall(rb"(?mi)^%b:([^\n]*(?:\n[ \t][^\n]*)*)" % field.encode(), headers)
        )
        for field in FIELDS
    }


_READERS: Mapping[str, Callable[[bytes], dict[str, list[str]]]] = {
    "pip": read_by_pip,
    "twine": read_by_packaging,
    "uv": read_by_uv,
    "an older uv": read_by_older_uv,
}


def check_reading(data: bytes) -> None:
    """Check that all readers of METADATA read what it says, apart from white space.

    Raises VariantError as `check_readers` does.
    """
    if not _is_usual(data):
        check_readers(data, {field: all_values(data, field) for field in FIELDS})


def _is_usual(data: bytes) -> bool:
    """Return whether METADATA has only fields that all readers read alike."""
    headers = _USUAL.match(data)
    single = re.findall(rb"(?m)^(Name|Version|Requires-Python):", headers[0]) if headers else []
    return headers is not None and len(single) == len({*single})


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
    text = data.decode("utf-8", "replace")
    stray = _STRAY.search(text)
    line = re.split(r"[\r\n]", text[stray.end() :], maxsplit=1)[0] if stray else ""
    if stray and line:
        text = f"expected 'FIELD: VALUE' or an indented line, got {_shown(line)}"
        return Problem("error", "METADATA", f"{text}; parsers stop there", _REMEDY)
    if len(meant) > 1 and field not in _REPEATABLE:
        return Problem("error", "METADATA", f"duplicate field {field}", _REMEDY)
    only = [text for text in (*meant, *got) if (text in meant) != (text in got)]
    shown = f": {one_of(dict.fromkeys(map(_shown, only)))}" if only else ""
    return Problem("error", "METADATA", f"{field}: {reader} reads other values than meant{shown}", _REMEDY)


def _shown(text: str) -> str:
    return repr(text[:MOST_SHOWN])


def _message(data: bytes) -> Message:
    from email.parser import Parser

    text = data.decode("utf-8", "replace")
    stray = _STRAY.search(text)
    return Parser().parsestr(text[: stray.end()] if stray else text, headersonly=True)


def _known(values: Iterable[str]) -> list[str]:
    """Return the values that uv does not ignore, with their encoded words decoded."""
    return [value for value in map(_decoded, values) if value != "UNKNOWN"]


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
