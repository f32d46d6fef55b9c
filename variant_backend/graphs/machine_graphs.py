"""Resolve the graphs of several machines, each through its own offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..errors import RequestError, VariantError, problems_of
from ..selection.target import Target
from ..serving.running_offer import RunningOffer
from ..serving.site import Served
from .aligned_names import check_aligned_names
from .requested_roots import RootRequirement
from .resolution import Graph, Resolve, Wishes, resolved_graph
from .wanted_labels import check_wanted_labels


def machine_graphs(
    offer: RunningOffer,
    machines: Iterable[Served],
    target: Target,
    wishes: Wishes,
    resolve: Resolve,
    roots: Sequence[RootRequirement],
    *,
    begin: Callable[[str], object] = lambda _: None,
) -> dict[str, Graph]:
    """Return the graph of each machine by its name; *begin* gets the name before it is resolved.

    Raises VariantError with the errors of all machines, whose places name the machine; RequestError for
    requirements that no machine can have, and for unknown labels and names to align.
    """
    graphs: dict[str, Graph] = {}
    errors: list[VariantError] = []
    for served in machines:
        check_wanted_labels(served.policy, offer.upstream)
        begin(served.name)
        try:
            graphs[served.name] = resolved_graph(
                offer, served.machine, served.policy, target, wishes, resolve, roots
            )
        except RequestError:
            raise
        except VariantError as error:
            errors.append(error.within(f"machine {served.name}"))
    if errors:
        raise VariantError(*problems_of(errors))
    check_aligned_names(wishes.align, graphs.values())
    return graphs
