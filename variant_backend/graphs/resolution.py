"""Resolve a whole graph for one machine: versions, aligned values, and the file of each package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import VariantError
from ..formats.release import Candidate
from ..machine.support import Machine, Policy
from ..selection.target import Target
from ..serving.environments import environment_of_target
from ..serving.offer_place import OfferPlace
from ..serving.page import Prepared
from ..serving.running_offer import RunningOffer
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.alignment import AlignedName
from ..variants.filename import is_same_version
from .assignment import GraphAlignment, Preference
from .choices import GraphChoice, GraphChooser, newest_asked, with_state
from .packages import PackageReader
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
    """Return the graph that a resolver makes for a machine.

    Packages that are installed on the machine, and that the graph does not replace, count for the alignment.
    Raises VariantError if there is no graph: with the resolver's words, or with packages and their values.
    """
    environments = environment_of_target(target)
    align = tuple(name for name in wishes.align if name.namespace != ABI_DEPENDENCY)
    reader = PackageReader(offer.upstream, machine, policy, environments, align)
    choices: list[GraphChoice] = []

    def choose(done: GraphRound) -> GraphState:
        choices.append(GraphChooser(reader, wishes.prefer).choice(done))
        return choices[-1].state

    try:
        settled = settled_graph(partial(_outcome, offer, machine, policy, resolve), choose)
    except VariantError as error:
        objections = (choice.objection.problems for choice in choices if choice.objection)
        raise VariantError(*dict.fromkeys([*error.problems, *chain.from_iterable(objections)])) from None
    final = offer.to(machine, with_state(policy, settled.state))
    pick = partial(_package, final, target)
    packages = tuple(pick(name, version) for name, version in sorted(settled.versions.items()))
    return Graph(packages, choices[-1].alignment, final)


def _outcome(
    offer: RunningOffer, machine: Machine, policy: Policy, resolve: Resolve, state: GraphState
) -> RoundOutcome:
    """Resolve for a state; if the resolver finds no graph, return what it asked for."""
    place = offer.to(machine, with_state(policy, state)).place
    try:
        return RoundOutcome(resolve(place))
    except VariantError as error:
        if any(problem.code != RESOLVER for problem in error.problems):
            raise
        return RoundOutcome(newest_asked(offer.site.asked(place.profile)), error)


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
