"""METADATA as bytes: fields are read and replaced, everything else stays as it was.

The field names and their form are those of the core metadata specification. The ``email`` module
is not used for writing, as it folds and encodes anew what nobody changed.
"""

from __future__ import annotations

import re

from .errors import VariantError


def read_field(data: bytes, field: str) -> str:
    """Return the value of a field that must stand there once, such as Name.

    Raises VariantError when it does not, or is not UTF-8.
    """
    found = re.findall(_pattern(field), _headers(data))
    if len(found) != 1:
        raise VariantError(f"field {field} is {'missing' if not found else 'there twice'}")
    try:
        value: str = found[0][1].decode("utf-8")
    except UnicodeDecodeError:
        raise VariantError(f"field {field} is not UTF-8") from None
    return value.strip()


def replace_field(data: bytes, field: str, value: str) -> bytes:
    """Return the metadata with another value for a field that stands there once."""
    return re.sub(_pattern(field), lambda found: found[1] + value.encode(), data, count=1)


def rename_project(data: bytes, name: str) -> bytes:
    """Return the metadata under another Name, and its requirements on its own extras with it."""
    words = re.split(r"[-_.]+", read_field(data, "Name"))
    old = r"[-_.]+".join(re.escape(word) for word in words)
    own = re.compile(rf"(?mi)^(Requires-Dist[ \t]*:[ \t]*){old}(?![-_.\w])".encode())
    headers = _headers(data)
    changed = own.sub(lambda found: found[1] + name.encode(), headers)
    return replace_field(changed + data[len(headers) :], "Name", name)


def direct_references(data: bytes) -> list[str]:
    """Return the requirements that name a URL (PEP 508), which public indexes reject."""
    found = re.findall(rb"(?mi)^Requires-Dist[ \t]*:[ \t]*([^;\r\n]*?[ \])]@[^;\r\n]*)", _headers(data))
    return [requirement.decode("utf-8", "replace").strip() for requirement in found]


def _headers(data: bytes) -> bytes:
    """Return what stands before the first blank line: after it comes the description."""
    end = re.search(rb"\r?\n\r?\n", data)
    return data[: end.start() + 1] if end else data


def _pattern(field: str) -> re.Pattern[bytes]:
    return re.compile(rf"(?mi)^({field}[ \t]*:[ \t]*)([^\r\n]*)".encode())
