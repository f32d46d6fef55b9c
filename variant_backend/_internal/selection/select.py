"""Select a wheel of a project: find its releases, evaluate them in order, and collect problems.

The newest release with a compatible wheel is selected, and its best wheel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..errors import Problem, UnknownNameError
from ..formats.release import Candidate, Release
from ..machine.support import Machine, Policy
from ..variants.known_providers import ACCELERATORS
from ..variants.label_pattern import is_pattern
from ..variants.metadata import VariantMetadata
from .evaluate import Evaluation, evaluate, evaluate_label, has_accelerated, is_accelerated
from .index_documents import read_index_file
from .listing import Listing
from .local_requests import as_requested
from .read_ahead import read_ahead
from .releases import (
    INDEX_FILE,
    Listings,
    Sources,
    find_listings,
    missing_index_files,
    read_release,
    without_yanked,
)
from .unknown_names import ignored_values, unknown_names

if TYPE_CHECKING:
    from ..variants.requirements import PackageRequest
    from .target import Target


class ReadRelease(Protocol):
    """Reads a release as `read_release` does."""

    def __call__(self, listing: Listing, *, pinned: bool = False) -> Release:
        """Return the release; its yanked wheels are excluded unless it is *pinned*."""


# So many more releases are read before a name is reported as unknown, and to find one for an accelerator.
_MOST_READ = 20


class Selection(NamedTuple):
    """The selected release for a request, and the other releases that were evaluated.

    *evaluation* is the evaluation of the selected release, None if no wheel is compatible. *passed* are newer
    releases without a compatible wheel, or without one for an accelerator if the policy wants that, or all
    releases if none is selected. *problems* do not affect the selected wheel.
    """

    request: PackageRequest
    listings: Listings
    evaluation: Evaluation | None
    passed: tuple[Evaluation, ...]
    problems: tuple[Problem, ...]


def select(
    request: PackageRequest, sources: Sources, machine: Machine, policy: Policy, target: Target
) -> Selection:
    """List the releases in the sources, and select as `select_listed` does."""
    return select_listed(request, find_listings(request.name, sources), machine, policy, target)


def select_listed(
    request: PackageRequest,
    listings: Listings,
    machine: Machine,
    policy: Policy,
    target: Target,
    read: ReadRelease = read_release,
) -> Selection:
    """Select a wheel for a request from the listed releases, which *read* reads.

    A requested version may be a pre-release or yanked. Otherwise pre-releases are considered only if no
    other release has a compatible wheel. With a requested label, only its wheels are considered, and
    support for the label is not checked; a pattern admits each supported label that matches. The policy may
    prefer an older release with a wheel for an accelerator.
    """
    tried = listings.matching(request)
    tried = (labelled for listing in tried if (labelled := _of_label(listing, request)).wheels)
    is_of_label = request.label is not None and not is_pattern(request.label)

    def evaluated(listing: Listing, release: Release) -> Evaluation:
        if is_of_label and not _is_named_plain(listing, request):
            evaluation = _evaluate_label(release, request.exact_label, target)
        else:
            evaluation = evaluate(release, machine, policy, target)
            if listing.overlay:  # as in the offer, no yanked wheel if another one fits
                usable = evaluate(without_yanked(release), machine, policy, target)
                evaluation = usable._replace(release=release) if usable.selected else evaluation
        return as_requested(evaluation, listing.overlay, request, target) if listing.overlay else evaluation

    if is_of_label:
        return _first_that_fits(request, listings, tried, read, evaluated)
    is_wanted = _is_preferred if policy.rules.prefers_accelerated else _fits
    selection = _first_that_fits(request, listings, tried, read, evaluated, is_wanted)
    return selection._replace(problems=(*selection.problems, *_missing_index_files(selection)))


def _of_label(listing: Listing, request: PackageRequest) -> Listing:
    """Return the release with only the wheels that a request wants by its label."""
    if request.label is None or _is_named_plain(listing, request):
        return listing
    return listing.of_label(request.label)


def _is_named_plain(listing: Listing, request: PackageRequest) -> bool:
    """Return whether a request names a plain wheel to which an overlay gives a label."""
    return listing.overlay is not None and request.names_plain_file


def _fits(evaluation: Evaluation) -> bool:
    """Return whether a release has a compatible wheel."""
    return evaluation.selected is not None


def _is_preferred(evaluation: Evaluation) -> bool:
    """Return whether a release is for an accelerator, or has no variants: as in the offer, none hides it."""
    release = evaluation.release
    is_plain = not release.metadata and all(wheel.label is None for wheel in release.candidates)
    return _fits(evaluation) and (is_plain or _for_accelerator(evaluation))


def _for_accelerator(evaluation: Evaluation) -> bool:
    """Return whether the best wheel of a release is for an accelerator."""
    selected = evaluation.selected
    return selected is not None and is_accelerated(evaluation.release, selected.filename.label)


def _first_that_fits(
    request: PackageRequest,
    listings: Listings,
    tried: Iterable[Listing],
    read: ReadRelease,
    evaluated: Callable[[Listing, Release], Evaluation],
    is_wanted: Callable[[Evaluation], bool] = _fits,
) -> Selection:
    """Evaluate releases in order up to the first wanted one; without one, the first that fits is selected."""
    passed: list[Evaluation] = []
    selected = None
    pinned = partial(read, pinned=request.is_pinned)
    for listing, release in read_ahead(pinned, tried, listings.most_at_once):
        is_early = listing.version.is_prerelease and not request.wants_early
        if is_early and any(map(_fits, passed)):
            break  # no pre-release, even for an accelerator
        evaluation = evaluated(listing, release())
        if is_wanted(evaluation):
            selected = evaluation
            break
        passed.append(evaluation)
    selected = selected or next(filter(_fits, passed), None)
    if selected:
        passed = [newer for newer in passed if newer.release.version > selected.release.version]
    problems = [*listings.problems]
    for evaluation in [selected, *passed] if selected else passed:
        problems += (*evaluation.release.problems, *evaluation.problems)
    return Selection(request, listings, selected, tuple(passed), tuple(problems))


def older_accelerated(
    selection: Selection, machine: Machine, policy: Policy, target: Target
) -> Evaluation | None:
    """Return the newest older release whose best wheel is for an accelerator, if that of the selected is not.

    Only releases that the request admits count, only some of them are read, and only if the machine has an
    accelerator and the selected release wheels for some.
    """
    selected = selection.evaluation
    if selected is None or _for_accelerator(selected) or not has_accelerated(selected.release):
        return None
    if ACCELERATORS.isdisjoint(name for name, values in selected.support.supported.items() if values):
        return None
    older = (
        one
        for one in selection.listings.matching(selection.request)
        if one.version < selected.release.version
        and (selection.request.wants_early or not one.version.is_prerelease)
    )
    for _, release in read_ahead(read_release, islice(older, _MOST_READ), selection.listings.most_at_once):
        evaluation = evaluate(release(), machine, policy, target)
        if _for_accelerator(evaluation):
            return evaluation
    return None


def _missing_index_files(selection: Selection) -> Iterator[Problem]:
    """Yield the missing index files of the selected and newer releases, or of the newest if none fits."""
    relevant = (selection.evaluation, *selection.passed) if selection.evaluation else selection.passed[:1]
    for release in (evaluation.release for evaluation in relevant if evaluation):
        for listing in selection.listings.releases:
            if listing.version == release.version:
                yield from missing_index_files(listing, release.metadata)


def check_names(policy: Policy, machine: Machine, selections: Sequence[Selection]) -> list[Problem]:
    """Raise UnknownNameError for names in options that nothing in the run knows; return ignored values.

    If metadata is missing or invalid, its names are unknown, and nothing is raised or returned.
    """
    releases = [
        evaluation.release
        for selection in selections
        for evaluation in filter(None, (selection.evaluation, *selection.passed))
    ]
    packages = {selection.request.name for selection in selections}
    documents = known_metadata(releases)
    if documents is None or not all(selection.listings.releases for selection in selections):
        return []
    if not unknown_names(policy, machine, documents, packages):
        return ignored_values(policy, machine, documents)
    others = [listing for selection in selections for listing in selection.listings.releases[:_MOST_READ]]
    read = (read_index_file(file) for listing in others for file in listing.index_files)
    documents += (document.metadata for document in read if document.metadata)
    if problems := unknown_names(policy, machine, documents, packages):
        raise UnknownNameError(*problems)
    return ignored_values(policy, machine, documents)


def known_metadata(releases: Iterable[Release]) -> list[VariantMetadata] | None:
    """Return the metadata of releases, None if a release has variants but no valid metadata."""
    documents = []
    for release in releases:
        if release.metadata is not None:
            documents.append(release.metadata)
        if release.problems or (release.metadata is None and any(map(_has_label, release.candidates))):
            return None
    return documents


def _has_label(wheel: Candidate) -> bool:
    return wheel.label is not None


def _evaluate_label(release: Release, label: str | None, target: Target) -> Evaluation:
    """Evaluate the wheels of a label (None: plain wheels), without the index file: wheels have its data."""
    wheels = (
        wheel._replace(problems=tuple(reason for reason in wheel.problems if reason.code != INDEX_FILE))
        for wheel in release.candidates
    )
    return evaluate_label(release._replace(candidates=tuple(wheels)), label, target)
