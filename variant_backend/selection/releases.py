"""The releases of a project, found in folders and on package indexes, and what their index files say.

Listing reads pages and folders; the files of one release are read when it is its turn. Sources: the simple
repository API, PEP 592 (yanked files), PEP 825 ("Index-level metadata").
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from ..errors import Problem, VariantError, one_of
from ..formats import simple_api
from ..formats.core_metadata import find_field
from ..formats.simple_api import File
from ..lowlevel import http
from ..lowlevel.ranges import path_of
from ..variants.filename import WheelFilename, normalize, parse_index_filename, release_of_index
from ..variants.merging import merge
from ..variants.metadata import VariantMetadata
from ..variants.properties import check_label
from ..variants.validation import Document, read_json
from ..wheels.reading import open_wheel

if TYPE_CHECKING:
    from packaging.version import Version

# So start the reasons against the variant wheels of a source whose index file is of no use.
INDEX_FILE = "index file: "
# The code of an index file that is listed and cannot be had, as `check` has it.
UNREADABLE = "unreadable"

# No page of an index is larger, nor any index file.
_LARGEST = 64 << 20
_ACCEPT = f"{simple_api.JSON_TYPE}, text/html;q=0.5, */*;q=0.1"


class Listed(NamedTuple):
    """What one folder or one page of an index lists of a release; *place* is what messages call it."""

    place: str
    wheels: tuple[File, ...]
    index_files: tuple[File, ...]


class Listing(NamedTuple):
    """A release of a project, by its normalized *name*, as its sources list it: no file is read yet."""

    name: str
    version: Version
    sources: tuple[Listed, ...]

    @property
    def wheels(self) -> tuple[File, ...]:
        """The wheels of all sources; of those with one name, that of the first source."""
        found: dict[str, File] = {}
        for source in self.sources:
            for wheel in source.wheels:
                found.setdefault(wheel.filename, wheel)
        return tuple(found.values())

    @property
    def index_files(self) -> tuple[File, ...]:
        """The index-level files of all sources."""
        return tuple(file for source in self.sources for file in source.index_files)


class IndexDocument(NamedTuple):
    """What an index file says, as far as it can be read, and what is wrong with it."""

    place: str
    metadata: VariantMetadata | None
    faults: tuple[Problem, ...]

    def check(self) -> VariantMetadata:
        """Return what it says; raises VariantError if anything is wrong with it."""
        if self.faults or self.metadata is None:
            raise VariantError(*self.faults).within(self.place)
        return self.metadata


class Release(NamedTuple):
    """A release after its index files were read, and the Requires-Python of wheels that lie in folders.

    *metadata* combine the index files, None without one. *barred* says why a source rules out one of its
    wheels, by filename. *faults* are those of the sources.
    """

    name: str
    version: Version
    wheels: tuple[File, ...]
    metadata: VariantMetadata | None
    barred: Mapping[str, str]
    faults: tuple[VariantError, ...] = ()


def find_listings(
    name: str, *, find_links: Sequence[Path] = (), index_urls: Sequence[str] = ()
) -> tuple[list[Listing], list[VariantError]]:
    """Return the releases of a project that have a wheel, newest first, and what could not be listed.

    *find_links* are folders with wheels and index files, *index_urls* package indexes by the URL below
    which the pages of projects are. Files whose names mean nothing are passed over.
    """
    name, faults = normalize(name), list[VariantError]()
    sources: dict[Version, list[Listed]] = {}
    look = [partial(_in_folder, folder) for folder in find_links]
    for find in [*look, *(partial(_on_index, url, name, faults) for url in index_urls)]:
        try:
            where, files = find()
        except VariantError as error:
            faults.append(error)
            continue
        for version, listed in _by_version(name, where, files, faults).items():
            sources.setdefault(version, []).append(listed)
    listings = [Listing(name, version, tuple(its)) for version, its in sorted(sources.items(), reverse=True)]
    return [each for each in listings if each.wheels], faults


def nothing_listed(
    listings: Sequence[Listing], *, find_links: Sequence[Path] = (), index_urls: Sequence[str] = ()
) -> str:
    """Say that the sources have no wheel of a project, or none of the version that is asked for."""
    if listings:
        versions = one_of(str(each.version) for each in listings)
        return f"there is no such version with wheels; there are {versions}"
    return f"no wheel is in {one_of([*map(str, find_links), *map(http.shown_url, index_urls)])}"


def projects(find_links: Sequence[Path]) -> list[str]:
    """Return the normalized names of the projects whose wheels lie in the folders.

    Raises VariantError when there is none, with what is wrong with the folders.
    """
    names, issues = set[str](), list[str]()
    for folder in find_links:
        try:
            parsed = [parse_wheel(file.filename) for file in _in_folder(folder)[1]]
        except VariantError as error:
            issues += error.lines()
        else:
            names |= {normalize(found[0].distribution) for found in parsed if found}
    if not names:
        raise VariantError(*(issues or [nothing_listed([], find_links=find_links)]))
    return sorted(names)


def parse_wheel(filename: str) -> tuple[WheelFilename, str | None] | None:
    """Split a wheel's filename, and say what is wrong with its label; None is for what is no wheel's name."""
    if not filename.endswith(".whl"):
        return None
    try:
        return WheelFilename.parse(filename), None
    except VariantError:
        stem, _, label = filename.removesuffix(".whl").rpartition("-")
    try:
        plain = WheelFilename.parse(f"{stem}.whl")
    except VariantError:
        return None
    try:
        check_label(label)
    except VariantError as error:
        return (plain._replace(label=label), str(error)) if label and plain.label is None else None
    return None


def read_release(listing: Listing, *, pinned: bool = False) -> Release:
    """Read what is needed of a release to choose among its wheels.

    An index file that is missing, faulty, or in conflict with those of the sources before it rules out the
    variant wheels of its source, and nothing else. Unless the version is *pinned*, yanked ones are out.
    """
    wheels: dict[str, File] = {}
    barred: dict[str, str] = {}
    parts: dict[str, VariantMetadata] = {}
    faults: list[VariantError] = []
    for source in listing.sources:
        reason = None
        try:
            parts = _merged(parts, map(read_index_file, source.index_files))
        except VariantError as error:
            faults.append(error)
            reason = f"{INDEX_FILE}{error.lines()[0]}"
        for wheel in source.wheels:
            if wheel.filename not in wheels or wheel.filename in barred:
                barred.pop(wheel.filename, None)
                wheels[wheel.filename], unreadable = _looked_into(wheel)
                if why := _why_barred(wheel, reason, pinned) or unreadable:
                    barred[wheel.filename] = why
    metadata = merge(parts) if parts else None
    return Release(*listing[:2], tuple(wheels.values()), metadata, barred, tuple(faults))


def _merged(
    parts: Mapping[str, VariantMetadata], read: Iterable[IndexDocument]
) -> dict[str, VariantMetadata]:
    """Return the parts of a release with those of one more source; raises VariantError if they conflict."""
    result = {**parts, **{document.place: document.check() for document in read}}
    if len(result) > 1:
        merge(result)
    return result


def _why_barred(wheel: File, reason: str | None, pinned: bool) -> str | None:
    """Return why a source rules a wheel out; *reason* is what is wrong with the source's index file."""
    found = parse_wheel(wheel.filename)
    assert found, "others are not listed"
    filename, fault = found
    if fault:
        return fault
    if wheel.yanked is not None and not pinned:
        return f"yanked: {wheel.yanked}" if wheel.yanked else "yanked"
    return reason if filename.label is not None else None


