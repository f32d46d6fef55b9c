"""What the released uv chooses of the same releases, computed as it was seen to choose.

It supports what `uv_behaviour` says and nothing else: no plugins, nothing that is optional, nothing that a
user gives. What `check` calls an error for uv makes it drop a version, or fail. The facts were measured with
uv 0.13.9, and tests ask the real program.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from ..errors import Problem, VariantError
from ..formats.simple_api import File
from ..variants.merging import combine
from ..variants.metadata import VariantMetadata
from ..variants.namespace_support import STATIC, Support
from ..variants.providers import StaticProvider
from ..variants.ranking import Supported, Verdict, unsupported, why_better
from ..variants.uv_behaviour import ACCEPTED_BY_UV, uv_drops, uv_never_supports
from .evaluate import Judged, in_order, ranked, wrong_python
from .releases import (
    INDEX_FILE,
    UNREADABLE,
    IndexDocument,
    Listing,
    find_listings,
    local_path,
    parse_wheel,
    read_index_file,
    read_release,
)

if TYPE_CHECKING:
    from packaging.version import Version

    from ..wheels.inspection import Inspection
    from .target import Target

DETECTED = "uv's own detection"
_DETECTS = "its own detection alone counts, and no user, file or plugin"


class UvChoice(NamedTuple):
    """What uv chooses, None if it fails.

    *passed* says what it drops, or why it fails. *without* are the releases in which nothing is compatible
    for it. *unread* tells of a wheel whose own variant.json it looks at, and which could not be read here.
    """

    judged: Judged | None
    passed: tuple[str, ...] = ()
    without: tuple[Judged, ...] = ()
    unread: VariantError | None = None


class _Sources(NamedTuple):
    """What uv makes of the index files of a release: for a wheel, that of its own source counts.

    By filename, *barred* says why a label means nothing, and *faults* what is wrong with the wheel's source.
    """

    metadata: VariantMetadata | None
    barred: Mapping[str, str]
    faults: Mapping[str, list[str]]


class _UnreadError(VariantError):
    """A wheel that uv reads cannot be read here: if its server sends no ranges, uv takes it as a whole."""


class _FailureError(VariantError):
    """What makes uv give up, where it could take another wheel or an older version."""


def uv_listings(name: str, *, find_links: Sequence[Path], index_urls: Sequence[str]) -> list[Listing]:
    """Return the releases that uv looks at: those in folders, and on the first index that has the project."""
    found = (url for url in index_urls[:-1] if _has_project(url, name))
    urls = [next(found, index_urls[-1])] if index_urls else []
    return find_listings(name, find_links=find_links, index_urls=urls)[0]


def _has_project(url: str, name: str) -> bool:
    """Whether an index has a page of a project, be it without wheels."""
    listings, faults = find_listings(name, index_urls=[url])
    return bool(listings) or not faults


def uv_select(
    listings: Iterable[Listing], detected: Supported, target: Target, *, version: Version | None = None
) -> UvChoice:
    """Return what uv chooses where it *detected* this support; *listings* come newest first."""
    passed: list[str] = []
    without: list[Judged] = []
    for listing in in_order(listings, version):
        try:
            judged, sources = _judged(listing, detected, target, version is not None)
            if judged.chosen is None:
                without.append(judged)
                continue
            if wrong := sources.faults[str(judged.chosen.filename)]:
                raise VariantError(*wrong)
            _check_chosen(judged, judged.chosen, detected, target)
        except _UnreadError as error:
            return UvChoice(judged, tuple(passed), tuple(without), error)
        except _FailureError as error:
            return UvChoice(None, (*passed, *(f"it fails: {line}" for line in error.lines())))
        except VariantError as error:
            passed += (f"it drops {listing.name} {listing.version}: {line}" for line in error.lines())
            continue
        return UvChoice(judged, tuple(passed), tuple(without))
    return UvChoice(None, tuple(passed), tuple(without))


def why_uv_differs(ours: Judged | None, newer: Iterable[Judged], theirs: UvChoice) -> list[str]:
    """Say why uv chooses another wheel, a line for each reason; none if it chooses the same.

    *ours* is the release whose best wheel is chosen by PEP 825, *newer* are those before it without one.
    """
    chosen = ours.chosen if ours else None
    its = theirs.judged.chosen if theirs.judged else None
    if (chosen and chosen.filename) == (its and its.filename):
        return []
    lines = [*theirs.passed]
    for verdict in [each for judged in (ours, *newer) if judged for each in judged.verdicts]:
        if its and verdict.filename == its.filename:
            lines += (f"it takes {its.filename} in spite of: {reason}" for reason in verdict.reasons)
    if chosen and ours:
        lines += _against(chosen, ours, theirs)
    return lines or ["it looks at the first index only that has the project"]


def _against(chosen: Verdict, ours: Judged, theirs: UvChoice) -> list[str]:
    """Say what uv has against the *chosen* wheel, if it looks at it."""
    looked = (*theirs.without, *([theirs.judged] if theirs.judged else []))
    uv = next((each for each in looked if each.release.version == ours.release.version), None)
    there = next((each for each in uv.verdicts if each.filename == chosen.filename), None) if uv else None
    if uv is None or there is None:
        return []
    if there.key and uv.chosen and uv.chosen.key:
        return [f"for it, {uv.chosen.filename} is better: {why_better(uv.chosen.key, there.key)}"]
    metadata = ours.release.metadata
    variant = metadata.variants.get(chosen.filename.label or "") if metadata else None
    namespaces = sorted(variant.namespaces()) if variant else []
    texts = [uv.support.origins[name] for name in namespaces if name in uv.support.origins]
    never = [text for text in texts if text not in (STATIC, DETECTED)]
    reasons = never or [*there.reasons, *([_DETECTS] if DETECTED in texts else [])]
    return [f"for it, {chosen.filename} is out: {reason}" for reason in reasons]


def uv_support(metadata: VariantMetadata, detected: Supported) -> Support:
    """Return what uv supports of a release; the origin of what it never supports says why."""
    supported, origins = dict[str, Mapping[str, Sequence[str]]](), dict[str, str]()
    for namespace in metadata.namespaces:
        provider = metadata.providers.get(namespace)
        if reason := uv_never_supports(metadata, namespace):
            origins[namespace] = reason
        elif isinstance(provider, StaticProvider):
            origins[namespace], supported[namespace] = STATIC, dict(provider.features)
        else:
            origins[namespace], supported[namespace] = DETECTED, detected.get(namespace, {})
    return Support(supported, origins)


def _judged(listing: Listing, detected: Supported, target: Target, pinned: bool) -> tuple[Judged, _Sources]:
    """Return uv's verdicts on a release, and what its sources say. Raises _FailureError if uv fails."""
    sources = _read_sources(listing)
    bare = tuple(source._replace(index_files=()) for source in listing.sources)
    release = read_release(listing._replace(sources=bare), pinned=pinned)
    release = release._replace(
        wheels=tuple(file._replace(requires_python=_lower_bounds(file)) for file in release.wheels),
        metadata=sources.metadata,
        barred={**sources.barred, **release.barred},
    )
    support = uv_support(sources.metadata, detected) if sources.metadata else Support({}, {})
    # It looks into a wheel of a folder when that is chosen.
    wheels = tuple(
        file._replace(requires_python=None) if local_path(file) else file for file in release.wheels
    )
    return Judged(release, support, ranked(release._replace(wheels=wheels), support, target)), sources


