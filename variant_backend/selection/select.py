"""Selecting a wheel of a project: find its releases, evaluate them in their order, and gather what is wrong.

The newest release that has a compatible wheel is selected, and its best wheel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem
from ..formats.release import Release
from ..machine.support import Machine, Policy
from .evaluate import Evaluation, evaluate, evaluate_label
from .releases import INDEX_FILE, Listing, Listings, Sources, find_listings, read_release

if TYPE_CHECKING:
    from .requirements import Pin
    from .target import Target


class Selection(NamedTuple):
    """What is selected for a request, and what was looked at.

    *evaluation* is that of the selected release, None without a compatible wheel. *passed* are the newer ones
    that have none; or all, if nothing is selected. *problems* ruled out nothing that is selected.
    """

    request: Pin
    listings: Listings
    evaluation: Evaluation | None
    passed: tuple[Evaluation, ...]
    problems: tuple[Problem, ...]


def select(request: Pin, sources: Sources, machine: Machine, policy: Policy, target: Target) -> Selection:
    """Find the releases that the sources have, and select as `select_listed` does."""
    return select_listed(request, find_listings(request.name, sources), machine, policy, target)


def select_listed(
    request: Pin, listings: Listings, machine: Machine, policy: Policy, target: Target
) -> Selection:
    """Select a wheel for a request, by what is listed and what the machine supports.

    With a version in the request only that one counts, be it a pre-release or yanked; else pre-releases count
    where no other release has a compatible wheel. With a label, its wheels alone count, by what their names
    and indexes say: nobody is asked whether the label is supported.
    """
    tried = listings.in_order(request.version)
    if (label := request.label) is None:
        return _first_that_fits(
            request, listings, tried, lambda release: evaluate(release, machine, policy, target)
        )
    having = (labelled for listing in tried if (labelled := listing.of_label(label)).wheels)
    return _first_that_fits(
        request, listings, having, lambda release: _evaluate_label(release, label, target)
    )


def _first_that_fits(
    request: Pin, listings: Listings, tried: Iterable[Listing], evaluated: Callable[[Release], Evaluation]
) -> Selection:
    """Evaluate releases in their order up to the first that has a compatible wheel."""
    passed: list[Evaluation] = []
    selected = None
    for listing in tried:
        evaluation = evaluated(read_release(listing, pinned=request.version is not None))
        if evaluation.selected:
            selected = evaluation
            passed = [newer for newer in passed if newer.release.version > listing.version]
            break
        passed.append(evaluation)
    problems = [*listings.problems]
    for evaluation in [selected, *passed] if selected else passed:
        problems += (*evaluation.release.problems, *evaluation.problems)
    return Selection(request, listings, selected, tuple(passed), tuple(problems))


def _evaluate_label(release: Release, label: str, target: Target) -> Evaluation:
    """Evaluate the wheels of a label; an index file of no use does not matter: the wheel says what it is."""
    wheels = (
        wheel._replace(problems=tuple(reason for reason in wheel.problems if reason.code != INDEX_FILE))
        for wheel in release.candidates
    )
    return evaluate_label(release._replace(candidates=tuple(wheels)), label, target)
