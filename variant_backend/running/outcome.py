"""The last lines of `run`: which wheels were installed and why, and which variants would fit."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..graphs.overlay_families import mixed_families
from ..lowlevel.threads import map_in_threads
from ..serving.asked_projects import AskedProject
from ..serving.environments import Environments
from ..serving.offer import Choice, Offer
from ..serving.reasons import choice_text, label_text, would_fit
from ..serving.site import Site
from ..variants.filename import normalize
from ..variants.properties import NULL_LABEL
from .command import ToolCommand
from .destination import environments_of, installs
from .joint_members import stale_problem
from .leftovers import leftovers
from .named_packages import named_locals, named_requirements, requirements_in_words
from .site_packages import (
    InstalledBefore,
    InstalledWheel,
    changed,
    environment_after,
    installed_wheels,
)
from .stale_wheels import (
    choice_for,
    installed_text,
    offer_for,
    overlaid_wheels,
    possible_labels,
    stale_wheels,
)
from .started_commands import started_commands, unwrapped

# Messages call the machine so.
_HERE = "this machine"
# The last lines have at most so many reasons why the variants of a release do not fit.
_MOST_REASONS = 3
_REMEDY = "remove the other source, or name all sources: variant-backend run --index-url URL COMMAND"


class RunOutcome(NamedTuple):
    """The last lines of a command, and the problems to warn of."""

    lines: Sequence[str]
    warnings: Sequence[Problem]


def outcome(
    site: Site,
    machine: str,
    command: ToolCommand,
    before: InstalledBefore,
    environ: Mapping[str, str],
    folder: Path,
) -> RunOutcome:
    """Return what became of the projects with variants, after a command has ended.

    *machine* is the name of the machine in the *site*.
    """
    place = environment_after(before, command, environ, folder)
    now = installed_wheels(place.folders) if place else {}
    new = changed(before.installed, now)
    command = unwrapped(command)
    is_known = place is not None and installs(command)
    installed = now if is_known else new  # an unknown program may have installed elsewhere, too
    asked = site.asked(machine)
    lines: list[str] = []
    problems: list[Problem] = []
    for name, project in sorted(asked.items()):
        if project.offer and project.offer.choices:
            lines += _lines(
                project, project.offer, installed.get(name), is_known=is_known, is_new=name in new
            )
        problems += (*project.problems, *project.failures)
    problems = [*dict.fromkeys(problems)]
    if place is None:
        return RunOutcome(lines, problems)
    answered = {name for name, project in asked.items() if project.offer}
    unasked = {name: one for name, one in new.items() if name not in answered and not one.is_direct}
    wanted = _wanted_locals(command, environ, folder) if site.upstream.overlaid else ()
    problems += _warnings(site, machine, command, installed, unasked, wanted, environments_of(place))
    problems += _from_elsewhere(site, machine, new, environments_of(place))
    problems += leftovers(site, machine, command, before.installed, now, place)
    if not site.upstream.overlaid.isdisjoint(new):
        problems += mixed_families(overlaid_wheels(site, machine, now, environments_of(place)))
    return RunOutcome(lines, problems)


def _wanted_locals(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> set[str]:
    """Return the packages of which a command, or its files, name a local version."""
    wanted: set[str] = set()
    for one in started_commands(command):
        with suppress(VariantError):  # the tool has reported a missing file
            wanted |= named_locals(named_requirements(one, environ, folder))
    return wanted


def _from_elsewhere(
    site: Site, machine: str, new: Mapping[str, InstalledWheel], environments: Environments
) -> Iterator[Problem]:
    """Yield a problem for each project with variants, if a version was installed that the offer lacks."""
    wheels = [wheel for wheel in new.values() if not wheel.is_direct and wheel.label is None]

    offers = map_in_threads(partial(offer_for, site, machine, environments), wheels)
    for wheel, offer in zip(wheels, offers, strict=True):
        if offer and offer.choices and not offer.has_version(wheel.version):
            text = "this version was installed without the offer, which has variants of other versions"
            yield Problem("warning", str(wheel), text, _REMEDY)


def _lines(
    project: AskedProject, offer: Offer, installed: InstalledWheel | None, *, is_known: bool, is_new: bool
) -> Iterator[str]:
    """Yield the lines about a project with variants: the wheel that was taken, and the release without one.

    If the environment *is_known*, the installed wheel was taken, else those that were downloaded.
    """
    taken = [*_installed(project, offer, installed, is_new)] if installed else [*_downloaded(project)]
    for version, labels in taken:
        choice = offer.choice_of(version)
        if choice is None and not offer.has_version(version):
            continue  # a warning says so
        yield f"{offer.name} {version}: {_taken_text(choice, labels)}"
        if choice and (labels <= {None, NULL_LABEL} or choice.accelerated):
            yield from _reasons(choice)
    newest = offer.choices[0]
    is_lost = newest.is_hidden or not newest.labels
    if is_lost and not any(newest.has_version(version) for version, _ in taken):
        yield choice_text(newest, _HERE)
        yield from () if newest.is_hidden else _reasons(newest)
    elif not taken and not is_known and newest.labels:
        yield f"{choice_text(newest, _HERE)}; its wheel was not downloaded: it may be in a cache"


def _installed(
    project: AskedProject, offer: Offer, wheel: InstalledWheel, is_new: bool
) -> Iterator[tuple[str, frozenset[str | None]]]:
    """Yield version and possible labels of an installed wheel; a new one is probably from the offer."""
    choice = offer.choice_of(wheel.version)
    if choice is None:
        yield wheel.version, frozenset({wheel.label})
        return
    labels = possible_labels(wheel, choice, project.requested)
    yield wheel.version, (is_new and labels.intersection(choice.labels)) or labels


def _downloaded(project: AskedProject) -> Iterator[tuple[str, frozenset[str | None]]]:
    """Yield version and label of each requested wheel of a release with variants."""
    for offered in [*project.requested.values()]:
        if offered.wheel is not None:
            yield offered.wheel.name.version, frozenset({offered.wheel.name.label})


def _taken_text(choice: Choice | None, labels: frozenset[str | None]) -> str:
    """Return which wheel was taken, and why."""
    if len(labels) > 1:
        return f"{installed_text(labels)}; installed wheels do not show which one"
    (label,) = labels
    if choice is None:
        return "a plain wheel; the release has no variants" if label is None else label
    return "a variant whose variant.json is invalid" if label == "" else label_text(choice, label)


def _reasons(choice: Choice) -> Iterator[str]:
    """Yield why variants of a release do not fit, best first."""
    reasons = would_fit(choice)
    yield from (f"  {reason}" for reason in reasons[:_MOST_REASONS])
    if len(reasons) > _MOST_REASONS:
        yield f"  and {len(reasons) - _MOST_REASONS} more reasons"


def _warnings(
    site: Site,
    machine: str,
    command: ToolCommand,
    installed: Mapping[str, InstalledWheel],
    unasked: Mapping[str, InstalledWheel],
    wanted: Container[str],
    environments: Environments,
) -> Iterator[Problem]:
    """Yield a problem for each installed wheel that is another one than the offer has.

    The user has *wanted* the local versions of some packages.
    *unasked* were installed without the offer, so all variants among them are reported.
    """
    asked = (name for name, one in site.asked(machine).items() if one.offer and one.offer.choices)
    # Files with requirements may name hundreds of projects, of which the tool asked for none.
    named = (
        normalize(requirement.name)
        for one in started_commands(command)
        for requirement in requirements_in_words(one)
    )
    stale = stale_wheels(site, machine, installed, environments, {*asked, *named, *unasked})
    stale = [one for one in stale if one.installed.name not in wanted]
    yield from (stale_problem(one, command) for one in stale)
    known = {one.installed.name for one in stale}
    for name, wheel in unasked.items():
        if wheel.label is None or name in known:
            continue
        # Caches of installers have wheels of earlier offers.
        if choice_for(site, machine, environments, wheel) is None:
            yield Problem("warning", str(wheel), "this variant was installed without the offer")
