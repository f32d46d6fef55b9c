"""Packages whose variants share values, and the assignments that fit them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from ..variants.alignment import Assignment, Axis
from .alignment_count import AssignmentCount, is_countable
from .alignment_search import MOST_NODES, AssignmentSearch, Demand

# The values that an assignment may give to each feature, in order: features by priority, values best first.
Domains: TypeAlias = "Mapping[Axis, Sequence[str]]"


class VariantOption(NamedTuple):
    """A variant that a machine supports, and the values that it allows for each aligned feature it has."""

    label: str
    values: Mapping[Axis, frozenset[str]]

    def allows(self, assignment: Assignment) -> bool:
        """Return whether the variant fits an assignment."""
        return all(assignment.get(axis) in values for axis, values in self.values.items())


class AlignedPackage(NamedTuple):
    """A package to align: its variants without the null variant, best first.

    A package that *has_fallback* has a null or plain wheel, too; any other requires one of its variants.
    Several variants may have the same label, such as those of older releases.
    """

    name: str
    options: tuple[VariantOption, ...]
    has_fallback: bool

    @property
    def is_required(self) -> bool:
        """Whether one of its variants has to fit; no alignment frees a package that has none."""
        return bool(self.options) and not self.has_fallback

    def option(self, assignment: Assignment) -> VariantOption | None:
        """Return the best variant that fits an assignment, None if none does."""
        return next((option for option in self.options if option.allows(assignment)), None)


class FittedAssignment(NamedTuple):
    """An assignment, None if none fits; unless *is_proven*, the search was too long, and has ended early."""

    assignment: Assignment | None
    is_proven: bool


def first_fitting(
    packages: Sequence[AlignedPackage], domains: Domains, most_nodes: int = MOST_NODES
) -> FittedAssignment:
    """Return the first assignment, in the order of *domains*, that fits all packages without a fallback."""
    search = _search(packages, domains, most_nodes)
    required = sum(package.is_required for package in packages)
    places = search.first_reaching(required * _required_weight(packages))
    return FittedAssignment(None if places is None else _assignment(domains, places), not search.is_cut)


def most_fitting(
    packages: Sequence[AlignedPackage], domains: Domains, most_nodes: int = MOST_NODES
) -> FittedAssignment:
    """Return the first assignment of those that fit most packages without a fallback, then most packages."""
    search = _search(packages, domains, most_nodes)
    heaviest, weight = search.heaviest()
    return FittedAssignment(
        _assignment(domains, search.first_reaching(weight) or heaviest), not search.is_cut
    )


def _assignment(domains: Domains, places: Sequence[int]) -> Assignment:
    """Return the values at these positions of the domains that have values."""
    filled = [(axis, values) for axis, values in domains.items() if values]
    return {axis: values[place] for (axis, values), place in zip(filled, places, strict=True)}


def _required_weight(packages: Sequence[AlignedPackage]) -> int:
    """Return the weight of a package without a fallback: more than that of all packages with one."""
    return 1 << len(packages).bit_length()


def _search(
    packages: Sequence[AlignedPackage], domains: Domains, most_nodes: int
) -> AssignmentCount | AssignmentSearch:
    """Return how to find assignments: all are weighed if they are few enough."""
    filled = [(axis, values) for axis, values in domains.items() if values]
    places = {
        axis: (number, {value: place for place, value in enumerate(values)})
        for number, (axis, values) in enumerate(filled)
    }
    weight = _required_weight(packages)
    demands = [
        Demand(_demanded(package, places), weight if package.is_required else 1) for package in packages
    ]
    sizes = [len(values) for _, values in filled]
    if is_countable(sizes):
        return AssignmentCount(sizes, demands)
    return AssignmentSearch(sizes, demands, most_nodes)


def _demanded(
    package: AlignedPackage, places: Mapping[Axis, tuple[int, Mapping[str, int]]]
) -> tuple[Mapping[int, frozenset[int]], ...]:
    """Return the options of a package that some assignment fits, as numbers of axes and values."""
    options: list[Mapping[int, frozenset[int]]] = []
    for option in package.options:
        allowed: dict[int, frozenset[int]] = {}
        for axis, values in option.values.items():
            number, known = places.get(axis, (-1, {}))
            own = frozenset(known[value] for value in values if value in known)
            if not own:
                break
            if len(own) < len(known):
                allowed[number] = own
        else:
            options.append(allowed)
    # An option that always fits makes the others irrelevant.
    return ({},) if {} in options else tuple(options)
