"""Resolve a whole graph for one machine: versions, aligned values, and the file of each package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import RequestError, VariantError
from ..lowlevel.threads import map_in_threads
from ..machine.support import Machine, Policy
from ..selection.target import Target
from ..serving.environments import Environments, environment_of_target
from ..serving.offer_place import OfferPlace
from ..serving.page import Prepared
from ..serving.running_offer import RunningOffer
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.alignment import AlignedName
from .alignment_costs import cost_lines
from .assignment import GraphAlignment, Preference
from .choices import GraphChoice, GraphChooser, newest_asked, with_state
from .dependencies import dependencies_of, python_in, requirements_in
from .graph_files import best_file, metadata_of_file
from .packages import PackageReader
from .requested_roots import RootRequirement, extras_of, hash_of_none
from .resolver_failures import explained_failure, named_in
from .resolvers import RESOLVER
from .rounds import GraphRound, GraphState, RoundOutcome, settled_graph

if TYPE_CHECKING:
    from packaging.version import Version

# Resolves through the offer at a place; raises VariantError, with the code RESOLVER if there is no graph.
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

    @property
    def lines(self) -> tuple[str, ...]:
        """What the aligned values cost, for people: one line for each feature, then for packages."""
        return cost_lines(self.alignment)

    @property
    def labels(self) -> dict[str, str | None]:
        """The label of each package whose release has variants, None for its plain wheel."""
        return {package.name: package.label for package in self.packages if package.ready.offered.wheel}


class AlignedOffer(NamedTuple):
    """The *offer* to a graph that has settled, its *versions* by normalized name, and the *alignment*."""

    offer: RunningOffer
    versions: Mapping[str, Version]
    alignment: GraphAlignment


def resolved_graph(
    offer: RunningOffer,
    machine: Machine,
    policy: Policy,
    target: Target,
    wishes: Wishes,
    resolve: Resolve,
    roots: Sequence[RootRequirement] = (),
) -> Graph:
    """Return the graph that a resolver makes for a machine.

    *roots* are the user's requirements: the graph has their extras, and their hashes are those of its files.
    Raises VariantError as `aligned_offer` does.
    """
    environments = environment_of_target(target)
    settled = aligned_offer(offer, machine, policy, environments, wishes, resolve)
    packages = graph_packages(settled.offer, target, settled.versions, roots)
    return Graph(packages, settled.alignment, settled.offer)


def aligned_offer(
    offer: RunningOffer,
    machine: Machine,
    policy: Policy,
    environments: Environments,
    wishes: Wishes,
    resolve: Resolve,
) -> AlignedOffer:
    """Return the offer in which the packages of a graph agree.

    Packages that are installed on the machine count, too, unless the graph replaces them. Raises VariantError
    if there is no graph: with the resolver's words, or with packages and the values that they require.
    """
    align = tuple(name for name in wishes.align if name.namespace != ABI_DEPENDENCY)
    chooser = GraphChooser(PackageReader(offer.upstream, machine, policy, environments, align), wishes.prefer)
    choices: list[GraphChoice] = []

    def choose(done: GraphRound) -> GraphState:
        choices.append(chooser.choice(done))
        return choices[-1].state

    try:
        settled = settled_graph(partial(_outcome, offer, machine, policy, resolve), choose)
    except RequestError:
        raise
    except VariantError as error:
        objections = [choice.objection.problems for choice in choices if choice.objection]
        if not objections:
            raise
        raise VariantError(*dict.fromkeys([*error.problems, *chain.from_iterable(objections)])) from None
    final = offer.to(machine, with_state(policy, settled.state))
    return AlignedOffer(final, settled.versions, choices[-1].alignment)


def _outcome(
    offer: RunningOffer, machine: Machine, policy: Policy, resolve: Resolve, state: GraphState
) -> RoundOutcome:
    """Resolve for a state; if the resolver finds no graph, return what it asked for."""
    asked = offer.to(machine, with_state(policy, state))
    try:
        return RoundOutcome(resolve(asked.place))
    except VariantError as error:
        explained = explained_failure(error, asked)
        if any(problem.code != RESOLVER for problem in explained.problems):
            raise explained from None
        projects = asked.site.asked(asked.place.profile)
        return RoundOutcome(newest_asked(projects), explained, (*named_in(error, projects),))


def graph_packages(
    offer: RunningOffer,
    target: Target,
    versions: Mapping[str, Version],
    roots: Sequence[RootRequirement] = (),
) -> tuple[GraphPackage, ...]:
    """Return the packages of a graph by name, with their files; raises VariantError."""
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
