"""Predict which wheel the released uv selects from the same releases, by its observed behaviour.

uv supports only what `uv_behaviour` says: no plugins, no optional namespaces, no values from a user. What
`check` reports as an error for uv makes uv drop a version or fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from ..errors import Problem, VariantError
from ..formats.release import Candidate, File, Release
from ..variants.merging import combine
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import STATIC, Origin, Support
from ..variants.providers import StaticProvider
from ..variants.ranking import Supported, Verdict, unsupported, why_better
from ..variants.tag_order import Order, tag_order
from ..variants.uv_behaviour import dropping_uv, uv_drops, uv_ignores, uv_never_supports
from .evaluate import Evaluation, ranked, wrong_python
from .read_ahead import read_ahead
from .releases import (
    INDEX_FILE,
    UNREADABLE,
    IndexDocument,
    Listing,
    Listings,
    Sources,
    against_variants,
    find_listings,
    read_index_file,
    read_release,
)

if TYPE_CHECKING:
    from packaging.version import Version

    from ..variants.filename import WheelFilename
    from ..wheels.inspection import Inspection
    from .target import Target

DETECTED = Origin("detected", "uv's own detection")
_DETECTS = "uv uses only its own detection of supported values"


class UvSelection(NamedTuple):
    """The release that uv selects, None if uv fails.

    *passed* are lines about what uv drops, or why it fails. *without* are the releases without a wheel that
    is compatible for uv. *unread* names a wheel whose variant.json uv reads, but that cannot be read here.
    """

    evaluation: Evaluation | None
    passed: tuple[str, ...] = ()
    without: tuple[Evaluation, ...] = ()
    unread: VariantError | None = None


class _IndexFiles(NamedTuple):
    """The index files of a release as uv reads them: each wheel uses the index file of its own source.

    By filename, *barred* are the reasons why uv ignores a wheel, *errors* the errors of its source.
    """

    metadata: VariantMetadata | None
    barred: Mapping[str, Problem]
    errors: Mapping[str, list[Problem]]


class _UnreadError(VariantError):
    """A wheel cannot be read here, but uv can: it downloads the whole wheel if the server sends no ranges."""


class _FailureError(VariantError):
    """An error that ends uv, although another wheel or an older version exists."""


def uv_listings(name: str, sources: Sources) -> Listings:
    """Return the releases that uv considers: those in folders, and on the first index with the project."""
    *urls, last = sources.index_urls or ("",)
    first = next((url for url in urls if _has_project(url, name)), last)
    return find_listings(name, Sources(sources.find_links, (first,) if first else ()))


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
    evaluate = partial(_evaluated, detected=detected, target=target, pinned=version is not None)
    for listing, evaluated in read_ahead(evaluate, listings.in_order(version), listings.most_at_once):
        try:
            evaluation, sources = evaluated()
            if evaluation.selected is None:
                without.append(evaluation)
                continue
            if errors := sources.errors[str(evaluation.selected.filename)]:
                raise VariantError(*errors)
            _check_selected(evaluation, evaluation.selected, detected, target)
        except _UnreadError as error:
            return UvSelection(evaluation, tuple(passed), tuple(without), error)
        except _FailureError as error:
            return UvSelection(None, (*passed, *(f"uv fails: {line}" for line in error.lines())))
        except VariantError as error:
            passed += (f"uv drops {listing.name} {listing.version}: {line}" for line in error.lines())
            continue
        return UvSelection(evaluation, tuple(passed), tuple(without))
    return UvSelection(None, tuple(passed), tuple(without))


def why_uv_differs(
    selected: Evaluation | None, newer: Iterable[Evaluation], uv_selection: UvSelection
) -> list[str]:
    """Return the reasons why uv selects another wheel, empty if it selects the same.

    *selected* is the release that PEP 825 selects, *newer* are newer ones without a compatible wheel.
    """
    best = selected.selected if selected else None
    other = uv_selection.evaluation.selected if uv_selection.evaluation else None
    if (best and best.filename) == (other and other.filename):
        return []
    lines = [*uv_selection.passed]
    verdicts = [verdict for release in (selected, *newer) if release for verdict in release.verdicts]
    for verdict in verdicts:
        if other and verdict.filename == other.filename:
            lines += (f"uv selects {other.filename} despite: {reason}" for reason in verdict.reasons)
    if best and selected:
        lines += _against(best, selected, uv_selection)
    return lines or ["uv uses only the first index that has the project"]


def _against(best: Verdict, selected: Evaluation, uv_selection: UvSelection) -> list[str]:
    """Return why uv does not select the *best* wheel of the *selected* release, if it evaluates it."""
    evaluated = (*uv_selection.without, *([uv_selection.evaluation] if uv_selection.evaluation else []))
    by_version = {evaluation.release.version: evaluation for evaluation in reversed(evaluated)}
    uv = by_version.get(selected.release.version)
    same = (
        next((verdict for verdict in uv.verdicts if verdict.filename == best.filename), None) if uv else None
    )
    if uv is None or same is None:
        return []
    if same.key and uv.selected and uv.selected.key:
        return [f"for uv, {uv.selected.filename} is better: {why_better(uv.selected.key, same.key)}"]
    metadata = selected.release.metadata
    variant = metadata.variants.get(best.filename.label or "") if metadata else None
    namespaces = sorted(variant.namespaces()) if variant else []
    origins = [uv.support.origins[name] for name in namespaces if name in uv.support.origins]
    never = [str(origin) for origin in origins if origin not in (STATIC, DETECTED)]
    reasons = never or [*map(str, same.reasons), *([_DETECTS] if DETECTED in origins else [])]
    return [f"for uv, {best.filename} is not compatible: {reason}" for reason in reasons]


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
) -> tuple[Evaluation, _IndexFiles]:
    """Return uv's verdicts on a release, and its index files. Raises _FailureError if uv fails."""
    sources = _read_sources(listing)
    bare = tuple(source._replace(index_files=()) for source in listing.sources)
    read = read_release(listing._replace(sources=bare), pinned=pinned)
    wheels = tuple(_as_uv_sees(wheel, sources.barred) for wheel in read.candidates)
    release = Release(read.name, read.version, wheels, sources.metadata, read.problems)
    support = uv_support(sources.metadata, detected) if sources.metadata else Support({}, {})
    # uv reads Requires-Python in a local wheel only after selecting it; before, it uses the page's value.
    listed = {wheel.file.location: _lower_bounds(wheel.file) for wheel in listing.wheels}
    unread = tuple(
        wheel._replace(file=wheel.file._replace(requires_python=listed.get(wheel.file.location)))
        for wheel in wheels
    )
    verdicts = ranked(release._replace(candidates=unread), support, target, _name_order(listing))
    return Evaluation(release, support, verdicts), sources


