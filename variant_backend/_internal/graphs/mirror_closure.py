"""Which packages a mirror has: the graphs of machines for each Python, and what builds their sdists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError, problems_of, shortened
from ..formats.release import Candidate
from ..selection.target import Target
from ..serving.environments import Fit, Slot, name_of_target
from ..serving.page import Prepared
from ..serving.running_offer import RunningOffer
from .build_requirements import build_versions, static_requirements
from .delivered_wheels import check_required_distribution, delivered_wheel, with_delivered_wheel
from .lock_file import TargetGraph, lock_name
from .mirror_files import MirrorFolder
from .resolution import Graph, GraphPackage, graph_packages
from .resolvers import Resolver
from .root_requirements import Requested

if TYPE_CHECKING:
    from packaging.version import Version


class MirroredTarget(NamedTuple):
    """The graph of a machine for a target, and the packages that *builds* of its sdists require."""

    resolved: TargetGraph
    builds: tuple[GraphPackage, ...]

    @property
    def packages(self) -> tuple[GraphPackage, ...]:
        """All packages; an index may list one of them twice."""
        return (*self.resolved.graph.packages, *self.builds)


class MirroredMachine(NamedTuple):
    """A machine of a mirror: its name, and what each target installs."""

    name: str
    targets: tuple[MirroredTarget, ...]

    @property
    def packages(self) -> tuple[GraphPackage, ...]:
        """The packages of all targets; one may be in it several times."""
        return tuple(package for target in self.targets for package in target.packages)

    @property
    def environments(self) -> list[str]:
        """The names of its environments, such as ``3.12-win_amd64``."""
        return [name_of_target(target.resolved.target) for target in self.targets]

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of its graphs, for people."""
        lines = (line for target in self.targets for line in target.resolved.graph.lines)
        return tuple(dict.fromkeys(lines))

    def conflicts(self) -> Iterator[Problem]:
        """Yield warnings about wheels of its graphs that do not fit together.

        Another wheel of the index may replace one for its target.
        """
        problems = (problem for target in self.targets for problem in target.resolved.graph.problems)
        yield from (problem.within(self.name) for problem in dict.fromkeys(problems))
        same: dict[tuple[str, Version], list[GraphPackage]] = {}
        for package in self.packages:
            same.setdefault((package.name, package.version), []).append(package)
        for target in self.targets:
            slot = Slot.of(target.resolved.target)
            for own in target.packages:
                others = same[own.name, own.version]
                if rivals := sorted(
                    {other.ready.file.filename for other in others if _rivals(other, own, slot)}
                ):
                    text = f"installers may replace {own.ready.file.filename} by {shortened(rivals)}"
                    remedy = f"install from {lock_name(self.name)}, or make a mirror for each --python"
                    yield Problem("warning", f"{self.name}, {slot.name}", text, remedy)


def _rivals(other: GraphPackage, own: GraphPackage, slot: Slot) -> bool:
    """Return whether an installer may select another wheel of the same release in an environment."""
    if other.ready.key == own.ready.key:
        return False
    fits = [_fit(package.ready, slot) for package in (other, own)]
    return fits[0] is not None and fits[1] is not None and fits[0].earliest <= fits[1].place


def _fit(ready: Prepared, slot: Slot) -> Fit | None:
    wheel = Candidate.of(ready.file)
    return slot.fit(wheel.name.tags, ready.file.requires_python) if wheel else None


def is_sdist(package: GraphPackage) -> bool:
    """Return whether a package must be built."""
    return Candidate.of(package.ready.file) is None


def mirrored_machines(
    graphs: Mapping[str, Sequence[TargetGraph]],
    resolver: Resolver,
    folder: MirrorFolder,
    begin: Callable[[str], object] = lambda _: None,
) -> list[MirroredMachine]:
    """Return machines with what builds the sdists of their *graphs*, by name; these sdists are downloaded.

    Dispatching sdists are replaced by the wheels that they deliver. *begin* gets the name of each
    machine. Raises VariantError with the problems of all machines.
    """
    mirrored: list[MirroredMachine] = []
    errors: list[VariantError] = []
    for name, known in graphs.items():
        begin(name)
        try:
            targets = [_mirrored_target(*one, resolver, folder) for one in known]
            mirrored.append(MirroredMachine(name, tuple(targets)))
        except VariantError as error:
            errors.append(error.within(f"machine {name}"))
    if errors:
        raise VariantError(*problems_of(errors))
    return mirrored


def _mirrored_target(
    target: Target, graph: Graph, resolver: Resolver, folder: MirrorFolder
) -> MirroredTarget:
    """Return a graph with what builds its sdists; raises VariantError."""
    graph = graph._replace(packages=_with_delivered(graph.packages, graph.offer, target, folder))
    return MirroredTarget(TargetGraph(target, graph), _builds(target, graph, resolver, folder))


def _with_delivered(
    packages: tuple[GraphPackage, ...], offer: RunningOffer, target: Target, folder: MirrorFolder
) -> tuple[GraphPackage, ...]:
    """Return packages with the wheels that dispatching sdists among them deliver to the machine of an offer.

    All sdists are downloaded. Raises VariantError.
    """
    upstream, served = offer.upstream, offer.site.served(offer.place.profile)
    names = {package.name for package in packages}
    folder.add([package.ready for package in packages if is_sdist(package)], upstream)
    delivered: list[GraphPackage] = []
    for package in packages:
        if is_sdist(package):
            path = folder.root / folder.of(package.ready).path
            if ready := delivered_wheel(path, served.machine, served.policy, target, upstream):
                package = with_delivered_wheel(package, ready, names, target, upstream)
            else:
                check_required_distribution(path, served.machine, served.policy, target, names)
        delivered.append(package)
    return tuple(delivered)


def _builds(
    target: Target, graph: Graph, resolver: Resolver, folder: MirrorFolder
) -> tuple[GraphPackage, ...]:
    """Return the packages that the sdists of a graph require for their builds, and those that these require.

    They come from the offer of the graph, so they have the same aligned values.
    """

    def resolve(requires: Sequence[str]) -> Mapping[str, Version]:
        return resolver(Requested.of(requires), graph.offer.place, target)

    needed: dict[tuple[str, Version], GraphPackage] = {}
    waiting = [package for package in graph.packages if is_sdist(package)]
    seen = {(package.name, package.version) for package in waiting}
    while waiting:
        for sdist in waiting:
            path = folder.root / folder.of(sdist.ready).path
            try:
                versions = build_versions(static_requirements(path), resolve)
                packages = graph_packages(graph.offer, target, versions)
                packages = _with_delivered(packages, graph.offer, target, folder)
            except VariantError as error:
                raise error.within(f"build requirements of {sdist.ready.file.filename}") from None
            needed |= {(package.name, package.version): package for package in packages}
        waiting = [package for key, package in needed.items() if is_sdist(package) and key not in seen]
        seen |= {(package.name, package.version) for package in waiting}
    return tuple(needed[key] for key in sorted(needed))
