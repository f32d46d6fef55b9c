"""Choose one value for each aligned feature, so that most packages of a graph keep a variant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Literal, NamedTuple, TypeAlias

from ..errors import VariantError, one_of
from ..variants.alignment import Assignment, Axis

# What counts first: the number of packages that keep a variant, or the values that a machine prefers.
Preference: TypeAlias = 'Literal["most", "best"]'
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
    """

    name: str
    options: tuple[VariantOption, ...]
    has_fallback: bool

    def option(self, assignment: Assignment) -> VariantOption | None:
        """Return the best variant that fits an assignment, None if none does."""
        return next((option for option in self.options if option.allows(assignment)), None)


class GraphAlignment(NamedTuple):
    """An assignment, and the label that each package keeps; None if it falls back.

    *is_proven*: no other assignment is better.
    """

    assignment: Assignment
    labels: Mapping[str, str | None]
    is_proven: bool = True


def best_alignment(
    packages: Sequence[AlignedPackage], domains: Domains, prefer: Preference = "most"
) -> GraphAlignment:
    """Return the best assignment: it keeps most variants, then has the values that come first in *domains*.

    With *prefer* ``best``, the values come first, then the number. Each feature with a value gets one. The
    order of *packages* does not matter. Raises VariantError if a package without a fallback has no variant.
    """
    best: tuple[tuple[object, ...], Assignment] | None = None
    axes = [axis for axis, values in domains.items() if values]
    for values in product(*(domains[axis] for axis in axes)):
        assignment = dict(zip(axes, values, strict=True))
        if any(not package.has_fallback and package.option(assignment) is None for package in packages):
            continue
        kept = sum(package.option(assignment) is not None for package in packages)
        places = tuple(domains[axis].index(value) for axis, value in assignment.items())
        key = (-kept, places) if prefer == "most" else (places, -kept)
        if best is None or key < best[0]:
            best = key, assignment
    if best is None:
        raise VariantError(f"no values fit all of {one_of(_requiring(packages))}")
    labels = {
        package.name: option and option.label for package in packages for option in [package.option(best[1])]
    }
    return GraphAlignment(best[1], labels)


def _requiring(packages: Iterable[AlignedPackage]) -> list[str]:
    return sorted(package.name for package in packages if not package.has_fallback)