def _read_sources(listing: Listing) -> _Sources:
    """Read the index files of a release. Raises _FailureError if uv fails with them."""
    parts: dict[str, VariantMetadata] = {}
    barred: dict[str, str] = {}
    faults: dict[str, list[str]] = {}
    for source in listing.sources:
        documents = [read_index_file(file) for file in source.index_files]
        wrong = [f"{document.place}: {fault}" for document in documents for fault in _faults(document)]
        sound = {each.place: each.metadata for each in documents if each.metadata and not wrong}
        labels = {label for metadata in sound.values() for label in metadata.variants}
        parts.update(sound)
        for name in [file.filename for file in source.wheels]:
            if name in faults and name not in barred:
                continue  # of two wheels with one name, the first counts that an index file tells of
            faults[name] = wrong
            barred.pop(name, None)
            if (label := _label(name)) is not None and label not in labels:
                barred[name] = f"{INDEX_FILE}{wrong[0] if wrong else f'{source.place} has no {label!r}'}"
    return _Sources(combine(parts)[0] if parts else None, barred, faults)


def _label(filename: str) -> str | None:
    found = parse_wheel(filename)
    assert found, "others are not listed"
    return found[0].label


def _faults(document: IndexDocument) -> list[Problem]:
    """Return what uv takes for faults of an index file; raises _FailureError if it fails with them."""
    faults = [fault for fault in document.faults if fault.code not in ACCEPTED_BY_UV]
    if any(fault.code in (UNREADABLE, "link-hash") for fault in faults):
        raise _FailureError(*(f"{document.place}: {fault}" for fault in faults))
    return faults + (_errors(document.metadata) if document.metadata is not None else [])


def _lower_bounds(file: File) -> str | None:
    """Return what uv looks at in the Requires-Python of a wheel: versions that are too old."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        specifiers = SpecifierSet(file.requires_python or "")
    except InvalidSpecifier:
        return None
    bounds = {">": ">", ">=": ">=", "==": ">=", "~=": ">="}
    return ",".join(
        f"{bounds[each.operator]}{each.version.removesuffix('.*')}"
        for each in specifiers
        if each.operator in bounds
    )


def _errors(metadata: VariantMetadata) -> list[Problem]:
    """Return what uv takes for a fault of a document, and the format does not."""
    return [fault for _, variant in sorted(metadata.variants.items()) for fault in uv_drops(variant)]


def _check_chosen(judged: Judged, chosen: Verdict, detected: Supported, target: Target) -> None:
    """Check what the chosen wheel says of itself; raises VariantError if uv drops it, or fails with it."""
    if why := wrong_python(judged.file(chosen), target):
        raise VariantError(f"{chosen.filename}: {why}")
    if chosen.filename.label is None:
        return
    found = _inspected(judged, chosen)
    if found.metadata is None or found.variant is None or found.is_dropped_by_uv:
        raise VariantError(*(f"{chosen.filename}: {fault}" for fault in found.faults))
    if faults := _errors(found.metadata):
        raise VariantError(*(f"{chosen.filename}: variant.json: {fault}" for fault in faults))
    support = uv_support(found.metadata, detected)
    if reasons := unsupported(found.variant, found.metadata, support.supported):
        raise _FailureError(*(f"{chosen.filename}: variant.json: {text}" for text in reasons.values()))


def _inspected(judged: Judged, chosen: Verdict) -> Inspection:
    """Return what a wheel says of itself; raises _UnreadError if that is not known here."""
    from ..wheels.inspection import inspect_url, inspect_wheel

    file = judged.file(chosen)
    if path := local_path(file):
        return inspect_wheel(path)
    remedy = "its variant.json is taken for sound"
    if not urlsplit(file.url).path.endswith(".whl"):  # it would be taken for a page
        raise _UnreadError(f"{chosen.filename}: its URL does not end in its name", hint=remedy)
    try:
        (found,) = inspect_url(file.url)
    except VariantError as error:
        found = error
    if isinstance(found, VariantError):
        raise _UnreadError(*found.problems, hint=remedy)
    return found
