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
from ..variants.merging import combine_metadata
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import STATIC, Origin, Support
from ..variants.providers import StaticProvider
from ..variants.ranking import Supported, Verdict, rank_wheels, unsupported_features
from ..variants.tag_order import Order, tag_order
from ..variants.uv_behaviour import dropping_uv, uv_drops, uv_ignores, uv_never_supports
from ..variants.uv_specifiers import python_below_bound, unreadable_python
from .evaluate import Evaluation
from .index_documents import UNREADABLE, IndexDocument, read_index_file
from .listing import Listed, Listing
from .read_ahead import read_ahead
from .releases import INDEX_FILE, Listings, Sources, against_variants, find_listings, yanked_problem
from .uv_files import (
    FailureError,
    UnreadError,
    check_requested,
    check_uv_sdist,
    check_uv_wheel,
    read_uv_wheel,
)

if TYPE_CHECKING:
    from ..variants.requirements import PackageRequest
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
    """A wheel as uv sees it: why uv excludes it, and the errors of the index file of its own source."""

    wheel: Candidate
    reason: Problem | None
    errors: Sequence[Problem]


class _ReadSources(NamedTuple):
    """The metadata of a release for uv, its wheels, and the errors of the index files beside its sdists."""

    metadata: VariantMetadata | None
    seen: tuple[_Seen, ...]
    errors_of_sdists: tuple[Problem, ...]

    def errors_of(self, name: WheelFilename) -> Sequence[Problem]:
        """Return the errors of the index file of a wheel's source."""
        return next(one.errors for one in self.seen if one.wheel.name == name)


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
    listings: Listings, detected: Supported, target: Target, *, request: PackageRequest | None = None
) -> UvSelection:
    """Return the release that uv selects on a machine where it *detected* these supported values."""
    passed: list[str] = []
    without: list[Evaluation] = []
    listed = sorted((*listings.releases, *listings.sdist_only), key=lambda listing: listing.version)
    tried = listings._replace(releases=tuple(reversed(listed))).matching(request)
    pinned = request is not None and request.is_pinned
    evaluate = partial(_evaluated, detected=detected, target=target, pinned=pinned)
    for listing, evaluated in read_ahead(evaluate, tried, listings.most_at_once):
        try:
            evaluation, read = evaluated()
            sdist = None
            if selected := evaluation.selected:
                _check_selected(evaluation, selected, detected, target, read.errors_of(selected.filename))
            elif sdist := _sdist(listing, pinned=pinned):
                _check_sdist(sdist, evaluation, target, read.errors_of_sdists)
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


def _sdist(listing: Listing, *, pinned: bool) -> File | None:
    """Return the sdist of a release that uv may build, or None."""
    sdists = (file for file in listing.sdists if not unreadable_python(file.requires_python))
    return next((file for file in sdists if pinned or file.yanked is None), None)


def _check_sdist(sdist: File, evaluation: Evaluation, target: Target, errors: Sequence[Problem]) -> None:
    """Raise VariantError if uv drops the version of an sdist, or fails with it.

    *errors* are those of the index file of its source.
    """
    if errors:
        raise VariantError(*errors)
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
) -> tuple[Evaluation, _ReadSources]:
    """Return uv's verdicts on a release, and what it reads for them; raises FailureError.

    Requires-Python excludes no wheel: uv reads it in the wheel that it selects.
    """
    read = metadata, seen, _ = _read_sources(listing, target, pinned)
    barred = {one.wheel.name: (one.reason,) if one.reason else () for one in seen}
    wheels = tuple(one.wheel._replace(problems=barred[one.wheel.name]) for one in seen)
    release = Release(listing.name, listing.version, wheels, metadata)
    support = uv_support(metadata, detected) if metadata else Support({}, {})
    order = _name_order(listing)
    verdicts = rank_wheels(barred, metadata, support.supported, target.tags, barred=barred, name_order=order)
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
        if not _is_in_folder(wheel.file, source)
    }
    return lambda name: (True, str(name)) if name in listed else (False, *tag_order(name))


