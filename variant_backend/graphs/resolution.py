"""Resolve a whole graph for one machine: versions, aligned values, and the file of each package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import VariantError
from ..formats.release import Candidate
from ..machine.support import Machine, Policy
from ..selection.target import Target
from ..serving.environments import environment_of_target
from ..serving.offer_place import OfferPlace
from ..serving.page import Prepared
from ..serving.running_offer import RunningOffer
from ..variants.alignment import AlignedName
from ..variants.filename import is_same_version
from ..variants.namespace_support import abi_dependencies
from .assignment import GraphAlignment, Preference, best_alignment
from .packages import aligned_package, domains_of, graph_releases
from .rounds import GraphState, settled_graph

if TYPE_CHECKING:
    from packaging.version import Version

# Resolves through the offer at a place.
Resolve: TypeAlias = "Callable[[OfferPlace], Mapping[str, Version]]"


class Wishes(NamedTuple):
    """Which features of a graph to align, and what counts first."""

    align: tuple[AlignedName, ...] = ()
    prefer: Preference = "most"


class GraphPackage(NamedTuple):
    """A package of a graph, with the file that an installer gets: a wheel, or an sdist if no wheel fits."""

    name: str
    version: Version
    ready: Prepared

    @property
    def label(self) -> str | None:
        """The label of the variant, None for another file."""
        wheel = self.ready.offered.wheel
        return wheel.name.label if wheel else None


class Graph(NamedTuple):
    """The whole graph for a machine and a target: its packages by name, and the *alignment* of variants.

    *offer* is the offer to which its files belong.
    """

    packages: tuple[GraphPackage, ...]
    alignment: GraphAlignment
    offer: RunningOffer


def resolved_graph(
    offer: RunningOffer, machine: Machine, policy: Policy, target: Target, wishes: Wishes, resolve: Resolve
) -> Graph:
    """Return the graph that a resolver makes for a machine; raises VariantError if there is none."""
    environments = environment_of_target(target)
    alignments: list[GraphAlignment] = []

    def resolve_state(state: GraphState) -> Mapping[str, Version]:
        return resolve(offer.to(machine, _with_state(policy, state)).place)

    def choose(versions: Mapping[str, Version], seen: Mapping[str, Version]) -> GraphState:
        releases = graph_releases(seen, offer.upstream, machine, policy)
        packages = [aligned_package(known, policy, environments, wishes.align) for known in releases]
        alignment = best_alignment(packages, domains_of(packages, releases), wishes.prefer)
        alignments.append(alignment)
        named = {
            name
            for release, _ in releases
            for name in (abi_dependencies(release.metadata) if release.metadata else ())
        }
        return GraphState(alignment.assignment, {name: versions[name] for name in named & versions.keys()})

    settled = settled_graph(resolve_state, choose)
    final = offer.to(machine, _with_state(policy, settled.state))
    return Graph(graph_packages(final, target, settled.versions), alignments[-1], final)


def _with_state(policy: Policy, state: GraphState) -> Policy:
    """Return the policy of a round; versions that the user pins stay."""
    return policy._replace(assignment=state.assignment, pinned={**state.versions, **policy.pinned})


def graph_packages(
    offer: RunningOffer, target: Target, versions: Mapping[str, Version]
) -> tuple[GraphPackage, ...]:
    """Return the packages of a resolution by name; raises VariantError if no file of one fits."""
    return tuple(_package(offer, target, name, version) for name, version in sorted(versions.items()))


def _package(offer: RunningOffer, target: Target, name: str, version: Version) -> GraphPackage:
    """Return a package with the best file of a version that fits a target."""
    environments = environment_of_target(target)
    rendered = offer.site.project(offer.place.profile, name, environments)
    (slot,) = environments.asking
    best: list[tuple[tuple[int, int], Prepared]] = []
    for ready in rendered.ready.files:
        wheel = Candidate.of(ready.file)
        if wheel is None or not is_same_version(wheel.name.version, str(version)):
            continue
        if fit := slot.fit(wheel.name.tags, ready.file.requires_python):
            best.append((fit.place, ready))
    if not best:
        raise VariantError(f"no wheel of {name} {version} fits")
    return GraphPackage(name, version, min(best, key=lambda pair: pair[0])[1])
