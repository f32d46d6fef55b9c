"""Resolve a graph and choose values for it in turn, until the choice stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..variants.alignment import Assignment

if TYPE_CHECKING:
    from packaging.version import Version

_MOST_ROUNDS = 5


class GraphState(NamedTuple):
    """What the offer to a graph depends on.

    *versions* are those of the packages that `abi_dependency` properties name.
    """

    assignment: Assignment = {}  # noqa: RUF012  # no code changes this default
    versions: Mapping[str, Version] = {}  # as above


class Settled(NamedTuple):
    """The state of a graph that has settled, and its *versions* by normalized name."""

    state: GraphState
    versions: Mapping[str, Version]


def settled_graph(
    resolve: Callable[[GraphState], Mapping[str, Version]],
    choose: Callable[[Mapping[str, Version], Mapping[str, Version]], GraphState],
) -> Settled:
    """Return the graph for which the choice stays.

    *resolve* returns the versions for a state. *choose* returns the state for the last versions, and for the
    last versions of all packages that were ever in the graph. Raises VariantError if the choice does not
    stay.
    """
    state = GraphState()
    seen: dict[str, Version] = {}
    for _ in range(_MOST_ROUNDS):
        versions = resolve(state)
        seen |= versions
        chosen = choose(versions, seen)
        if chosen == state:
            return Settled(state, versions)
        state = chosen
    raise VariantError(f"the choice of values does not settle in {_MOST_ROUNDS} rounds")