def _read_sources(listing: Listing, target: Target, pinned: bool) -> _ReadSources:
    """Read all index files that uv reads; raises FailureError if uv fails with one.

    Each wheel uses the index file of its own source. For wheels with the same name, uv uses the first plain
    wheel, but the last variant.
    """
    parts: dict[str, VariantMetadata] = {}
    seen: dict[str, _Seen] = {}
    errors_of_sdists: list[Problem] = []
    with_index_file = _with_index_file(listing, target)
    for source in listing.sources:
        files = _index_files(source) if source in with_index_file else []
        documents = [read_index_file(file) for file in files]
        wrong = [problem.within(document.place) for document in documents for problem in _errors_in(document)]
        valid = {
            document.place: document.metadata for document in documents if document.metadata and not wrong
        }
        labels = {label for metadata in valid.values() for label in metadata.variants}
        parts |= valid
        errors_of_sdists += wrong if source.sdists else []
        for wheel in source.wheels:
            name, reason = wheel.file.filename, _barred(wheel, pinned)
            if wheel.label is not None and wheel.label not in labels:
                missing = Problem(INDEX_FILE, "index file", f"{source.place} has no {wheel.label!r}")
                reason = reason or (against_variants(wrong[0]) if wrong else missing)
            if name not in seen or (not reason and (wheel.label is not None or seen[name].reason)):
                seen[name] = _Seen(wheel, reason, wrong)
    metadata = combine_metadata(parts)[0] if parts else None
    return _ReadSources(metadata, tuple(seen.values()), tuple(errors_of_sdists))


def _barred(wheel: Candidate, pinned: bool) -> Problem | None:
    """Return why uv excludes a wheel before it ranks the others, whatever the index file says."""
    if wheel.problems:
        return wheel.problems[0]
    if ignored := uv_ignores(wheel.name):
        return ignored
    if wheel.file.yanked is not None and not pinned:
        return yanked_problem(wheel.file)
    return unreadable_python(wheel.file.requires_python)


def _with_index_file(listing: Listing, target: Target) -> Sequence[Listed]:
    """Return the sources whose index files uv reads: those with variants for the target.

    If there are none, it is the source of the plain wheel, or else of the sdist.
    """
    from packaging.tags import parse_tag

    tags = frozenset(target.tags)
    variants: list[Listed] = []
    plain: list[Listed] = []
    for source in listing.sources:
        fitting = [wheel for wheel in source.wheels if not tags.isdisjoint(parse_tag(wheel.name.tags))]
        if any(wheel.label for wheel in fitting):
            variants.append(source)
        elif fitting:
            plain.append(source)
    return variants or plain[:1] or [source for source in listing.sources if source.sdists][:1]


def _index_files(source: Listed) -> list[File]:
    """Return the index files that uv reads in a source.

    uv normalizes names, but a name with ``-`` is invalid for it. It reads all files of a folder, and the
    first one of a page, in the order of their names.
    """
    files = [file for file in source.spelled if file.filename.count("-") == 2]
    is_folder = all(_is_in_folder(file, source) for file in files)  # or there are none
    return files if is_folder else [min(files, key=lambda file: file.filename)]


def _is_in_folder(file: File, source: Listed) -> bool:
    """Return whether a source is the folder of a file, and not a page that links to it."""
    return file.path is not None and str(file.path.parent) == source.place


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


def _check_selected(
    evaluation: Evaluation,
    selected: Verdict,
    detected: Supported,
    target: Target,
    errors: Sequence[Problem],
) -> None:
    """Check the selected wheel's metadata; raises VariantError if uv drops it, or fails with it.

    *errors* are the errors of the index file of its source.
    """
    if errors:
        raise VariantError(*errors)
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
    if reasons := unsupported_features(variant, content.metadata, support.supported):
        raise FailureError(*reasons.values()).within(f"{selected.filename}: variant.json")
