"""What the released uv chooses of the same releases, computed as it was seen to choose.

It supports what `installers` says and nothing else: no plugins, nothing that is optional, nothing that a user
gives. What `check` calls an error for uv makes it drop a version, or fail. The facts were measured with
uv 0.13.8, and tests ask the real program.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .choice import Judged, ranked
from .document import Fault
from .errors import VariantError
from .installers import ACCEPTED_BY_UV, uv_never_supports
from .metadata import StaticProvider, VariantMetadata, combine
from .releases import INDEX_FILE, UNREADABLE, Listing, Release, find_listings, local_path, read_release
from .rules import of_metadata
from .selection import Supported, Verdict, unsupported, why_better
from .support import STATIC, Support

if TYPE_CHECKING:
    from packaging.version import Version

    from .inspection import Inspection
    from .target import Target

DETECTED = "uv's own detection"
_DETECTS = "it asks its own detection only, and no user, file or plugin"


class UvChoice(NamedTuple):
    """What uv chooses, None if it fails; *passed* says what it makes of newer versions, or why it fails.

    *unread* are the wheels whose own variant.json it looks at, and which could not be read here.
    """

    judged: Judged | None
    passed: tuple[str, ...] = ()
    unread: tuple[VariantError, ...] = ()


class _UnreadError(VariantError):
    """A wheel that uv reads cannot be read here: if its server sends no ranges, uv takes it as a whole."""


class _FailureError(VariantError):
    """What makes uv give up, where it could take another wheel or an older version."""


def uv_listings(name: str, *, find_links: Sequence[Path], index_urls: Sequence[str]) -> list[Listing]:
    """Return the releases that uv looks at: those in folders, and on the first index that has the project."""
    first = next((url for url in index_urls[:-1] if find_listings(name, index_urls=[url])[0]), None)
    urls = index_urls[-1:] if first is None else [first]
    return find_listings(name, find_links=find_links, index_urls=urls)[0]


def uv_choose(
    listings: Iterable[Listing], detected: Supported, target: Target, *, version: Version | None = None
) -> UvChoice:
    """Return what uv chooses where it *detected* this support; *listings* come newest first."""
    passed: list[str] = []
    for listing in _in_order(listings, version):
        try:
            judged = _judged(read_release(listing, pinned=version is not None), detected, target)
            if judged.chosen is None:
                continue
            _check_chosen(judged, judged.chosen, detected)
        except _UnreadError as error:
            return UvChoice(judged, tuple(passed), (error,))
        except _FailureError as error:
            return UvChoice(None, (*passed, *(f"it fails: {line}" for line in error.lines())))
        except VariantError as error:
            passed += (f"it drops {listing.name} {listing.version}: {line}" for line in error.lines())
            continue
        return UvChoice(judged, tuple(passed))
    return UvChoice(None, (*passed, "it finds no version that it can use"))


def differences(ours: Judged | None, theirs: UvChoice) -> list[str]:
    """Say why uv chooses another wheel, a line for each reason; none if it chooses the same."""
    uv = theirs.judged
    chosen = ours.chosen if ours else None
    its = uv.chosen if uv else None
    if (uv and ours and uv.release.version == ours.release.version) and its and chosen:
        if its.filename == chosen.filename:
            return []
        return [*theirs.passed, *_other_wheel(chosen, its, ours, uv)]
    return [*theirs.passed] if chosen or its else []


def _other_wheel(chosen: Verdict, its: Verdict, ours: Judged, uv: Judged) -> list[str]:
    """Say why uv chooses *its* wheel of a release where *chosen* is the one that PEP 825 wants."""
    there = next((each for each in uv.verdicts if each.filename == chosen.filename), None)
    if there is None:
        return [f"{chosen.filename} is on an index that it does not look at"]
    if there.key and its.key:
        return [f"for uv, {its.filename} is better: {why_better(its.key, there.key)}"]
    variant = (
        ours.release.metadata.variants.get(chosen.filename.label or "") if ours.release.metadata else None
    )
    namespaces = sorted(variant.namespaces()) if variant else []
    texts = [uv.support.origins[name] for name in namespaces if name in uv.support.origins]
    never = [text for text in texts if text not in (STATIC, DETECTED)]
    reasons = never or [*there.reasons, *([_DETECTS] if DETECTED in texts else [])]
    return [f"{chosen.filename} is out for uv: {reason}" for reason in reasons]


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


def _in_order(listings: Iterable[Listing], version: Version | None) -> list[Listing]:
    """Return the releases as uv tries them: pre-releases only where there is nothing else."""
    if version is not None:
        return [each for each in listings if each.version == version]
    listings = [*listings]
    return [each for each in listings if not each.version.is_prerelease] or listings


def _judged(release: Release, detected: Supported, target: Target) -> Judged:
    """Return uv's verdicts on a release; raises VariantError if it drops that, or fails."""
    issues: list[str] = []
    for document in release.documents:
        faults = [fault for fault in document.faults if fault.rule not in ACCEPTED_BY_UV]
        if document.metadata is not None:
            faults += _errors(document.metadata)
        lines = [f"{document.place}: {fault}" for fault in faults]
        if any(fault.rule in (UNREADABLE, "link-hash") for fault in faults):
            raise _FailureError(*lines)
        issues += lines
    if issues:
        raise VariantError(*issues)
    parts = {each.place: each.metadata for each in release.documents if each.metadata is not None}
    metadata = combine(parts)[0] if parts else None
    barred = {name: why for name, why in release.barred.items() if not why.startswith(INDEX_FILE)}
    release = release._replace(metadata=metadata, barred=barred)
    support = uv_support(metadata, detected) if metadata is not None else Support({}, {})
    return Judged(release, support, ranked(release, support, target))


def _errors(metadata: VariantMetadata) -> list[Fault]:
    """Return what uv takes for a fault of a document, and the format does not."""
    return [fault for fault in of_metadata(metadata) if fault.rule == "abi-dependency"]


def _check_chosen(judged: Judged, chosen: Verdict, detected: Supported) -> None:
    """Check what the chosen wheel says of itself; raises VariantError if uv drops it, or fails with it."""
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
    from .inspection import inspect_url, inspect_wheel  # takes long to import

    file = judged.file(chosen)
    if path := local_path(file):
        return inspect_wheel(path)
    (found,) = inspect_url(file.url)
    if isinstance(found, VariantError):
        raise _UnreadError(*found.issues, hint="its variant.json is taken for sound")
    return found
