"""Find the releases of a project in folders and on package indexes, and read what their index files say.

Listing reads pages and folders; the files of one release are read when it is its turn. Sources: the simple
repository API, PEP 592 (yanked files), PEP 825 ("Index-level metadata").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError, one_of, problems_of
from ..formats import simple_api
from ..formats.core_metadata import find_field
from ..formats.release import Candidate, File, Release, shown_location
from ..lowlevel import http
from ..lowlevel.ranges import opened_file
from ..variants.filename import normalize, parse_index_filename, release_of_index
from ..variants.merging import merge
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import read_metadata
from ..variants.validation import Document, read_json
from ..wheels.reading import Wheel

if TYPE_CHECKING:
    from packaging.version import Version

# The code of what is against the variant wheels of a source whose index file is of no use.
INDEX_FILE = "index-file"
# The code of an index file that is listed and cannot be had, as `check` has it.
UNREADABLE = "unreadable"

# No page of an index is larger, nor any index file.
_LARGEST = 64 << 20
_ACCEPT = f"{simple_api.JSON_TYPE}, text/html;q=0.5, */*;q=0.1"


class Sources(NamedTuple):
    """Where releases are looked for: folders, and package indexes by the URL of their root."""

    find_links: tuple[Path, ...] = ()
    index_urls: tuple[str, ...] = ()

    def __str__(self) -> str:
        return one_of([*map(str, self.find_links), *map(http.shown_url, self.index_urls)])


class Listed(NamedTuple):
    """What one folder or one page of an index lists of a release; *place* is what messages call it."""

    place: str
    wheels: tuple[Candidate, ...]
    index_files: tuple[File, ...]


class Listing(NamedTuple):
    """A release of a project, by its normalized *name*, as its sources list it: no file is read yet."""

    name: str
    version: Version
    sources: tuple[Listed, ...]

    @property
    def wheels(self) -> tuple[Candidate, ...]:
        """The wheels of all sources; of those with one name, that of the first source."""
        wheels: dict[str, Candidate] = {}
        for source in self.sources:
            for wheel in source.wheels:
                wheels.setdefault(wheel.file.filename, wheel)
        return tuple(wheels.values())

    @property
    def index_files(self) -> tuple[File, ...]:
        """The index-level files of all sources."""
        return tuple(file for source in self.sources for file in source.index_files)

    def of_label(self, label: str) -> Listing:
        """Return the release with the wheels of one label only."""
        sources = (
            source._replace(wheels=tuple(wheel for wheel in source.wheels if wheel.label == label))
            for source in self.sources
        )
        return self._replace(sources=tuple(sources))


class IndexDocument(NamedTuple):
    """What an index file says, as far as it can be read, and what is wrong with it."""

    place: str
    metadata: VariantMetadata | None
    problems: tuple[Problem, ...]

    def check(self) -> VariantMetadata:
        """Return what it says; raises VariantError if anything is wrong with it."""
        if self.problems or self.metadata is None:
            raise VariantError(*self.problems).within(self.place)
        return self.metadata


class Listings(NamedTuple):
    """The releases of a project that have a wheel, newest first, and what could not be listed."""

    sources: Sources
    releases: tuple[Listing, ...]
    problems: tuple[Problem, ...]

    def in_order(self, version: Version | None) -> Iterator[Listing]:
        """Yield the releases as they are tried: pre-releases last, or those of the one *version*."""
        if version is not None:
            yield from (listing for listing in self.releases if listing.version == version)
            return
        for is_early in (False, True):
            yield from (listing for listing in self.releases if listing.version.is_prerelease is is_early)

    def nothing_listed(self) -> str:
        """Say that the sources have no wheel of the project, or none of the version that is asked for."""
        if self.releases:
            versions = one_of(str(listing.version) for listing in self.releases)
            return f"there is no such version with wheels; there are {versions}"
        return f"no wheel is in {self.sources}"


def find_listings(name: str, sources: Sources) -> Listings:
    """Return the releases of a project that have a wheel; other files are ignored."""
    name = normalize(name)
    problems: list[Problem] = []
    releases: dict[Version, list[Listed]] = {}
    folders = [partial(_in_folder, folder) for folder in sources.find_links]
    for look in [*folders, *(partial(_on_index, url, name, problems) for url in sources.index_urls)]:
        try:
            place, files = look()
        except VariantError as error:
            problems += error.problems
            continue
        for version, listed in _by_version(name, place, files, problems).items():
            releases.setdefault(version, []).append(listed)
    listings = (
        Listing(name, version, tuple(releases[version])) for version in sorted(releases, reverse=True)
    )
    return Listings(sources, tuple(listing for listing in listings if listing.wheels), tuple(problems))


def projects(sources: Sources) -> list[str]:
    """Return the normalized names of the projects whose wheels lie in the folders.

    Raises VariantError when there is none, with what is wrong with the folders.
    """
    names, problems = set[str](), list[Problem]()
    for folder in sources.find_links:
        try:
            wheels = map(Candidate.of, _in_folder(folder)[1])
        except VariantError as error:
            problems += error.problems
        else:
            names |= {normalize(wheel.name.distribution) for wheel in wheels if wheel}
    if problems and not names:
        raise VariantError(*problems)
    if not names:
        raise VariantError(f"no wheel is in {Sources(sources.find_links)}")
    return sorted(names)


def read_release(listing: Listing, *, pinned: bool = False) -> Release:
    """Read what is needed of a release to select among its wheels, Requires-Python of those in folders too.

    An index file that is missing, faulty, or in conflict with those of the sources before it rules out the
    variant wheels of its source, and nothing else. Unless the version is *pinned*, yanked ones are out.
    """
    wheels: dict[str, Candidate] = {}
    parts: dict[str, VariantMetadata] = {}
    problems: list[Problem] = []
    for source in listing.sources:
        reasons: tuple[Problem, ...] = ()
        try:
            parts = _merged(parts, map(read_index_file, source.index_files))
        except VariantError as error:
            problems += error.problems
            reasons = (against_variants(error.problems[0]),)
        for wheel in source.wheels:
            name = wheel.file.filename
            if name not in wheels or wheels[name].problems:
                wheels[name] = _looked_into(wheel, () if wheel.label is None else reasons, pinned)
    metadata = merge(parts) if parts else None
    return Release(listing.name, listing.version, tuple(wheels.values()), metadata, tuple(problems))


def _merged(
    parts: Mapping[str, VariantMetadata], documents: Iterable[IndexDocument]
) -> dict[str, VariantMetadata]:
    """Return the parts of a release with those of one more source; raises VariantError if they conflict."""
    result = {**parts, **{document.place: document.check() for document in documents}}
    if len(result) > 1:
        merge(result)
    return result


def _looked_into(wheel: Candidate, reasons: tuple[Problem, ...], pinned: bool) -> Candidate:
    """Return a wheel with the first reason that rules it out, if any, and with its Requires-Python.

    *reasons* are those against all variant wheels of its source.
    """
    if wheel.problems:
        return wheel
    if wheel.file.yanked is not None and not pinned:
        reason = Problem("yanked", "yanked" if wheel.file.yanked else "", wheel.file.yanked or "yanked")
        reasons = (reason,)
    file = wheel.file
    if file.path is not None:
        try:
            with opened_file(file.path) as source:
                opened = Wheel.glance(wheel.name, source)
            requires_python = find_field(opened.core_metadata, "Requires-Python")
            file = file._replace(requires_python=requires_python)
        except VariantError as error:
            reasons = reasons or (error.problems[0]._replace(code=UNREADABLE),)
    return Candidate(wheel.name, file, reasons)


def against_variants(problem: Problem) -> Problem:
    """Return what a problem of an index file says against the variant wheels of its source."""
    return problem.within("index file")._replace(code=INDEX_FILE)


def _in_folder(folder: Path) -> tuple[str, list[File]]:
    """Return what messages call a folder, and its files; raises VariantError when it cannot be read."""
    try:
        paths = sorted(
            path for path in folder.iterdir() if path.suffix in (".whl", ".json") and path.is_file()
        )
    except OSError as error:
        text = error.strerror or str(error)
        raise VariantError(text, place=folder, hint="name a folder that holds wheels") from None
    return str(folder), [File(path.name, path, {}) for path in paths]


def _on_index(url: str, name: str, problems: list[Problem]) -> tuple[str, list[File]]:
    """Return what messages call a project's page on an index, and its files; raises VariantError.

    What is wrong with a file's description is added to the *problems*. Files that are not behind HTTP
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
    problems += (problem.within(place) for problem in problems_of(skipped))
    files = (
        file._replace(location=http.with_credentials(file.url, url))
        for file in page.files
        if file.url and file.url.lower().startswith(("http://", "https://"))
    )
    return place, [*files]


