"""Read and replace fields of METADATA, and keep all other bytes.

Names and form of the fields follow the core metadata specification. The ``email`` module is not used for
writing, as it would fold and encode unchanged fields again.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence

from ..errors import VariantError
from ..variants.filename import escape

# A field with its continuation lines and their line ends.
_VALUE = rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)\n?"
_REQUIREMENT = rb"(?mi)^Requires-Dist" + _VALUE
_FOLDED = re.compile(
    rb"(?mi)^(?:Metadata-Version|Name|Requires-Dist|Provides-Extra):[^\r\n]*(?:\r*\n[ \t][^\r\n]*)+"
)
_SPACED = re.compile(
    rb"(?mi)^(Metadata-Version|Name|Version|Requires-Dist|Requires-Python|Provides-Extra)[ \t]+:"
)
_BEFORE_FIELDS = re.compile(rb"\A(?:\xef\xbb\xbf|[ \t\r]*\n)+")


def read_field(data: bytes, field: str) -> str:
    """Return the value of a field that must exist once, such as Name, on one line.

    Raises VariantError if the field is missing, duplicate, or not UTF-8.
    """
    matches = re.findall(_pattern(field), _headers(data))
    if len(matches) != 1:
        raise VariantError(f"duplicate field {field}" if matches else f"field {field} is missing")
    try:
        value: str = matches[0][1].decode("utf-8")
    except UnicodeDecodeError:
        raise VariantError(f"field {field} is not UTF-8") from None
    return " ".join(line.strip() for line in value.split("\n")).strip()


def field_lines(data: bytes) -> list[str]:
    """Return the lines before the description: fields, with their continuation lines."""
    return [line.rstrip("\r") for line in _headers(data).decode("utf-8", "replace").split("\n") if line]


def check_utf8(data: bytes) -> None:
    """Check that METADATA is UTF-8, as pip and twine require; raises VariantError with the line."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise VariantError(
            f"line {line} is not UTF-8",
            place="METADATA",
            remedy="save the project's metadata and README in UTF-8, and rebuild the wheel",
        ) from None


def all_values(data: bytes, field: str) -> list[str]:
    """Return all values of a field, each on one line, in their order."""
    return [_unfolded(match) for match in re.finditer(rb"(?mi)^" + field.encode() + _VALUE, _headers(data))]


def repaired(data: bytes) -> tuple[bytes, list[str]]:
    """Return the metadata with mistakes corrected whose meaning is certain, and each kind of them as a text.

    Because of each of them, pip, `packaging` or uv refuses the metadata, or reads something else.
    """
    mistakes = []
    if _BEFORE_FIELDS.match(data):
        data = _BEFORE_FIELDS.sub(b"", data)
        mistakes.append("a byte order mark or an empty line before the first field")
    headers = _headers(data)
    fixed, count = _SPACED.subn(rb"\1:", headers)
    if count:
        mistakes.append("spaces before the colon of a field, where parsers stop")
    fixed, count = _FOLDED.subn(_joined, fixed)
    if count:
        mistakes.append("a value on several lines, which pip or twine rejects")
    data = fixed + data[len(headers) :]
    if b"\r\r\n" in data and data.count(b"\r\r\n") == data.count(b"\n"):
        data = re.sub(rb"\r+\n", b"\r\n", data)
        mistakes.append("line ends CR CR LF")
    return data, mistakes


def _joined(field: re.Match[bytes]) -> bytes:
    """Return a field on one line."""
    return b" ".join(filter(None, map(bytes.strip, field[0].splitlines())))


def find_field(data: bytes, field: str) -> str | None:
    """Return the value of an optional field, or None; raises VariantError as `read_field` does."""
    return read_field(data, field) if re.search(_pattern(field), _headers(data)) else None


def unread_field(data: bytes, fields: Iterable[str]) -> str | None:
    """Return a field of *fields* that follows a malformed line, where parsers stop; None if there is none."""
    headers = _headers(data)
    stray = re.search(rb"(?m)^(?![!-9;-~]+:|[ \t])", headers)
    rest = headers[stray.start() :] if stray else b""
    return next((field for field in fields if re.search(_pattern(field), rest)), None)


def has_space_behind(data: bytes, field: str) -> bool:
    """Return whether a field's value ends with white space, which not all readers remove."""
    match = re.search(_pattern(field), _headers(data))
    return match is not None and match[2] != match[2].rstrip()


