"""Find the offer in which the packages that a command installs agree on the values of aligned features.

The command itself resolves, in dry runs. Packages that are installed and stay must agree, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import Problem, VariantError
from ..graphs.installed_values import disagreeing_variants, shared_values, staying, with_installed
from ..graphs.joint_conflicts import check_members
from ..graphs.resolution import AlignedMachine, AlignedOffer, aligned_offer
from ..graphs.unknown_in_graphs import project_releases, unknown_aligned_names
from ..lowlevel.processes import temporary_folder
from ..machine.installed import Installed
from ..machine.support import Machine
from ..serving.environments import Environments
from ..serving.offer_place import OfferPlace
from ..serving.running_offer import RunningOffer
from ..variants.alignment import AlignedName
from ..variants.filename import normalize
from .destination import environments_of
from .dry_resolution import FailedDryRunError, would_install
from .named_packages import named_requirements
from .site_packages import environment_after
from .stale_wheels import overlaid_wheels, replacing_all
from .started_tool import StartedTool
from .through_offer import offer_environ
from .tool_variables import ToolFiles

if TYPE_CHECKING:
    from packaging.version import Version


class _DryRuns:
    """Resolves by dry runs of a command; *code* is the exit code of the last one."""

    def __init__(self, tool: StartedTool, offer: RunningOffer, files: ToolFiles) -> None:
        self.code = 0
        self._tool = tool
        self._offer = offer
        self._files = files
        self._staying = tool.before.installed if _keeps_target(tool) else {}
        self._has_trials = tool.command.tool == "pip"

    def __call__(self, place: OfferPlace) -> Mapping[str, Version]:
        """Return the versions; a build, and a file that pins hashes, require the real wheels."""
        if not self._has_trials:
            return self._versions(place)
        try:
            return self._versions(self._offer.trial(place))
        except FailedDryRunError:
            versions = self._versions(place)
        self._has_trials = False
        return versions

    def _versions(self, place: OfferPlace) -> Mapping[str, Version]:
        command = self._tool.command
        # A wheel that stays in the end is the one that the offer has.
        arguments = replacing_all(command) if self._tool.reinstall else command.arguments
        variables = offer_environ(self._tool, place, self._files)
        try:
            versions = would_install(command, arguments, place, variables, self._files.temporary)
        except FailedDryRunError as error:
            self.code = error.code
            raise
        self.code = 0
        return {name: version for name, version in versions.items() if name not in self._staying}


def _keeps_target(tool: StartedTool) -> bool:
    """Return whether pip leaves the packages in a target folder, although its dry run names them."""
    place = tool.before.environment
    is_target = place is not None and place.found_by == "--target"
    upgrades = tool.reinstall or tool.command.values("-U", "--upgrade") or tool.environ.get("PIP_UPGRADE")
    return tool.command.tool == "pip" and is_target and not upgrades


def offer_aligned_for(
    tool: StartedTool, offer: RunningOffer, here: AlignedMachine, warn: Callable[[Problem], object]
) -> AlignedOffer:
    """Return the offer in which what a command installs agrees.

    Raises FailedDryRunError with the words of the tool, NotStartedError, or VariantError if no values fit, or
    if two packages are labels of one project.
    """
    machine = _with_installed(here, tool, offer, warn)
    environments = environments_of(tool.before.environment)
    with temporary_folder() as temporary:
        resolve = _DryRuns(tool, offer, ToolFiles.below(temporary))
        try:
            aligned = aligned_offer(offer, here._replace(machine=machine), environments, resolve)
        except VariantError as error:
            if not resolve.code:
                raise
            failed = FailedDryRunError(*error.problems)
            failed.code = resolve.code
            raise failed from None
    check_members(offer.sources.overlay, dict.fromkeys(aligned.versions, ()))
    for problem in _unknown_names(aligned, machine, here.wishes.align):
        warn(problem)
    return _with_values_of_installed(aligned, machine, here.wishes.align)


def _with_values_of_installed(
    aligned: AlignedOffer, machine: Machine, names: Sequence[AlignedName]
) -> AlignedOffer:
    """Return the offer that also has the values of installed variants, for features that the graph lacks.

    Otherwise it would have better wheels for installed packages that agree.
    """
    values = shared_values(staying(machine, aligned.versions), names)
    assignment = {**values, **aligned.alignment.assignment}
    policy = aligned.offer.site.served(aligned.offer.place.profile).policy
    return aligned._replace(
        offer=aligned.offer.to(machine, policy._replace(assignment={**values, **policy.assignment})),
        alignment=aligned.alignment._replace(assignment=assignment),
    )


def disagreements_after(tool: StartedTool, names: Sequence[AlignedName]) -> Iterator[Problem]:
    """Yield a warning for each aligned feature in which the variants disagree where a command has installed.

    Nothing aligns files that the user names, and other programs may install at the same time.
    """
    place = environment_after(tool.before, tool.command, tool.environ, tool.folder)
    yield from disagreeing_variants(place.folders, names) if place else ()


def _unknown_names(aligned: AlignedOffer, machine: Machine, names: Sequence[AlignedName]) -> list[Problem]:
    """Return the problems of names that neither the installed packages nor those of a graph have.

    A command that has nothing to install has none: it may be repeated.
    """
    installed = {axis for known in machine.installed for axis in known.values}
    unknown = [name for name in names if not any(map(name.covers, installed))]
    releases = project_releases(aligned.offer.upstream, aligned.versions)
    return unknown_aligned_names(unknown, releases) if aligned.versions else []


def _with_installed(
    here: AlignedMachine, tool: StartedTool, offer: RunningOffer, warn: Callable[[Problem], object]
) -> Machine:
    """Return the machine with what is installed where a command installs, and is not removed there."""
    before = tool.before
    if before.environment is None:
        return here.machine
    machine, problems = with_installed(here.machine, before.environment.folders, here.wishes.align)
    for problem in problems:
        warn(problem)
    members = overlaid_wheels(
        offer.site, offer.place.profile, before.installed, environments_of(before.environment)
    )
    overlaid = (Installed.of(one.name, one.version, one.variant) for one in members if one.variant)
    machine = machine._replace(installed=(*machine.installed, *overlaid))
    if tool.command.words[:2] != ("pip", "sync"):
        return machine
    requirements = named_requirements(tool.command, tool.environ, tool.folder)
    removed = before.installed.keys() - {normalize(requirement.name) for requirement in requirements}
    versions = {name: version for name, version in machine.versions.items() if name not in removed}
    return staying(machine, removed)._replace(versions=versions)


def labels_of_graph(aligned: AlignedOffer, environments: Environments) -> dict[str, str | None]:
    """Return the label of each package of a graph that has variants; None is the plain wheel."""
    site, profile = aligned.offer.site, aligned.offer.place.profile
    labels: dict[str, str | None] = {}
    for name, version in aligned.versions.items():
        choice = site.project(profile, name, environments).offer.choice_of(str(version))
        if choice and choice.labels:
            labels[name] = choice.labels[0]
    return labels
