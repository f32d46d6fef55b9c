"""Which packages of a graph require each other, by METADATA and the extras that the graph activates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..errors import VariantError
from ..formats.core_metadata import all_values, find_field
from ..variants.filename import normalize

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def requirements_in(metadata: bytes) -> list[Requirement]:
    """Return the valid requirements in METADATA."""
    from packaging.requirements import InvalidRequirement, Requirement

    requirements: list[Requirement] = []
    for text in all_values(metadata, "Requires-Dist"):
        try:
            requirements.append(Requirement(text))
        except InvalidRequirement:  # the resolver has skipped it, too
            continue
    return requirements


def python_in(metadata: bytes) -> str | None:
    """Return the value of Requires-Python in METADATA, None if there is none that is valid."""
    try:
        return find_field(metadata, "Requires-Python")
    except VariantError:
        return None


def dependencies_of(
    requirements: Mapping[str, Iterable[Requirement]],
    environment: Mapping[str, str],
    extras: Mapping[str, Iterable[str]],
) -> dict[str, tuple[str, ...]]:
    """Return the names that each package of a graph requires, by normalized names.

    *requirements* are those of each package, *environment* has the values of markers, and *extras* are those
    that the user names for a package; requirements activate others.
    """
    active = {name: {"", *extras.get(name, ())} for name in requirements}
    required: dict[str, set[str]] = {name: set() for name in requirements}
    waiting = [*requirements]
    while waiting:
        name = waiting.pop()
        for requirement in requirements[name]:
            other = normalize(requirement.name)
            if other not in active or not is_active(requirement, environment, active[name]):
                continue
            required[name].add(other)
            if new := {normalize(extra) for extra in requirement.extras} - active[other]:
                active[other] |= new
                waiting.append(other)
    return {name: tuple(sorted(others - {name})) for name, others in required.items()}


def is_active(requirement: Requirement, environment: Mapping[str, str], extras: Iterable[str]) -> bool:
    """Return whether the marker of a requirement is true with one of some *extras*; "" is none of them."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in extras)
