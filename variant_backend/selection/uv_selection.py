"""Predict which wheel the released uv selects from the same releases, by its observed behaviour.

uv supports only what `uv_behaviour` says: no plugins, no optional namespaces, no values from a user. What
`check` reports as an error for uv makes uv drop a version or fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError
from ..formats.release import Candidate, File, Release
from ..variants.filename import WheelFilename
from ..variants.merging import combine
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import STATIC, Origin, Support
from ..variants.providers import StaticProvider
from ..variants.ranking import Supported, Verdict, rank, unsupported
from ..variants.tag_order import Order, tag_order
from ..variants.uv_behaviour import dropping_uv, uv_drops, uv_ignores, uv_never_supports
from .evaluate import Evaluation
from .read_ahead import read_ahead
from .releases import (
    INDEX_FILE,
    UNREADABLE,
    IndexDocument,
    Listed,
    Listing,
    Listings,
    Sources,
    against_variants,
    find_listings,
    read_index_file,
    yanked,
)
from .uv_files import (
    FailureError,
    UnreadError,
    check_requested,
    check_uv_sdist,
    check_uv_wheel,
    read_uv_wheel,
)
from .uv_metadata import python_below_bound, unreadable_python

if TYPE_CHECKING:
    from packaging.version import Version

    from .target import Target

DETECTED = Origin("detected", "uv's own detection")


class UvSelection(NamedTuple):
    """The release that uv selects, None if uv fails.

    *passed* are lines about what uv drops, or why it fails. *without* are the releases without a wheel that
    is compatible for uv. *unread* names a wheel that uv reads, but that cannot be read here. *sdist* is
    built by uv, as the release has no compatible wheel.
    """

    evaluation: Evaluation | None
    passed: tuple[str, ...] = ()
    without: tuple[Evaluation, ...] = ()
    unread: VariantError | None = None
    sdist: File | None = None

    @property
    def filename(self) -> str | None:
        """The filename of the wheel or sdist that uv selects."""
        return self.file.filename if self.file else None

    @property
    def file(self) -> File | None:
        """The wheel or sdist that uv selects."""
        if self.evaluation and self.evaluation.selected:
            return self.evaluation.candidate(self.evaluation.selected).file
        return self.sdist


class _Seen(NamedTuple):
    """A wheel as uv sees it, why uv excludes it, and its source."""

    wheel: Candidate
    reason: Problem | None
    source: Listed


class _Read(NamedTuple):
    """The metadata of a release for uv, its wheels by filename, and the errors of index files by source.

    *errors* has the sources with variants only: uv reads the index files of others if it selects their files.
    """

    metadata: VariantMetadata | None
    seen: Mapping[str, _Seen]
    errors: Mapping[str, Sequence[Problem]]

    def check(self, source: Listed) -> None:
        """Check the index files of the source of a selected file; raises VariantError or FailureError."""
        wrong = self.errors.get(source.place)
        if wrong is None:
            wrong = [
                problem for file in _index_files(source) for problem in _errors_in(read_index_file(file))
            ]
        if wrong:
            raise VariantError(*wrong)


def uv_listings(name: str, sources: Sources) -> Listings:
    """Return the releases that uv considers: those in folders, and on the first index with the project."""
    *urls, last = sources.index_urls or ("",)
    first = next((url for url in urls if _has_project(url, name)), last)
    return find_listings(name, Sources(sources.find_links, (first,) if first else ()), with_sdists=True)


def _has_project(url: str, name: str) -> bool:
    """Return whether an index has a page of a project, with or without wheels."""
    listings = find_listings(name, Sources(index_urls=(url,)))
    return bool(listings.releases) or not listings.problems


def uv_select(
    listings: Listings, detected: Supported, target: Target, *, version: Version | None = None
) -> UvSelection:
    """Return the release that uv selects on a machine where it *detected* these supported values."""
    passed: list[str] = []
    without: list[Evaluation] = []
    listed = sorted((*listings.releases, *listings.sdist_only), key=lambda listing: listing.version)
    tried = listings._replace(releases=tuple(reversed(listed))).in_order(version)
    pinned = version is not None
    evaluate = partial(_evaluated, detected=detected, target=target, pinned=pinned)
    for listing, evaluated in read_ahead(evaluate, tried, listings.most_at_once):
        try:
            evaluation, read = evaluated()
            sdist = None
            if selected := evaluation.selected:
                read.check(read.seen[str(selected.filename)].source)
                _check_selected(evaluation, selected, detected, target)
            elif unbuilt := _sdist(listing, pinned=pinned):
                source, sdist = unbuilt
                read.check(source)
                _check_sdist(sdist, evaluation, target)
            else:
                without.append(evaluation)
                continue
        except UnreadError as error:
            return UvSelection(evaluation, tuple(passed), tuple(without), error)
        except FailureError as error:
            return UvSelection(None, (*passed, *(f"uv fails: {line}" for line in error.lines())))
        except VariantError as error:
            passed += (f"uv drops {listing.name} {listing.version}: {line}" for line in error.lines())
            continue
        return UvSelection(evaluation, tuple(passed), tuple(without), sdist=sdist)
    return UvSelection(None, tuple(passed), tuple(without))


def _sdist(listing: Listing, *, pinned: bool) -> tuple[Listed, File] | None:
    """Return the sdist of a release that uv may build, after its source, or None."""
    sdists = ((source, file) for source in listing.sources for file in source.sdists)
    readable = ((source, file) for source, file in sdists if not unreadable_python(file.requires_python))
    return next(((source, file) for source, file in readable if pinned or file.yanked is None), None)


def _check_sdist(sdist: File, evaluation: Evaluation, target: Target) -> None:
    """Raise VariantError if uv drops the version of an sdist, or fails with it."""
    release = evaluation.release
    plain = next((wheel for wheel in release.of_label(None).candidates if not wheel.problems), None)
    check_uv_sdist(sdist, (release.name, release.version), target.python, wheel=plain)


def uv_support(metadata: VariantMetadata, detected: Supported) -> Support:
    """Return the values that uv supports; the origin of a namespace that uv never supports says why."""
    supported, origins = dict[str, Mapping[str, Sequence[str]]](), dict[str, Origin]()
    for namespace in metadata.namespaces:
        provider = metadata.providers.get(namespace)
        if reason := uv_never_supports(metadata, namespace):
            origins[namespace] = Origin("never", reason.text)
        elif isinstance(provider, StaticProvider):
            origins[namespace], supported[namespace] = STATIC, dict(provider.features)
        else:
            origins[namespace], supported[namespace] = DETECTED, detected.get(namespace, {})
    return Support(supported, origins)


def _evaluated(
    listing: Listing, detected: Supported, target: Target, pinned: bool
) -> tuple[Evaluation, _Read]:
    """Return uv's verdicts on a release, and what they are based on; raises FailureError.

    Requires-Python excludes no wheel: uv reads it in the wheel that it selects.
    """
    read = _read_sources(listing, pinned)
    metadata, seen = read.metadata, read.seen.values()
    barred = {one.wheel.name: (one.reason,) if one.reason else () for one in seen}
    wheels = tuple(one.wheel._replace(problems=barred[one.wheel.name]) for one in seen)
    release = Release(listing.name, listing.version, wheels, metadata)
    support = uv_support(metadata, detected) if metadata else Support({}, {})
    order = _name_order(listing)
    verdicts = rank(barred, metadata, support.supported, target.tags, barred=barred, name_order=order)
    evaluation = Evaluation(release, support, verdicts)
    plain = next((verdict for verdict in verdicts if verdict.key and not verdict.key.label), None)
    if plain and not python_below_bound(evaluation.candidate(plain).file.requires_python, target.python):
        check_requested(evaluation.candidate(plain), target.python)
    return evaluation, read


def _name_order(listing: Listing) -> Callable[[WheelFilename], Order]:
    """Return uv's order of wheels if all else is equal: by tags in folders, then by filename on indexes."""
    listed = {
        wheel.name
        for source in listing.sources
        for wheel in source.wheels
        if wheel.file.path is None or str(wheel.file.path.parent) != source.place
    }
    return lambda name: (True, str(name)) if name in listed else (False, *tag_order(name))


