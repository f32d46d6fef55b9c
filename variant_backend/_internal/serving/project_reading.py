"""Read a project from the files of its sources: its releases with variants, and their index files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from time import monotonic
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats.release import Candidate, File, Location, Release
from ..lowlevel.threads import map_in_threads
from ..project.overlay import OverlayEntry
from ..selection.generated_wheels import is_generated, retired_problems, with_generated_wheels
from ..selection.index_documents import IndexDocument
from ..selection.listed_files import listings_of
from ..selection.listing import Listed, Listing, SourceRead
from ..selection.releases import read_release
from ..variants.metadata import VariantMetadata
from .contents import FAILURES, KnownIndexFile, UpstreamContents
from .in_wheels import SourceVariants, deciding_wheels, lacks_index_file, variants_of_source
from .offer import UpstreamProject
from .sources import SourceFiles

_IndexFiles = Mapping[Location, KnownIndexFile]


class Snapshot(NamedTuple):
    """A project as it was read: the files of each source, and its index files by their locations.

    *deciding* has the metadata of the release for each labelled wheel whose source has no index file.
    *members* are the sources of the projects that are labels of this one.
    """

    sources: tuple[SourceFiles, ...]
    index_files: _IndexFiles
    project: UpstreamProject
    deciding: Mapping[Location, VariantMetadata]
    members: Mapping[str, Sequence[SourceFiles]] = {}

    @property
    def every_source(self) -> list[SourceFiles]:
        """The sources of the project and of its members."""
        return [*self.sources, *chain.from_iterable(self.members.values())]

    @property
    def is_fresh(self) -> bool:
        """Whether no source need be asked again."""
        return all(monotonic() < source.fresh_until for source in self.every_source)

    @property
    def weight(self) -> int:
        """The number of files, of the members too."""
        members = chain.from_iterable(self.members.values())
        return 1 + len(self.project.files) + sum(len(source.files) for source in members)


def read_snapshot(
    name: str,
    sources: Sequence[SourceFiles],
    known: Snapshot | None,
    contents: UpstreamContents,
    overlay: Sequence[OverlayEntry] = (),
    members: Mapping[str, Sequence[SourceFiles]] = {},
) -> Snapshot:
    """Return a project; the *known* one if its files and index files are the same.

    The *overlay* is about the project, and *members* are the sources of the projects that are its labels.
    Raises an error of FAILURES if the upstream fails.
    """
    every = [*sources, *chain.from_iterable(members.values())]
    if known and [id(source.files) for source in every] == [id(one.files) for one in known.every_source]:
        listings = [listing for listing, _ in known.project.releases]
        index_files = _index_files(listings, known.index_files, contents, is_same=True)
        if all(index_files[place] is known.index_files[place] for place in index_files):
            return known._replace(sources=tuple(sources), members=members)
    problems = [problem for source in every for problem in source.problems]
    others = {member: _as_read(own) for member, own in members.items()}
    listed = listings_of(name, _as_read(sources), problems, overlay=overlay, members=others, with_sdists=True)
    listings = [listing for listing in listed if _has_variants(listing)]
    if members:
        with_own = map_in_threads(partial(_with_own_wheels, contents=contents), listings)
        listings = [listing for listing in with_own if _has_variants(listing)]
        problems += retired_problems(listings)
    index_files = _index_files(listings, known.index_files if known else {}, contents)
    releases, deciding = _releases(listings, index_files, contents, problems)
    own = [file for source in sources for file in source.files]
    files = (*own, *(_generated_files(listings) if members else ()))
    project = UpstreamProject(name, files, tuple(releases), tuple(problems))
    return Snapshot(tuple(sources), index_files, project, deciding, members)


def _generated_files(listings: Iterable[Listing]) -> Iterator[File]:
    wheels = (wheel for listing in listings for wheel in listing.wheels)
    yield from (wheel.file for wheel in wheels if is_generated(wheel.file))


def _as_read(sources: Iterable[SourceFiles]) -> list[SourceRead]:
    return [SourceRead(source.place, source.files, source.origin) for source in sources]


def _with_own_wheels(listing: Listing, contents: UpstreamContents) -> Listing:
    """Return a release with the wheels that are generated for those of its members."""

    def metadata_of(wheel: Candidate) -> bytes | VariantError:
        try:
            return contents.core_metadata(wheel.file, wheel.name)
        except FAILURES:
            raise
        except VariantError as error:
            return error

    return with_generated_wheels(listing, metadata_of, lambda: contents.generated)


def _has_variants(listing: Listing) -> bool:
    return bool(listing.index_files or listing.overlay) or any(
        wheel.label is not None for wheel in listing.wheels
    )


def _index_files(
    listings: Iterable[Listing], known: _IndexFiles, contents: UpstreamContents, *, is_same: bool = False
) -> _IndexFiles:
    """Read index files; if the listed files *is_same* as before, only those that the list does not verify."""
    files = [file for listing in listings for file in listing.index_files]

    def needs_reading(file: File) -> bool:
        if file.location not in known or known[file.location].hashes != file.hashes:
            return True
        return not file.proofs and (isinstance(file.location, str) or not is_same)

    def read(file: File) -> KnownIndexFile:
        return contents.index_file(file, None if file.proofs else known.get(file.location))

    unread = [file for file in files if needs_reading(file)]
    new = dict(zip((file.location for file in unread), map_in_threads(read, unread), strict=True))
    return {file.location: new.get(file.location) or known[file.location] for file in files}


def _releases(
    listings: Iterable[Listing], index_files: _IndexFiles, contents: UpstreamContents, problems: list[Problem]
) -> tuple[list[tuple[Listing, Release]], dict[Location, VariantMetadata]]:
    """Return the releases with their listings, and what `Snapshot.deciding` has; add their *problems*."""
    variants = _variants_in_wheels(listings, contents)
    releases: list[tuple[Listing, Release]] = []
    deciding: dict[Location, VariantMetadata] = {}
    for listing in listings:
        read: list[SourceVariants] = []
        for source in listing.sources:
            if lacks_index_file(source):
                read.append(variants_of_source(source, variants))
                problems += read[-1].problems
            else:
                listed = tuple(index_files[file.location].document for file in source.index_files)
                read.append(SourceVariants(source, listed))
        listing = listing._replace(sources=tuple(source.source for source in read))
        release = _release(listing, read)
        problems += release.problems
        releases.append((listing, release))
        if release.metadata:
            unlisted = [source for source in listing.sources if lacks_index_file(source)]
            wheels = (wheel for source in unlisted for wheel in source.wheels)
            deciding |= {wheel.file.location: release.metadata for wheel in wheels}
    return releases, deciding


def _release(listing: Listing, read: Iterable[SourceVariants]) -> Release:
    documents = {source.source.place: [*source.documents] for source in read}

    def documents_of(source: Listed) -> list[IndexDocument]:
        return documents[source.place]

    return read_release(listing, pinned=True, documents_of=documents_of)


def _variants_in_wheels(
    listings: Iterable[Listing], contents: UpstreamContents
) -> Callable[[Candidate], VariantMetadata]:
    """Return a function that reads variant.json of a wheel; one wheel of each label is read at once."""

    def read(wheel: Candidate) -> VariantMetadata | VariantError:
        try:
            return contents.dist_info(wheel.file, wheel.name).variant_metadata(wheel.label)
        except FAILURES:
            raise
        except VariantError as error:
            return error

    wheels = deciding_wheels(listings)
    known = dict(zip((wheel.file.location for wheel in wheels), map_in_threads(read, wheels), strict=True))

    def variants_of(wheel: Candidate) -> VariantMetadata:
        place = wheel.file.location
        result = known[place] if place in known else read(wheel)
        if isinstance(result, VariantError):
            raise result
        return result

    return variants_of
