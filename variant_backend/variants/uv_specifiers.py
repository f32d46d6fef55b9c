"""Read specifiers as uv does: what it corrects and refuses, and which versions of Python it excludes.

uv corrects some common mistakes, and refuses other mistakes that `packaging` accepts. Of Requires-Python, it
uses only the lower bound, and only the release segment of versions: it reads ``>3.11rc1`` as ``>3.11``.
Sources: lenient_requirement.rs and requires_python.rs of uv; measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING, TypeVar

from ..errors import Problem, VariantError

if TYPE_CHECKING:
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


def read_corrected(field: str, text: str, parse: Callable[[str], _T]) -> _T:
    """Return a parsed value, if need be after uv's corrections; raises VariantError."""
    corrected = text
    for pattern, replacement in _CORRECTIONS:
        corrected = pattern.sub(replacement, corrected)
        try:
            return parse(corrected)
        except ValueError:  # of packaging, or more digits than Python converts
            continue
    raise VariantError(f"uv cannot parse {text!r}", place=field)


def specifiers_by_uv(text: str) -> SpecifierSet:
    """Parse specifiers; raises ValueError."""
    from packaging.specifiers import SpecifierSet

    specifiers = SpecifierSet(text)
    check_versions(specifiers)
    return specifiers


def check_versions(specifiers: SpecifierSet) -> None:
    """Raise ValueError for versions that `packaging` accepts but uv does not: any text after ``===``."""
    from packaging.version import Version

    for specifier in specifiers:
        version = Version(specifier.version.removesuffix(".*"))
        if max(version.release) > _LAST[0][0] - 1:
            raise ValueError("number too large")


def unreadable_python(text: str | None) -> Problem | None:
    """Return why uv skips a file of a page with this Requires-Python, or None."""
    try:
        read_corrected("Requires-Python", text or "", specifiers_by_uv)
    except VariantError as error:
        return error.problems[0]
    return None


def python_below_bound(text: str | None, python: Version) -> Problem | None:
    """Return why uv excludes a version of Python by a Requires-Python that it can parse, or None."""
    if text is None or _lower_bound(text) <= (_release(python), 0):
        return None
    return Problem("requires-python", "Requires-Python", f"{text} excludes Python {python}")


def least_python(text: str) -> Version | None:
    """Return the least version of Python that uv admits. None if it has none, or is invalid.

    >>> str(least_python(">=3.10,!=3.10.*,<4")), str(least_python(">3.10")), least_python("<4")
    ('3.11', '3.10.1', None)
    """
    from packaging.version import Version

    try:
        release, is_after = _lower_bound(text)
    except VariantError:
        return None
    if is_after:  # versions of Python have three numbers
        release = (*release, 0, 0)[:3]
        release = (*release[:2], release[2] + 1)
    return Version(".".join(map(str, release))) if release else None


def _lower_bound(text: str) -> _Point:
    """Return the first admitted point of a Requires-Python; raises VariantError."""
    ranges = [(_FIRST, _LAST)]
    for specifier in read_corrected("Requires-Python", text, specifiers_by_uv):
        both = product(ranges, _ranges(specifier))
        overlaps = ((max(one[0], other[0]), min(one[1], other[1])) for one, other in both)
        ranges = sorted((start, end) for start, end in overlaps if start < end)
    return ranges[0][0] if ranges else _FIRST


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
