"""Create a dispatching sdist: installers without variant support build it, and get the best wheel.

It contains no code. Its ``pyproject.toml`` names the backend that selects a wheel. Its ``pylock.toml`` lists
the wheels of one release, each with its URL, size and hashes. Sources: the source distribution format
(PEP 517, 625, 643), the core metadata, and pylock.toml (PEP 751).
"""

from __future__ import annotations

import hashlib
import io
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

from .. import __version__
from ..checking import run
from ..checking.codes import ERROR
from ..checking.findings import Finding
from ..errors import Problem, UnknownNameError, VariantError, did_you_mean, one_of, problems_of
from ..formats import core_metadata, dispatching_sdist, pylock, simple_api, toml_edit
from ..formats.dispatching_sdist import BACKEND, LOCK_FILE, PKG_INFO, PROJECT, is_dispatching
from ..formats.release import Candidate, File, Release, shown_location
from ..lowlevel.file_set import Output, differences, update
from ..lowlevel.newer_dependencies import FIELDS, LOCK_FILES
from ..lowlevel.ranges import Advance, file_digest
from ..lowlevel.tarball import pack
from ..lowlevel.urls import (
    OtherHostError,
    check_base_url,
    is_local_file,
    is_safe_line,
    shown_url,
    without_user,
)
from ..project.user_variables import INDEX_URL, PLAIN
from ..selection.listing import Listing
from ..selection.releases import Sources, find_listings, projects, read_release
from ..variants import consistency
from ..variants.filename import WheelFilename, escape
from ..variants.metadata import VariantMetadata
from ..variants.properties import NULL_LABEL
from ..variants.requirements import Pin
from ..variants.tag_coverage import Coverage
from ..wheels import soundness
from ..wheels.reading import Wheel, open_wheel
from .pinned_source import PinnedSource

_PROJECT = f"""\
# Made by `variant-backend stub`. This sdist contains no code: its build backend selects the best wheel in
# pylock.toml for the machine, downloads it, and verifies its size and hash.
[build-system]
requires = ["variant-backend=={__version__}", "packaging>={LOCK_FILES.least}"]
build-backend = "{BACKEND}"
"""
_READMES = {"text/markdown": "README.md", "text/x-rst": "README.rst"}
_FROM_FOLDER = "download the wheels, then use their folder and --base-url"


class Stub(NamedTuple):
    """A dispatching sdist: the *release* that it lists, and the content of its *files*, by name."""

    release: Release
    files: Mapping[str, bytes]

    def output(self, folder: Path, *, time: int) -> Output:
        """Return the sdist; all its members have the *time*, in seconds since 1970."""
        top = f"{escape(self.release.name)}-{self.release.version}"
        return Output(folder, f"{top}.tar.gz", pack(top, self.files, time=time), _is_ours)


# Plans the sdist of a release, and counts the bytes of local wheels that it reads.
Planner: TypeAlias = Callable[[Listing, Advance], Stub]


def write(sdist: Output, *, force: bool) -> None:
    """Write an sdist; raises VariantError if a different file exists, unless *force* is true."""
    if force:
        sdist = sdist._replace(is_ours=lambda _: True)
    elif differences([sdist]) and sdist.path.exists():
        raise VariantError(
            "already exists with different content", place=sdist.path, hint="use --force to replace it"
        )
    update([sdist])


def without_fallback(listed: Release, listing: Listing) -> Problem | None:
    """Return a problem if an sdist lists neither a null variant nor a plain wheel."""
    if {None, NULL_LABEL} & {wheel.label for wheel in listed.candidates}:
        return None
    labels = sorted({None, NULL_LABEL} & {wheel.label for wheel in listing.wheels}, key=str)
    # Without the project file, a null variant declares another namespace than the other wheels.
    remedy = "add a plain wheel, or a null variant (`make-variant --null --pyproject FILE WHEEL`)"
    if labels:
        remedy = f"add --label {shlex.quote(labels[-1] or PLAIN)}"
    text = "no null variant and no plain wheel is listed, so machines that support no variant get no wheel"
    return Problem("error", f"{listed.name} {listed.version}", text, remedy)


