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
from ..checking.codes import ERROR, Finding
from ..errors import VariantError, did_you_mean, lines_of, one_of
from ..formats import core_metadata, dispatching_sdist, pylock, simple_api, toml_edit
from ..formats.dispatching_sdist import BACKEND, LOCK_FILE, PKG_INFO, PROJECT, is_dispatching
from ..formats.simple_api import File
from ..lowlevel.file_set import Output
from ..lowlevel.http import OtherHostError, check_base_url, is_safe_line, shown_url
from ..lowlevel.ranges import Advance, file_digest
from ..lowlevel.tarball import pack
from ..selection.releases import Listing, Release, local_path, parse_wheel, read_release
from ..selection.report import PLAIN
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


class _Read(NamedTuple):
    """A wheel as it will be listed, its METADATA, and its variant.json if it has one."""

    file: File
    core_metadata: bytes
    metadata: VariantMetadata | None


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
    labels = {file.label for file in release.wheels}
    listed = release._replace(
        wheels=tuple(each.file for each in read),
        metadata=pylock.reduced(metadata, [name for name in metadata.variants if name in labels]),
    )
    return Stub(listed, _files(listed, [each.core_metadata for each in read], hosts))


def _read_sound(listing: Listing) -> tuple[Release, VariantMetadata]:
    """Read a release as far as its index file says; raises VariantError with everything wrong with it."""
    files = {file.url: local_path(file) for file in (*listing.wheels, *listing.index_files)}
    check_lines(url for url, path in files.items() if path is None)
    _refuse(run.find_problems(path for path in files.values() if path))
    release = read_release(listing)
    issues = lines_of(release.faults)
    issues += [f"{name}: {why}" for name, why in release.barred.items()]
    what = f"{listing.name} {listing.version}"
    if not any(file.label for file in release.wheels):
        issues.append(f"{what}: no wheel has a label")
    elif release.metadata is None and not issues:
        issues.append(f"{what}: there is no index file; `variant-backend index` writes it")
    if issues or release.metadata is None:
        raise VariantError(*issues)
    return release, release.metadata


def _only(listing: Listing, labels: Collection[str]) -> Listing:
    """Return a release with the wheels of some labels, in the order of their names.

    Raises VariantError for a label that no wheel has.
    """
    known = dict.fromkeys(file.label or PLAIN for file in listing.wheels)
    if unknown := [label for label in labels if label not in known]:
        raise VariantError(
            *(f"no wheel has the label {label!r}{did_you_mean(label, known)}" for label in unknown),
            hint=f"there are {one_of(sorted(known))}",
        )

    def chosen(wheels: Iterable[File]) -> tuple[File, ...]:
        found = (each for each in wheels if not labels or (each.label or PLAIN) in labels)
        return tuple(sorted(found, key=lambda file: file.filename))

    sources = (source._replace(wheels=chosen(source.wheels)) for source in listing.sources)
    return listing._replace(sources=tuple(sources))


def preferred(listing: Listing) -> list[str]:
    """Return the plain wheels that installers take before any sdist, where there are wheels with labels."""
    names = [found[0] for file in listing.wheels if (found := parse_wheel(file.filename))]
    labelled = {name.tags for name in names if name.label is not None}
    plain = [name for name in names if name.label is None]
    return [str(each) for each in plain if any(release_rules.covers([each.tags], tags) for tags in labelled)]


def _refuse(findings: Iterable[Finding]) -> None:
    """Raise VariantError with all findings that are errors; what several files have is said once."""
    found: dict[str, dict[str, None]] = {}
    for each in findings:
        if each.severity == ERROR:
            place = f"{each.place}: " if each.place else ""
            found.setdefault(f"{place}{each.fault}; {each.remedy} [{each.code}]", {})[each.file] = None
    lines = []
    for text, files in found.items():
        first, *others = files
        lines.append(f"{first}{f' and {len(others)} more' if others else ''}: {text}")
    if lines:
        raise VariantError(*lines)


def _read_wheels(
    release: Release, base_url: str | None, hosts: Collection[str], advance: Advance
) -> list[_Read]:
    """Read the wheels; raises VariantError with every one that cannot be read, or listed."""
    from ..wheels.remote import map_in_threads

    def read(file: File) -> _Read | VariantError:
        try:
            placed = file._replace(url=_place(file, base_url))
            if (path := local_path(file)) is not None:
                with open_wheel(path) as wheel:
                    hashes, size = {"sha256": file_digest(path, advance=advance)}, path.stat().st_size
                    return _described(placed._replace(hashes=hashes, size=size), wheel)
            return _read_remote(file, placed, hosts if base_url is None else True)
        except VariantError as error:
            return error

    results = map_in_threads(read, release.wheels)
    if issues := lines_of(each for each in results if isinstance(each, VariantError)):
        raise VariantError(*dict.fromkeys(issues))
    return [each for each in results if isinstance(each, _Read)]