def unprintable_field(data: bytes, fields: Iterable[str]) -> str | None:
    """Return a field of *fields* with a control character or a space outside ASCII; None if there is none."""
    for field in fields:
        for match in re.finditer(rf"(?mi)^{field}[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)".encode(), _headers(data)):
            text = match[1].decode("utf-8", "replace").removesuffix("\r").replace("\r\n", "\n")
            if not text.translate({ord("\n"): " ", ord("\t"): " "}).isprintable():
                return field
    return None


def replace_field(data: bytes, field: str, value: str) -> bytes:
    """Return the metadata with another value for a field that exists once."""
    return re.sub(_pattern(field), lambda match: match[1] + value.encode(), data, count=1)


def rename_project(data: bytes, name: str) -> bytes:
    """Return the metadata with another Name, also in requirements on the project's own extras."""
    changed = _change_headers(data, rf"{_own_requirement(data)}(?![-_.\w])", name)
    return replace_field(changed, "Name", name)


def replace_version(data: bytes, version: str) -> bytes:
    """Return the metadata with another Version, also in requirements on exactly the project's version."""
    old = re.escape(read_field(data, "Version"))
    # Something must separate two runs of white space, or long ones would take forever.
    space, extras = r"[ \t]*", r"\[[^\]\r\n]*\]"
    equals = rf"{space}(?:{extras}{space})?(?:\({space})?===?{space}"
    pinned = rf"({_own_requirement(data)}{equals}){old}(?![-_.+!\w])"
    return replace_field(_change_headers(data, pinned, version), "Version", version)


def _own_requirement(data: bytes) -> str:
    """Return a pattern for all spellings of this project's name."""
    words = re.split(r"[-_.]+", read_field(data, "Name"))
    return r"[-_.]+".join(re.escape(word) for word in words)


def _change_headers(data: bytes, pattern: str, text: str) -> bytes:
    """Replace the match of *pattern* in each Requires-Dist, except its group."""
    headers = _headers(data)
    requirement = re.compile(rf"(?mi)^(Requires-Dist[ \t]*:[ \t]*){pattern}".encode())
    changed = requirement.sub(lambda match: b"".join(match.groups()) + text.encode(), headers)
    return changed + data[len(headers) :]


def requirements(data: bytes) -> list[str]:
    """Return the values of Requires-Dist, each on one line, in their order."""
    return all_values(data, "Requires-Dist")


def missing_extras(data: bytes, values: Sequence[str]) -> list[str]:
    """Return the extras that requirements use, and that no Provides-Extra names."""
    known = set(map(escape, all_values(data, "Provides-Extra")))
    named = [name for value in values for name in re.findall(r"""\bextra\s*==\s*["']([^"']+)""", value)]
    return [name for name in dict.fromkeys(named) if escape(name) not in known]


def replace_requirements(data: bytes, values: Sequence[str]) -> bytes:
    """Return the metadata with other values of Requires-Dist, and with that field declared Dynamic.

    A line stays if its value is the next of the new ones. The other values follow the last such line, or the
    headers. Since version 2.2 of the core metadata, a field that differs between wheels of a release is
    Dynamic.
    """
    headers = _headers(data)
    ending = b"\r\n" if b"\r\n" in headers else b"\n"
    wanted = deque(values)
    parts: list[bytes] = []
    end = 0
    for field in re.finditer(_REQUIREMENT, headers):
        parts.append(headers[end : field.start()])
        end = field.end()
        if wanted and wanted[0] == _unfolded(field):
            parts.append(_ended(field[0], ending))
            wanted.popleft()
    lines = [f"Requires-Dist: {value}" for value in wanted]
    if _knows_dynamic(data) and not re.search(rb"(?mi)^Dynamic[ \t]*:[ \t]*Requires-Dist\b", headers):
        lines.insert(0, "Dynamic: Requires-Dist")
    added = b"".join(line.encode() + ending for line in lines)
    rest = _ended(headers[end:], ending)
    return b"".join([*parts, *((added, rest) if end else (rest, added)), data[len(headers) :]])


def without_fields(data: bytes, fields: Iterable[str]) -> bytes:
    """Return the metadata without all values of some fields."""
    headers = _headers(data)
    kept = re.sub(rb"(?mi)^(?:" + "|".join(fields).encode() + rb")" + _VALUE, b"", headers)
    return kept + data[len(headers) :]


def with_fields(data: bytes, fields: Iterable[tuple[str, str]]) -> bytes:
    """Return the metadata with more fields after the others: pairs of a name and a value."""
    headers = _headers(data)
    ending = b"\r\n" if b"\r\n" in headers else b"\n"
    lines = b"".join(f"{field}: {value}".encode() + ending for field, value in fields)
    return _ended(headers, ending) + lines + data[len(headers) :]


