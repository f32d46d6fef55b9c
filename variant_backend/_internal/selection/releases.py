"""Find the releases of a project in folders and on package indexes, and read their index files.

Listing reads pages and folders only; the files of a release are read when it is evaluated. Sources: the
simple repository API, PEP 592 (yanked files), PEP 825 ("Index-level metadata").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError, did_you_mean, one_of, shortened
from ..formats.core_metadata import find_field
from ..formats.release import Candidate, File, Release
from ..lowlevel import http
from ..lowlevel.ranges import opened_file
from ..lowlevel.shell_words import quoted
from ..lowlevel.threads import map_in_threads
from ..project.overlay import entries_of, members_of, used_entries
from ..variants.filename import (
    index_filename,
    normalize,
)
from ..variants.merging import merge_metadata
from ..variants.metadata import VariantMetadata
from ..wheels.reading import Wheel
from .generated_wheels import is_generated, with_generated_wheels
from .index_documents import UNREADABLE, IndexDocument, index_documents
from .listed_files import listings_of, sdists_of_releases
from .listing import Listed, Listing, SourceRead
from .member_wheels import member_metadata, own_wheel_folder
from .read_ahead import AT_ONCE
from .source_files import (
    Folders,
    files_on_index,
    projects_in_folder,
    projects_on_index,
    read_folder,
    read_index_url,
    shown_source,
)

if TYPE_CHECKING:
    from packaging.version import Version

    from ..project.overlay import OverlayEntry
    from ..variants.filename import WheelFilename
    from ..variants.requirements import PackageRequest

# The code of a reason that excludes the variants of a source with an invalid index file.
INDEX_FILE = "index-file"
# The code of a missing index file, as in `check`.
MISSING_INDEX = "missing-index"


_LOOK_ELSEWHERE = "check the name, and use --find-links or --index-url with a source that has its wheels"
_BUILD = "use `fetch --with-dependencies`, or build a wheel, and name its folder with --find-links"


class Sources(NamedTuple):
    """The sources of releases: folders, and package indexes by the URL of their root.

    An index on disk has a ``file://`` URL. An *overlay* says which wheels of some projects are variants.
    """

    find_links: tuple[Path, ...] = ()
    index_urls: tuple[str, ...] = ()
    overlay: tuple[OverlayEntry, ...] = ()

    @property
    def are_missing(self) -> bool:
        """Whether no folder and no index of all projects is named."""
        return not (self.find_links or self.index_urls)

    @property
    def every_index_url(self) -> tuple[str, ...]:
        """The indexes of all projects, and those of the projects of the overlay."""
        own = (url for entry in self.overlay for url in entry.index_urls)
        return tuple(dict.fromkeys((*self.index_urls, *own)))

    def own_indexes(self, name: str) -> tuple[str, ...]:
        """Return the indexes that the overlay names for a project, or for one whose label it is.

        The name is normalized.
        """
        having = (entry for entry in self.overlay if name in (*entry.names, *entry.projects.values()))
        return tuple(dict.fromkeys(url for entry in having for url in entry.index_urls))

    def of_project(self, name: str) -> Sources:
        """Return the folders, and the indexes that have a project; its name is normalized."""
        return self._replace(index_urls=self.own_indexes(name) or self.index_urls)

    def __str__(self) -> str:
        return one_of([*map(str, self.find_links), *map(shown_source, self.index_urls)])

    @classmethod
    def of(
        cls,
        find_links: Iterable[str],
        index_urls: Iterable[str],
        overlay_files: Iterable[Path] = (),
        *,
        allows_local: bool = False,
    ) -> Sources:
        """Read the values of options for sources; raises VariantError."""
        folders, urls = list[Path](), list[str]()
        problems: list[Problem] = []
        for text in find_links:
            try:
                folders.append(read_folder(text))
            except VariantError as error:
                problems += error.within("--find-links").problems
        for text in index_urls:
            try:
                urls.append(read_index_url(text))
            except VariantError as error:
                problems += error.within("--index-url").problems
        overlay: list[OverlayEntry] = []
        for path in overlay_files:
            try:
                overlay += _read_overlay(path)
            except VariantError as error:
                problems += error.within("--overlay").problems
        if problems:
            raise VariantError(*problems)
        entries = (entry._replace(allows_local=allows_local) for entry in overlay)
        return cls(tuple(folders), tuple(urls), used_entries(entries))

    def projects(self) -> list[str]:
        """Return the normalized names of the projects in folders and on indexes on disk."""
        names = {name for url in self.index_urls for name in projects_on_index(url)}
        for folder in self.find_links:
            with suppress(VariantError):
                names |= {*projects_in_folder(folder)}
        return sorted(names)


def _read_overlay(path: Path) -> list[OverlayEntry]:
    """Read an overlay with the URLs of its indexes; folders are relative to its file. Raises VariantError."""
    from ..project.overlay_reading import read_overlay

    entries = []
    for entry in read_overlay(path):
        texts = (text if ":" in text else str(path.parent / text) for text in entry.index_urls)
        try:
            entries.append(entry._replace(index_urls=tuple(map(read_index_url, texts))))
        except VariantError as error:
            raise error.within(f"{entry.place}.index-urls") from None
    return entries


class Listings(NamedTuple):
    """The releases of a project that have wheels, newest first, and the problems of the sources.

    *unread* is true if all sources are folders, and none could be listed. *sdist_only* are the releases that
    have sdists, if these were requested, but no wheels. *has_sdists* is true if any file is an sdist.
    """

    sources: Sources
    releases: tuple[Listing, ...]
    problems: tuple[Problem, ...]
    unread: bool = False
    sdist_only: tuple[Listing, ...] = ()
    has_sdists: bool = False

    @property
    def most_at_once(self) -> int:
        """How many releases to read at a time: several if index files are on servers."""
        files = (file for listing in self.releases for file in listing.index_files)
        return AT_ONCE if any(file.url for file in files) else 1

    def of_version(self, version: Version) -> Iterator[Listing]:
        """Yield the release of a version, if there is one."""
        yield from (listing for listing in self.releases if listing.version == version)

    def matching(self, request: PackageRequest | None) -> Iterator[Listing]:
        """Yield the releases that a request admits in the order of selection, all without a request.

        Pre-releases come last, unless the request names one.
        """
        public = request.public if request else None
        admitted = [
            one
            for one in self.releases
            if request is None or (public if public and one.overlay else request).admits(one.version)
        ]
        if request is None or not request.wants_early:
            admitted.sort(key=lambda listing: listing.version.is_prerelease)
        yield from admitted

    def nothing_listed(self, name: str) -> str:
        """Return a message that the sources have no wheel of a project, or of its requested version."""
        if self.releases:
            versions = one_of(str(listing.version) for listing in self.releases)
            return f"no wheels of this version; existing versions: {versions}"
        sources = self.sources.of_project(name)
        if self.has_sdists:
            return f"no wheels in {sources}, only sdists; {_BUILD}"
        known = sources.projects()
        existing = f"; existing packages: {shortened(known)}" if known else f"; {_LOOK_ELSEWHERE}"
        if not known and any(_is_unusual(url) for url in sources.index_urls):
            existing += "; the URL of a package index often ends in /simple"
        return f"no wheels in {sources}{did_you_mean(name, known)}{existing}"


def _is_unusual(index_url: str) -> bool:
    """Return whether the URL of an index is not of the usual form."""
    return index_url.startswith("http") and not index_url.rstrip("/").endswith("/simple")


def find_listings(
    name: str, sources: Sources, folders: Folders | None = None, *, with_sdists: bool = False
) -> Listings:
    """Return the releases of a project that have wheels; other files are ignored, but for requested sdists.

    *folders* has the files of folders that were listed before.
    """
    name = normalize(name)
    overlay = tuple(entries_of(sources.overlay, name))
    names = (name, *members_of(overlay))
    find = partial(_project_files, sources=sources, folders=folders or Folders(), is_joint=len(names) > 1)
    first, *others = map_in_threads(find, names)
    read, problems = first.read, [problem for one in (first, *others) for problem in one.problems]
    if not any(one.has_page for one in (first, *others)):
        problems += first.missing
    members = dict(zip(names[1:], (one.read for one in others), strict=True))
    listings = listings_of(name, read, problems, overlay=overlay, members=members, with_sdists=with_sdists)
    having = tuple(listing for listing in listings if listing.wheels)
    sdist_only = tuple(listing for listing in listings if not listing.wheels and listing.sdists)
    # A package that an index does not have is an error too, whose remedy is in `nothing_listed`.
    unread = bool(problems) and not read and not sources.index_urls
    has_sdists = any(sdists_of_releases(name, source.files) for source in read)
    return Listings(sources, having, tuple(problems), unread, sdist_only, has_sdists)


class _ProjectFiles(NamedTuple):
    """The files of a project in the sources that have it, and the problems of other sources.

    *missing* are problems only if no index *has_page* of the project or of one of its members.
    """

    read: list[SourceRead]
    problems: list[Problem]
    missing: list[Problem]
    has_page: bool


def _project_files(name: str, sources: Sources, folders: Folders, *, is_joint: bool) -> _ProjectFiles:
    """Return the files of a project; *is_joint* is true if it has members, or is a member.

    The indexes that an overlay names need not all have the project. Some servers answer 403 then.
    """
    own_indexes = sources.own_indexes(name)
    local = [_read_or_error(partial(folders.files, folder, name), folder) for folder in sources.find_links]
    pages = map_in_threads(partial(_page_or_error, name=name), own_indexes or sources.index_urls)
    project = _ProjectFiles([], [], [], any(isinstance(page, SourceRead) for page in pages))
    for result in (*local, *pages):
        if isinstance(result, SourceRead):
            project.read.append(result)
            project.problems.extend(result.problems)
            continue
        is_refused = bool(own_indexes) and isinstance(result, http.ForbiddenError)
        is_absent = is_refused or result.problems[0].code == http.NOT_FOUND
        (project.missing if is_absent and (own_indexes or is_joint) else project.problems).extend(
            result.problems
        )
    return project


def _page_or_error(url: str, name: str) -> SourceRead | VariantError:
    problems: list[Problem] = []
    result = _read_or_error(partial(files_on_index, url, name, problems), url)
    return result if isinstance(result, VariantError) else result._replace(problems=tuple(problems))


def _read_or_error(look: Callable[[], tuple[str, list[File]]], origin: object) -> SourceRead | VariantError:
    """Return what a source has of a project; errors are returned."""
    try:
        return SourceRead(*look(), str(origin))
    except VariantError as error:
        return error


def projects(sources: Sources) -> list[str]:
    """Return the normalized names of the projects that have wheels in the folders.

    Raises VariantError, with the problems of the folders, if there are no wheels.
    """
    names, problems = set[str](), list[Problem]()
    for folder in sources.find_links:
        try:
            names |= {*projects_in_folder(folder)}
        except VariantError as error:
            problems += error.problems
    if problems and not names:
        raise VariantError(*problems)
    if not names:
        raise VariantError(f"no wheels in {Sources(sources.find_links)}", remedy=_LOOK_ELSEWHERE)
    return sorted(names)


def read_release(
    listing: Listing,
    *,
    pinned: bool = False,
    documents_of: Callable[[Listed], list[IndexDocument]] = index_documents,
) -> Release:
    """Read a release's index files, and Requires-Python of the wheels in folders.

    *documents_of* reads the index files of one source.
    If the index file of a source is missing, invalid, or contradicts an earlier source, only the variants of
    this source are excluded. Yanked wheels are excluded unless the version is *pinned*.
    """
    wheels: dict[WheelFilename, Candidate] = {}
    listing = with_generated_wheels(listing, member_metadata, own_wheel_folder)
    overlay = listing.overlay
    parts: dict[str, VariantMetadata] = {overlay.place: overlay.metadata} if overlay else {}
    problems: list[Problem] = []
    for source in listing.sources:
        reasons: tuple[Problem, ...] = ()
        documents = documents_of(source)
        problems += [problem.within(file.place) for file in documents for problem in file.tolerated]
        try:
            parts = _merged(parts, documents)
        except VariantError as error:
            problems += error.problems
            reasons = (against_variants(error.problems[0]),)
        for wheel in source.wheels:
            name = wheel.name
            if name not in wheels or wheels[name].problems:
                wheels[name] = _read_wheel(wheel, () if wheel.label is None else reasons, pinned)
    metadata = merge_metadata(parts) if parts else None
    members = overlay.projects if overlay else {}
    return Release(listing.name, listing.version, tuple(wheels.values()), metadata, tuple(problems), members)


def _merged(
    parts: Mapping[str, VariantMetadata], documents: Iterable[IndexDocument]
) -> dict[str, VariantMetadata]:
    """Add the index files of one more source to a release; raises VariantError on a contradiction."""
    result = {**parts, **{document.place: document.check() for document in documents}}
    if len(result) > 1:
        merge_metadata(result)
    return result


def missing_index_files(listing: Listing, metadata: VariantMetadata | None) -> list[Problem]:
    """Return the sources that lack an index file, if *metadata* of all sources lacks one of their labels."""
    known = {None, *(metadata.variants if metadata else ())}
    problems = []
    for source in listing.sources:
        labelled = (wheel for wheel in source.wheels if not (wheel.problems or wheel.name.by_overlay))
        lost = [wheel for wheel in labelled if wheel.label not in known]
        if not lost or source.index_files:
            continue
        name = index_filename((listing.name, listing.version))
        variants = "1 variant is" if len(lost) == 1 else f"{len(lost)} variants are"
        in_folder = any(wheel.file.path and str(wheel.file.path.parent) == source.place for wheel in lost)
        remedy = f"ask the owner of the index to serve {name} beside the wheels"
        if in_folder:
            remedy = f"write it with `variant-backend index {quoted(source.place)}`"
        text = f"the index file {name} is missing, so {variants} excluded"
        problems.append(Problem(MISSING_INDEX, source.place, text, remedy))
    return problems


def _read_wheel(wheel: Candidate, reasons: tuple[Problem, ...], pinned: bool) -> Candidate:
    """Return a wheel with its Requires-Python, and with the first reason that excludes it, if any.

    *reasons* exclude all variants of the wheel's source.
    """
    if wheel.problems:
        return wheel
    if wheel.file.yanked is not None and not pinned:
        reasons = (yanked_problem(wheel.file),)
    file = wheel.file
    if file.path is not None and not is_generated(file):
        try:
            with opened_file(file.path) as source:
                opened = Wheel.glance(wheel.name.own, source)
            requires_python = find_field(opened.core_metadata, "Requires-Python")
            file = file._replace(requires_python=requires_python)
        except VariantError as error:
            reasons = reasons or (error.problems[0]._replace(code=UNREADABLE),)
    return Candidate(wheel.name, file, reasons)


def yanked_problem(file: File) -> Problem:
    """Return the reason that excludes a yanked wheel."""
    return Problem("yanked", "yanked" if file.yanked else "", file.yanked or "yanked")


def without_yanked(release: Release) -> Release:
    """Return a release whose yanked wheels are excluded."""
    wheels = (
        wheel if wheel.file.yanked is None else wheel._replace(problems=(yanked_problem(wheel.file),))
        for wheel in release.candidates
    )
    return release._replace(candidates=tuple(wheels))


def against_variants(problem: Problem) -> Problem:
    """Return a problem of an index file as the reason that excludes the variants of its source."""
    return problem.within("index file")._replace(code=INDEX_FILE)