def _is_ours(content: bytes) -> bool:
    return is_dispatching(io.BytesIO(content))


class PinnedWheel(NamedTuple):
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
            raise SeveralReleasesError(f"several packages: {one_of(names)}", hint="use --package NAME")
        request = Pin(names[0])
    listings = find_listings(request.name, sources)
    if listings.problems:
        raise VariantError(*listings.problems)
    requested = [listing for listing in listings.releases if request.version in (None, listing.version)]
    if len(requested) > 1:
        versions = one_of(str(listing.version) for listing in listings.releases)
        raise SeveralReleasesError(
            f"several versions of {request.name}: {versions}", hint=f"use --package {request.name}==VERSION"
        )
    if not requested:
        place = f"{shown_url(place)}: {request}" if listings.releases else str(request)
        raise VariantError(listings.nothing_listed(request.name), place=place)
    return requested[0]


class SeveralReleasesError(VariantError):
    """The request fits several releases."""


def plan_stub(
    listing: Listing,
    *,
    base_url: str | None = None,
    only: Collection[str] = (),
    hosts: Collection[str] = (),
    source: PinnedSource | None = None,
    advance: Advance = lambda _count: None,
) -> Stub:
    """Return the dispatching sdist of a release; wheels in a folder are read whole, others in ranges.

    *base_url* is the URL that users download the wheels from, by default their current one. Their server may
    redirect to *hosts*. *only* has the labels to list, by default all labels and plain wheels. *source* is
    the source distribution that users may build. Raises VariantError with all problems of the release.
    """
    release, metadata = read_sound_release(only_labels(listing, only))
    read = _read_wheels(release, base_url, hosts, advance)
    refuse_errors(findings_in(metadata, read))
    labels = {wheel.label for wheel in release.candidates}
    reduced = pylock.reduced(metadata, [name for name in metadata.variants if name in labels])
    wheels = tuple(part.wheel for part in read)
    listed = Release(release.name, release.version, wheels, reduced)
    described = [*(part.core_metadata for part in read), *([source.pkg_info] if source else [])]
    locked = pylock.Locked(listed, hosts=tuple(sorted(set(hosts))), sdist=source.file if source else None)
    return Stub(listed, _files(locked, described))


def read_sound_release(listing: Listing) -> tuple[Release, VariantMetadata]:
    """Read a release and its index file. Raises VariantError with all their problems."""
    files = [*(wheel.file for wheel in listing.wheels), *listing.index_files]
    check_lines(file.url for file in files if file.url)
    findings = run.find_problems(file.path for file in files if file.path)
    # The sdist heeds Requires-Python when it selects a wheel; uv does not.
    refuse_errors(finding for finding in findings if finding.problem.code != "python-differs")
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
        remedy = f"write it with `variant-backend index {shlex.quote(folders[0]) if folders else 'URL'}`"
        problems.append(Problem("error", place, "the index file is missing", remedy))
    if problems or release.metadata is None:
        raise VariantError(*problems)
    return release, release.metadata


def only_labels(listing: Listing, labels: Collection[str]) -> Listing:
    """Return a release with only the wheels of some *labels*, sorted by filename.

    Raises UnknownNameError if no wheel has a label.
    """
    known = dict.fromkeys(wheel.label or PLAIN for wheel in listing.wheels if not wheel.problems)
    if unknown := [label for label in labels if label not in known]:
        raise UnknownNameError(
            *(f"unknown label {label!r}{did_you_mean(label, known)}" for label in unknown),
            hint=f"known labels: {one_of(sorted(known))}",
        )

    def kept(wheels: Iterable[Candidate]) -> tuple[Candidate, ...]:
        selected = (wheel for wheel in wheels if not labels or (wheel.label or PLAIN) in labels)
        return tuple(sorted(selected, key=lambda wheel: wheel.file.filename))

    sources = (source._replace(wheels=kept(source.wheels)) for source in listing.sources)
    return listing._replace(sources=tuple(sources))


