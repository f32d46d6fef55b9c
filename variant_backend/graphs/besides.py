"""The best assignment besides those for which a resolver finds no graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from ..errors import VariantError
from ..variants.alignment import AlignedName, Assignment, Axis
from .assignment import AlignedPackage, Domains, GraphAlignment, Preference, best_alignment


def best_besides(
    packages: Sequence[AlignedPackage],
    domains: Domains,
    prefer: Preference,
    align: Sequence[AlignedName],
    failed: Sequence[Assignment],
) -> GraphAlignment:
    """Return the best assignment that is none of *failed*, as `best_alignment` compares them.

    If there is no other one, return the best one. Raises VariantError as `best_alignment` does.
    """
    best = best_alignment(packages, domains, prefer, align)
    if best.assignment not in failed:
        return best
    others: list[GraphAlignment] = []
    for part in _without(domains, best.assignment):
        with suppress(VariantError):
            others.append(best_besides(packages, part, prefer, align, failed))
    others = [other for other in others if other.assignment not in failed]
    return min(others, key=lambda other: _order(other, domains, prefer), default=best)


def _without(domains: Domains, assignment: Assignment) -> Iterator[Domains]:
    """Yield parts of domains that together have all assignments but one; no two parts share any."""
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
