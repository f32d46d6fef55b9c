"""A dispatching sdist: what installers that know no variants build, to get the best wheel for the machine.

No code is in it. Its ``pyproject.toml`` names the backend that chooses, and its ``pylock.toml`` the wheels
of one release, each with its URL, size and hashes. Sources: the source distribution format (PEP 517, 625,
643), the core metadata, and pylock.toml (PEP 751).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from .. import __version__
from ..checking import release_rules, run
from ..checking.codes import ERROR
from ..checking.findings import Finding
from ..errors import Problem, VariantError, did_you_mean, one_of, problems_of
from ..formats import core_metadata, dispatching_sdist, pylock, simple_api, toml_edit
from ..formats.dispatching_sdist import BACKEND, LOCK_FILE, PKG_INFO, PROJECT, is_dispatching
from ..formats.release import Candidate, File, Release, shown_location
from ..lowlevel.file_set import Output
from ..lowlevel.http import OtherHostError, check_base_url, is_safe_line, shown_url
from ..lowlevel.ranges import Advance, file_digest
from ..lowlevel.tarball import pack
from ..selection.releases import Listing, Sources, find_listings, projects, read_release
from ..selection.report import PLAIN
from ..selection.requirements import Pin
from ..variants import consistency
from ..variants.filename import WheelFilename, escape
from ..variants.metadata import VariantMetadata
from ..wheels import soundness
from ..wheels.reading import Wheel, open_wheel

_PROJECT = f"""\
# Made by `variant-backend stub`. No code is in this sdist: the backend that is named here chooses the best of
# the wheels that pylock.toml lists for the machine that it runs on, and checks its size and its hash.
[build-system]
requires = ["variant-backend=={__version__}", "packaging>={pylock.PACKAGING}"]
build-backend = "{BACKEND}"
"""
_READMES = {"text/markdown": "README.md", "text/x-rst": "README.rst"}
_FROM_FOLDER = "download the wheels, and name their folder, with --base-url"


class Stub(NamedTuple):
    """A dispatching sdist: the *release* as it lists it, and what its *files* hold, by name."""

    release: Release
    files: Mapping[str, bytes]

    def output(self, folder: Path, *, time: int) -> Output:
        """Return the sdist; all that is in it has the *time*, in seconds since 1970."""
        top = f"{escape(self.release.name)}-{self.release.version}"
        return Output(folder, f"{top}.tar.gz", pack(top, self.files, time=time), _is_ours)


def _is_ours(content: bytes) -> bool:
    return is_dispatching(io.BytesIO(content))


class _PinnedWheel(NamedTuple):
    """A wheel as it will be listed, its METADATA, and its variant.json if it has one."""

    wheel: Candidate
    core_metadata: bytes
    metadata: VariantMetadata | None


def find_listing(place: str, request: Pin | None) -> Listing:
    """Return the release in a folder or on an index that is requested, or the only one.

    Raises VariantError when it is not there, or something could not be listed; SeveralReleasesError when
    the request does not say which one.
    """
    is_url = "://" in place
    sources = Sources(index_urls=(place,)) if is_url else Sources((Path(place),))
    check_lines(sources.index_urls)
    if request is None:
        names = projects(sources)
        if len(names) > 1:
            raise SeveralReleasesError(f"say which package: --package NAME; there are {one_of(names)}")
        request = Pin(names[0])
    listings = find_listings(request.name, sources)
    if listings.problems:
        raise VariantError(*listings.problems)
    requested = [listing for listing in listings.releases if request.version in (None, listing.version)]
    if len(requested) > 1:
        versions = one_of(str(listing.version) for listing in listings.releases)
        raise SeveralReleasesError(
            f"say which version: --package {request.name}==VERSION; there are {versions}"
        )
    if not requested:
        place = f"{shown_url(place)}: {request}" if listings.releases else str(request)
        raise VariantError(listings.nothing_listed(request.name), place=place)
    return requested[0]


class SeveralReleasesError(VariantError):
    """It is not said which of several releases is meant."""


def plan_stub(
    listing: Listing,
    *,
    base_url: str | None = None,
    only: Collection[str] = (),
    hosts: Collection[str] = (),
    advance: Advance = lambda _count: None,
) -> Stub:
    """Return the dispatching sdist of a release; wheels in a folder are read whole, others in ranges.

    The wheels will lie at *base_url*, by default where they are now, and their server may redirect to
    *hosts*. *only* are the labels that are listed, by default all, with plain wheels. Raises VariantError
    with everything that is wrong with the release.
    """
    release, metadata = _read_sound(_only(listing, only))
    read = _read_wheels(release, base_url, hosts, advance)
    _refuse(_findings(metadata, read))
    labels = {wheel.label for wheel in release.candidates}
    reduced = pylock.reduced(metadata, [name for name in metadata.variants if name in labels])
    wheels = tuple(part.wheel for part in read)
    listed = Release(release.name, release.version, wheels, reduced)
    return Stub(listed, _files(listed, [part.core_metadata for part in read], hosts))


def _read_sound(listing: Listing) -> tuple[Release, VariantMetadata]:
    """Read a release as far as its index file says; raises VariantError with everything wrong with it."""
    files = [*(wheel.file for wheel in listing.wheels), *listing.index_files]
    check_lines(file.url for file in files if file.url)
    _refuse(run.find_problems(file.path for file in files if file.path))
    release = read_release(listing)
    problems = [*release.problems]
    for wheel in release.candidates:
        problems += (reason.within(wheel.file.filename) for reason in wheel.problems)
    place = f"{listing.name} {listing.version}"
    if not any(wheel.label for wheel in release.candidates):
        problems.append(Problem("error", place, "no wheel has a label"))
    elif release.metadata is None and not problems:
        remedy = "`variant-backend index` writes it"
        problems.append(Problem("error", place, "there is no index file", remedy))
    if problems or release.metadata is None:
        raise VariantError(*problems)
    return release, release.metadata


def _only(listing: Listing, labels: Collection[str]) -> Listing:
    """Return a release with the wheels of some labels, in the order of their names.

    Raises VariantError for a label that no wheel has.
    """
    known = dict.fromkeys(wheel.label or PLAIN for wheel in listing.wheels if not wheel.problems)
    if unknown := [label for label in labels if label not in known]:
        raise VariantError(
            *(f"no wheel has the label {label!r}{did_you_mean(label, known)}" for label in unknown),
            hint=f"there are {one_of(sorted(known))}",
        )

    def chosen(wheels: Iterable[Candidate]) -> tuple[Candidate, ...]:
        kept = (wheel for wheel in wheels if not labels or (wheel.label or PLAIN) in labels)
        return tuple(sorted(kept, key=lambda wheel: wheel.file.filename))

    sources = (source._replace(wheels=chosen(source.wheels)) for source in listing.sources)
    return listing._replace(sources=tuple(sources))


def preferred(listing: Listing) -> list[str]:
    """Return the plain wheels that installers take before any sdist, where there are wheels with labels."""
    names = [wheel.name for wheel in listing.wheels]
    labelled = {name.tags for name in names if name.label is not None}
    plain = [name for name in names if name.label is None]
    return [str(name) for name in plain if any(release_rules.covers([name.tags], tags) for tags in labelled)]


def _refuse(findings: Iterable[Finding]) -> None:
    """Raise VariantError with all findings that are errors; what several files have is said once."""
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
) -> list[_PinnedWheel]:
    """Read the wheels; raises VariantError with every one that cannot be read, or listed."""
    from ..wheels.remote import map_in_threads

    def read(wheel: Candidate) -> _PinnedWheel | VariantError:
        try:
            url = _place(wheel.file, base_url)
            if isinstance(wheel.file.location, Path):
                return _read_local(wheel, wheel.file.location, url, advance)
            return _read_remote(wheel, wheel.file.location, url, hosts if base_url is None else True)
        except VariantError as error:
            return error

    results = map_in_threads(read, release.candidates)
    if problems := problems_of(result for result in results if isinstance(result, VariantError)):
        raise VariantError(*dict.fromkeys(problems))
    return [result for result in results if isinstance(result, _PinnedWheel)]


def _read_local(wheel: Candidate, path: Path, url: str, advance: Advance) -> _PinnedWheel:
    """Read a wheel on this machine, which will lie at a URL."""
    with open_wheel(path) as opened:
        hashes = {"sha256": file_digest(path, advance=advance)}
        return _described(wheel, opened, url, hashes, path.stat().st_size)


def _read_remote(wheel: Candidate, source: str, url: str, hosts: Collection[str] | bool) -> _PinnedWheel:
    """Read a wheel that lies elsewhere, as whoever uses the sdist will: no other *hosts* may send it."""
    from ..wheels.remote import on_server, read_wheel

    file = wheel.file
    if "sha256" not in file.hashes:
        raise VariantError("its index gives no sha256 of it", place=shown_url(source), hint=_FROM_FOLDER)
    try:
        opened = read_wheel(on_server(wheel.name, source, size=file.size, other_hosts=hosts))
    except OtherHostError as error:
        raise VariantError(
            *error.problems, hint="if that one may send the wheels, name it with --redirect-host"
        ) from None
    return _described(wheel, opened, url, {"sha256": file.hashes["sha256"]}, opened.archive.source.size)


def _described(
    wheel: Candidate, opened: Wheel, url: str, hashes: Mapping[str, str], size: int
) -> _PinnedWheel:
    """Return what is known of an open wheel, as it will lie at a URL."""
    has_label = opened.is_variant() or wheel.label is not None
    metadata = opened.variant_metadata() if has_label else None
    data = opened.core_metadata
    for problem in simple_api.of_content("METADATA", wheel.file.core_metadata or {}, data):
        raise VariantError(problem).within(shown_location(wheel.file))
    requires_python = core_metadata.find_field(data, "Requires-Python")
    metadata_hashes = {"sha256": hashlib.sha256(data).hexdigest()}
    file = File(wheel.file.filename, url, hashes, size, requires_python, metadata_hashes, wheel.file.yanked)
    return _PinnedWheel(Candidate(wheel.name, file), data, metadata)


def _place(file: File, base_url: str | None) -> str:
    """Return where a wheel will lie; raises VariantError if the sdist must not say so."""
    if base_url is not None:
        return f"{base_url}/{quote(file.filename)}"
    parts = urlsplit(file.url or "")
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # without a password
    if parts.query:
        raise VariantError(
            "its URL has a query, which may be secret, and may expire",
            place=shown_url(url),
            hint="say with --base-url where the wheels lie for everybody",
        )
    return url


def check_lines(urls: Iterable[str]) -> None:
    """Check that nobody in between can change what comes from URLs, as it is pinned; raises VariantError."""
    if unsafe := [url for url in urls if not is_safe_line(url)]:
        texts = (f"{shown_url(url)} is no URL of https" for url in unsafe)
        raise VariantError(*texts, hint="what is pinned must not be changed on its way")


def checked_base_url(url: str) -> str:
    """Return a URL below which wheels lie, without the slashes at its end; raises VariantError."""
    url = check_base_url(url)
    check_lines([url])
    return url


def _findings(index: VariantMetadata, read: Iterable[_PinnedWheel]) -> Iterator[Finding]:
    """Yield what is wrong with wheels and their index file, as far as they were read."""
    parts: dict[str, VariantMetadata] = {}
    names: list[WheelFilename] = []
    for wheel, data, metadata in read:
        names.append(wheel.name)
        filename = wheel.file.filename
        faults = [*soundness.of_filename(wheel.name), *soundness.of_core_metadata(data)]
        yield from (Finding.of(filename, fault) for fault in faults)
        if metadata is not None:
            parts[filename] = metadata
    faults = [
        *consistency.of_metadata(index),
        *consistency.of_index(index, parts),
        *consistency.of_labels(index, names, complete=False),
    ]
    yield from (Finding.of("index file", fault) for fault in faults)
    yield from (Finding.of(name, fault) for name, fault in consistency.of_wheels(parts))


def _files(release: Release, described: list[bytes], hosts: Collection[str]) -> dict[str, bytes]:
    """Return what is in the sdist; raises VariantError if its backend, or an index, would refuse that."""
    locked = pylock.Locked(release, hosts=tuple(sorted(set(hosts))))
    if faults := [*dispatching_sdist.faults_of_locked(locked)]:
        raise VariantError(*faults)
    pkg_info = core_metadata.for_sdist(described, _spelled(described, release.name), str(release.version))
    _check_pkg_info(pkg_info)
    files = {
        PROJECT: _PROJECT.encode(),
        PKG_INFO: pkg_info,
        LOCK_FILE: toml_edit.from_dict(pylock.to_dict([locked])).encode(),
    }
    if readme := core_metadata.description(pkg_info):
        kind = core_metadata.find_field(pkg_info, "Description-Content-Type") or ""
        files[_READMES.get(kind.partition(";")[0].strip().lower(), "README")] = readme
    return files


def _spelled(described: Iterable[bytes], name: str) -> str:
    """Return a project's name as all wheels spell it, or else normalized."""
    spelled = {core_metadata.read_field(data, "Name") for data in described}
    return spelled.pop() if len(spelled) == 1 else name


def _check_pkg_info(data: bytes) -> None:
    """Check what package indexes will; raises VariantError."""
    from packaging.metadata import ExceptionGroup, Metadata

    try:
        Metadata.from_email(data, validate=True)
    except ExceptionGroup as error:
        raise VariantError(
            *(f"METADATA of the wheels: {fault}" for fault in error.exceptions),
            hint="package indexes refuse that; mend it, and rebuild",
        ) from None
