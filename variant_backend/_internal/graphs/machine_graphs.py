"""Resolve the graphs of several machines for some targets, each through its own offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import RequestError, VariantError, problems_of
from ..selection.target import Target
from ..serving.running_offer import RunningOffer
from ..serving.site import Served
from .lock_file import TargetGraph, check_pythons
from .resolution import GraphRequest, resolved_graph
from .unknown_in_graphs import check_aligned_names, check_wanted_labels


def machine_graphs(
    offer: RunningOffer,
    machines: Sequence[Served],
    targets: Sequence[Target],
    request: GraphRequest,
    begin: Callable[[str], object],
) -> dict[str, list[TargetGraph]]:
    """Return the graphs of each machine by its name, one for each target.

    *begin* gets the name of a machine before each graph. Raises VariantError with the errors of all graphs,
    whose places name machines, and targets if there are several; RequestError for requirements that no
    machine can have, for unknown labels and names to align, and for targets that no lock file distinguishes.
    """
    check_pythons(targets)
    graphs: dict[str, list[TargetGraph]] = {served.name: [] for served in machines}
    errors: list[VariantError] = []
    for served in machines:
        for target in targets:
            labels = request.requested.labels(target, offer.upstream.overlaid)
            policy = served.policy._replace(labels=labels)
            check_wanted_labels(policy, offer.upstream)
            begin(served.name)
            try:
                graph = resolved_graph(offer, served.machine, policy, target, request)
                graphs[served.name].append(TargetGraph(target, graph))
            except RequestError:
                raise
            except VariantError as error:
                place = f"machine {served.name}"
                errors.append(error.within(f"{place}: Python {target.python}" if targets[1:] else place))
    if errors:
        raise VariantError(*problems_of(errors))
    check_aligned_names(request.wishes.align, (one.graph for known in graphs.values() for one in known))
    return graphs
