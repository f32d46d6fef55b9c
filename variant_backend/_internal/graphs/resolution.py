"""Resolve a whole graph for one machine: versions, aligned values, and the file of each package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem, RequestError, VariantError
from ..lowlevel.threads import map_in_threads
from ..machine.support import Machine, Policy
from ..selection.target import Target
from ..serving.environments import Environments, environment_of_target
from ..serving.offer_place import OfferPlace
from ..serving.page import Prepared
from ..serving.reasons import older_text
from ..serving.running_offer import RunningOffer
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.alignment import AlignedName
from .alignment_costs import alignment_lines
from .assignment import GraphAlignment, Preference
from .dependencies import dependencies_of, python_in, requirements_in
from .joint_conflicts import check_members
from .overlay_families import family_member, mixed_families
from .package_files import best_file, metadata_of_file
from .package_reader import PackageReader, ProjectReader
from .resolver_failures import explained_failure, named_in
from .resolvers import RESOLVER, Resolver
from .root_requirements import Requested, RootRequirement, extras_of, hash_of_none
from .round_choices import GraphChoice, GraphChooser, newest_asked, with_state
from .rounds import GraphRound, GraphState, RoundOutcome, settled_graph

if TYPE_CHECKING:
    from packaging.version import Version

# Resolves through the offer at a place; raises VariantError, with the code RESOLVER if there is no graph.
ResolveAt: TypeAlias = "Callable[[OfferPlace], Mapping[str, Version]]"


class Wishes(NamedTuple):
    """Which features of a graph to align, and what counts first."""

    align: tuple[AlignedName, ...] = ()
    prefer: Preference = "most"


class GraphRequest(NamedTuple):
    """What a user asks of graphs: their requirements, the wishes for them, and the resolver."""

    requested: Requested
    wishes: Wishes
    resolver: Resolver


class AlignedMachine(NamedTuple):
    """A machine with the policy for it, and with the wishes for its packages."""

    machine: Machine
    policy: Policy
    wishes: Wishes

    def chooser(self, projects: ProjectReader, environments: Environments) -> GraphChooser:
        """Return what chooses values for packages of some projects in its environments."""
        align = tuple(name for name in self.wishes.align if name.namespace != ABI_DEPENDENCY)
        reader = PackageReader(projects, self.machine, self.policy, environments, align)
        return GraphChooser(reader, self.wishes.prefer)


class GraphPackage(NamedTuple):
    """A package of a graph, with the file that an installer gets: a wheel, or an sdist if no wheel fits.

    *requires* are the names of the packages in the graph that it requires. *older* says which older release
    is for an accelerator, empty if none is. *supported_labels* are all that the machine supports.
    """

    name: str
    version: Version
    ready: Prepared
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    older: str = ""
    supported_labels: tuple[str, ...] = ()

    @property
    def label(self) -> str | None:
        """The label of the variant, None for another file."""
        wheel = self.ready.offered.wheel
        return wheel.name.label if wheel else None

    @property
    def words(self) -> str:
        """The version and the label, for people."""
        return f"{self.version} {self.label or ''}".rstrip()

    def to_dict(self) -> dict[str, object]:
        """Return the keys of JSON objects that name the package."""
        return {"name": self.name, "version": str(self.version), "label": self.label}


class Graph(NamedTuple):
    """The whole graph for a machine and a target: its packages by name, and the *alignment* of variants.

    *offer* is the offer to which its files belong.
    """

    packages: tuple[GraphPackage, ...]
    alignment: GraphAlignment
    offer: RunningOffer

    @property
    def lines(self) -> tuple[str, ...]:
        """The aligned values and what they cost, and older releases for an accelerator, for people."""
        older = (
            f"{package.name} {package.words}: {package.older}" for package in self.packages if package.older
        )
        return (*alignment_lines(self.alignment), *older)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Warnings about packages of an overlay that are for different platforms."""
        members = (
            family_member(self.offer.upstream, package.name, str(package.version), package.label)
            for package in self.packages
        )
        return tuple(mixed_families(filter(None, members), self.alignment.assignment))

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
    offer: RunningOffer, machine: Machine, policy: Policy, target: Target, request: GraphRequest
) -> Graph:
    """Return the graph that a resolver makes for a machine.

    It has the extras of the user's requirements, and their hashes are those of its files. Raises VariantError
    as `aligned_offer` does, and if two packages are labels of one project.
    """
    requested, wishes, resolver = request
    here, environments = AlignedMachine(machine, policy, wishes), environment_of_target(target)
    settled = aligned_offer(offer, here, environments, lambda place: resolver(requested, place, target))
    packages = graph_packages(settled.offer, target, settled.versions, requested.roots)
    required = {package.name: package.requires for package in packages}
    supported = {package.name: package.supported_labels for package in packages}
    check_members(offer.sources.overlay, required, supported)
    return Graph(packages, settled.alignment, settled.offer)


def aligned_offer(
    offer: RunningOffer, here: AlignedMachine, environments: Environments, resolve: ResolveAt
) -> AlignedOffer:
    """Return the offer in which the packages of a graph agree.

    Packages that are installed on the machine count, too, unless the graph replaces them. Raises VariantError
    if there is no graph: with the resolver's words, or with packages and the values that they require.
    """
    chooser = here.chooser(offer.upstream, environments)
    choices: list[GraphChoice] = []

    def choose(done: GraphRound) -> GraphState:
        choices.append(chooser.choice(done))
        return choices[-1].state

    try:
        settled = settled_graph(partial(_outcome, offer, here, resolve), choose)
    except RequestError:
        raise
    except VariantError as error:
        objections = [choice.objection.problems for choice in choices if choice.objection]
        if not objections:
            raise
        raise VariantError(*dict.fromkeys([*error.problems, *chain.from_iterable(objections)])) from None
    final = offer.to(here.machine, with_state(here.policy, settled.state))
    return AlignedOffer(final, settled.versions, choices[-1].alignment)


def _outcome(
    offer: RunningOffer, here: AlignedMachine, resolve: ResolveAt, state: GraphState
) -> RoundOutcome:
    """Resolve for a state; if the resolver finds no graph, return what it asked for."""
    asked = offer.to(here.machine, with_state(here.policy, state))
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
    environments = environment_of_target(target)
    read = map_in_threads(partial(_with_metadata, offer, environments), sorted(versions.items()))
    if problems := [
        problem
        for package, _ in read
        for problem in hash_of_none(roots, package.name, package.ready.file.hashes)
    ]:
        raise RequestError(*problems)
    requirements = {package.name: requirements_in(metadata) for package, metadata in read}
    required = dependencies_of(requirements, target.markers, extras_of(roots))
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
    choice = project.offer.choice_of(str(version))
    package = GraphPackage(name, version, ready, requires_python=python_in(metadata))
    if choice is not None:
        package = package._replace(older=older_text(choice), supported_labels=choice.supported_labels)
    return package, metadata
