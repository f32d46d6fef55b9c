"""Read METADATA and Requires-Python as uv does: what it refuses, and which versions of Python it excludes.

uv corrects some common mistakes in specifiers, and refuses other mistakes that `packaging` accepts. Of
Requires-Python, it uses only the lower bound, and only the release segment of versions: it reads ``>3.11rc1``
as ``>3.11``. Sources: lenient_requirement.rs, requires_python.rs and metadata_resolver.rs of uv; measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from ..errors import Problem, VariantError
from ..formats.metadata_readers import read_by_uv
from ..variants.filename import check_project_name, normalize

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import Specifier, SpecifierSet
    from packaging.version import Version

_T = TypeVar("_T")
# A point between versions of Python: directly before a release, or directly after it (1).
_Point = tuple[tuple[int, ...], int]

_FIRST: _Point = ((), 0)
_LAST: _Point = ((1 << 64,), 0)

# What uv corrects, in this order, until it can read the text; at first, nothing.
_CORRECTIONS = [
    (re.compile(r"^"), ""),
    (re.compile(r"(\d)([<>=~^!])"), r"\1,\2"),
    (re.compile(r"!=~((?:\d\.)*\d)"), r"!=\1"),
    (re.compile(r"(<=|>=|<|>)(\d+(?:\.\d+)*)\.\*"), r"\1\2"),
    (re.compile(r"(\d\.\d)+\*"), r"\1.*"),
    (re.compile(r",\s*$"), ""),
    (re.compile(r">dev"), ">0.0.0dev"),
    (re.compile(r"(\d+(?:\.\d)*(?:a|b|rc|post|dev)\d+)\.0"), r"\1"),
    (re.compile(r"""['"](?=[*\d])|(?<=[*\d])['"]"""), ""),
]
_VARIANT_MARKER = re.compile(r"\bvariant_(label|namespaces|features|properties)\b")


class OtherNameError(VariantError):
    """METADATA has the name of another project."""


class OtherVersionError(VariantError):
    """METADATA has another version; uv compares it only when it installs the wheel."""


def check_uv_metadata(data: bytes, release: tuple[str, Version], python: Version) -> None:
    """Raise VariantError if uv refuses METADATA for a release, or if it excludes the version of Python.

    Raises OtherNameError and OtherVersionError, with which uv fails.
    """
    fields = read_by_uv(data)
    name, version = _identity(fields)
    for text in fields["Requires-Dist"]:
        _checked("Requires-Dist", text, _requirement)
    requires_python = fields["Requires-Python"][0] if fields["Requires-Python"] else None
    if requires_python is not None:
        _checked("Requires-Python", requires_python, _specifiers)
    _check_name(name, release[0])
    if problem := python_below_bound(requires_python, python):
        raise VariantError(problem)
    _check_version(version, release[1])


def check_uv_identity(data: bytes, release: tuple[str, Version]) -> None:
    """Raise VariantError if METADATA has not the name and version of a release."""
    name, version = _identity(read_by_uv(data))
    _check_name(name, release[0])
    _check_version(version, release[1])


def _check_name(name: str, expected: str) -> None:
    if normalize(name) != expected:
        raise OtherNameError(f"expected {expected!r}, got {name!r}", place="METADATA: Name")


def _check_version(version: Version, expected: Version) -> None:
    if version != expected:
        text = f"expected {str(expected)!r}, got {str(version)!r}"
        raise OtherVersionError(text, place="METADATA: Version")


def _identity(fields: dict[str, list[str]]) -> tuple[str, Version]:
    """Return Name and Version; raises VariantError."""
    from packaging.version import Version

    for field in ("Name", "Version"):
        if not fields[field]:
            raise VariantError(f"field {field} is missing", place="METADATA")
    name = fields["Name"][0]
    check_project_name(name)
    return name, _checked("Version", fields["Version"][0], Version)


def _checked(field: str, text: str, parse: Callable[[str], _T]) -> _T:
    """Return a parsed value, if need be after uv's corrections; raises VariantError."""
    corrected = text
    for pattern, replacement in _CORRECTIONS:
        corrected = pattern.sub(replacement, corrected)
        try:
            return parse(corrected)
        except ValueError:  # of packaging, or more digits than Python converts
            continue
    raise VariantError(f"uv cannot parse {text!r}", place=field)


def _requirement(text: str) -> Requirement:
    """Parse a requirement; raises ValueError."""
    from packaging.requirements import Requirement

    requirement = Requirement(text)
    if requirement.marker and _VARIANT_MARKER.search(str(requirement.marker)):
        raise ValueError("marker of variants")
    if requirement.url is not None and not urlsplit(requirement.url).scheme:
        raise ValueError("relative URL")
    _check_versions(requirement.specifier)
    return requirement


def _specifiers(text: str) -> SpecifierSet:
    """Parse specifiers; raises ValueError."""
    from packaging.specifiers import SpecifierSet

    specifiers = SpecifierSet(text)
    _check_versions(specifiers)
    return specifiers


def _check_versions(specifiers: SpecifierSet) -> None:
    """Raise ValueError for versions that `packaging` accepts but uv does not: any text after ``===``."""
    from packaging.version import Version

    for specifier in specifiers:
        version = Version(specifier.version.removesuffix(".*"))
        if max(version.release) > _LAST[0][0] - 1:
            raise ValueError("number too large")


def unreadable_python(text: str | None) -> Problem | None:
    """Return why uv skips a file of a page with this Requires-Python, or None."""
    try:
        _checked("Requires-Python", text or "", _specifiers)
    except VariantError as error:
        return error.problems[0]
    return None


def python_below_bound(text: str | None, python: Version) -> Problem | None:
    """Return why uv excludes a version of Python by a Requires-Python that it can parse, or None."""
    if text is None:
        return None
    specifiers = _checked("Requires-Python", text, _specifiers)
    ranges = [(_FIRST, _LAST)]
    for specifier in specifiers:
        both = product(ranges, _ranges(specifier))
        overlaps = ((max(one[0], other[0]), min(one[1], other[1])) for one, other in both)
        ranges = sorted((start, end) for start, end in overlaps if start < end)
    if not ranges or ranges[0][0] <= (_release(python), 0):
        return None
    return Problem("requires-python", "Requires-Python", f"{text} excludes Python {python}")


def _ranges(specifier: Specifier) -> Iterator[tuple[_Point, _Point]]:
    """Yield the ranges of releases that a specifier allows."""
    from packaging.version import Version

    version, operator = Version(specifier.version.removesuffix(".*")), specifier.operator
    before, after = (_release(version), 0), (_release(version), 1)
    if specifier.version.endswith(".*"):
        after = _bumped(version.release)
    if operator in (">=", ">", "~=", "==", "==="):
        start = after if operator == ">" else before
        end = {"~=": _bumped(version.release[:-1]), ">=": _LAST, ">": _LAST}.get(operator, after)
        yield start, end
    elif operator == "!=":
        yield _FIRST, before
        yield after, _LAST
    else:
        yield _FIRST, after if operator == "<=" else before


def _bumped(release: tuple[int, ...]) -> _Point:
    """Return the point before the next release of the same length."""
    return ((*release[:-1], release[-1] + 1), 0) if release else _LAST


def _release(version: Version) -> tuple[int, ...]:
    """Return the release segment of a version without final zeros."""
    release = version.release
    while release and not release[-1]:
        release = release[:-1]
    return release
