"""Installed wheels that the offer would replace: of the same version, for this machine.

No installer replaces an installed wheel if the version stays, so a changed machine keeps its old variants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, RequestError, VariantError
from ..graphs.dependencies import requirements_in
from ..graphs.overlay_families import FamilyMember, family_member
from ..lowlevel.shell_words import command_line
from ..lowlevel.threads import map_in_threads
from ..machine.environment import Environment
from ..serving.environments import Environments
from ..serving.offer import Choice, Offer, Offered
from ..serving.reasons import label_text
from ..serving.site import Site
from ..variants.filename import is_same_version, normalize
from ..wheels.distributions import find_distributions, read_core_metadata
from .command import ToolCommand
from .destination import environments_of
from .named_packages import named_locals, named_requirements
from .site_packages import InstalledWheel
from .started_tool import StartedTool
from .tool_words import FOLDER_OPTIONS, ToolWords, reinstalled_by_uv, to_run, words_of_command

if TYPE_CHECKING:
    from packaging.requirements import Requirement

# The options of pip.
_REPLACING = ("--upgrade", "--force-reinstall")


class StaleWheel(NamedTuple):
    """An installed wheel, and the *choice* of the offer for its version, which is another wheel.

    *labels* are the possible ones of the installed wheel.
    """

    installed: InstalledWheel
    choice: Choice
    labels: frozenset[str | None]

    def problem(self, words: ToolWords) -> Problem:
        """Return the problem, with the commands that replace the wheel and its requirements.

        The project that the installed wheel requires goes first if the other one requires another project.
        """
        has = installed_text(self.labels)
        if not self.choice.labels:
            text = f"{has} is installed, and no wheel of this version fits this machine"
            return Problem("warning", str(self.installed), text, "install another version")
        text = f"{has} is installed, and the offer has {label_text(self.choice, self.choice.labels[0])}"
        commands = [*words.exchange([self.pinned])]
        if old := self._replaced_members():
            commands.insert(0, words.removal(old))
        return Problem("warning", str(self.installed), text, to_run(commands))

    @property
    def pinned(self) -> str:
        """The requirement on the release of the choice."""
        return f"{self.installed.name}=={self.choice.version}"

    def _replaced_members(self) -> list[str]:
        """Return the projects that the installed wheel requires in place of the one of the choice."""
        release = self.choice.release
        required = release.member_of(self.choice.labels[0])
        members = {member for label in self.labels if (member := release.member_of(label))}
        return sorted(members - {required}) if required else []


def installed_text(labels: Iterable[str | None]) -> str:
    """Return what is installed, for the possible labels of a wheel."""
    variants = sorted(label or "(unreadable)" for label in labels if label is not None)
    texts = [f"the variant {' or '.join(variants)}"] if variants else []
    return " or ".join([*texts, *(["a plain wheel"] if None in labels else [])])


def possible_labels(
    wheel: InstalledWheel, choice: Choice, requested: Mapping[str, Offered] = {}
) -> frozenset[str | None]:
    """Return the possible labels of an installed wheel; None is a plain wheel.

    Only wheels by an overlay may have several; then those of the *requested* files count.
    """
    if wheel.label is not None:
        return frozenset({wheel.label})
    known = choice.labels_of(wheel.version) or frozenset({None})
    offered = (one.wheel.name for one in [*requested.values()] if one.wheel)
    downloaded = (name.label for name in offered if is_same_version(name.version, wheel.version))
    return known.intersection(downloaded) or known


def stale_wheels(
    site: Site,
    machine: str,
    installed: Mapping[str, InstalledWheel],
    environments: Environments,
    named: Iterable[str] = (),
) -> list[StaleWheel]:
    """Return the installed wheels for whose version the offer has another wheel.

    Installed variants, projects of the overlay and *named* projects are compared, but none that was installed
    from a file or a URL. Projects that the upstream lacks are skipped, and local versions that the machine
    supports if the user allows those.
    """
    wanted = {*named, *site.upstream.overlaid}
    wheels = [
        wheel
        for name, wheel in sorted(installed.items())
        if not wheel.is_direct and (wheel.label is not None or name in wanted)
    ]
    choose = partial(choice_for, site, machine, environments)
    pairs = zip(wheels, map_in_threads(choose, wheels), strict=True)
    asked = site.asked(machine)
    stale = []
    for wheel, choice in pairs:
        if choice is not None:
            requested = asked[wheel.name].requested if wheel.name in asked else {}
            labels = possible_labels(wheel, choice, requested)
            kept = choice.supported_labels if site.upstream.allows_local and "+" in wheel.version else ()
            if labels.isdisjoint((*choice.labels[:1], *kept)):
                stale.append(StaleWheel(wheel, choice, labels))
    return stale


def overlaid_wheels(
    site: Site, machine: str, installed: Mapping[str, InstalledWheel], environments: Environments
) -> Iterator[FamilyMember]:
    """Yield the installed packages whose labels come from an overlay, as far as they are known."""
    for name in sorted(site.upstream.overlaid & installed.keys()):
        wheel = installed[name]
        if choice := choice_for(site, machine, environments, wheel):
            requested = asked.requested if (asked := site.asked(machine).get(name)) else {}
            (label, *others) = possible_labels(wheel, choice, requested)
            if not others and (member := family_member(site.upstream, name, wheel.version, label)):
                yield member


def choice_for(site: Site, machine: str, environments: Environments, wheel: InstalledWheel) -> Choice | None:
    """Return what is offered of an installed release, None if it is unknown or has no variants."""
    offer = offer_for(site, machine, environments, wheel)
    return offer.choice_of(wheel.version) if offer else None


def offer_for(site: Site, machine: str, environments: Environments, wheel: InstalledWheel) -> Offer | None:
    """Return the offer of an installed project, None if the upstream lacks the project, or fails."""
    try:
        return site.project(machine, wheel.name, environments).offer
    except VariantError:  # the command itself reports an upstream that fails
        return None


def with_reinstall(site: Site, machine: str, tool: StartedTool, graph: Iterable[str]) -> tuple[str, ...]:
    """Return the arguments of a command that also replaces stale wheels: variants, and those it names.

    Those of the packages in its *graph* are replaced, too.

    Raises RequestError as `reinstalling` does, or if pip cannot replace them, and VariantError as
    `named_requirements` does.
    """
    command, (place, installed) = tool.command, tool.before
    if not installed:
        return reinstalling(command, ())
    requirements = named_requirements(command, tool.environ, tool.folder)
    named = {*graph, *(normalize(requirement.name) for requirement in requirements)}
    stale = stale_wheels(site, machine, installed, environments_of(place), named)
    stale = without_wanted(stale, requirements, place)
    if stale and command.tool == "pip" and place and place.found_by in FOLDER_OPTIONS:
        words = words_of_command(command, place, tool.environ)._replace(through=tool.through)
        text = f"pip cannot replace packages in a folder of {place.found_by}: old files would remain"
        raise RequestError(
            text, place="--reinstall", remedy=to_run(words.exchange([one.pinned for one in stale]))
        )
    return reinstalling(command, stale)


def without_wanted(
    stale: Iterable[StaleWheel], requirements: Iterable[Requirement], place: Environment | None
) -> list[StaleWheel]:
    """Return the stale wheels without those of which some or installed requirements name a local version."""
    stale = [*stale]
    if not any("+" in one.installed.version for one in stale):
        return stale
    wanted = named_locals(requirements)
    for distribution in find_distributions(place.folders if place else ()):
        with suppress(VariantError, UnicodeDecodeError):
            wanted |= named_locals(requirements_in(read_core_metadata(distribution)))
    return [one for one in stale if one.installed.name not in wanted]


def replacing_all(command: ToolCommand) -> tuple[str, ...]:
    """Return the arguments of a command of pip or uv with the option that replaces all its packages."""
    return _with_options(command, _REPLACING if command.tool == "pip" else ("--reinstall",))


def reinstalling(command: ToolCommand, stale: Sequence[StaleWheel]) -> tuple[str, ...]:
    """Return the arguments of a command with the option that replaces stale wheels and their requirements.

    Without stale wheels, they are unchanged. Raises RequestError if the command has no such option.
    """
    if command.tool == "pip" and command.words[:1] == ("install",):
        options = [*_REPLACING] if stale else []
    elif command.tool == "uv" and command.words[:2] in (("pip", "install"), ("pip", "sync")):
        options = reinstalled_by_uv(one.installed.name for one in stale)
    else:
        text = f"expected pip install, uv pip install or uv pip sync, got {command_line(command.arguments)}"
        remedy = "omit --reinstall; if the tool has such an option, use that, as in `pdm sync --reinstall`"
        raise RequestError(text, place="--reinstall", remedy=remedy)
    return _with_options(command, options)


def _with_options(command: ToolCommand, options: Iterable[str]) -> tuple[str, ...]:
    arguments = command.arguments
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return (*arguments[:end], *options, *arguments[end:])
