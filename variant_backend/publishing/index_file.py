"""Index-level metadata: one file for each release, beside its variant wheels (PEP 825)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem, VariantError
from ..lowlevel.file_set import Output
from ..lowlevel.http import shown_url
from ..lowlevel.ranges import file_digest, real_path
from ..variants.filename import WheelFilename, index_filename, parse_index_filename
from ..variants.merging import merge
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import metadata_from_json
from ..wheels.reading import Wheel, WheelFile
from ..wheels.wrong_files import folder_problem

if TYPE_CHECKING:
    from packaging.version import Version

    # Normalized name and version.
    ReleaseId: TypeAlias = tuple[str, Version]


class FoundWheel(NamedTuple):
    """A wheel that is read: its parsed name, whose release it is, its METADATA, and a variant's variant.json.

    *folder* is where the index file of its release belongs: that of the wheel, or the current one, if the
    wheel lies elsewhere. *place* is what messages call it.
    """

    name: WheelFilename
    folder: Path
    place: str
    release: ReleaseId
    core_metadata: bytes
    metadata: VariantMetadata | None


class ReleaseIndex(NamedTuple):
    """The variants of a release, and the folders that their file belongs in."""

    release: ReleaseId
    metadata: VariantMetadata
    folders: tuple[Path, ...]

    def outputs(self) -> list[Output]:
        """Return the file, for each of the folders."""
        content = self.metadata.to_json()
        return [Output(folder, index_filename(self.release), content) for folder in self.folders]


class Index(NamedTuple):
    """All files of an index, in the order in which they are written, and what to tell about them."""

    releases: tuple[ReleaseIndex, ...]
    outputs: tuple[Output, ...]
    notices: tuple[str, ...] = ()


def plan_index(
    folders: Sequence[Path],
    merged: Sequence[Path] = (),
    out_dir: Path | None = None,
    urls: Sequence[str] = (),
) -> Index:
    """Return ``{name}-{version}-variants.json`` of every release with variant wheels in the *folders*.

    Wheels may lie at *urls*, too; their file belongs in *out_dir*, or in the current folder.
    *merged* are such files of other machines. Each file belongs in every folder that holds variant wheels
    of its release, or in *out_dir* alone. What they say depends on the wheels, not on how these were
    spread or ordered. Raises VariantError with every fault and conflict of all releases.
    """
    wheels, problems = read_folders(folders, plain=False)
    for url in urls:
        remote, faults = _read_url(url)
        wheels += remote
        problems += faults
    releases, conflicts = combine_wheels(wheels, merged, out_dir, folders[0] if folders else Path())
    if problems or conflicts:
        raise VariantError(*problems, *conflicts)
    if not releases:
        places = ", ".join([*map(str, folders), *map(shown_url, urls)])
        raise VariantError(f"{places}: no wheel with a variant label", hint="make some with make-variant")
    return Index(tuple(releases), tuple(output for index in releases for output in index.outputs()))


def read_folders(folders: Sequence[Path], *, plain: bool) -> tuple[list[FoundWheel], list[Problem]]:
    """Return the variant wheels that lie in the folders, the *plain* ones too if asked for, and all faults.

    A wheel may lie in several of the folders, and is returned as often.
    """
    reader = _Reader(several=len(folders) > 1, whole=plain)
    wheels: list[FoundWheel] = []
    problems: list[Problem] = []
    for folder in distinct(folders):
        if not folder.is_dir():
            problems.append(folder_problem(folder))
            continue
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(".whl"))
        for path in paths:
            try:
                wheel = WheelFile.of(path)
                if plain or wheel.name.label is not None:
                    wheels.append(reader.read(wheel))
            except VariantError as error:
                problems += (error.within(folder) if len(folders) > 1 else error).problems
    return wheels, [*problems, *different_twins(wheel.folder / str(wheel.name) for wheel in wheels)]


def distinct(folders: Iterable[Path]) -> list[Path]:
    """Return the folders, each once, however it is spelled."""
    return list({real_path(folder): folder for folder in folders}.values())


def _read_url(url: str) -> tuple[list[FoundWheel], list[Problem]]:
    """Return the variant wheels that lie at a URL, and all faults."""
    from ..wheels.remote import read_wheels

    try:
        read, problems = read_wheels(url)
    except VariantError as error:
        return [], [*error.problems]
    wheels = []
    for place, wheel, metadata in read:
        name = wheel.filename
        try:
            release = name.release()
        except VariantError as error:
            problems += error.problems
        else:
            wheels.append(FoundWheel(name, Path(), place, release, wheel.core_metadata, metadata))
    return wheels, problems


def combine_wheels(
    wheels: Iterable[FoundWheel], merged: Sequence[Path], out_dir: Path | None, first: Path
) -> tuple[list[ReleaseIndex], list[Problem]]:
    """Combine variant wheels and index files of other machines by release; return all conflicts, too.

    The file of a release that no wheel here belongs to goes into the *first* folder, if not into *out_dir*.
    """
    documents: list[tuple[ReleaseId, str, VariantMetadata]] = []
    folders: dict[ReleaseId, set[Path]] = {}
    problems: list[Problem] = []
    for wheel in wheels:
        if wheel.metadata is not None:
            documents.append((wheel.release, wheel.place, wheel.metadata))
            folders.setdefault(wheel.release, set()).add(wheel.folder)
    for path in merged:
        try:
            release, metadata = _read_merged(path)
            documents.append((release, str(path), metadata))
        except VariantError as error:
            problems += error.problems
    parts: dict[ReleaseId, dict[str, VariantMetadata]] = {}
    # 2.0 and 2.0.0 are one version: the file is named by the shorter spelling, whichever came first.
    for release, place, metadata in sorted(documents, key=lambda document: str(document[0][1])):
        parts.setdefault(release, {})[place] = metadata
    releases = []
    for release, documents_of_release in sorted(parts.items()):
        places = (out_dir,) if out_dir else tuple(sorted(folders.get(release, {first})))
        try:
            releases.append(ReleaseIndex(release, merge(_distinct(documents_of_release)), places))
        except VariantError as error:
            problems += error.problems
    return releases, problems


def different_twins(paths: Iterable[Path]) -> Iterator[Problem]:
    """Yield a problem for each two files of one name that are not the same bytes."""
    for _, group in groupby(sorted(paths, key=lambda path: (path.name, path)), key=lambda path: path.name):
        first, *others = group
        for other in others:
            if first.stat().st_size != other.stat().st_size or file_digest(first) != file_digest(other):
                yield Problem("error", f"{first} and {other}", "one name, and not the same bytes")


class _Reader:
    """Reads wheels. What is the same in many of them is parsed, and kept, once."""

    def __init__(self, *, several: bool, whole: bool) -> None:
        self._several = several
        self._whole = whole
        self._releases: dict[str, ReleaseId] = {}
        self._core_metadata: dict[bytes, bytes] = {}
        self._metadata: dict[tuple[str, bytes], VariantMetadata] = {}

    def read(self, wheel: WheelFile) -> FoundWheel:
        """Read a wheel; raises VariantError if it is not sound."""
        path, name = wheel
        if name.stem not in self._releases:
            self._releases[name.stem] = name.release()
        with wheel.open(whole=self._whole) as opened:
            metadata = self._variant_metadata(opened, name.label) if name.label else None
            core_metadata = self._core_metadata.setdefault(opened.core_metadata, opened.core_metadata)
        place = str(path) if self._several else path.name
        return FoundWheel(name, path.parent, place, self._releases[name.stem], core_metadata, metadata)

    def _variant_metadata(self, wheel: Wheel, label: str) -> VariantMetadata:
        """Return what variant.json says; one that was met before is not parsed again."""
        key = (label, wheel.read_file("variant.json"))
        if key not in self._metadata:
            self._metadata[key] = wheel.variant_metadata()
        return self._metadata[key]


def _distinct(parts: dict[str, VariantMetadata]) -> dict[str, VariantMetadata]:
    """Return the parts without those that are the same value as another one, which stands before them."""
    return {
        name: parts[name] for name in {id(parts[name]): name for name in sorted(parts, reverse=True)}.values()
    }


def _read_merged(path: Path) -> tuple[ReleaseId, VariantMetadata]:
    """Read an index file of another machine; raises VariantError."""
    release = parse_index_filename(path.name)
    try:
        return release, metadata_from_json(path.read_bytes(), str(path))
    except OSError as error:
        raise VariantError(f"{path}: {error.strerror}") from None
