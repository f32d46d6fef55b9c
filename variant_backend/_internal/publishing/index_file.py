"""The index file of a release: its index-level metadata, beside its variant wheels (PEP 825)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem, VariantError
from ..lowlevel.file_set import Output
from ..lowlevel.ranges import file_digest, real_path
from ..lowlevel.regular_files import read_regular
from ..lowlevel.terminal import print_read
from ..lowlevel.urls import shown_url
from ..variants.filename import WheelFilename, index_filename, parse_index_filename
from ..variants.merging import merge_metadata
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import metadata_from_json
from ..wheels import soundness
from ..wheels.reading import Wheel, WheelFile
from ..wheels.wrong_files import folder_problem, missing_problem

if TYPE_CHECKING:
    from packaging.version import Version

    # Normalized name and version.
    ReleaseId: TypeAlias = tuple[str, Version]
    # Returns the SHA-256 of a file.
    DigestOf: TypeAlias = Callable[[Path], str]


class FoundWheel(NamedTuple):
    """A wheel with its contents: parsed name, release, METADATA, and the variant.json if it is a variant.

    *folder* gets the index file of the release: it is the folder of the wheel, or the current folder if the
    wheel is remote. *place* is the name of the wheel in messages.
    """

    name: WheelFilename
    folder: Path
    place: str
    release: ReleaseId
    core_metadata: bytes
    metadata: VariantMetadata | None


class ReleaseIndex(NamedTuple):
    """The variants of a release, and the folders that get its index file."""

    release: ReleaseId
    metadata: VariantMetadata
    folders: tuple[Path, ...]

    def outputs(self) -> list[Output]:
        """Return the index file for each of the folders."""
        content = self.metadata.to_json()
        return [
            Output(path.parent, path.name, content, compare=self._different_labels) for path in self.paths()
        ]

    def paths(self) -> list[Path]:
        """Return the path of the index file in each of the folders."""
        return [folder / index_filename(self.release) for folder in self.folders]

    def _different_labels(self, content: bytes) -> str | None:
        """Return which labels an existing index file lacks or has too many, or None if it has the same."""
        try:
            present = metadata_from_json(content, "").variants
        except VariantError:
            return None
        wanted = self.metadata.variants
        added = [f"label {label!r} is missing" for label in wanted if label not in present]
        removed = [f"label {label!r} is no longer in the wheels" for label in present if label not in wanted]
        return ", ".join([*added, *removed]) or None


class Index(NamedTuple):
    """All files of an index, in the order in which they are written, and warnings about them."""

    releases: tuple[ReleaseIndex, ...]
    outputs: tuple[Output, ...]
    warnings: tuple[str, ...] = ()


def plan_index(
    folders: Sequence[Path],
    merged: Sequence[Path] = (),
    out_dir: Path | None = None,
    urls: Sequence[str] = (),
    digest_of: DigestOf = file_digest,
) -> Index:
    """Return ``{name}-{version}-variants.json`` for every release with variant wheels in the *folders*.

    Wheels may also be at *urls*; their index file goes into *out_dir*, or the current folder. *merged* are
    index files from other machines. Each file goes into *out_dir*, or else into every folder with variant
    wheels of its release. Its content depends on the set of wheels only, not on their folders or order.
    Wheels with the same name are compared by *digest_of*.
    Raises VariantError with every problem and conflict of all releases.
    """
    wheels, problems = read_folders(folders, digest_of, plain=False)
    for url in urls:
        remote, invalid = _read_url(url)
        wheels += remote
        problems += invalid
    releases, conflicts = combine_wheels(wheels, merged, out_dir, folders[0] if folders else Path())
    if problems or conflicts:
        raise VariantError(*problems, *conflicts)
    if not releases:
        places = ", ".join([*map(str, folders), *map(shown_url, urls)])
        raise VariantError(
            f"{places}: no variant wheels", remedy="create them with make-variant or variant-backend build"
        )
    return Index(tuple(releases), tuple(output for index in releases for output in index.outputs()))


def read_folders(
    folders: Sequence[Path], digest_of: DigestOf, *, plain: bool
) -> tuple[list[FoundWheel], list[Problem]]:
    """Return the variant wheels in the folders, with *plain* also the plain wheels, and all problems.

    A wheel that is in several folders is returned several times.
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
    paths = [wheel.folder / str(wheel.name) for wheel in wheels]
    return wheels, [*problems, *different_twins(paths, digest_of)]


