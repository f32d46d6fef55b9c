"""The upstream of the offer: pages, index files and wheels of other indexes and folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import Problem, VariantError, problems_of
from ..formats.release import Candidate, File, shown_location
from ..formats.simple_api import of_content
from ..lowlevel import http
from ..lowlevel.http import NOT_FOUND
from ..lowlevel.ranges import file_digest
from ..lowlevel.regular_files import LARGEST
from ..lowlevel.workspace import workspace
from ..selection.download import download
from ..selection.releases import Listing, Sources, listings_of, read_release
from ..selection.source_files import Folders, files_on_index
from ..variants.filename import WheelFilename, normalize
from ..wheels.plain import replace_metadata
from ..wheels.reading import Wheel, WheelFile, open_wheel
from ..wheels.remote import NoRangesError, on_server, read_dist_info
from .offer import UpstreamProject
from .page import hashes_of


class Upstream:
    """The sources of the offer. A project is taken from the first index that has it, and from all folders.

    Indexes are never mixed: a project on a later index could have the name of one on an earlier index.
    """

    def __init__(self, sources: Sources, cache: Path) -> None:
        self._sources = sources
        self._cache = cache

    def project(self, name: str) -> UpstreamProject:
        """Return a project; raises VariantError, with the code NOT_FOUND if no source has it.

        An index that fails is an error, even if a later index has the project.
        """
        name = normalize(name)
        problems: list[Problem] = []
        read = self._read(name, problems)
        listings = listings_of(name, read, problems, with_sdists=True)
        varied = [listing for listing in listings if _has_variants(listing)]
        releases = tuple((listing, read_release(listing, pinned=True)) for listing in varied)
        problems += (problem for _, release in releases for problem in release.problems)
        files = tuple(file for _, listed in read for file in listed)
        return UpstreamProject(name, files, releases, tuple(problems))

    def _read(self, name: str, problems: list[Problem]) -> list[tuple[str, list[File]]]:
        """Return the files of each source that has the project, each with its place."""
        folders = Folders()
        read = [folders.files(folder, name) for folder in self._sources.find_links]
        read = [(place, files) for place, files in read if files]
        missing: list[VariantError] = []
        for url in self._sources.index_urls:
            try:
                return [*read, files_on_index(url, name, problems)]
            except VariantError as error:
                if any(problem.code != NOT_FOUND for problem in error.problems):
                    raise
                missing.append(error)
        if not read:
            raise VariantError(*problems_of(missing) or [Problem(NOT_FOUND, name, "unknown project")])
        return read

    def core_metadata(self, file: File, name: WheelFilename) -> bytes:
        """Return METADATA of a wheel: the file beside it, else a member of it; raises VariantError."""
        if isinstance(file.location, str) and file.core_metadata is not None:
            content = http.get(f"{file.location}.metadata", limit=LARGEST, other_hosts=True).content
            if wrong := [*of_content("", file.core_metadata, content)]:
                raise VariantError(*wrong).within(f"{shown_location(file)}.metadata")
            return content
        return self.opened(file, name).core_metadata

    def metadata_of(self, file: File) -> bytes:
        """Return the metadata file beside a wheel that is offered unchanged; raises VariantError."""
        wheel = Candidate.of(file)
        if wheel is None:
            raise VariantError("not a wheel", code=NOT_FOUND, place=file.filename)
        return self.core_metadata(file, wheel.name)

    def rewritten(self, file: File, name: WheelFilename, metadata: bytes) -> File:
        """Return a wheel with another METADATA, in the cache; raises VariantError if it cannot be written."""
        key = hashlib.sha256(f"{sorted(file.hashes.items())} {file.location}".encode() + metadata).hexdigest()
        target = self._cache / key / str(name)
        if not target.exists():
            with workspace(self._cache) as folder:
                download(file, folder / str(name))
                replace_metadata(WheelFile(folder / str(name), name), metadata, target)
        hashes = {"sha256": file_digest(target)}
        size = target.stat().st_size
        return file._replace(location=target, hashes=hashes, size=size, core_metadata=hashes_of(metadata))

    def opened(self, file: File, name: WheelFilename) -> Wheel:
        """Return a wheel, of which only the dist-info directory is read; raises VariantError."""
        if file.path is not None:
            with open_wheel(file.path, whole=False) as wheel:
                return wheel
        remote = on_server(name, str(file.location), size=file.size)
        try:
            source = remote.source()
            read_dist_info(source, name, ("METADATA", "WHEEL", "variant.json"))
            return Wheel.read(name, source)
        except NoRangesError:
            with workspace(self._cache) as folder:
                download(file, folder / str(name))
                with open_wheel(folder / str(name), whole=False) as wheel:
                    return wheel
        except VariantError as error:
            raise error.within(shown_location(file)) from None


def _has_variants(listing: Listing) -> bool:
    return bool(listing.index_files) or any(_is_variant(wheel) for wheel in listing.wheels)


def _is_variant(wheel: Candidate) -> bool:
    return wheel.label is not None