def _read_remote(file: File, placed: File, hosts: Collection[str] | bool) -> _Read:
    """Read a wheel that lies elsewhere, as whoever uses the sdist will: no other *hosts* may send it."""
    from ..wheels.remote import on_server, read_wheel

    if "sha256" not in file.hashes:
        raise VariantError(f"{shown_url(file.url)}: its index gives no sha256 of it", hint=_FROM_FOLDER)
    try:
        wheel = read_wheel(on_server(file.filename, file.url, size=file.size, other_hosts=hosts))
    except OtherHostError as error:
        raise VariantError(
            *error.problems, hint="if that one may send the wheels, name it with --host"
        ) from None
    size, hashes = wheel.archive.source.size, {"sha256": file.hashes["sha256"]}
    return _described(placed._replace(hashes=hashes, size=size), wheel)


def _described(file: File, wheel: Wheel) -> _Read:
    """Return what is known of an open wheel."""
    metadata = wheel.variant_metadata() if wheel.is_variant() or wheel.filename.label is not None else None
    data = wheel.core_metadata
    told = {"sha256": hashlib.sha256(data).hexdigest()}
    for fault in simple_api.of_content("METADATA", file.core_metadata or {}, data):
        raise VariantError(f"{shown_url(file.url)}: {fault}")
    requires_python = core_metadata.find_field(data, "Requires-Python")
    return _Read(file._replace(requires_python=requires_python, core_metadata=told), data, metadata)


def _place(file: File, base_url: str | None) -> str:
    """Return where a wheel will lie; raises VariantError if the sdist must not say so."""
    if base_url is not None:
        return f"{base_url}/{quote(file.filename)}"
    parts = urlsplit(file.url)
    url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # without a password
    if parts.query:
        raise VariantError(
            f"{shown_url(url)}: its URL has a query, which may be secret, and may expire",
            hint="say with --base-url where the wheels lie for everybody",
        )
    return url


def check_lines(urls: Iterable[str]) -> None:
    """Check that nobody in between can change what comes from URLs, as it is pinned; raises VariantError."""
    if unsafe := [url for url in urls if not is_safe_line(url)]:
        issues = (f"{shown_url(url)} is no URL of https" for url in unsafe)
        raise VariantError(*issues, hint="what is pinned must not be changed on its way")


def checked_base_url(url: str) -> str:
    """Return a URL below which wheels lie, without the slashes at its end; raises VariantError."""
    url = check_base_url(url)
    check_lines([url])
    return url


def _findings(index: VariantMetadata, read: Iterable[_Read]) -> Iterator[Finding]:
    """Yield what is wrong with wheels and their index file, as far as they were read."""
    parts: dict[str, VariantMetadata] = {}
    names: list[WheelFilename] = []
    for file, data, metadata in read:
        name = WheelFilename.parse(file.filename)
        names.append(name)
        faults = [*soundness.of_filename(name), *soundness.of_core_metadata(data)]
        yield from (Finding.of(file.filename, fault) for fault in faults)
        if metadata is not None:
            parts[file.filename] = metadata
    faults = [
        *consistency.of_metadata(index),
        *consistency.of_index(index, parts),
        *consistency.of_labels(index, names, complete=False),
    ]
    yield from (Finding.of("index file", fault) for fault in faults)
    yield from (Finding.of(name, fault) for name, fault in consistency.of_wheels(parts))


def _files(release: Release, described: list[bytes], hosts: Collection[str]) -> dict[str, bytes]:
    """Return what is in the sdist; raises VariantError if its backend, or an index, would refuse that."""
    name, version, wheels, metadata, *_ = release
    locked = pylock.Locked(name, version, wheels, metadata, hosts=tuple(sorted(set(hosts))))
    if issues := [*dispatching_sdist.faults_of_locked(locked)]:
        raise VariantError(*issues)
    pkg_info = core_metadata.for_sdist(described, _spelled(described, name), str(version))
    _check_pkg_info(pkg_info)
    files = {
        PROJECT: _PROJECT.encode(),
        PKG_INFO: pkg_info,
        LOCK_FILE: toml_edit.from_dict(pylock.to_dict([locked], "file:///")).encode(),
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
            *(f"METADATA of the wheels: {each}" for each in error.exceptions),
            hint="package indexes refuse that; mend it, and rebuild",
        ) from None
