"""Resolve the graphs of several machines and targets, each through its own offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from ..errors import VariantError, problems_of
from ..selection.target import Target
from ..serving.offer_place import OfferPlace
from ..serving.running_offer import RunningOffer
from ..serving.site import Served
from .lock_file import TargetGraph
from .resolution import Wishes, resolved_graph
from .resolvers import Requested

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.version import Version

# Resolves requirements through the offer at a place, for a target.
Resolver: TypeAlias = "Callable[[Requested, OfferPlace, Target], Mapping[str, Version]]"


def machine_graphs(
    offer: RunningOffer,
    machines: Iterable[Served],
    targets: Sequence[Target],
    wishes: Wishes,
    requested: Requested,
    resolver: Resolver,
    *,
    begin: Callable[[str], object] = lambda _: None,
) -> dict[str, tuple[TargetGraph, ...]]:
    """Return the graphs of each machine by its name, one for each target.

    *begin* gets the name of each machine. Raises VariantError with the errors of all machines; their places
    name the machines.
    """
    graphs: dict[str, tuple[TargetGraph, ...]] = {}
    errors: list[VariantError] = []
    for served in machines:
        begin(served.name)
        try:
            graphs[served.name] = tuple(
                TargetGraph(target, resolved_graph(offer, *served[1:], target, wishes, resolve))
                for target in targets
                for resolve in [partial(_resolved, resolver, requested, target)]
            )
        except VariantError as error:
            errors.append(error.within(f"machine {served.name}"))
    if errors:
        raise VariantError(*problems_of(errors))
    return graphs


def _resolved(
    resolver: Resolver, requested: Requested, target: Target, place: OfferPlace
) -> Mapping[str, Version]:
    return resolver(requested, place, target)
