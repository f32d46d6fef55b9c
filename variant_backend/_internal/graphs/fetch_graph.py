"""The files of a graph to download: a wheel of each package, or its sdist if no wheel fits."""

from __future__ import annotations

from collections.abc import Iterator

from ..formats.release import Candidate, Release
from ..selection.releases import Sources
from ..selection.resolve import Pick, SdistPick, check_filename
from ..selection.target import Target
from ..serving.running_offer import running_offer
from ..variants.joined_requests import JoinedRequests
from ..variants.namespace_support import Support
from .fetch_packages import AlignedPicks
from .resolution import AlignedMachine, Graph, GraphPackage, GraphRequest, resolved_graph
from .resolvers import Resolver
from .root_requirements import Requested
from .unknown_in_graphs import check_aligned_names, check_wanted_labels


def downloads_of(graph: Graph) -> Iterator[Pick | SdistPick]:
    """Yield the file of each package under its name in the source; raises VariantError for a wrong name."""
    for package in graph.packages:
        check_filename(package.ready.offered.file.filename)
        yield _download(package, _release(graph, package))


def _release(graph: Graph, package: GraphPackage) -> Release:
    """Return the release of a package; one without variants has no wheels here."""
    for _, release in graph.offer.upstream.project(package.name).releases:
        if release.has_version(str(package.version)):
            return release
    return Release(package.name, package.version, (), None)


def _download(package: GraphPackage, release: Release) -> Pick | SdistPick:
    offered = package.ready.offered
    wheel = Candidate.of(offered.file)
    if wheel is None:
        return SdistPick(release, offered.file)
    if offered.wheel:
        wheel = wheel._replace(name=offered.wheel.name)  # an overlay may say its label
    support = offered.wheel.support if offered.wheel else Support({}, {})
    why = _why(wheel.label, release)
    return Pick(release, wheel, support, f"{why}; {package.older}" if package.older else why)


def _why(label: str | None, release: Release) -> str:
    if label is not None:
        return f"the wheel of {label}"
    return "the plain wheel" if release.metadata else "the best wheel of a release without variants"


def graph_picks(
    joined: JoinedRequests,
    sources: Sources,
    here: AlignedMachine,
    target: Target,
    resolver: Resolver,
) -> AlignedPicks:
    """Return the files of the whole graph of some requests; raises VariantError if there is none."""
    named = {request.name for request in joined.requests if request.names_plain_file}
    named &= {name for entry in sources.overlay for name in entry.names}  # their wheels have labels
    labels = {name: label for name, label in joined.labels().items() if name not in named}
    policy = here.policy._replace(labels=labels, align=())
    roots = Requested.of(request.requirement for request in joined.requests).roots
    constraints = Requested.of(constraint.requirement for constraint in joined.constraints).roots
    requested = Requested((*roots, *(one._replace(is_constraint=True) for one in constraints)))
    request = GraphRequest(requested, here.wishes, resolver)
    with running_offer(sources, here.machine, policy) as offer:
        check_wanted_labels(policy, offer.upstream)
        graph = resolved_graph(offer, here.machine, policy, target, request)
        check_aligned_names(here.wishes.align, [graph])
        return AlignedPicks(tuple(downloads_of(graph)), graph.problems, graph.alignment)
