"""Installed wheels that the offer would replace: of the same version, for this machine.

No installer replaces an installed wheel if the version stays, so a changed machine keeps its old variants.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, RequestError, VariantError
from ..graphs.overlay_families import FamilyMember, family_member
from ..lowlevel.threads import map_in_threads
from ..serving.environments import Environments
from ..serving.offer import Choice, Offer, Offered
from ..serving.reasons import label_text
from ..serving.site import Site
from ..variants.filename import is_same_version, normalize
from .command import ToolCommand
from .destination import environments_of
from .named_packages import named_locals, named_requirements
from .repair_commands import reinstalled_by_uv
from .site_packages import InstalledBefore, InstalledWheel

# The options of pip. Without --upgrade, it leaves files in a target folder as they are.
_REPLACING = ("--upgrade", "--force-reinstall")


class StaleWheel(NamedTuple):
    """An installed wheel, and the *choice* of the offer for its version, which is another wheel.

    *labels* are the possible ones of the installed wheel.
    """

    installed: InstalledWheel
    choice: Choice
    labels: frozenset[str | None]

    def problem(self, command: ToolCommand) -> Problem:
        """Return the problem, with a command that replaces the wheel and its requirements."""
        has = installed_text(self.labels)
        if not self.choice.labels:
            text = f"{has} is installed, and no wheel of this version fits this machine"
            return Problem("warning", str(self.installed), text, "install another version")
        text = f"{has} is installed, and the offer has {label_text(self.choice, self.choice.labels[0])}"
        pinned = f"{self.installed.name}=={self.choice.version}"
        return Problem(
            "warning",
            str(self.installed),
            text,
            _remedy(replacing_command(self.installed.name, pinned, command)),
        )


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
    from a file or a URL. Projects that the upstream lacks are skipped.
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
            if labels.isdisjoint(choice.labels[:1]):
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


def _remedy(line: str) -> str:
    return f"start `{line}` with the same options of `variant-backend run`"


def replacing_command(name: str, pinned: str, command: ToolCommand) -> str:
    """Return a command that replaces an installed wheel by the *pinned* release."""
    if command.tool == "pdm":
        return "pdm sync --reinstall"
    where = given_options_of(command, "-t", "--target", "--prefix")
    python = given_options_of(command, "-p", "--python")
    if command.tool == "uv":
        parts = ["uv", "pip", "install", *where, *python, *reinstalled_by_uv([name]), pinned]
    else:
        programs = {"pip": pip_of(command), "pipenv": ("pipenv", "run", "pip")}
        parts = [
            *programs.get(command.tool, ("pip",)),
            *python,
            "install",
            *where,
            *_REPLACING,
            pinned,
        ]
    return shlex.join(parts)


def pip_of(command: ToolCommand) -> tuple[str, ...]:
    """Return the start of a command of pip, before its options."""
    return command.arguments[: len(command.arguments) - len(command.options)]


def given_options_of(command: ToolCommand, *names: str) -> list[str]:
    """Return options of a command with their values."""
    return [text for name, value in command.given if name in names for text in (name, value)]


def with_reinstall(
    site: Site,
    machine: str,
    command: ToolCommand,
    before: InstalledBefore,
    environ: Mapping[str, str],
    folder: Path,
    graph: Iterable[str],
) -> tuple[str, ...]:
    """Return the arguments of a command that also replaces stale wheels: variants, and those it names.

    Those of the packages in its *graph* are replaced, too.

    Raises RequestError as `reinstalling` does, and VariantError as `named_requirements` does.
    """
    if not before.installed:
        return reinstalling(command, ())
    requirements = named_requirements(command, environ, folder)
    named = {normalize(requirement.name) for requirement in requirements}
    named.update(graph)
    stale = stale_wheels(site, machine, before.installed, environments_of(before.environment), named)
    local = named_locals(requirements)
    return reinstalling(command, [one for one in stale if one.installed.name not in local])


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
        text = f"expected pip install, uv pip install or uv pip sync, got {shlex.join(command.arguments)}"
        hint = "omit --reinstall; if the tool has such an option, use that, as in `pdm sync --reinstall`"
        raise RequestError(text, place="--reinstall", hint=hint)
    return _with_options(command, options)


def _with_options(command: ToolCommand, options: Iterable[str]) -> tuple[str, ...]:
    arguments = command.arguments
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return (*arguments[:end], *options, *arguments[end:])