def _name_order(listing: Listing) -> Callable[[WheelFilename], Order]:
    """Return uv's order of wheels if all else is equal: by tags in folders, then by filename on indexes."""
    listed = {
        wheel.name
        for source in listing.sources
        for wheel in source.wheels
        if wheel.file.path is None or str(wheel.file.path.parent) != source.place
    }
    return lambda name: (True, str(name)) if name in listed else (False, *tag_order(name))


def _as_uv_sees(wheel: Candidate, barred: Mapping[str, Problem]) -> Candidate:
    """Return a wheel with the part of Requires-Python that uv uses, and why uv excludes it."""
    name, problems = wheel.file.filename, wheel.problems
    if not problems and (reason := uv_ignores(wheel.name)):
        problems = (reason,)
    elif not problems and name in barred:
        problems = (barred[name],)
    return Candidate(wheel.name, wheel.file._replace(requires_python=_lower_bounds(wheel.file)), problems)


def _read_sources(listing: Listing) -> _IndexFiles:
    """Read the index files of a release. Raises _FailureError if uv fails with them."""
    parts: dict[str, VariantMetadata] = {}
    barred: dict[str, Problem] = {}
    errors: dict[str, list[Problem]] = {}
    for source in listing.sources:
        documents = [read_index_file(file) for file in source.index_files]
        wrong = [problem.within(document.place) for document in documents for problem in _errors_in(document)]
        valid = {
            document.place: document.metadata for document in documents if document.metadata and not wrong
        }
        labels = {label for metadata in valid.values() for label in metadata.variants}
        parts.update(valid)
        for wheel in source.wheels:
            name = wheel.file.filename
            if name in errors and name not in barred:
                continue  # for wheels with the same name, uv uses the first one with an index file
            errors[name] = wrong
            barred.pop(name, None)
            if wheel.label is not None and wheel.label not in labels:
                missing = Problem(INDEX_FILE, "index file", f"{source.place} has no {wheel.label!r}")
                barred[name] = against_variants(wrong[0]) if wrong else missing
    return _IndexFiles(combine(parts)[0] if parts else None, barred, errors)


