"""Packages that only a replaced wheel required, such as an old CUDA runtime: installers keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from ..errors import Problem, VariantError
from ..graphs.dependencies import requirements_in
from ..machine.environment import Environment
from ..serving.site import Site
from ..variants.filename import is_same_version, normalize
from ..wheels.distributions import find_distributions, is_requested, read_core_metadata, read_name
from .command import ToolCommand
from .destination import environments_of
from .site_packages import InstalledWheel
from .stale_wheels import choice_for
from .tool_words import ToolWords, to_run

# The subcommands that keep packages that nothing requires, by tool.
_KEEPING = {"pip": (("install",),), "uv": (("pip", "install"),)}


def leftovers(
    site: Site,
    machine: str,
    command: ToolCommand,
    words: ToolWords,
    before: Mapping[str, InstalledWheel],
    now: Mapping[str, InstalledWheel],
    place: Environment,
) -> Iterator[Problem]:
    """Yield a warning for each replaced variant whose requirements remain, although nothing requires them.

    Other installed packages keep theirs, and so do those that the user has named. Only pip and `uv pip` leave
    any.
    """
    replaced = [wheel for name, wheel in before.items() if name in now and _is_other(now[name], wheel)]
    if command.subcommand(_KEEPING) is None or not replaced:
        return
    kept = {name for name, wheel in before.items() if now.get(name) == wheel}
    needed: Mapping[str, set[str]] | None = None
    for wheel in replaced:
        names = {*_required(site, machine, place, wheel)} & kept
        if names and needed is None:
            needed = _requirements(place)
        if names and needed and (left := sorted(_unneeded(names & needed.keys(), needed))):
            text = f"it replaced {_text(wheel)}, whose requirements remain: {', '.join(left)}"
            commands = [words.removal(left)]
            if again := _same_files(site, now, wheel.name, left):
                commands.append(words.reinstallation(again.pinned))
            remedy = f"if nothing else uses them, {to_run(commands)}"
            yield Problem("warning", str(now[wheel.name]), text, remedy)


def _same_files(
    site: Site, now: Mapping[str, InstalledWheel], name: str, left: Iterable[str]
) -> InstalledWheel | None:
    """Return the package that loses files with some packages: another label of the same project is one."""
    releases = site.upstream.project(name).releases
    overlays = [listing.overlay for listing, release in releases if release.has_version(now[name].version)]
    members = {member for overlay in overlays if overlay for member in overlay.projects.values()}
    staying = members & now.keys() - {*left}
    return now[min(staying)] if staying and members & {*left} else None


def _is_other(new: InstalledWheel, old: InstalledWheel) -> bool:
    return (new.version, new.label) != (old.version, old.label)


def _text(wheel: InstalledWheel) -> str:
    return wheel.version if wheel.label is None else f"{wheel.version} {wheel.label}"


def _required(site: Site, machine: str, place: Environment, wheel: InstalledWheel) -> Iterator[str]:
    """Yield the names that a wheel required, as the upstream has it; nothing if it is not known exactly."""
    choice = choice_for(site, machine, environments_of(place), wheel)
    candidates = [
        candidate
        for candidate in (choice.release.candidates if choice else ())
        if is_same_version(candidate.name.version, wheel.version)
        and (candidate.label == wheel.label or (candidate.name.by_overlay and wheel.label is None))
    ]
    if len({candidate.label for candidate in candidates}) == 1:
        with suppress(VariantError):
            metadata = site.upstream.core_metadata(candidates[0].file, candidates[0].name)
            yield from (normalize(requirement.name) for requirement in requirements_in(metadata))


def _requirements(place: Environment) -> dict[str, set[str]]:
    """Return the names that each installed package may require; those that the user has named have none."""
    required: dict[str, set[str]] = {}
    for distribution in find_distributions(place.folders):
        with suppress(VariantError, UnicodeDecodeError):
            name, metadata = read_name(distribution), read_core_metadata(distribution)
            others = {normalize(one.name) for one in requirements_in(metadata)}
            known = "" if is_requested(distribution) else normalize(name or "")
            required.setdefault(known, set()).update(others)
    return required


def _unneeded(names: Iterable[str], required: Mapping[str, set[str]]) -> set[str]:
    """Return some packages, and those that only they require, without those that others require."""
    suspects, waiting = set[str](), [*names]
    while waiting:
        name = waiting.pop()
        if name in required and name not in suspects:
            suspects.add(name)
            waiting += required[name]
    waiting = [other for name in required.keys() - suspects for other in required[name]]
    while waiting:
        name = waiting.pop()
        if name in suspects:
            suspects.remove(name)
            waiting += required[name]
    return suspects
