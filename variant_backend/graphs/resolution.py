"""Resolve a whole graph for one machine: versions, aligned values, and the file of each package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import RequestError, VariantError
from ..lowlevel.threads import map_in_threads
from ..machine.support import Machine, Policy
from ..selection.target import Target
from ..serving.environments import Environments, environment_of_target
from ..serving.offer_place import OfferPlace
from ..serving.page import Prepared
from ..serving.running_offer import RunningOffer
from ..variants.alignment import AlignedName
from ..variants.namespace_support import abi_dependencies
from .assignment import GraphAlignment, Preference, best_alignment
from .dependencies import dependencies_of, python_in, requirements_in
from .graph_files import best_file, metadata_of_file
from .packages import aligned_package, domains_of, graph_releases
from .requested_roots import RootRequirement, extras_of, hash_of_none
from .resolver_failures import explained_failure
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
    """A package of a graph, with the file that an installer gets: a wheel, or an sdist if no wheel fits.

    *requires* are the names of the packages in the graph that it requires.
    """

    name: str
    version: Version
    ready: Prepared
    requires: tuple[str, ...] = ()
    requires_python: str | None = None

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
    offer: RunningOffer,
    machine: Machine,
    policy: Policy,
    target: Target,
    wishes: Wishes,
    resolve: Resolve,
    roots: Sequence[RootRequirement] = (),
) -> Graph:
    """Return the graph that a resolver makes for a machine; raises VariantError if there is none.

    *roots* are the user's requirements: the graph has their extras, and their hashes are those of its files.
    """
    environments = environment_of_target(target)
    alignments: list[GraphAlignment] = []

    def resolve_state(state: GraphState) -> Mapping[str, Version]:
        asked = offer.to(machine, _with_state(policy, state))
        try:
            return resolve(asked.place)
        except VariantError as error:
            raise explained_failure(error, asked) from None

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
    packages = _packages(final, target, settled.versions, roots)
    return Graph(packages, alignments[-1], final)


def _with_state(policy: Policy, state: GraphState) -> Policy:
    """Return the policy of a round; versions that the user pins stay."""
    return policy._replace(assignment=state.assignment, pinned={**state.versions, **policy.pinned})


def _packages(
    offer: RunningOffer, target: Target, versions: Mapping[str, Version], roots: Sequence[RootRequirement]
) -> tuple[GraphPackage, ...]:
    """Return the packages of a graph with their files; raises VariantError."""
    from packaging.markers import default_environment

    environments = environment_of_target(target)
    read = map_in_threads(partial(_with_metadata, offer, environments), sorted(versions.items()))
    if problems := [
        problem
        for package, _ in read
        for problem in hash_of_none(roots, package.name, package.ready.file.hashes)
    ]:
        raise RequestError(*problems)
    environment = {name: str(value) for name, value in target.environment(default_environment()).items()}
    requirements = {package.name: requirements_in(metadata) for package, metadata in read}
    required = dependencies_of(requirements, environment, extras_of(roots))
    return tuple(package._replace(requires=required[package.name]) for package, _ in read)


def _with_metadata(
    offer: RunningOffer, environments: Environments, pin: tuple[str, Version]
) -> tuple[GraphPackage, bytes]:
    """Return a package with its file, and its METADATA; raises VariantError."""
    name, version = pin
    (slot,) = environments.asking
    project = offer.site.project(offer.place.profile, name, environments)
    ready = best_file(project, str(version), slot)
    if ready is None:
        raise VariantError(f"no file of this version fits {slot.name}", place=f"{name} {version}")
    metadata = metadata_of_file(ready, offer.upstream)
    return GraphPackage(name, version, ready, requires_python=python_in(metadata)), metadata
