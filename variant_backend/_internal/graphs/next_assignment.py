"""The best assignment besides the values for which a resolver finds no graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from ..errors import VariantError
from ..variants.alignment import AlignedName, Assignment, Axis
from .aligned_packages import AlignedPackage, Domains
from .assignment import GraphAlignment, Preference, best_alignment


def best_besides(
    packages: Sequence[AlignedPackage],
    domains: Domains,
    prefer: Preference,
    align: Sequence[AlignedName],
    failed: Sequence[Assignment],
) -> GraphAlignment:
    """Return the best assignment that has all values of none of *failed*, as `best_alignment` compares them.

    If there is no other one, return the best one. Raises VariantError as `best_alignment` does.
    """
    best = best_alignment(packages, domains, prefer, align)
    values = failed_values(best.assignment, failed)
    if values is None:
        return best
    others: list[GraphAlignment] = []
    for part in _without(domains, values):
        with suppress(VariantError):
            others.append(best_besides(packages, part, prefer, align, failed))
    others = [other for other in others if failed_values(other.assignment, failed) is None]
    best = min(others, key=lambda other: _order(other, domains, prefer), default=best)
    return best._replace(domains=domains, failed=tuple(failed))


def failed_values(assignment: Assignment, failed: Iterable[Assignment]) -> Assignment | None:
    """Return the first of *failed* of which an assignment has all values, None if there is none."""
    return next((values for values in failed if values.items() <= assignment.items()), None)


def values_of_named(
    assignment: Assignment, named: Sequence[str], packages: Iterable[AlignedPackage]
) -> Assignment:
    """Return the values that decide which variants the *named* packages have.

    All values are returned if no package is named, or if some of these values are open.
    """
    options = (option for package in packages if package.name in named for option in package.options)
    axes = {axis for option in options for axis in option.values}
    is_decided = bool(named) and axes <= assignment.keys()
    return {axis: assignment[axis] for axis in axes} if is_decided else assignment


def _without(domains: Domains, assignment: Assignment) -> Iterator[Domains]:
    """Yield parts of domains that have all assignments but those with some values; no two parts share any."""
    fixed: dict[Axis, Sequence[str]] = {}
    for axis, value in assignment.items():
        if others := [other for other in domains[axis] if other != value]:
            yield {**domains, **fixed, axis: others}
        fixed[axis] = [value]


def _order(
    alignment: GraphAlignment, domains: Domains, prefer: Preference
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    lost = (sum(label is None for label in alignment.labels.values()),)
    places = tuple(domains[axis].index(value) for axis, value in alignment.assignment.items())
    return (lost, places) if prefer == "most" else (places, lost)