def distinct(folders: Iterable[Path]) -> list[Path]:
    """Return the folders without duplicates, including other spellings of the same folder."""
    return list({real_path(folder): folder for folder in folders}.values())


def _read_url(url: str) -> tuple[list[FoundWheel], list[Problem]]:
    """Return the variant wheels at a URL, and all problems."""
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
    """Combine variant wheels and index files from other machines by release; return all conflicts, too.

    If a release is in index files only, its file goes into *out_dir*, or into the *first* folder.
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
    # 2.0 and 2.0.0 are one version. The file name has the shorter spelling, in any order of wheels.
    for release, place, metadata in sorted(documents, key=lambda document: str(document[0][1])):
        parts.setdefault(release, {})[place] = metadata
    releases = []
    for release, documents_of_release in sorted(parts.items()):
        places = (out_dir,) if out_dir else tuple(sorted(folders.get(release, {first})))
        try:
            releases.append(ReleaseIndex(release, merge_metadata(_distinct(documents_of_release)), places))
        except VariantError as error:
            problems += error.problems
    return releases, problems


def different_twins(paths: Iterable[Path], digest_of: DigestOf) -> Iterator[Problem]:
    """Yield a problem for each two files with the same name and different content."""
    for _, group in groupby(sorted(paths, key=lambda path: (path.name, path)), key=lambda path: path.name):
        first, *others = group
        for other in others:
            if first.stat().st_size != other.stat().st_size or digest_of(first) != digest_of(other):
                yield Problem(
                    "error", f"{first} and {other}", "same name, different content", "remove one of them"
                )


class _Reader:
    """Reads wheels. Content that many wheels share is parsed and stored once."""

    def __init__(self, *, several: bool, whole: bool) -> None:
        self._several = several
        self._whole = whole
        self._releases: dict[str, ReleaseId] = {}
        self._core_metadata: dict[bytes, bytes] = {}
        self._metadata: dict[tuple[str, bytes], VariantMetadata] = {}

    def read(self, wheel: WheelFile) -> FoundWheel:
        """Read a wheel. Raises VariantError if it is invalid."""
        path, name = wheel
        if name.stem not in self._releases:
            self._releases[name.stem] = name.release()
        for problem in soundness.of_filename(name):
            if problem.code == "bad-filename":
                raise VariantError(problem, remedy=soundness.REMEDIES[problem.code]).within(path.name)
        with wheel.open(whole=self._whole) as opened:
            metadata = self._variant_metadata(opened, name.label) if name.label else None
            core_metadata = self._core_metadata.setdefault(opened.core_metadata, opened.core_metadata)
        place = str(path) if self._several else path.name
        return FoundWheel(name, path.parent, place, self._releases[name.stem], core_metadata, metadata)

    def _variant_metadata(self, wheel: Wheel, label: str) -> VariantMetadata:
        """Return the metadata in variant.json. The same content is parsed once."""
        key = (label, wheel.read_file("variant.json"))
        if key not in self._metadata:
            self._metadata[key] = wheel.variant_metadata()
        return self._metadata[key]


def _distinct(parts: dict[str, VariantMetadata]) -> dict[str, VariantMetadata]:
    """Return the parts without repetitions of the same value; of several names, the first one is kept."""
    return {
        name: parts[name] for name in {id(parts[name]): name for name in sorted(parts, reverse=True)}.values()
    }


def _merged_problem(path: Path) -> Problem | None:
    """Return why a path names no index file, or None if it may be one."""
    if problem := missing_problem(path, "an index file"):
        return problem
    if path.name.endswith("-variants.json") and not path.is_dir():
        return None
    text = "is a folder" if path.is_dir() else "is not an index file"
    expected = "expected NAME-VERSION-variants.json"
    return Problem(
        "error",
        str(path),
        f"{text}, {expected}",
        "give the path of a file that `variant-backend index` wrote",
    )


def _read_merged(path: Path) -> tuple[ReleaseId, VariantMetadata]:
    """Read an index file from another machine. Raises VariantError."""
    if problem := _merged_problem(path):
        raise VariantError(problem)
    release = parse_index_filename(path.name)
    print_read(path)
    try:
        content = read_regular(path)
    except OSError as error:
        raise VariantError(f"{path}: {error.strerror}") from None
    return release, metadata_from_json(content, str(path))
