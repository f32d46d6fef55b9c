"""The files that a package index lists, with the fields of their METADATA that its pages contain."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from ..errors import Problem, VariantError
from ..formats import core_metadata
from ..formats.project_about import MOST_READ
from ..formats.release import File
from ..lowlevel.ranges import real_path
from ..lowlevel.regular_files import open_regular
from ..lowlevel.tarball import read_member
from ..variants.filename import WheelFilename, release_of_sdist
from .index_file import FoundWheel, ReleaseIndex, distinct
from .upload_times import UploadTimes

if TYPE_CHECKING:
    from .index_file import DigestOf, ReleaseId


class MetadataFacts(NamedTuple):
    """The fields of METADATA or PKG-INFO that the pages contain, the digest of the whole, and the start."""

    requires_python: str | None
    requirements: tuple[str, ...]
    digest: str
    start: bytes


class IndexEntry(NamedTuple):
    """A file that the pages list. *wheel* is the parsed name if it is a wheel.

    The URL in *file* is relative to the folder of the index.
    """

    release: ReleaseId
    file: File
    wheel: WheelFilename | None = None
    facts: MetadataFacts | None = None


def find_sdists(folders: Iterable[Path]) -> tuple[list[tuple[Path, ReleaseId]], list[str]]:
    """Return the sdists in the folders with their releases, and warnings about invalid names."""
    sdists: list[tuple[Path, ReleaseId]] = []
    warnings: list[str] = []
    for folder in distinct(folders):
        for path in sorted(folder.glob("*.tar.gz")):
            try:
                sdists.append((path, release_of_sdist(path.name)))
            except VariantError as error:
                warnings += (f"{path} is not listed: {line}" for line in error.lines())
    return sorted(sdists), warnings


def read_all_metadata(wheels: Iterable[FoundWheel]) -> tuple[dict[bytes, MetadataFacts], list[Problem]]:
    """Read each METADATA once; return its fields by its content, and all problems."""
    facts: dict[bytes, MetadataFacts] = {}
    problems: list[Problem] = []
    for wheel in wheels:
        try:
            if wheel.core_metadata not in facts:
                facts[wheel.core_metadata] = _read(wheel.core_metadata)
        except VariantError as error:
            problems += error.within(f"{wheel.place}: METADATA").problems
    return facts, problems


def _read(metadata: bytes) -> MetadataFacts:
    """Read METADATA or PKG-INFO. Raises VariantError for a duplicate Requires-Python."""
    return MetadataFacts(
        core_metadata.find_field(metadata, "Requires-Python"),
        tuple(core_metadata.requirements(metadata)),
        hashlib.sha256(metadata).hexdigest(),
        metadata[:MOST_READ],
    )


class EntryLister(NamedTuple):
    """Lists the files of an index in the folder *root*."""

    root: Path
    digest_of: DigestOf
    times: UploadTimes

    def list_all(
        self,
        wheels: Iterable[FoundWheel],
        facts: Mapping[bytes, MetadataFacts],
        sdists: Sequence[tuple[Path, ReleaseId]],
        releases: Iterable[ReleaseIndex],
    ) -> tuple[list[IndexEntry], list[str]]:
        """Return all files that the pages list, and warnings about them."""
        listed = [self._wheel(wheel, facts[wheel.core_metadata]) for wheel in wheels]
        warnings: list[str] = []
        for path, release in {path.name: (path, release) for path, release in reversed(sdists)}.values():
            sdist, more = self._sdist(path, release)
            listed.append(sdist)
            warnings += more
        return [*listed, *map(_index_file, releases)], warnings

    def _wheel(self, wheel: FoundWheel, facts: MetadataFacts) -> IndexEntry:
        """Return a wheel with its fields."""
        file = self._file(wheel.release, wheel.folder / str(wheel.name), facts)
        core_metadata = {"sha256": facts.digest}
        return IndexEntry(wheel.release, file._replace(core_metadata=core_metadata), wheel.name, facts)

    def _sdist(self, path: Path, release: ReleaseId) -> tuple[IndexEntry, list[str]]:
        """Return an sdist. If its PKG-INFO cannot be read, omit Requires-Python and return a warning."""
        facts, warnings = None, list[str]()
        try:
            with open_regular(path) as opened:
                facts = _read(read_member(opened, "PKG-INFO"))
        except VariantError as error:
            lines = error.within(path.name).lines()
            warnings = [f"{line}; the index omits its Requires-Python" for line in lines]
        return IndexEntry(release, self._file(release, path, facts), None, facts), warnings

    def _file(self, release: ReleaseId, path: Path, facts: MetadataFacts | None) -> File:
        """Return a file as pages list it. Raises VariantError if no relative link can lead to it."""
        if not path.name.isprintable():  # bytes that are not UTF-8 are among these
            raise VariantError(
                "the name has characters that are not printable", place=path, remedy="rename the file"
            )
        digest = self.digest_of(path)
        return File(
            path.name,
            quote(os.fsencode(f"{_relative(self.root, path.parent)}{path.name}")),
            {"sha256": digest},
            path.stat().st_size,
            facts.requires_python if facts else None,
            upload_time=self.times.time_of(release[0], path, digest),
        )


def _index_file(index: ReleaseIndex) -> IndexEntry:
    """Return the index file of a release, which is in the folder of the index."""
    output = index.outputs()[0]
    digest = hashlib.sha256(output.content).hexdigest()
    file = File(output.name, quote(output.name), {"sha256": digest}, len(output.content))
    return IndexEntry(index.release, file)


def _relative(root: Path, folder: Path) -> str:
    """Return the relative link from the index's folder to another folder: empty, or with a slash at the end.

    Raises VariantError if there is none.
    """
    try:
        path = Path(os.path.relpath(real_path(folder), real_path(root))).as_posix()
    except ValueError:  # on Windows
        raise VariantError(
            f"{folder}: not on the same drive as {root}, so no page there can link to it",
            remedy="move both folders to the same drive",
        ) from None
    return "" if path == "." else f"{path}/"
