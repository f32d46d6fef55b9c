"""Resolve the graphs of several machines, each through its own offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..errors import RequestError, VariantError, problems_of
from ..selection.target import Target
from ..serving.running_offer import RunningOffer
from ..serving.site import Served
from .aligned_names import check_aligned_names
from .requested_roots import Requested
from .resolution import Graph, Wishes, resolved_graph
from .resolvers import Resolver
from .wanted_labels import check_wanted_labels


def machine_graphs(
    offer: RunningOffer,
    machines: Iterable[Served],
    target: Target,
    wishes: Wishes,
    requested: Requested,
    resolver: Resolver,
    *,
    begin: Callable[[str], object] = lambda _: None,
) -> dict[str, Graph]:
    """Return the graph of each machine by its name; *begin* gets the name before it is resolved.

    Raises VariantError with the errors of all machines, whose places name the machine; RequestError for
    requirements that no machine can have, and for unknown labels and names to align.
    """
    labels = requested.labels(target)
    graphs: dict[str, Graph] = {}
    errors: list[VariantError] = []
    for served in machines:
        policy = served.policy._replace(labels=labels)
        check_wanted_labels(policy, offer.upstream)
        begin(served.name)
        try:
            graphs[served.name] = resolved_graph(
                offer,
                served.machine,
                policy,
                target,
                wishes,
                lambda place: resolver(requested, place, target),
                requested.roots,
            )
        except RequestError:
            raise
        except VariantError as error:
            errors.append(error.within(f"machine {served.name}"))
    if errors:
        raise VariantError(*problems_of(errors))
    check_aligned_names(wishes.align, graphs.values())
    return graphs