def _knows_dynamic(data: bytes) -> bool:
    return _metadata_version(data) >= (2, 2)


def _metadata_version(data: bytes) -> tuple[int, int]:
    version = re.match(r"(\d{1,9})\.(\d{1,9})", read_field(data, "Metadata-Version"))
    return (int(version[1]), int(version[2])) if version else (0, 0)


def undecided_fields(pkg_info: bytes) -> list[str]:
    """Return the fields in which wheels may differ from PKG-INFO of their sdist (PEP 643).

    Before version 2.2 of the core metadata, these are all of them; only those that resolvers read count.
    """
    if _knows_dynamic(pkg_info):
        return all_values(pkg_info, "Dynamic")
    return ["Provides-Extra", "Requires-Dist", "Requires-Python"]


def for_sdist(parts: Sequence[bytes], name: str, version: str, dynamic: Iterable[str] = ()) -> bytes:
    """Return PKG-INFO of an sdist from which wheels with these METADATA are built (PEP 643).

    Fields that are equal in all of them are copied; all other fields are Dynamic. So are those in *dynamic*,
    and License-File, because an sdist must have the files that it names. Raises VariantError if a
    Metadata-Version cannot be read.
    """
    read = [_fields(data) for data in parts]
    newest = max((2, 2), *map(_metadata_version, parts))
    head = {b"metadata-version", b"name", b"version", b"dynamic"}
    spelled = {key: fields[key][0].partition(b":")[0] for fields in read for key in fields if key not in head}
    undecided = {field.lower().encode(): field.encode() for field in dynamic}
    spelled = undecided | spelled
    agreed = {
        key: lines
        for key, lines in read[0].items()
        if key in spelled.keys() - undecided and key != b"license-file"
        if all(fields.get(key) == lines for fields in read)
    }
    named = {spelling for key, spelling in spelled.items() if key not in agreed}
    bodies = {description(data) for data in parts}
    named |= {b"Description"} if len(bodies) > 1 else set()
    start = f"Metadata-Version: {newest[0]}.{newest[1]}\nName: {name}\nVersion: {version}".encode()
    rest = [line for lines in agreed.values() for line in lines]
    lines = [start, *(b"Dynamic: " + spelling for spelling in sorted(named)), *rest]
    return b"\n".join([*lines, b"", bodies.pop() if len(bodies) == 1 else b""])


def description(data: bytes) -> bytes:
    """Return the description after the fields, such as the content of a README, with LF line ends."""
    return data[len(_headers(data)) :].replace(b"\r\n", b"\n").removeprefix(b"\n")


def _fields(data: bytes) -> dict[bytes, list[bytes]]:
    """Return the unchanged lines of each field, by its name in lower case."""
    fields: dict[bytes, list[bytes]] = {}
    headers = _headers(data).replace(b"\r\n", b"\n")
    for match in re.finditer(rb"(?m)^([!-9;-~]+):[^\n]*(?:\n[ \t][^\n]*)*", headers):
        fields.setdefault(match[1].lower(), []).append(match[0])
    return fields


def direct_references(data: bytes) -> list[str]:
    """Return the requirements that name a URL (PEP 508), which public indexes reject."""
    values = re.findall(rb"(?mi)^Requires-Dist[ \t]*:([^;\r\n]*)", _headers(data))
    direct = [value for value in values if re.search(rb"[ \])]@", value)]
    return [requirement.decode("utf-8", "replace").strip() for requirement in direct]


def _headers(data: bytes) -> bytes:
    """Return the part before the first blank line; the description follows that line."""
    end = re.search(rb"\n(?=\r*\n)", data)
    return data[: end.end()] if end else data


def _unfolded(field: re.Match[bytes]) -> str:
    """Return a field's value on one line."""
    return " ".join(line.strip() for line in field[1].decode("utf-8", "replace").splitlines()).strip()


def _ended(lines: bytes, ending: bytes) -> bytes:
    """Return lines with a line end at the last one, too."""
    return lines + ending if lines and not lines.endswith(b"\n") else lines


def _pattern(field: str) -> re.Pattern[bytes]:
    """Return a pattern with two groups: the part before a field's value, and the value."""
    # Indented lines continue the value.
    return re.compile(rf"(?mi)^({field}[ \t]*:[ \t]*)([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)".encode())
