"""Compare Requires-Python of the wheels of a release.

uv selects the best wheel of a version, and compares Requires-Python only then. If its lower bound excludes
the interpreter, uv drops the version, even if another wheel could be installed. pip does the same with plain
wheels, unless the index page has their Requires-Python.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, product
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError
from ..variants.filename import WheelFilename
from ..variants.platform_tags import machines_of
from ..variants.properties import NULL_LABEL
from ..variants.ranking import rank_wheels
from ..variants.tag_coverage import single_tags
from ..variants.uv_specifiers import FIRST, Point, lower_bound
from .dependency_rules import ComparedWheel

if TYPE_CHECKING:
    from packaging.tags import Tag

# The oldest Python 3 for which uv installs, and a later one than any that exists.
_OLDEST, _NEWEST = 7, 40
# The first Python 3 that can be free-threaded.
_THREADED = 13
# More environments are not compared; the wheels of a real release have a few platforms.
_MOST_ENVIRONMENTS = 1000


class _TagSystem(NamedTuple):
    """A CPython 3.*minor*, maybe free-threaded, and its platform tags, best first."""

    minor: int
    is_threaded: bool
    platforms: tuple[str, ...]


class _BoundWheel(NamedTuple):
    """A wheel: its path, and its name without label; *rank* is the rank of the label where it is supported.

    uv installs it with versions of Python after *least*.
    """

    path: str
    name: WheelFilename
    rank: int
    least: Point

    def is_dropped(self, minor: int) -> bool:
        """Return whether uv drops the wheel with some bug fix release of Python 3.*minor*."""
        return self.least > ((3, minor), 0)

    def replaces(self, dropped: _BoundWheel, minor: int) -> bool:
        """Return whether uv could install this wheel with Python 3.*minor* where it drops another one."""
        return self.rank >= dropped.rank and self.least < min(dropped.least, ((3, minor + 1), 0))


def of_pythons(
    members: Mapping[str, ComparedWheel], always: Collection[str]
) -> Iterator[tuple[str, Problem]]:
    """Find wheels of one release for which uv drops the release, although it could install another wheel.

    *members* has the wheels by path. Every machine supports the labels in *always*; whether it supports
    another one is unknown. Yields a problem with the path of the wheel that needs a newer Python, at most one
    for each wheel.
    """
    labels = _labels(members)
    wheels = [wheel for group in labels.values() for wheel in group]
    if len({wheel.least for wheel in wheels}) < 2:
        return
    reported = set[str]()
    for environment in islice(_environments(wheels), _MOST_ENVIRONMENTS):
        for label, wheels_of_label in labels.items():
            best = _first(wheels_of_label, environment)
            if best is None or best.path in reported or not best.is_dropped(environment.minor):
                continue
            better = (labels[other] for other in always if other in labels and _rank(other) < _rank(label))
            if any(_first(group, environment) for group in better):
                continue
            others = (wheel for wheel in wheels if wheel.replaces(best, environment.minor))
            if other := next((wheel for wheel in others if _first([wheel], environment)), None):
                reported.add(best.path)
                yield best.path, _problem(best, other, environment)


def _labels(members: Mapping[str, ComparedWheel]) -> dict[str | None, list[_BoundWheel]]:
    """Return the wheels of each label."""
    texts = {member.dependencies.requires_python for member in members.values()}
    bounds = {text: _least(text) for text in texts}
    labels: dict[str | None, list[_BoundWheel]] = {}
    for path, (name, dependencies) in sorted(members.items()):
        least = bounds[dependencies.requires_python]
        wheel = _BoundWheel(path, name._replace(label=None), _rank(name.label), least)
        labels.setdefault(name.label, []).append(wheel)
    return labels


def _least(requires_python: str) -> Point:
    """Return the lower bound of Requires-Python for uv; if uv cannot parse it, `FIRST`."""
    try:
        return lower_bound(requires_python)
    except VariantError:  # a rule about METADATA finds it
        return FIRST


def _rank(label: str | None) -> int:
    """Return the rank of a label where it is supported; the machine orders the labels other than null."""
    return 2 if label is None else 1 if label == NULL_LABEL else 0


def _problem(wheel: _BoundWheel, other: _BoundWheel, environment: _TagSystem) -> Problem:
    text = f"with Python 3.{environment.minor}, uv may select this wheel, and then drop the release"
    release, is_after = wheel.least
    least = f"{'newer than ' if is_after else ''}{'.'.join(map(str, release))}"
    why = f"the wheel needs Python {least}, and {other.path} does not"
    return Problem("python-differs", "Requires-Python", f"{text}: {why}")


def _environments(wheels: Sequence[_BoundWheel]) -> Iterator[_TagSystem]:
    """Yield the environments to compare: between the bounds, with one or two platforms of the wheels."""
    minors = [_minor(wheel.least) for wheel in wheels]
    platforms = sorted({tag[2] for wheel in wheels for tag in single_tags(wheel.name.tags)} - {"any"})
    machines = {platform: machines_of(platform) for platform in platforms}
    pairs = [pair for pair in product(platforms, platforms) if machines[pair[0]] & machines[pair[1]]]
    for minor in range(max(minors), min(minors) - 1, -1):
        for pair in [("none",), *pairs]:  # without a platform, `packaging` would use those of this machine
            for is_threaded in (False, True)[: 2 if minor >= _THREADED else 1]:
                yield _TagSystem(minor, is_threaded, tuple(dict.fromkeys(pair)))


def _minor(least: Point) -> int:
    """Return the minor version of Python 3 that has a lower bound, within those that are compared."""
    major, minor, *_ = (*least[0], 0, 0)
    if major != 3:
        return _OLDEST if major < 3 else _NEWEST
    return min(max(minor, _OLDEST), _NEWEST)


def _first(wheels: Sequence[_BoundWheel], environment: _TagSystem) -> _BoundWheel | None:
    """Return the best wheel by tags and build number, None if no tag matches."""
    names = {wheel.name: wheel for wheel in reversed(wheels)}
    best = next(iter(rank_wheels(names, None, {}, _tags(environment))), None)
    return names[best.filename] if best and best.is_compatible else None


@lru_cache(256)
def _tags(environment: _TagSystem) -> list[Tag]:
    """Return the tags of an environment, best first."""
    from packaging.tags import compatible_tags, cpython_tags

    minor, is_threaded, platforms = environment
    abi = f"cp3{minor}{'t' if is_threaded else ''}"
    return [
        *cpython_tags((3, minor), [abi], platforms),
        *compatible_tags((3, minor), f"cp3{minor}", platforms),
    ]
