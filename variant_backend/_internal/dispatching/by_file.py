"""By file: plan a dispatching sdist whose ``pylock.toml`` lists the wheels of one release.

Each wheel has its URL, size and hashes. Source: pylock.toml (PEP 751).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..errors import Problem, VariantError
from ..formats import core_metadata, dispatching_sdist, pylock, simple_api
from ..formats.dispatching_sdist import LOCK_FILE
from ..formats.release import Candidate, File, Release, shown_location
from ..lowlevel.newer_dependencies import LOCK_FILES
from ..lowlevel.ranges import Advance, file_digest
from ..lowlevel.shell_words import quoted
from ..lowlevel.urls import OtherHostError, check_base_url, is_local_file, shown_url, without_user
from ..project.user_variables import INDEX_URL, PLAIN
from ..selection.listing import Listing
from ..variants.properties import NULL_LABEL
from ..wheels.reading import Wheel, open_wheel
from .create import Stub, build_system, made_stub
from .pinned_source import PinnedSource
from .sound_release import WheelParts, check_lines, read_parts

_PROJECT = f"""\
# Made by `variant-backend stub`. This sdist contains no code: its build backend selects the best wheel in
# pylock.toml for the machine, downloads it, and verifies its size and hash.
{build_system(f"packaging>={LOCK_FILES.least}")}"""
_FROM_FOLDER = "download the wheels, then use their folder and --base-url"


def without_fallback(listed: Release, listing: Listing) -> Problem | None:
    """Return a problem if an sdist lists neither a null variant nor a plain wheel."""
    if {None, NULL_LABEL} & {wheel.label for wheel in listed.candidates}:
        return None
    labels = sorted({None, NULL_LABEL} & {wheel.label for wheel in listing.wheels}, key=str)
    # Without the project file, a null variant declares another namespace than the other wheels.
    remedy = "add a plain wheel, or a null variant (`make-variant --null --pyproject FILE WHEEL`)"
    if labels:
        remedy = f"add --label {quoted(labels[-1] or PLAIN)}"
    text = "no null variant and no plain wheel is listed, so machines that support no variant get no wheel"
    return Problem("error", f"{listed.name} {listed.version}", text, remedy)


def plan_by_file(
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

    def read(wheel: Candidate) -> WheelParts:
        url = _pinned_url(wheel.file, base_url)
        if isinstance(wheel.file.location, Path):
            return _read_local(wheel, wheel.file.location, url, advance)
        return _read_remote(wheel, wheel.file.location, url, hosts if base_url is None else True)

    release, parts = read_parts(listing, only, read)
    described = [part.core_metadata for part in parts]
    dynamic: list[str] = []
    if source is not None:
        described.append(source.pkg_info)
        dynamic = core_metadata.undecided_fields(source.pkg_info)
    locked = pylock.Locked(release, hosts=tuple(sorted(set(hosts))), sdist=source.file if source else None)
    if problems := [*dispatching_sdist.texts_about_locked(locked)]:
        raise VariantError(*problems)
    lock = pylock.to_dict([locked])
    return made_stub(
        release, described, (LOCK_FILE, lock), f"{_about_folders(release)}{_PROJECT}", dynamic=dynamic
    )


def _read_local(wheel: Candidate, path: Path, url: str, advance: Advance) -> WheelParts:
    """Read a local wheel that users will download from *url*."""
    with open_wheel(path) as opened:
        hashes = {"sha256": file_digest(path, advance=advance)}
        return _described(wheel, opened, url, hashes, path.stat().st_size)


def _read_remote(wheel: Candidate, source: str, url: str, hosts: Collection[str] | bool) -> WheelParts:
    """Read a wheel from its server as users of the sdist will: only redirects to *hosts* are followed."""
    from ..wheels.remote import on_server, read_wheel

    file = wheel.file
    if "sha256" not in file.hashes:
        raise VariantError(
            "the index has no sha256 of the wheel", place=shown_url(source), remedy=_FROM_FOLDER
        )
    try:
        opened = read_wheel(on_server(wheel.name, source, size=file.size, other_hosts=hosts))
    except OtherHostError as error:
        raise VariantError(
            *error.problems, remedy="use --redirect-host HOST if that host may send the wheels"
        ) from None
    return _described(wheel, opened, url, {"sha256": file.hashes["sha256"]}, opened.archive.source.size)


def _described(wheel: Candidate, opened: Wheel, url: str, hashes: Mapping[str, str], size: int) -> WheelParts:
    """Return an open wheel as the sdist pins it, at *url*."""
    has_label = opened.is_variant() or wheel.label is not None
    metadata = opened.variant_metadata() if has_label else None
    data = opened.core_metadata
    for problem in simple_api.of_content("METADATA", wheel.file.core_metadata or {}, data):
        raise VariantError(problem).within(shown_location(wheel.file))
    requires_python = core_metadata.find_field(data, "Requires-Python")
    metadata_hashes = {"sha256": hashlib.sha256(data).hexdigest()}
    file = File(wheel.file.filename, url, hashes, size, requires_python, metadata_hashes, wheel.file.yanked)
    return WheelParts(Candidate(wheel.name, file), data, metadata)


def _pinned_url(file: File, base_url: str | None) -> str:
    """Return the URL of a wheel that the sdist pins. Raises VariantError if it has a query."""
    if base_url is not None:
        return f"{base_url}/{quote(file.filename)}"
    url = without_user(file.url or "")
    if urlsplit(url).query:
        raise VariantError(
            "the URL of the wheel has a query, which may be secret and may expire",
            place=shown_url(url),
            remedy="use --base-url with a public URL of the wheels",
        )
    return url


def checked_base_url(url: str) -> str:
    """Return the base URL of wheels without trailing slashes; an absolute path becomes a ``file://`` URL.

    Raises VariantError if it is not safe.
    """
    if url.lower().startswith("file:") or Path(url).is_absolute():
        return _checked_folder_url(url)
    url = check_base_url(url)
    if url.endswith(".whl"):
        folder, _, name = url.rpartition("/")
        raise VariantError(f"expected the URL of a folder, got the wheel {name!r}", remedy=f"use {folder}")
    check_lines([url])
    return url


def _checked_folder_url(text: str) -> str:
    """Return the URL of a local folder; raises VariantError if it names a server."""
    url = (text if text.lower().startswith("file:") else Path(text).as_uri()).rstrip("/")
    if not is_local_file(url) or urlsplit(url).query or urlsplit(url).fragment:
        raise VariantError(
            f"expected a local folder such as file:///net/wheels, got {shown_url(url)!r}",
            remedy="mount the network share as a folder or a drive; users can name another folder or share in"
            f" {INDEX_URL}",
        )
    return url


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