def _by_version(
    name: str, place: str, files: Iterable[File], problems: list[Problem]
) -> dict[Version, Listed]:
    """Return what a source lists of each release; index files with other names are added to *problems*."""
    wheels: dict[Version, list[Candidate]] = {}
    indexes: dict[Version, list[File]] = {}
    for file in files:
        try:
            if (wheel := Candidate.of(file)) and normalize(wheel.name.distribution) == name:
                wheels.setdefault(wheel.name.release()[1], []).append(wheel)
            elif (release := release_of_index(file.filename)) and release[0] == name:
                parse_index_filename(file.filename)
                indexes.setdefault(release[1], []).append(file)
        except VariantError as error:
            if not file.filename.endswith(".whl"):
                problems += error.within(place).problems
    return {
        version: Listed(place, tuple(wheels.get(version, ())), tuple(indexes.get(version, ())))
        for version in {**wheels, **indexes}
    }


def read_index_file(file: File) -> IndexDocument:
    """Read an index file; what is wrong is found, not raised."""
    place, document = shown_location(file), Document()
    try:
        content = _content(file)
    except VariantError as error:
        problems = (problem._replace(code=UNREADABLE, place="") for problem in error.problems)
        return IndexDocument(place, None, tuple(problems))
    if wrong := tuple(simple_api.of_content("", file.hashes, content)):
        return IndexDocument(place, None, wrong)
    try:
        metadata = read_metadata(document, read_json(document, content))
    except VariantError as error:
        return IndexDocument(place, None, tuple(problem.at("", "not-json") for problem in error.problems))
    return IndexDocument(place, metadata, tuple(document.problems))


def _content(file: File) -> bytes:
    """Return what is in an index file; raises VariantError."""
    if isinstance(file.location, str):
        return http.get(file.location, limit=_LARGEST).content
    try:
        return file.location.read_bytes()
    except OSError as error:
        raise VariantError(error.strerror or str(error)) from None
