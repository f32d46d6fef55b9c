"""The wheels of requested packages without their dependencies: one value for each aligned feature.

The packages are a graph whose versions the user requests. So values are chosen as for other graphs, and the
order of the packages does not matter. A package that `abi_dependency` names has the requested version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem, VariantError
from ..formats import pylock
from ..formats.release import File, Release
from ..formats.toml_read import read_toml
from ..machine.installed import Installed, disagreements
from ..machine.support import Machine, Policy
from ..selection.evaluate import Evaluation, evaluate
from ..selection.listing import Listing
from ..selection.releases import Sources, find_listings, read_release
from ..selection.resolve import Pick, SdistPick, check_locked_names, picked_of, picks_of, reasons_against
from ..selection.select import Selection, older_accelerated, select_listed
from ..selection.source_files import Folders
from ..serving.environments import environment_of_target
from ..serving.offer import UpstreamProject
from ..variants.label_pattern import PLAIN
from ..variants.namespace_support import abi_dependencies
from ..variants.policy import preferring_older
from .assignment import GraphAlignment
from .installed_values import staying
from .resolution import AlignedMachine
from .round_choices import GraphChooser, with_state
from .rounds import GraphRound, GraphState, RoundOutcome, settled_graph

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.version import Version

    from ..selection.target import Target
    from ..variants.joined_requests import JoinedRequests
    from ..variants.requirements import PackageRequest


class AlignedPicks(NamedTuple):
    """The selected files, the problems that did not exclude them, and the *alignment* of the packages."""

    picks: Sequence[Pick | SdistPick]
    problems: Sequence[Problem] = ()
    alignment: GraphAlignment = GraphAlignment({}, {})


# Returns the selected releases under a policy.
SelectReleases: TypeAlias = "Callable[[Policy], Iterable[Release]]"


def aligned_picks(
    joined: JoinedRequests,
    sources: Sources,
    here: AlignedMachine,
    target: Target,
    *,
    explain: Sequence[str] = (),
) -> AlignedPicks:
    """Return the wheel of each request.

    *explain* are the options of `explain` that name the same sources and machine, for a remedy. Raises
    VariantError with every package that has no compatible wheel, or if no values fit all packages.
    """
    projects = _RequestedProjects(joined.requests, sources)
    machine, policy = staying(here.machine, projects.listings), here.policy
    selections: list[Selection] = []

    def select(chosen: Policy) -> Iterable[Release]:
        selections[:] = [
            select_listed(request, projects.listings[request.name], machine, chosen, target, projects.read)
            for request in joined.requests
        ]
        return [selection.evaluation.release for selection in selections if selection.evaluation]

    labels = joined.labels() if here.wishes.align else {}
    here = AlignedMachine(machine, policy._replace(labels=labels, align=()), here.wishes)
    alignment = _settled(select, policy, here.chooser(projects, environment_of_target(target)))
    picks, problems = picks_of(selections, machine, policy, explain=explain)
    older = (older_accelerated(selection, machine, policy, target) for selection in selections)
    picks = [_with_older(pick, one) for pick, one in zip(picks, older, strict=True)]
    _check_agreement(picks, machine, policy)
    return AlignedPicks(picks, problems, alignment)


def _with_older(pick: Pick, older: Evaluation | None) -> Pick:
    """Return a selected wheel that says which older release is for an accelerator."""
    if older is None or older.selected is None:
        return pick
    text = preferring_older(older.release.version, older.selected.filename.label or PLAIN)
    return pick._replace(why=f"{pick.why}; {text}")


def aligned_locked(path: Path, here: AlignedMachine, target: Target) -> AlignedPicks:
    """Return the wheel of each package of a lock file.

    Raises VariantError if the lock file is invalid or not for the target, else with every package that has
    no compatible wheel.
    """
    from packaging.markers import default_environment

    environment = target.environment(default_environment())
    locked = pylock.select_packages(read_toml(path), path, environment=environment, tags=target.tags)
    releases = [package.release for package in locked]
    evaluations: list[Evaluation] = []
    here = here._replace(machine=staying(here.machine, (release.name for release in releases)))
    machine, policy, _ = here

    def select(chosen: Policy) -> Iterable[Release]:
        evaluations[:] = [evaluate(release, machine, chosen, target) for release in releases]
        return [one.release for one in evaluations if one.selected]

    chooser = here.chooser(_LockedProjects(releases), environment_of_target(target))
    alignment = _settled(select, policy, chooser)
    picks, missing = _locked_picks(path, evaluations)
    problems = [
        problem for one in evaluations for problem in (*one.release.problems, *one.problems)
    ] + check_locked_names(policy, machine, releases)
    if missing:
        raise VariantError(*missing, *problems)
    _check_agreement(picks, machine, policy)
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


def _settled(select: SelectReleases, policy: Policy, chooser: GraphChooser) -> GraphAlignment:
    """Select releases and choose values in turn, until the choice stays; return the last alignment.

    Nothing else is read if no value is to be chosen, and no package depends on the version of another one.
    """
    alignments = [GraphAlignment({}, {})]
    selected: list[Release] = []

    def resolve(state: GraphState) -> RoundOutcome:
        selected[:] = select(with_state(policy, state))
        return RoundOutcome({release.name: release.version for release in selected})

    def choose(done: GraphRound) -> GraphState:
        documents = [release.metadata for release in selected if release.metadata]
        if not chooser.reader.align and not any(map(abi_dependencies, documents)):
            return done.state
        choice = chooser.choice(done)
        alignments.append(choice.alignment)
        return choice.state

    settled_graph(resolve, choose)
    return alignments[-1]


class _RequestedProjects:
    """The requested projects as *listings*, of which each release is read once."""

    def __init__(self, requests: Sequence[PackageRequest], sources: Sources) -> None:
        folders = Folders()
        names = dict.fromkeys(request.name for request in requests)
        self.listings = {name: find_listings(name, sources, folders) for name in names}
        self._requests = requests
        self._known: dict[tuple[object, ...], Release] = {}

    def read(self, listing: Listing, *, pinned: bool = False) -> Release:
        """Return a release; its yanked wheels are excluded unless it is *pinned*."""
        wheels = tuple(wheel.name for wheel in listing.wheels)
        key = (listing.name, listing.version, pinned, wheels)
        if key not in self._known:
            self._known[key] = read_release(listing, pinned=pinned)
        return self._known[key]

    def project(self, name: str) -> UpstreamProject:
        """Return the releases of a project that its requests admit; raises VariantError if it is missing."""
        if name not in self.listings:
            raise VariantError("unknown project", place=name)
        read: dict[Version, tuple[Listing, Release]] = {}
        files: list[File] = []
        for request in (request for request in self._requests if request.name == name):
            for listing in self.listings[name].matching(request):
                files += (wheel.file for wheel in listing.wheels)
                if any(wheel.label for wheel in listing.wheels):
                    read[listing.version] = listing, self.read(listing, pinned=request.is_pinned)
        return UpstreamProject(
            name, tuple(files), tuple(read[version] for version in sorted(read, reverse=True))
        )


class _LockedProjects:
    """The projects of a lock file, each with one release."""

    def __init__(self, releases: Iterable[Release]) -> None:
        self._releases = {release.name: release for release in releases}

    def project(self, name: str) -> UpstreamProject:
        """Return a project; raises VariantError if it is missing."""
        if name not in self._releases:
            raise VariantError("not in the lock file", place=name)
        release = self._releases[name]
        files = tuple(wheel.file for wheel in release.candidates)
        listing = Listing(name, release.version, ())
        return UpstreamProject(name, files, ((listing, release),))


def _check_agreement(picks: Iterable[Pick], machine: Machine, policy: Policy) -> None:
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


def _as_installed(pick: Pick) -> list[Installed]:
    """Return a wheel as an installed variant, or nothing if its variant is unknown."""
    if pick.variant is None:
        return []
    return [Installed.of(pick.release.name, str(pick.release.version), pick.variant)]
