"""Read Requires-Python and other specifiers as uv does, and find the versions of Python that it excludes.

uv corrects some common mistakes in specifiers, and refuses other mistakes that `packaging` accepts. Of
Requires-Python, it uses only the lower bound, and only the release segment of versions: it reads ``>3.11rc1``
as ``>3.11``. Sources: lenient_requirement.rs and requires_python.rs of uv; measured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ..errors import Problem, VariantError

if TYPE_CHECKING:
    from packaging.specifiers import Specifier, SpecifierSet
    from packaging.version import Version

_T = TypeVar("_T")
# A point between versions of Python: directly before a release (0), or directly after it (1). The release has
# no final zeros.
Point: TypeAlias = tuple[tuple[int, ...], int]

FIRST: Point = ((), 0)
_LAST: Point = ((1 << 64,), 0)

# Mistakes that uv corrects, in this order, until it can read the text.
_CORRECTIONS = [
    (re.compile(r"(?<=\d)(?=[!<=>^~])"), ","),  # no comma before an operator
    (re.compile(r"!=~(?=\d)"), "!="),  # two operators
    (re.compile(r"([<>]=?)(\d[\d.]*)\.\*"), r"\1\2"),  # >=3.*
    (re.compile(r"(?<=\d\.\d)\*"), ".*"),  # ==3.1*
    (re.compile(r",\s*$"), ""),  # a comma at the end
    (re.compile(r">(?=dev)"), ">0"),  # no number before dev
    (re.compile(r"(?<=\d)((?:a|b|rc|dev|post)\d+)\.0"), r"\1"),  # 1.0rc1.0
    (re.compile(r"""(?<=[\d*])['"]|['"](?=[\d*])"""), ""),  # quotes around a version
]
# Longer texts are not corrected: some of uv's patterns take quadratic time, and the text may be hostile.
_LONGEST = 1000


def parsed_by_uv(field: str, text: str, parse: Callable[[str], _T]) -> _T:
    """Return the parsed value of a *field*, if need be after uv's corrections; raises VariantError."""
    corrected = text
    for correction in (None, *(_CORRECTIONS if len(text) <= _LONGEST else ())):
        if correction:
            pattern, replacement = correction
            corrected = pattern.sub(replacement, corrected)
        with suppress(ValueError):  # of packaging, or more digits than Python converts
            return parse(corrected)
    raise VariantError(f"uv cannot parse {text!r}", place=field)


def uv_specifiers(text: str) -> SpecifierSet:
    """Parse specifiers without corrections; raises ValueError."""
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
        parsed_by_uv("Requires-Python", text or "", uv_specifiers)
    except VariantError as error:
        return error.problems[0]
    return None


def python_below_bound(text: str | None, python: Version) -> Problem | None:
    """Return why uv excludes a version of Python by a Requires-Python that it can parse, or None."""
    if text is None or lower_bound(text) <= (_release(python), 0):
        return None
    return Problem("requires-python", "Requires-Python", f"{text} excludes Python {python}")


def lower_bound(requires_python: str) -> Point:
    """Return the part of Requires-Python that uv uses, `FIRST` if it has no lower bound or allows nothing.

    Raises VariantError if uv cannot parse it.

    >>> lower_bound("!=3.12.*,<4,>=3.10"), lower_bound(">3.12"), lower_bound("<4")
    (((3, 10), 0), ((3, 12), 1), ((), 0))
    """
    specifiers = parsed_by_uv("Requires-Python", requires_python, uv_specifiers)
    ranges = [(FIRST, _LAST)]
    for specifier in specifiers:
        both = product(ranges, _ranges(specifier))
        overlaps = ((max(one[0], other[0]), min(one[1], other[1])) for one, other in both)
        ranges = sorted((start, end) for start, end in overlaps if start < end)
    return ranges[0][0] if ranges else FIRST


def _ranges(specifier: Specifier) -> Iterator[tuple[Point, Point]]:
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
        yield FIRST, before
        yield after, _LAST
    else:
        yield FIRST, after if operator == "<=" else before


def _bumped(release: tuple[int, ...]) -> Point:
    """Return the point before the next release of the same length."""
    return ((*release[:-1], release[-1] + 1), 0) if release else _LAST


def _release(version: Version) -> tuple[int, ...]:
    """Return the release segment of a version without final zeros."""
    release = version.release
    while release and not release[-1]:
        release = release[:-1]
    return release
