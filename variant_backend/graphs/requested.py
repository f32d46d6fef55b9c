"""The wheels of requested packages without their dependencies: one value for each aligned feature.

The packages are a graph whose versions the user requests. So values are chosen as for other graphs, and the
order of the packages does not matter. A package that `abi_dependency` names has the requested version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError
from ..formats import pylock
from ..formats.release import Release
from ..formats.toml_read import read_toml
from ..machine.installed import Installed, disagreements
from ..machine.support import Machine, Policy
from ..selection.evaluate import Evaluation, evaluate, release_support
from ..selection.releases import Listing, Sources, find_listings, read_release
from ..selection.resolve import Pick, SdistPick, check_locked_names, picked_of, picks_of, reasons_against
from ..selection.select import Selection, select_listed
from ..selection.source_files import Folders
from ..serving.environments import environment_of_target
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import abi_dependencies
from ..wheels.inspection import Inspection, VariantJson
from .assignment import AlignedPackage, GraphAlignment, best_alignment
from .packages import GraphRelease, aligned_package, domains_of
from .resolution import Wishes
from .rounds import GraphState, settled_graph

if TYPE_CHECKING:
    from packaging.version import Version

    from ..selection.target import Target
    from ..variants.requirements import PackageRequest


class AlignedPicks(NamedTuple):
    """The selected files, the problems that did not exclude them, and the *alignment* of the packages."""

    picks: Sequence[Pick | SdistPick]
    problems: Sequence[Problem]
    alignment: GraphAlignment


class SelectedRelease(NamedTuple):
    """A release with the label that its request wants, None for any label."""

    release: Release
    wanted: str | None = None


def aligned_picks(
    requests: Sequence[PackageRequest],
    sources: Sources,
    machine: Machine,
    policy: Policy,
    target: Target,
    wishes: Wishes,
    *,
    explain: Sequence[str] = (),
) -> AlignedPicks:
    """Return the wheel of each request; each index file is read once.

    *explain* are the options of `explain` that name the same sources and machine, for a remedy. Raises
    VariantError with every package that has no compatible wheel, or if no values fit all packages.
    """
    folders, read = Folders(), _RememberedReleases()
    names = dict.fromkeys(request.name for request in requests)
    listings = {name: find_listings(name, sources, folders) for name in names}
    selections: list[Selection] = []
    machine = _staying(machine, names)

    def select(chosen: Policy) -> Iterable[SelectedRelease]:
        selections[:] = [
            select_listed(request, listings[request.name], machine, chosen, target, read)
            for request in requests
        ]
        for selection in selections:
            if selection.evaluation:
                yield SelectedRelease(selection.evaluation.release, selection.request.label)

    alignment = _settled(select, machine, policy, target, wishes)
    picks, problems = picks_of(selections, machine, policy, explain=explain)
    _check_installed(picks, machine, policy)
    return AlignedPicks(picks, problems, alignment)


def aligned_locked(
    path: Path, machine: Machine, policy: Policy, target: Target, wishes: Wishes
) -> AlignedPicks:
    """Return the wheel of each package of a lock file.

    Raises VariantError if the lock file is invalid or not for the target, else with every package that has
    no compatible wheel.
    """
    from packaging.markers import default_environment

    environment = target.environment(default_environment())
    locked = pylock.select_packages(read_toml(path), path, environment=environment, tags=target.tags)
    releases = [package.release for package in locked]
    evaluations: list[Evaluation] = []
    machine = _staying(machine, (release.name for release in releases))

    def select(chosen: Policy) -> Iterable[SelectedRelease]:
        evaluations[:] = [evaluate(release, machine, chosen, target) for release in releases]
        return [SelectedRelease(one.release) for one in evaluations if one.selected]

    alignment = _settled(select, machine, policy, target, wishes)
    picks, missing = _locked_picks(path, evaluations)
    problems = [
        problem for one in evaluations for problem in (*one.release.problems, *one.problems)
    ] + check_locked_names(policy, machine, releases)
    if missing:
        raise VariantError(*missing, *problems)
    _check_installed(picks, machine, policy)
    return AlignedPicks(picks, problems, alignment)


def _locked_picks(path: Path, evaluations: Iterable[Evaluation]) -> tuple[list[Pick], list[Problem]]:
    """Return the wheels that are selected from a lock file, and the problems of the others."""
    picks: list[Pick] = []
    missing: list[Problem] = []
    for evaluation in evaluations:
        release = evaluation.release
        if not evaluation.selected:
            text = (
                f"no wheel of {release.name} {release.version} is compatible: {reasons_against(evaluation)}"
            )
            missing.append(Problem("error", str(path), text))
            continue
        pick = picked_of(evaluation)
        if not pick.wheel.file.proofs:
            text = f"no secure hash for {pick.wheel.file.filename}"
            missing.append(Problem("error", str(path), text, "add its sha256 to the lock file"))
        picks.append(pick)
    return picks, missing


def _settled(
    select: Callable[[Policy], Iterable[SelectedRelease]],
    machine: Machine,
    policy: Policy,
    target: Target,
    wishes: Wishes,
) -> GraphAlignment:
    """Select with an assignment and choose an assignment in turn, until it stays; return the last one."""
    selected: list[SelectedRelease] = []
    alignments: list[GraphAlignment] = []

    def resolve(state: GraphState) -> Mapping[str, Version]:
        pinned = {**state.versions, **policy.pinned}
        selected[:] = select(policy._replace(assignment=state.assignment, pinned=pinned))
        return {one.release.name: one.release.version for one in selected}

    def choose(versions: Mapping[str, Version], _: Mapping[str, Version]) -> GraphState:
        alignments.append(_alignment(selected, machine, policy, target, wishes))
        documents = (one.release.metadata for one in selected)
        named = {name for document in documents if document for name in abi_dependencies(document)}
        pinned = {name: versions[name] for name in sorted(named & versions.keys())}
        return GraphState(alignments[-1].assignment, pinned)

    settled_graph(resolve, choose)
    return alignments[-1]


def _alignment(
    selected: Iterable[SelectedRelease], machine: Machine, policy: Policy, target: Target, wishes: Wishes
) -> GraphAlignment:
    """Return the best assignment for selected releases; nothing is detected if nothing is to be aligned."""
    if not wishes.align:
        return GraphAlignment({}, {})
    environments = environment_of_target(target)
    releases: list[GraphRelease] = []
    packages: list[AlignedPackage] = []
    for release, wanted in selected:
        own = policy if wanted is None else policy._replace(labels={release.name: wanted})
        known = GraphRelease(release, release_support(release, machine, own)[0])
        package = aligned_package(known, own, environments, wishes.align)
        if package.options:  # a wanted label without an index file has unknown properties
            releases.append(known)
            packages.append(package)
    return best_alignment(packages, domains_of(packages, releases), wishes.prefer)


class _RememberedReleases:
    """Reads each release once, as `read_release` does."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Release] = {}

    def __call__(self, listing: Listing, *, pinned: bool = False) -> Release:
        """Return the release; its yanked wheels are excluded unless it is *pinned*."""
        files = tuple(wheel.file.filename for wheel in listing.wheels)
        key = (listing.name, listing.version, pinned, files)
        if key not in self._known:
            self._known[key] = read_release(listing, pinned=pinned)
        return self._known[key]


def _check_installed(picks: Iterable[Pick], machine: Machine, policy: Policy) -> None:
    """Raise VariantError if selected wheels disagree with each other, or with installed variants.

    Support for a pinned label is not checked, so it may differ from the installed variants.
    """
    if not policy.align:
        return
    variants = [*machine.installed, *(one for pick in picks for one in _as_installed(pick))]
    names = {pick.release.name for pick in picks}
    apart = disagreements(variants, policy.align)
    if wrong := [str(one) for one in apart if names & one.values.keys()]:
        raise VariantError(*wrong)


def _staying(machine: Machine, replaced: Iterable[str]) -> Machine:
    """Return a machine without the installed packages that the requested ones replace."""
    for name in replaced:
        machine = machine.without(name)
    return machine


def _as_installed(pick: Pick) -> list[Installed]:
    """Return a wheel as an installed variant, or nothing if its variant is unknown."""
    if pick.variant is None:
        return []
    metadata = VariantMetadata((), {}, {pick.variant.label: pick.variant})
    filename, version = pick.wheel.file.filename, str(pick.release.version)
    content = VariantJson(metadata)
    inspection = Inspection(filename, pick.release.name, version, pick.variant.label, variant_json=content)
    return [Installed(Path(filename), inspection)]