def _in_folder(folder: Path) -> tuple[str, list[File]]:
    """Return what messages call a folder, and its files; raises VariantError when it cannot be read."""
    try:
        paths = sorted(
            path for path in folder.iterdir() if path.suffix in (".whl", ".json") and path.is_file()
        )
    except OSError as error:
        raise VariantError(f"{folder}: {error.strerror}", hint="name a folder that holds wheels") from None
    root = folder.absolute().as_uri()
    return str(folder), [File(path.name, f"{root}/{quote(os.fsencode(path.name))}", {}) for path in paths]


def _on_index(url: str, name: str, faults: list[VariantError]) -> tuple[str, list[File]]:
    """Return what messages call a project's page on an index, and its files; raises VariantError.

    A file that the page does not describe rightly is added to the *faults*. Those that are not behind HTTP
    are passed over: an index has no say about the files of this machine.
    """
    content, kind, url = http.get(f"{url.rstrip('/')}/{name}/", accept=_ACCEPT, limit=_LARGEST)
    place = http.shown_url(url)
    skipped: list[VariantError] = []
    try:
        if "json" in kind:
            page = simple_api.from_json(content, place, skipped=skipped)
        else:
            page = simple_api.from_html(content, place)
    except VariantError as error:
        raise error.within(place) from None
    faults += [error.within(place) for error in skipped]
    files = (
        file._replace(url=http.with_credentials(file.url, url))
        for file in page.files
        if file.url.lower().startswith(("http://", "https://"))
    )
    return place, [*files]