def _errors_in(document: IndexDocument) -> list[Problem]:
    """Return what uv considers an error in an index file; raises _FailureError if uv fails with it."""
    problems = dropping_uv([*document.problems, *document.tolerated])
    if any(problem.code in (UNREADABLE, "link-hash") for problem in problems):
        raise _FailureError(*problems).within(document.place)
    return problems + (_dropped(document.metadata) if document.metadata is not None else [])


def _lower_bounds(file: File) -> str | None:
    """Return the part of Requires-Python that uv uses: the lower bounds."""
    from packaging.specifiers import SpecifierSet

    try:
        specifiers = SpecifierSet(file.requires_python or "")
    except ValueError:  # InvalidSpecifier, or more digits than Python converts
        return None
    bounds = {">": ">", ">=": ">=", "==": ">=", "~=": ">="}
    return ",".join(
        f"{bounds[specifier.operator]}{specifier.version.removesuffix('.*')}"
        for specifier in specifiers
        if specifier.operator in bounds
    )


def _dropped(metadata: VariantMetadata) -> list[Problem]:
    """Return what uv considers an error in a document that is valid by the format."""
    variants = [variant for _, variant in sorted(metadata.variants.items())]
    return [problem for variant in variants for problem in uv_drops(metadata, variant)]


def _check_selected(evaluation: Evaluation, selected: Verdict, detected: Supported, target: Target) -> None:
    """Check the selected wheel's own metadata; raises VariantError if uv drops it, or fails with it."""
    file = evaluation.candidate(selected).file
    if wrong := wrong_python(file, target):
        raise VariantError(wrong).within(selected.filename)
    if selected.filename.label is None:
        return
    inspection = _inspected(file)
    if inspection.metadata is None or inspection.variant is None or inspection.variant_json.is_dropped_by_uv:
        raise VariantError(*dropping_uv([*inspection.problems, *inspection.tolerated])).within(
            selected.filename
        )
    if errors := _dropped(inspection.metadata):
        raise VariantError(*errors).within(f"{selected.filename}: variant.json")
    support = uv_support(inspection.metadata, detected)
    if reasons := unsupported(inspection.variant, inspection.metadata, support.supported):
        raise _FailureError(*reasons.values()).within(f"{selected.filename}: variant.json")


def _inspected(file: File) -> Inspection:
    """Return the metadata inside a wheel; raises _UnreadError if it cannot be read here."""
    from ..wheels.inspection import inspect_url, inspect_wheel

    if isinstance(file.location, Path):
        return inspect_wheel(file.location)
    remedy = "its variant.json is assumed to be valid"
    if not urlsplit(file.location).path.endswith(".whl"):  # `inspect_url` would read the URL as a page
        raise _UnreadError("its URL does not end with its filename", place=file.filename, hint=remedy)
    try:
        (inspection,) = inspect_url(file.location)
    except VariantError as error:
        inspection = error
    if isinstance(inspection, VariantError):
        raise _UnreadError(*inspection.problems, hint=remedy)
    return inspection
