"""Installed wheels that the offer would replace: of the same version, for this machine.

No installer replaces an installed wheel if the version stays, so a changed machine keeps its old variants.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, RequestError, VariantError
from ..lowlevel.threads import map_in_threads
from ..serving.environments import Environments
from ..serving.offer import Choice, Offer
from ..serving.reasons import label_text
from ..serving.site import Site
from ..variants.filename import normalize
from .command import ToolCommand
from .destination import environments_of
from .named_packages import named_requirements
from .repair_commands import reinstalled_by_uv
from .site_packages import InstalledBefore, InstalledWheel

# The options of pip. Without --upgrade, it leaves files in a target folder as they are.
_REPLACING = ("--upgrade", "--force-reinstall")


class StaleWheel(NamedTuple):
    """An installed wheel, and the *choice* of the offer for its version, which is another wheel."""

    installed: InstalledWheel
    choice: Choice

    def problem(self, command: ToolCommand) -> Problem:
        """Return the problem, with a command that replaces the wheel and its requirements."""
        label = self.installed.label
        has = "a plain wheel" if label is None else f"the variant {label or '(unreadable)'}"
        if not self.choice.labels:
            text = f"{has} is installed, and no wheel of this version fits this machine"
            return Problem("warning", str(self.installed), text, "install another version")
        text = f"{has} is installed, and the offer has {label_text(self.choice, self.choice.labels[0])}"
        return Problem("warning", str(self.installed), text, _remedy(_replacing(self.installed, command)))


def stale_wheels(
    site: Site,
    machine: str,
    installed: Mapping[str, InstalledWheel],
    environments: Environments,
    named: Iterable[str] = (),
) -> list[StaleWheel]:
    """Return the installed wheels for whose version the offer has another wheel.

    Installed variants and *named* projects are compared, but none that was installed from a file or a URL.
    Projects that the upstream lacks are skipped.
    """
    wanted = {*named}
    wheels = [
        wheel
        for name, wheel in sorted(installed.items())
        if not wheel.is_direct and (wheel.label is not None or name in wanted)
    ]
    choose = partial(choice_for, site, machine, environments)
    pairs = zip(wheels, map_in_threads(choose, wheels), strict=True)
    return [
        StaleWheel(wheel, choice)
        for wheel, choice in pairs
        if choice is not None and wheel.label not in choice.labels[:1]
    ]


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


def _replacing(wheel: InstalledWheel, command: ToolCommand) -> str:
    """Return a command that replaces an installed wheel."""
    if command.tool == "pdm":
        return "pdm sync --reinstall"
    where = _given(command, "-t", "--target", "--prefix")
    python = _given(command, "-p", "--python")
    pinned = f"{wheel.name}=={wheel.version}"
    if command.tool == "uv":
        parts = ["uv", "pip", "install", *where, *python, *reinstalled_by_uv([wheel.name]), pinned]
    else:
        pip = command.arguments[: len(command.arguments) - len(command.options)]
        programs = {"pip": pip, "pipenv": ("pipenv", "run", "pip")}
        parts = [
            *programs.get(command.tool, ("pip",)),
            *python,
            "install",
            *where,
            *_REPLACING,
            pinned,
        ]
    return shlex.join(parts)


def _given(command: ToolCommand, *names: str) -> list[str]:
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
    named = {normalize(requirement.name) for requirement in named_requirements(command, environ, folder)}
    named.update(graph)
    stale = stale_wheels(site, machine, before.installed, environments_of(before.environment), named)
    return reinstalling(command, stale)


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