def _by_version(
    name: str, place: str, files: Iterable[File], faults: list[VariantError]
) -> dict[Version, Listed]:
    """Return what a source lists of each release of a project; index files with other names are faults."""
    wheels: dict[Version, list[File]] = {}
    indexes: dict[Version, list[File]] = {}
    for file in files:
        try:
            if (found := parse_wheel(file.filename)) and normalize(found[0].distribution) == name:
                wheels.setdefault(found[0].release()[1], []).append(file)
            elif (release := release_of_index(file.filename)) and release[0] == name:
                parse_index_filename(file.filename)
                indexes.setdefault(release[1], []).append(file)
        except VariantError as error:
            if not file.filename.endswith(".whl"):
                faults.append(error.within(place))
    return {
        version: Listed(place, tuple(wheels.get(version, ())), tuple(indexes.get(version, ())))
        for version in {**wheels, **indexes}
    }


def read_index_file(file: File) -> IndexDocument:
    """Read an index file; what is wrong is found, not raised."""
    place, document = _place_of(file), Document()
    try:
        content = _content(file)
    except VariantError as error:
        return IndexDocument(
            place, None, tuple(each._replace(code=UNREADABLE, place="") for each in error.problems)
        )
    if faults := tuple(simple_api.of_content("", file.hashes, content)):
        return IndexDocument(place, None, faults)
    try:
        metadata = VariantMetadata.read(document, read_json(document, content))
    except VariantError as error:
        return IndexDocument(place, None, tuple(each.at("", "not-json") for each in error.problems))
    return IndexDocument(place, metadata, tuple(document.problems))


def _content(file: File) -> bytes:
    """Return what is in an index file; raises VariantError."""
    if (path := local_path(file)) is None:
        return http.get(file.url, limit=_LARGEST).content
    try:
        return path.read_bytes()
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None


def local_path(file: File) -> Path | None:
    """Return the path of a file that lies on this machine, None for another one; raises as `path_of`."""
    return path_of(file.url) if file.url.startswith("file:") else None


def _place_of(file: File) -> str:
    """Return what messages call a file: its path, or its URL without what may be secret."""
    return str(local_path(file) or http.shown_url(file.url))


def _looked_into(wheel: File) -> tuple[File, str | None]:
    """Return a wheel of a folder with its Requires-Python, or why it cannot be used; others as they are."""
    path = local_path(wheel)
    found = parse_wheel(wheel.filename)
    if path is None or found is None or found[1]:
        return wheel, None
    try:
        with open_wheel(path, whole=False) as opened:
            return wheel._replace(requires_python=find_field(opened.core_metadata, "Requires-Python")), None
    except VariantError as error:
        return wheel, error.lines()[0].removeprefix(f"{wheel.filename}: ")
