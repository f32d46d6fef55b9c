"""Choose one value for each aligned feature, so that most packages of a graph keep a variant.

The objective, in this order:

1. Each package that has neither a null variant nor a plain wheel keeps a variant. This is a condition.
2. Most packages keep a variant. Each counts one; the null variant does not count.
3. The first feature has the best value, then the second feature, and so on. The domains have this order: that
   of the machine by the priority of features, and names where the machine has no order.

With the preference ``best``, 3 comes before 2. The domains order all values, so no two choices are equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from ..errors import VariantError, shortened
from ..variants.alignment import AlignedName, Assignment
from .aligned_packages import AlignedPackage, Domains, first_fitting, most_fitting
from .alignment_conflicts import alignment_conflict
from .alignment_search import MOST_NODES

# What counts first: the number of packages that keep a variant, or the values that a machine prefers.
Preference: TypeAlias = 'Literal["most", "best"]'


class GraphAlignment(NamedTuple):
    """An assignment, and the label that each package keeps; None if it falls back.

    *is_proven*: no other assignment is better. The *packages* are sorted by name; *domains* are the values
    from which the assignment was chosen. A resolver finds no graph for the values of any of *failed*.
    """

    assignment: Assignment
    labels: Mapping[str, str | None]
    is_proven: bool = True
    packages: tuple[AlignedPackage, ...] = ()
    domains: Domains = {}  # noqa: RUF012  # no code changes this default
    failed: tuple[Assignment, ...] = ()


def best_alignment(
    packages: Sequence[AlignedPackage],
    domains: Domains,
    prefer: Preference = "most",
    align: Sequence[AlignedName] = (),
    *,
    most_nodes: int = MOST_NODES,
) -> GraphAlignment:
    """Return the best assignment, as the docstring of this module defines it.

    Each feature with a value gets one. The order of *packages* does not matter. Raises VariantError if no
    assignment fits all packages without a fallback; its remedies leave out some of *align*, or packages. The
    search ends after *most_nodes*, with the best assignment so far.
    """
    packages = sorted(packages, key=lambda package: package.name)
    search = most_fitting if prefer == "most" else first_fitting
    assignment, is_proven = search(packages, domains, most_nodes)
    if assignment is None:
        assignment = {axis: values[0] for axis, values in domains.items() if values}
    lacking = [one.name for one in packages if one.is_required and one.option(assignment) is None]
    if lacking and is_proven:
        raise alignment_conflict(packages, domains, align)
    if lacking:
        text = f"found no values that fit all packages in {most_nodes} steps: none fits {shortened(lacking)}"
        raise VariantError(text, code="alignment", remedy="align fewer features")
    chosen = {package.name: package.option(assignment) for package in packages}
    labels = {name: option and option.label for name, option in chosen.items()}
    return GraphAlignment(assignment, labels, is_proven, tuple(packages), domains)
