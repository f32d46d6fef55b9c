"""Read the release for which a dispatching sdist is made, and refuse an unsound one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..checking import run
from ..checking.codes import ERROR
from ..checking.findings import Finding
from ..errors import Problem, UnknownNameError, VariantError, did_you_mean, one_of, problems_of
from ..formats.pylock import reduced
from ..formats.release import Candidate, Release
from ..lowlevel.shell_words import quoted
from ..lowlevel.threads import map_in_threads
from ..lowlevel.urls import is_safe_line, shown_url
from ..project.user_variables import PLAIN
from ..selection.listing import Listing
from ..selection.releases import Sources, find_listings, projects, read_release
from ..variants import consistency
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.requirements import Pin
from ..wheels import soundness


class WheelParts(NamedTuple):
    """A wheel as the sdist lists it, its METADATA, and its variant.json if it has one."""

    wheel: Candidate
    core_metadata: bytes
    metadata: VariantMetadata | None


def sources_at(place: str) -> Sources:
    """Return the folder or the index at a place; raises VariantError if the line to the index is not safe."""
    sources = Sources(index_urls=(place,)) if "://" in place else Sources((Path(place),))
    check_lines(sources.index_urls)
    return sources


def find_listing(place: str, request: Pin | None) -> Listing:
    """Return the requested release of a folder or an index, or its only release.

    Raises VariantError if it is missing or a source could not be listed, and SeveralReleasesError if the
    request is ambiguous.
    """
    sources = sources_at(place)
    if request is None:
        names = projects(sources)
        if len(names) > 1:
            raise SeveralReleasesError(f"several packages: {one_of(names)}", remedy="use --package NAME")
        request = Pin(names[0])
    listings = find_listings(request.name, sources)
    if listings.problems:
        raise VariantError(*listings.problems)
    requested = [listing for listing in listings.releases if request.version in (None, listing.version)]
    if len(requested) > 1:
        versions = one_of(str(listing.version) for listing in listings.releases)
        raise SeveralReleasesError(
            f"several versions of {request.name}: {versions}", remedy=f"use --package {request.name}==VERSION"
        )
    if not requested:
        place = f"{shown_url(place)}: {request}" if listings.releases else str(request)
        raise VariantError(listings.nothing_listed(request.name), place=place)
    return requested[0]


class SeveralReleasesError(VariantError):
    """The request fits several releases."""


def only_labels(listing: Listing, labels: Collection[str]) -> Listing:
    """Return a release with only the wheels of some *labels*, sorted by filename.

    Raises UnknownNameError if no wheel has a label.
    """
    known = dict.fromkeys(wheel.label or PLAIN for wheel in listing.wheels if not wheel.problems)
    if unknown := [label for label in labels if label not in known]:
        raise UnknownNameError(
            *(f"unknown label {label!r}{did_you_mean(label, known)}" for label in unknown),
            remedy=f"known labels: {one_of(sorted(known))}",
        )

    def kept(wheels: Iterable[Candidate]) -> tuple[Candidate, ...]:
        selected = (wheel for wheel in wheels if not labels or (wheel.label or PLAIN) in labels)
        return tuple(sorted(selected, key=lambda wheel: wheel.file.filename))

    sources = (source._replace(wheels=kept(source.wheels)) for source in listing.sources)
    return listing._replace(sources=tuple(sources))


def read_parts(
    listing: Listing, only: Collection[str], read: Callable[[Candidate], WheelParts | None]
) -> tuple[Release, list[WheelParts]]:
    """Return a release with the wheels of some labels, by default all, and the parts that *read* returns.

    *read* returns None for a wheel that is left out. Raises VariantError with all problems of the release,
    and with every wheel that cannot be read.
    """
    release, metadata = _read_sound_release(only_labels(listing, only))

    def read_one(wheel: Candidate) -> WheelParts | VariantError | None:
        try:
            return read(wheel)
        except VariantError as error:
            return error

    results = map_in_threads(read_one, release.candidates)
    if problems := problems_of(result for result in results if isinstance(result, VariantError)):
        raise VariantError(*dict.fromkeys(problems))
    parts = [result for result in results if isinstance(result, WheelParts)]
    _refuse_errors(_findings_in(metadata, parts))
    wheels = tuple(part.wheel for part in parts)
    labels = {wheel.label for wheel in wheels}
    kept = reduced(metadata, [label for label in metadata.variants if label in labels])
    return Release(release.name, release.version, wheels, kept), parts


def _read_sound_release(listing: Listing) -> tuple[Release, VariantMetadata]:
    """Read a release and its index file. Raises VariantError with all their problems."""
    files = [*(wheel.file for wheel in listing.wheels), *listing.index_files]
    check_lines(file.url for file in files if file.url)
    findings = run.find_problems(file.path for file in files if file.path)
    # The sdist heeds Requires-Python when it selects a wheel; uv does not.
    _refuse_errors(finding for finding in findings if finding.problem.code != "python-differs")
    release = read_release(listing)
    problems = [*release.problems]
    for wheel in release.candidates:
        problems += (reason.within(wheel.file.filename) for reason in wheel.problems)
    place = f"{listing.name} {listing.version}"
    if not any(wheel.label for wheel in release.candidates):
        remedy = "add a variant wheel to the folder or index, or its label with --label LABEL"
        problems.append(Problem("error", place, "no variant wheel is listed", remedy))
    elif release.metadata is None and not problems:
        folders = [str(wheel.file.path.parent) for wheel in release.candidates if wheel.file.path]
        remedy = f"write it with `variant-backend index {quoted(folders[0]) if folders else 'URL'}`"
        problems.append(Problem("error", place, "the index file is missing", remedy))
    if problems or release.metadata is None:
        raise VariantError(*problems)
    return release, release.metadata


def _refuse_errors(findings: Iterable[Finding]) -> None:
    """Raise VariantError with all findings that are errors; each problem of several files is raised once."""
    files: dict[Problem, dict[str, None]] = {}
    for file, problem in (finding for finding in findings if finding.severity == ERROR):
        files.setdefault(problem, {})[file] = None
    errors = []
    for problem, (first, *others) in files.items():
        place = f"{first}{f' and {len(others)} more' if others else ''}"
        errors.append(Problem(problem.code, place, f"{problem} [{problem.code}]"))
    if errors:
        raise VariantError(*errors)


def _findings_in(index: VariantMetadata, read: Iterable[WheelParts]) -> Iterator[Finding]:
    """Yield findings in the parts of wheels and their index file that were read."""
    parts: dict[str, VariantMetadata] = {}
    names: list[WheelFilename] = []
    for wheel, data, metadata in read:
        names.append(wheel.name)
        filename = wheel.file.filename
        problems = [*soundness.of_filename(wheel.name), *soundness.of_core_metadata(data)]
        yield from (Finding.of(filename, problem) for problem in problems)
        if metadata is not None:
            parts[filename] = metadata
    problems = [
        *consistency.of_metadata(index),
        *consistency.of_index(index, parts),
        *consistency.of_labels(index, names, complete=False),
    ]
    yield from (Finding.of("index file", problem) for problem in problems)
    yield from (Finding.of(name, problem) for name, problem in consistency.of_wheels(parts))


def check_lines(urls: Iterable[str]) -> None:
    """Raise VariantError unless all URLs are https or local, so that nobody can change the files."""
    if unsafe := [url for url in urls if not is_safe_line(url)]:
        texts = (f"expected an https URL, got {shown_url(url)!r}" for url in unsafe)
        raise VariantError(
            *texts, remedy="use https, so that nobody can change the files during the download"
        )
