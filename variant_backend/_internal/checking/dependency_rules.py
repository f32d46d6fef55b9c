"""Compare the dependencies of wheels with the same label, and the modules of wheels with different labels."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from ..errors import MOST_SHOWN, Problem, VariantError, one_of
from ..formats.metadata_readers import read_by_packaging
from ..variants.filename import WheelFilename, normalize
from ..variants.markers import resolve_requirement_for
from ..variants.platform_tags import machines_of, marker_values
from ..variants.uv_specifiers import parsed_by_uv, uv_specifiers

# The suffixes of files that Python imports, besides those of extension modules (name.TAG.so).
_MODULES = (".py", ".pyc", ".so", ".pyd")


class Dependencies(NamedTuple):
    """The fields of METADATA from which installers and resolvers learn the dependencies of a wheel."""

    requirements: frozenset[str]
    extras: frozenset[str]
    requires_python: str


class ComparedWheel(NamedTuple):
    """A wheel of a release: its name, and its dependencies."""

    name: WheelFilename
    dependencies: Dependencies


def read_dependencies(data: bytes) -> Dependencies | None:
    """Return the dependencies in METADATA. None if one is invalid, which another rule reports."""
    fields = read_by_packaging(data)
    requirements = [" ".join(text.split()) for text in fields["Requires-Dist"]]
    try:
        normal = frozenset(filter(None, (resolve_requirement_for(text, {}) for text in requirements)))
        text = "".join(fields["Requires-Python"])
        requires_python = str(parsed_by_uv("Requires-Python", text, uv_specifiers))
    except (VariantError, ValueError):  # more digits than Python converts
        return None
    return Dependencies(normal, frozenset(map(normalize, fields["Provides-Extra"])), requires_python)


def of_dependencies(members: Mapping[str, ComparedWheel]) -> Iterator[tuple[str, Problem]]:
    """Compare the wheels of one release that have the same label, given by path.

    Yields a problem with the path of the second wheel, at most one for each wheel. A requirement may be
    missing where its marker is false for the platform of that wheel.
    """
    labels: dict[str | None, dict[str, ComparedWheel]] = {}
    for path, member in sorted(members.items()):
        labels.setdefault(member.name.label, {})[path] = member
    for wheels in labels.values():
        if len({member.dependencies for member in wheels.values()}) == 1:
            continue
        # Wheels with equal dependencies and markers differ alike from all others.
        compared: dict[object, tuple[str, ComparedWheel]] = {}
        for second, other in wheels.items():
            key = (other.dependencies, frozenset(marker_values(other.name.tags).items()))
            if key in compared:
                continue
            pairs = ((first, _difference(one, other)) for first, one in compared.values())
            first, difference = next((pair for pair in pairs if pair[1]), ("", None))
            if difference:
                place, text = difference
                yield second, Problem("dependencies-differ", place, f"differs from {first}: {text}")
            else:
                compared[key] = (second, other)


def _difference(one: ComparedWheel, other: ComparedWheel) -> tuple[str, str] | None:
    """Return the field and the text of the first difference between two wheels. None if they agree."""
    mine, theirs = one.dependencies, other.dependencies
    if mine == theirs:
        return None
    missing = [*_unexplained(theirs, mine, one.name.tags), *_unexplained(mine, theirs, other.name.tags)]
    if missing:
        return "Requires-Dist", f"only one of them has {one_of(map(repr, missing[:3]))}"
    if lacking := sorted(mine.extras ^ theirs.extras):
        return "Provides-Extra", f"only one of them has {one_of(lacking[:3])}"
    if mine.requires_python != theirs.requires_python:
        versions = (mine.requires_python or "any version", theirs.requires_python or "any version")
        return "Requires-Python", " and ".join(text[:MOST_SHOWN] for text in versions)
    return None


def _unexplained(source: Dependencies, target: Dependencies, tags: str) -> list[str]:
    """Return the requirements of *source* that *target* lacks although they apply to its *tags*."""
    extra = source.requirements - target.requirements
    return sorted(_applied(extra, tags) - _applied(target.requirements, tags)) if extra else []


def _applied(requirements: Collection[str], tags: str) -> set[str]:
    return {text for text in (_resolved(requirement, tags) for requirement in requirements) if text}


@lru_cache(4096)
def _resolved(requirement: str, tags: str) -> str | None:
    return resolve_requirement_for(requirement, marker_values(tags))


def of_modules(
    wheels: Mapping[str, tuple[WheelFilename, frozenset[str]]],
) -> Iterator[tuple[str, Problem]]:
    """Compare the top-level modules of wheels with the same tags, given by path, and different labels.

    Yields a problem with the path of a wheel, at most one for each label. The plain wheel comes first, then
    the labels in alphabetical order; each is compared with the first.
    """
    groups: dict[object, dict[str, tuple[WheelFilename, frozenset[str]]]] = {}
    for path, wheel in sorted(wheels.items(), key=lambda item: (item[1][0].label or "", item[0])):
        python, abi, platform = wheel[0].tags.split("-")
        machines = frozenset(pair for tag in platform.split(".") for pair in machines_of(tag))
        groups.setdefault((python, abi, machines), {})[path] = wheel
    reported = set[str | None]()
    for (first, (name, modules)), *others in (group.items() for group in groups.values()):
        for path, (other, other_modules) in others:
            if other_modules != modules and other.label not in {name.label, *reported}:
                reported.add(other.label)
                text = f"only one of them has {one_of(sorted(modules ^ other_modules)[:3])}"
                yield path, Problem("modules-differ", "RECORD", f"differs from {first}: {text}")


def top_level_modules(paths: Collection[str], stem: str) -> frozenset[str]:
    """Return the public modules at the top of a wheel's *paths*, which is named *stem* (name and version).

    Modules whose names start with an underscore are left out, like bundled libraries, data and scripts.
    """
    modules = set[str]()
    for path in paths:
        for folder in (f"{stem}.data/purelib/", f"{stem}.data/platlib/"):
            path = path.removeprefix(folder)
        name = path.partition("/")[0] if "/" in path else path.partition(".")[0]
        is_public = name.isidentifier() and not name.startswith("_") and not name.endswith("__mypyc")
        if is_public and path.endswith(_MODULES):
            modules.add(name)
    return frozenset(modules)