def _read_sources(listing: Listing, pinned: bool) -> _Read:
    """Read the index files of sources with variants; raises FailureError if uv fails with a file.

    Each wheel uses the index file of its own source. For wheels with the same name, uv uses the first plain
    wheel, but the last variant.
    """
    parts: dict[str, VariantMetadata] = {}
    seen: dict[str, _Seen] = {}
    errors: dict[str, Sequence[Problem]] = {}
    for source in listing.sources:
        has_variants = any(wheel.label for wheel in source.wheels)
        documents = [read_index_file(file) for file in _index_files(source)] if has_variants else []
        wrong = [problem.within(document.place) for document in documents for problem in _errors_in(document)]
        valid = {one.place: one.metadata for one in documents if one.metadata and not wrong}
        labels = {label for metadata in valid.values() for label in metadata.variants}
        parts |= valid
        if has_variants:
            errors[source.place] = wrong
        for wheel in source.wheels:
            name, reason = wheel.file.filename, _barred(wheel, pinned)
            if wheel.label is not None and wheel.label not in labels:
                missing = Problem(INDEX_FILE, "index file", f"{source.place} has no {wheel.label!r}")
                reason = reason or (against_variants(wrong[0]) if wrong else missing)
            if name not in seen or (not reason and (wheel.label is not None or seen[name].reason)):
                seen[name] = _Seen(wheel, reason, source)
    return _Read(combine(parts)[0] if parts else None, seen, errors)


