"""Find the offer in which the packages that a command installs agree on the values of aligned features.

The command itself resolves, in dry runs. Packages that are installed and stay must agree, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import Problem, VariantError
from ..graphs.aligned_names import project_releases, unknown_aligned_names
from ..graphs.installed_values import staying, with_installed
from ..graphs.resolution import AlignedMachine, AlignedOffer, aligned_offer
from ..lowlevel.processes import temporary_folder
from ..machine.support import Machine
from ..serving.environments import Environments
from ..serving.offer_place import OfferPlace
from ..serving.running_offer import RunningOffer
from ..variants.alignment import AlignedName
from ..variants.filename import normalize
from .destination import environments_of
from .dry_resolution import FailedDryRunError, would_install
from .guard import pins
from .named_packages import named_requirements
from .site_packages import InstalledBefore, installed_before
from .stale_wheels import replacing_all
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
        # The wheels of a trial do not have the hashes that files of the user pin.
        self._is_trial = tool.command.tool == "pip" and not [*pins(tool.command, tool.folder, tool.environ)]

    def __call__(self, place: OfferPlace) -> Mapping[str, Version]:
        command = self._tool.command
        # A wheel that stays in the end is the one that the offer has.
        arguments = replacing_all(command) if self._tool.reinstall else command.arguments
        place = self._offer.trial(place) if self._is_trial else place
        variables = offer_environ(self._tool, place, self._files)
        try:
            versions = would_install(command, arguments, place, variables, self._files.temporary)
        except FailedDryRunError as error:
            self.code = error.code
            raise
        self.code = 0
        return versions


def offer_aligned_for(
    tool: StartedTool, offer: RunningOffer, here: AlignedMachine, warn: Callable[[Problem], object]
) -> AlignedOffer:
    """Return the offer in which what a command installs agrees.

    Raises FailedDryRunError with the words of the tool, NotStartedError, or VariantError if no values fit.
    """
    before = installed_before(tool.command, tool.environ, tool.folder)
    machine = _with_installed(here, tool, before, warn)
    environments = environments_of(before.environment)
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
    for problem in _unknown_names(aligned, machine, here.wishes.align):
        warn(problem)
    return aligned


def _unknown_names(aligned: AlignedOffer, machine: Machine, names: Sequence[AlignedName]) -> list[Problem]:
    """Return the problems of names that neither the installed packages nor those of a graph have.

    A command that has nothing to install has none: it may be repeated.
    """
    installed = {axis for known in machine.installed for axis in known.values}
    unknown = [name for name in names if not any(map(name.covers, installed))]
    releases = project_releases(aligned.offer.upstream, aligned.versions)
    return unknown_aligned_names(unknown, releases) if aligned.versions else []


def _with_installed(
    here: AlignedMachine, tool: StartedTool, before: InstalledBefore, warn: Callable[[Problem], object]
) -> Machine:
    """Return the machine with what is installed where a command installs, and is not removed there."""
    if before.environment is None:
        return here.machine
    machine, problems = with_installed(here.machine, before.environment.folders, here.wishes.align)
    for problem in problems:
        warn(problem)
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