def preferred(listing: Listing) -> list[str]:
    """Return the plain wheels that installers prefer to the sdist, on platforms that have variants."""
    names = [wheel.name for wheel in listing.wheels]
    labelled = {name.tags for name in names if name.label is not None}
    plain = [name for name in names if name.label is None]
    is_preferred = {}
    for tags in {name.tags for name in plain}:
        coverage = Coverage([tags])
        is_preferred[tags] = any(map(coverage.covers, labelled))
    return [str(name) for name in plain if is_preferred[name.tags]]


def refuse_errors(findings: Iterable[Finding]) -> None:
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


def _read_wheels(
    release: Release, base_url: str | None, hosts: Collection[str], advance: Advance
) -> list[PinnedWheel]:
    """Read the wheels. Raises VariantError with every wheel that cannot be read or listed."""
    from ..lowlevel.threads import map_in_threads

    def read(wheel: Candidate) -> PinnedWheel | VariantError:
        try:
            url = _pinned_url(wheel.file, base_url)
            if isinstance(wheel.file.location, Path):
                return _read_local(wheel, wheel.file.location, url, advance)
            return _read_remote(wheel, wheel.file.location, url, hosts if base_url is None else True)
        except VariantError as error:
            return error

    results = map_in_threads(read, release.candidates)
    if problems := problems_of(result for result in results if isinstance(result, VariantError)):
        raise VariantError(*dict.fromkeys(problems))
    return [result for result in results if isinstance(result, PinnedWheel)]


def _read_local(wheel: Candidate, path: Path, url: str, advance: Advance) -> PinnedWheel:
    """Read a local wheel that users will download from *url*."""
    with open_wheel(path) as opened:
        hashes = {"sha256": file_digest(path, advance=advance)}
        return _described(wheel, opened, url, hashes, path.stat().st_size)


def _read_remote(wheel: Candidate, source: str, url: str, hosts: Collection[str] | bool) -> PinnedWheel:
    """Read a wheel from its server as users of the sdist will: only redirects to *hosts* are followed."""
    from ..wheels.remote import on_server, read_wheel

    file = wheel.file
    if "sha256" not in file.hashes:
        raise VariantError("the index has no sha256 of the wheel", place=shown_url(source), hint=_FROM_FOLDER)
    try:
        opened = read_wheel(on_server(wheel.name, source, size=file.size, other_hosts=hosts))
    except OtherHostError as error:
        raise VariantError(
            *error.problems, hint="use --redirect-host HOST if that host may send the wheels"
        ) from None
    return _described(wheel, opened, url, {"sha256": file.hashes["sha256"]}, opened.archive.source.size)


def _described(
    wheel: Candidate, opened: Wheel, url: str, hashes: Mapping[str, str], size: int
) -> PinnedWheel:
    """Return an open wheel as the sdist pins it, at *url*."""
    has_label = opened.is_variant() or wheel.label is not None
    metadata = opened.variant_metadata() if has_label else None
    data = opened.core_metadata
    for problem in simple_api.of_content("METADATA", wheel.file.core_metadata or {}, data):
        raise VariantError(problem).within(shown_location(wheel.file))
    requires_python = core_metadata.find_field(data, "Requires-Python")
    metadata_hashes = {"sha256": hashlib.sha256(data).hexdigest()}
    file = File(wheel.file.filename, url, hashes, size, requires_python, metadata_hashes, wheel.file.yanked)
    return PinnedWheel(Candidate(wheel.name, file), data, metadata)


def _pinned_url(file: File, base_url: str | None) -> str:
    """Return the URL of a wheel that the sdist pins. Raises VariantError if it has a query."""
    if base_url is not None:
        return f"{base_url}/{quote(file.filename)}"
    url = without_user(file.url or "")
    if urlsplit(url).query:
        raise VariantError(
            "the URL of the wheel has a query, which may be secret and may expire",
            place=shown_url(url),
            hint="use --base-url with a public URL of the wheels",
        )
    return url