def _barred(wheel: Candidate, pinned: bool) -> Problem | None:
    """Return why uv excludes a wheel before it ranks the others, whatever the index file says."""
    if wheel.problems:
        return wheel.problems[0]
    if ignored := uv_ignores(wheel.name):
        return ignored
    if wheel.file.yanked is not None and not pinned:
        return yanked(wheel.file)
    return unreadable_python(wheel.file.requires_python)


def _index_files(source: Listed) -> list[File]:
    """Return the index files that uv reads in a source.

    uv normalizes names, but a name with ``-`` is invalid for it. It reads all files of a folder, and the
    first one of a page, in the order of their names.
    """
    files = [file for file in source.spelled if file.filename.count("-") == 2]
    if any(file.url for file in files):
        return [min(files, key=lambda file: file.filename)]
    return files


def _errors_in(document: IndexDocument) -> list[Problem]:
    """Return what uv considers an error in an index file; raises FailureError if uv fails with it."""
    problems = dropping_uv([*document.problems, *document.tolerated])
    if any(problem.code in (UNREADABLE, "link-hash") for problem in problems):
        raise FailureError(*problems).within(document.place)
    return problems + (_dropped(document.metadata) if document.metadata is not None else [])


def _dropped(metadata: VariantMetadata) -> list[Problem]:
    """Return what uv considers an error in a document that is valid by the format."""
    variants = [variant for _, variant in sorted(metadata.variants.items())]
    return [problem for variant in variants for problem in uv_drops(metadata, variant)]


def _check_selected(evaluation: Evaluation, selected: Verdict, detected: Supported, target: Target) -> None:
    """Check the selected wheel's metadata; raises VariantError if uv drops it, or fails with it."""
    wheel = evaluation.candidate(selected)
    if wrong := python_below_bound(wheel.file.requires_python, target.python):
        raise VariantError(wrong).within(selected.filename)
    read = read_uv_wheel(wheel)
    check_uv_wheel(wheel, read, target.python)
    if selected.filename.label is None:
        return
    content = read.variant_json
    variant = content.metadata.variants.get(selected.filename.label) if content.metadata else None
    if content.metadata is None or variant is None or content.is_dropped_by_uv:
        problems = dropping_uv([*content.problems, *content.tolerated])
        raise VariantError(*problems).within(selected.filename)
    if errors := _dropped(content.metadata):
        raise VariantError(*errors).within(f"{selected.filename}: variant.json")
    support = uv_support(content.metadata, detected)
    if reasons := unsupported(variant, content.metadata, support.supported):
        raise FailureError(*reasons.values()).within(f"{selected.filename}: variant.json")
