"""Select a wheel of a project: find its releases, evaluate them in order, and collect problems.

The newest release with a compatible wheel is selected, and its best wheel.
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
    """The selected release for a request, and the other releases that were evaluated.

    *evaluation* is that of the selected release, None if no wheel is compatible. *passed* are newer releases
    without a compatible wheel; if no release is selected, all. *problems* do not affect the selected wheel.
    """

    request: Pin
    listings: Listings
    evaluation: Evaluation | None
    passed: tuple[Evaluation, ...]
    problems: tuple[Problem, ...]


def select(request: Pin, sources: Sources, machine: Machine, policy: Policy, target: Target) -> Selection:
    """List the releases in the sources, and select as `select_listed` does."""
    return select_listed(request, find_listings(request.name, sources), machine, policy, target)


def select_listed(
    request: Pin, listings: Listings, machine: Machine, policy: Policy, target: Target
) -> Selection:
    """Select a wheel for a request from the listed releases.

    A requested version may be a pre-release or yanked. Otherwise pre-releases are considered only if no
    other release has a compatible wheel. With a requested label, only its wheels are considered, and
    support for the label is not checked.
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
    """Evaluate releases in order up to the first with a compatible wheel."""
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
    """Evaluate the wheels of a label; a broken index file is ignored, as each wheel has a variant.json."""
    wheels = (
        wheel._replace(problems=tuple(reason for reason in wheel.problems if reason.code != INDEX_FILE))
        for wheel in release.candidates
    )
    return evaluate_label(release._replace(candidates=tuple(wheels)), label, target)
