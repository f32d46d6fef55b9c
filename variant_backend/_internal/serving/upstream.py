"""The upstream of the offer: projects, METADATA and wheels of other indexes and folders."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ..errors import VariantError
from ..formats.release import Candidate, File, Location, shown_location
from ..lowlevel.http import NOT_FOUND, ForbiddenError
from ..lowlevel.threads import map_in_threads
from ..lowlevel.urls import is_http
from ..project.overlay import OverlayEntry, entries_of, members_of
from ..selection.dist_info import DistInfo
from ..selection.download import download
from ..selection.generated_wheels import is_generated
from ..selection.releases import Sources
from ..variants.filename import WheelFilename, normalize
from ..variants.merging import conflicts_with_index
from ..wheels.plain import replace_metadata
from ..wheels.reading import WheelFile
from .contents import UpstreamContents
from .disk_cache import KeptWheel, KeptWheels
from .offer import UpstreamProject
from .page import hashes_of
from .project_reading import Snapshot, read_snapshot
from .recent import RecentlyUsed, SharedWork
from .sources import FolderSource, IndexSource, SourceFiles

# Files of all projects that are kept in memory, each of about 2 kB; unknown projects are not kept.
_MOST_FILES = 100_000


class Upstream:
    """The sources of the offer. A project is taken from the first index that has it, and from all folders.

    Indexes are never mixed: a project on a later index could have the name of one on an earlier index. Only
    an overlay names several indexes for a project.
    Pages are kept in memory, and requested again only if they may have changed, but not within
    *shortest_use* seconds. Several threads may use it: those that need the same project at the same time wait
    for one of them. *overlaid* are the normalized names of the projects that an overlay is about, and if it
    *allows_local*, requirements on an exact local version get it on all machines.
    """

    def __init__(self, sources: Sources, cache: Path, *, shortest_use: float = 0.0) -> None:
        self._folders = [FolderSource(folder) for folder in sources.find_links]
        self._indexes = {url: IndexSource(url, shortest_use) for url in sources.every_index_url}
        self._sources = sources
        self.overlaid: frozenset[str] = frozenset(name for entry in sources.overlay for name in entry.names)
        self.allows_local: bool = any(entry.allows_local for entry in sources.overlay)
        self._contents = UpstreamContents(cache)
        self._wheels = KeptWheels(cache / "wheels")
        self._snapshots: RecentlyUsed[str, Snapshot] = RecentlyUsed(_MOST_FILES)
        self._reading: SharedWork[str, Snapshot] = SharedWork()
        self._listing: SharedWork[str, tuple[str, ...]] = SharedWork()
        self._lists: list[tuple[str, ...]] = []
        self._names: tuple[str, ...] = ()
        self._rewriting: SharedWork[str, KeptWheel] = SharedWork()

    def project(self, name: str) -> UpstreamProject:
        """Return a project; the same object as before if nothing has changed.

        An index that fails is an error, even if a later index has the project. Raises VariantError, with the
        code NOT_FOUND if no source has the project.
        """
        name = normalize(name)
        known = self._snapshots.find(name)
        if known and known.is_fresh:
            return known.project
        return self._reading.result(name, partial(self._renewed, name)).project

    def forget(self, name: str) -> None:
        """Read a project again at the next request: its page does not show that a file has changed."""
        self._snapshots.remove(normalize(name))

    def index_of(self, name: str, location: Location) -> str | None:
        """Return the URL of the server whose page has a file of a project, None if no server has it."""
        snapshot = self._snapshots.find(normalize(name))
        sources = [source for source in snapshot.sources if is_http(source.origin)] if snapshot else []
        having = (source for source in sources if any(file.location == location for file in source.files))
        return next((source.origin for source in having), None)

    def projects(self) -> tuple[str, ...]:
        """Return the normalized names of all projects; the same object as before if nothing has changed.

        Raises VariantError if a source fails, with the code NOT_FOUND if no index has such a list.
        """
        return self._listing.result("", self._listed_projects)

    def _listed_projects(self) -> tuple[str, ...]:
        folders = [source.projects() for source in self._folders]
        indexes = [self._indexes[url].projects() for url in self._sources.index_urls]
        lists = [*folders, *(names for names in indexes if names is not None)]
        if not lists:
            raise VariantError("the upstream has no list of projects", code=NOT_FOUND)
        if [*map(id, lists)] != [*map(id, self._lists)]:
            self._lists = lists
            listed = {normalize(name) for names in lists for name in names}
            self._names = tuple(sorted({*listed, *_joint_names(self._sources.overlay, listed)}))
        return self._names

    def _renewed(self, name: str) -> Snapshot:
        known = self._snapshots.find(name)
        overlay = tuple(entries_of(self._sources.overlay, name))
        before = {name: known.sources, **known.members} if known else {}
        wanted = {one: before.get(one, ()) for one in (name, *members_of(overlay))}
        read = _read_together(wanted, self._sources, self._folders, self._indexes)
        sources = read.pop(name)
        if not (sources or any(read.values())):
            raise VariantError("unknown project", code=NOT_FOUND, place=name)
        snapshot = read_snapshot(name, sources, known, self._contents, overlay, read)
        self._snapshots.put(name, snapshot, snapshot.weight)
        return snapshot

    def core_metadata(self, file: File, name: WheelFilename) -> bytes:
        """Return METADATA of a wheel: the file beside it, else a member of it; raises VariantError."""
        if (content := self._contents.metadata_beside(file)) is not None:
            return content
        contents = self._contents.dist_info(file, name)
        self._check_variants(file, name, contents)
        return contents.core_metadata

    def _check_variants(self, file: File, name: WheelFilename, contents: DistInfo) -> None:
        """Compare a wheel with the wheels that decide about its release; raises VariantError."""
        snapshot = self._snapshots.find(normalize(name.distribution))
        deciding = snapshot.deciding.get(file.location) if snapshot and name.label is not None else None
        if deciding is None:
            return
        own = contents.variant_metadata(name.label)
        if conflicts := conflicts_with_index(deciding, own, shown_location(file)):
            raise VariantError(*(conflict.problem for conflict in conflicts)).within(shown_location(file))

    def metadata_of(self, file: File) -> bytes:
        """Return the metadata file beside a wheel that is offered unchanged; raises VariantError."""
        wheel = Candidate.of(file)
        if wheel is None:
            raise VariantError("not a wheel", code=NOT_FOUND, place=file.filename)
        self.ensure_generated(file)
        return self.core_metadata(file, wheel.name)

    def ensure_generated(self, file: File) -> None:
        """Write a generated wheel again if the cache was deleted; raises VariantError."""
        if file.path and is_generated(file) and not file.path.exists():
            name = file.filename.partition("-")[0]
            self.forget(name)
            self.project(name)

    def rewritten(self, file: File, name: WheelFilename, metadata: bytes) -> File:
        """Return a wheel with another METADATA, in the cache; raises VariantError if it cannot be written."""

        def make(path: Path, folder: Path) -> None:
            wheel = WheelFile(folder / "original.whl", name)
            download(file, wheel.path)
            replace_metadata(wheel, metadata, path)

        key = _rewriting_key(file, metadata)
        kept = self._rewriting.result(key, partial(self._wheels.get, key, make))
        hashes = {"sha256": kept.sha256}
        return file._replace(
            location=kept.path,
            hashes=hashes,
            size=kept.size,
            core_metadata=hashes_of(metadata),
            provenance=None,
        )


def _read_together(
    before: Mapping[str, Iterable[SourceFiles]],
    sources: Sources,
    folders: Iterable[FolderSource],
    indexes: Mapping[str, IndexSource],
) -> dict[str, list[SourceFiles]]:
    """Return the files of projects in each source; the same as *before* if nothing has changed.

    The projects belong together, so all come from the first index that has one of them.
    """
    read: dict[str, list[SourceFiles]] = {}
    known = {name: {source.origin: source for source in listed} for name, listed in before.items()}
    own = {name: [indexes[url] for url in sources.own_indexes(name)] for name in before}
    for name in before:
        in_folders = (folder.read(name, known[name].get(folder.origin)) for folder in folders)
        read[name] = [*filter(None, in_folders), *_pages_of(name, own[name], known[name])]
    others = [name for name in before if not own[name]]
    for index in (indexes[url] for url in sources.index_urls):
        pages = map_in_threads(lambda name: index.read(name, known[name].get(index.origin)), others)  # noqa: B023
        for name, page in zip(others, pages, strict=True):
            read[name] += [page] if page else []
        if any(pages):
            break
    return read


def _pages_of(name: str, indexes: Iterable[IndexSource], known: dict[str, SourceFiles]) -> list[SourceFiles]:
    """Return the files of each index that has a project.

    Some servers answer 403 if they have no such page. This is an error only if no index has the project.
    """
    refusals: list[ForbiddenError] = []

    def read(index: IndexSource) -> SourceFiles | None:
        try:
            return index.read(name, known.get(index.origin))
        except ForbiddenError as error:
            refusals.append(error)
            return None

    pages = [page for page in map_in_threads(read, indexes) if page]
    if refusals and not pages:
        raise refusals[0]
    return pages


def _rewriting_key(file: File, metadata: bytes) -> str:
    """Return the key of a rewritten wheel: its content, or else where it is."""
    content = str(sorted(file.proofs.items())) if file.proofs else f"{file.location} {file.upload_time}"
    return hashlib.sha256(f"{content}\n".encode() + metadata).hexdigest()


def _joint_names(overlay: Iterable[OverlayEntry], listed: Collection[str]) -> Iterator[str]:
    """Yield the names of the projects whose labels are some of the listed ones."""
    for entry in overlay:
        if not {*entry.projects.values()}.isdisjoint(listed):
            yield from entry.names
