"""The last lines of `run`: which wheels were installed and why, and which variants would fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem
from ..graphs.overlay_families import mixed_families
from ..lowlevel.threads import map_in_threads
from ..machine.environment import Environment
from ..serving.asked_projects import AskedProject
from ..serving.environments import Environments
from ..serving.offer import Choice, Offer
from ..serving.reasons import choice_text, is_fallback, label_text, would_fit
from ..serving.site import Site
from ..variants.filename import normalize
from .command import ToolCommand
from .destination import environments_of, installs
from .leftovers import leftovers
from .named_packages import requirements_in_words, started_requirements
from .site_packages import (
    InstalledBefore,
    InstalledWheel,
    changed,
    environment_after,
    installed_wheels,
)
from .stale_wheels import (
    StaleWheel,
    choice_for,
    installed_text,
    offer_for,
    overlaid_wheels,
    possible_labels,
    stale_wheels,
    without_wanted,
)
from .started_commands import started_commands, unwrapped
from .tool_words import RUN, ToolWords, words_of_command

if TYPE_CHECKING:
    from packaging.requirements import Requirement

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
    through: tuple[str, ...] = RUN,
    code: int = 0,
) -> RunOutcome:
    """Return what became of the projects with variants, after a command has ended.

    *machine* is the name of the machine in the *site*. *through* are the arguments of `run` with its options.
    *code* is the exit code of the command.
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
            wheel, may_be_cached = installed.get(name), not is_known and code == 0
            lines += _lines(project, project.offer, wheel, is_new=name in new, may_be_cached=may_be_cached)
        problems += (*project.problems, *project.failures)
    problems = [*dict.fromkeys(problems)]
    if place is not None:
        words = words_of_command(command, place, environ)._replace(through=through)
        wanted = started_requirements(command, environ, folder)
        problems += _wrong_wheels(site, machine, command, words, installed, new, wanted, place)
        problems += leftovers(site, machine, command, words, before.installed, now, place)
        if not site.upstream.overlaid.isdisjoint(new):
            members = overlaid_wheels(site, machine, now, environments_of(place))
            problems += mixed_families(members, site.served(machine).policy.assignment)
    return RunOutcome(lines, problems)


def _wrong_wheels(
    site: Site,
    machine: str,
    command: ToolCommand,
    words: ToolWords,
    installed: Mapping[str, InstalledWheel],
    new: Mapping[str, InstalledWheel],
    wanted: Iterable[Requirement],
    place: Environment,
) -> Iterator[Problem]:
    """Yield a problem for each installed wheel that is another one than the offer has, or not from the offer.

    *new* are those that the command has changed, and *wanted* its requirements.
    """
    environments = environments_of(place)
    answered = {name for name, project in site.asked(machine).items() if project.offer}
    unasked = {name: one for name, one in new.items() if name not in answered and not one.is_direct}
    stale = _stale(site, machine, command, installed, unasked, environments)
    stale = without_wanted(stale, wanted, place)
    yield from (one.problem(words) for one in stale)
    known = {one.installed.name for one in stale}
    others = [wheel for name, wheel in unasked.items() if name not in known and wheel.label is not None]
    yield from _from_caches(site, machine, others, environments)
    yield from _from_elsewhere(site, machine, new, environments)


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
    project: AskedProject,
    offer: Offer,
    installed: InstalledWheel | None,
    *,
    is_new: bool,
    may_be_cached: bool,
) -> Iterator[str]:
    """Yield the lines about a project with variants: the wheel that was taken, and the release without one.

    The *installed* wheel was taken, else those that were downloaded. If *may_be_cached*, the command may have
    installed a wheel elsewhere without downloading it.
    """
    taken = [*_installed(project, offer, installed, is_new)] if installed else [*_downloaded(project)]
    for version, labels in taken:
        choice = offer.choice_of(version)
        if choice is None and not offer.has_version(version):
            continue  # a warning says so
        yield f"{offer.name} {version}: {_taken_text(choice, labels)}"
        if choice and is_fallback(choice, labels):
            yield from _reasons(choice)
    newest = offer.choices[0]
    is_lost = newest.is_hidden or not newest.labels
    if is_lost and not any(newest.has_version(version) for version, _ in taken):
        yield choice_text(newest, _HERE)
        yield from () if newest.is_hidden else _reasons(newest)
    elif not taken and may_be_cached and newest.labels:
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


def _stale(
    site: Site,
    machine: str,
    command: ToolCommand,
    installed: Mapping[str, InstalledWheel],
    unasked: Iterable[str],
    environments: Environments,
) -> list[StaleWheel]:
    """Return the installed wheels that are others than the offer has.

    *unasked* were installed without the offer, so all of them are compared.
    """
    asked = (name for name, one in site.asked(machine).items() if one.offer and one.offer.choices)
    # Files with requirements may name hundreds of projects, of which the tool asked for none.
    named = (
        normalize(requirement.name)
        for one in started_commands(command)
        for requirement in requirements_in_words(one)
    )
    return stale_wheels(site, machine, installed, environments, {*asked, *named, *unasked})


def _from_caches(
    site: Site, machine: str, variants: Iterable[InstalledWheel], environments: Environments
) -> Iterator[Problem]:
    """Yield a problem for each of some variants, installed without the offer, that the offer does not know.

    Caches of installers have wheels of earlier offers.
    """
    for wheel in variants:
        if choice_for(site, machine, environments, wheel) is None:
            yield Problem("warning", str(wheel), "this variant was installed without the offer")