def check_lines(urls: Iterable[str]) -> None:
    """Raise VariantError unless all URLs are https or local, so that nobody can change the files."""
    if unsafe := [url for url in urls if not is_safe_line(url)]:
        texts = (f"expected an https URL, got {shown_url(url)!r}" for url in unsafe)
        raise VariantError(*texts, hint="use https, so that nobody can change the files during the download")


def checked_base_url(url: str) -> str:
    """Return the base URL of wheels without trailing slashes; an absolute path becomes a ``file://`` URL.

    Raises VariantError if it is not safe.
    """
    if url.lower().startswith("file:") or Path(url).is_absolute():
        return _checked_folder_url(url)
    url = check_base_url(url)
    if url.endswith(".whl"):
        folder, _, name = url.rpartition("/")
        raise VariantError(f"expected the URL of a folder, got the wheel {name!r}", hint=f"use {folder}")
    check_lines([url])
    return url


def _checked_folder_url(text: str) -> str:
    """Return the URL of a local folder; raises VariantError if it names a server."""
    url = (text if "://" in text else Path(text).as_uri()).rstrip("/")
    if not is_local_file(url) or urlsplit(url).query or urlsplit(url).fragment:
        raise VariantError(
            f"expected a local folder such as file:///net/wheels, got {shown_url(url)!r}",
            hint="mount the network share as a folder or a drive; users can name another folder or share in"
            f" {INDEX_URL}",
        )
    return url


def findings_in(index: VariantMetadata, read: Iterable[PinnedWheel]) -> Iterator[Finding]:
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


def _files(locked: pylock.Locked, described: list[bytes]) -> dict[str, bytes]:
    """Return the files of the sdist. Raises VariantError if its backend or an index would refuse them."""
    release = locked.release
    if problems := [*dispatching_sdist.texts_about_locked(locked)]:
        raise VariantError(*problems)
    pkg_info = core_metadata.for_sdist(
        described, common_spelling(described, release.name), str(release.version)
    )
    check_pkg_info(pkg_info)
    files = {
        PROJECT: f"{_about_folders(release)}{_PROJECT}".encode(),
        PKG_INFO: pkg_info,
        LOCK_FILE: toml_edit.from_dict(pylock.to_dict([locked])).encode(),
    }
    return {**files, **readme_of(pkg_info)}


def _about_folders(release: Release) -> str:
    """Return a comment if the wheels are local files, otherwise an empty text."""
    if not (folders := local_folders(release)):
        return ""
    return (
        f"# The wheels are local files. Only machines that have them can install this sdist: {folders[0]}\n"
    )


def local_folders(release: Release) -> list[str]:
    """Return the URLs of the local folders from which an sdist takes its wheels."""
    urls = (wheel.file.url or "" for wheel in release.candidates)
    return [*dict.fromkeys(url.rpartition("/")[0] for url in urls if is_local_file(url))]


def readme_of(pkg_info: bytes) -> dict[str, bytes]:
    """Return the file with the description in PKG-INFO, by its name; empty without a description."""
    readme = core_metadata.description(pkg_info)
    kind = core_metadata.find_field(pkg_info, "Description-Content-Type") or ""
    return {_READMES.get(kind.partition(";")[0].strip().lower(), "README"): readme} if readme else {}


def common_spelling(described: Iterable[bytes], name: str) -> str:
    """Return a project's name as all its wheels spell it, or *name* if the spelling differs."""
    spelled = {core_metadata.read_field(data, "Name") for data in described}
    return spelled.pop() if len(spelled) == 1 else name


def check_pkg_info(data: bytes) -> None:
    """Check METADATA as package indexes do. Raises VariantError if it is invalid."""
    if FIELDS.problem():
        return  # the command warns
    from packaging.metadata import ExceptionGroup, Metadata

    try:
        Metadata.from_email(data, validate=True)
    except ExceptionGroup as error:
        raise VariantError(
            *(f"METADATA of the wheels: {problem}" for problem in error.exceptions),
            hint="correct it and rebuild the wheels: package indexes reject it",
        ) from None
