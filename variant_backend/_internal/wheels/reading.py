"""Read one wheel: its archive and the files of its dist-info directory, and check that they agree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from ..errors import Problem, VariantError
from ..formats import core_metadata
from ..formats.record import Record
from ..lowlevel.ranges import Source
from ..lowlevel.regular_files import check_path, open_regular
from ..lowlevel.shell_words import quoted
from ..lowlevel.terminal import print_read
from ..lowlevel.zip_archive import Archive, Member, split_stored_head, with_stored_head
from ..lowlevel.zip_records import DEFLATED, MEND, REBUILD, Entry
from ..variants.filename import WheelFilename, escape, is_same_stem, is_same_version
from ..variants.metadata import VariantMetadata
from ..variants.wheel_metadata import label_problem

Opened = TypeVar("Opened")

# They sign RECORD, which never lists them. A changed RECORD makes them invalid.
SIGNATURES = ("RECORD.jws", "RECORD.p7s")

# The remedy for a filename and a METADATA that name different releases.
IDENTIFY = (
    "write a sound copy with"
    " `variant-backend mend WHEEL -o mended --identity filename` or `--identity metadata`"
)
_STRIP = "run `make-variant` with --strip-local-version, which takes the version in the wheel"


class WheelFile(NamedTuple):
    """A wheel on this machine: its path, and the parts of its name."""

    path: Path
    name: WheelFilename

    @classmethod
    def of(cls, path: Path) -> WheelFile:
        """Return the wheel at a path, which need not exist.

        Raises VariantError if the name is not a wheel's, with a remedy if the kind of file is known.
        """
        check_path(path)
        try:
            name = WheelFilename.parse(path.name)
        except VariantError:
            if problem := _path_problem(path):
                raise VariantError(problem) from None
            raise
        # A platform tag may contain anything in `WheelFilename.parse`, also the mark of a browser's copy.
        if (" " in path.name or "(" in path.name) and (problem := _path_problem(path)):
            raise VariantError(problem)
        return cls(path, name)

    @contextmanager
    def open(self, *, whole: bool = True, renamed: bool = False) -> Iterator[Wheel]:
        """Open the wheel by `Wheel.read`, or by `Wheel.glance` if not *whole*.

        With *renamed*, the name may have a local version that is missing in the wheel, as in `name_inside`.
        Raises VariantError with the wheel's name in front.
        """
        try:
            with open_regular(self.path, buffering=0) as file:
                print_read(self.path)
                read, source = Wheel.read if whole else Wheel.glance, Source.of(file.fileno())
                yield read(name_inside(self.name, source) if renamed else self.name, source)
        except VariantError as error:
            raise error.naming(quoted(self.path)).within(self.path.name) from None
        except OSError as error:
            from .wrong_files import unreadable

            raise unreadable(self.path, error) from None


def _path_problem(path: Path) -> Problem | None:
    from .wrong_files import path_problem  # takes long to import, and most paths are right

    return path_problem(path)


def wheel_files(paths: Iterable[Path]) -> list[WheelFile | VariantError]:
    """Return the wheel at each path, or the error if its name is not a wheel's."""
    wheels: list[WheelFile | VariantError] = []
    for path in paths:
        try:
            wheels.append(WheelFile.of(path))
        except VariantError as error:
            wheels.append(error)
    return wheels


def open_wheel(path: Path, *, whole: bool = True) -> AbstractContextManager[Wheel]:
    """Open the wheel at a path by `WheelFile.open`; raises VariantError."""
    return WheelFile.of(path).open(whole=whole)


def read_wheel_metadata(wheel: str | os.PathLike[str]) -> VariantMetadata | None:
    """Return the content of variant.json in a *wheel* (PEP 825), or None for a plain wheel.

    A plain wheel has no label in its name, and is not opened. Only METADATA and variant.json of other wheels
    are read. Raises VariantError, with the wheel's name in front, if the name or the content is not that of
    a wheel, if the file is unreadable, or if variant.json is invalid or has another label than the name.

    >>> read_wheel_metadata("demo-1.0-py3-none-any.whl") is None
    True
    """
    file = WheelFile.of(Path(wheel))
    if file.name.label is None:
        return None
    with file.open(whole=False) as opened:
        return opened.variant_metadata()


class Wheel(NamedTuple):
    """An open wheel: its name, its archive with the members by name, and the content of METADATA."""

    filename: WheelFilename
    archive: Archive
    entries: dict[str, Entry]
    core_metadata: bytes

    @classmethod
    def read(cls, filename: WheelFilename, source: Source) -> Wheel:
        """Read an open wheel, and check that its content matches its name.

        Its RECORD and local headers are not read. Raises VariantError.
        """
        wheel = cls._identified(filename, read_archive(source))
        wheel.read_file("WHEEL")
        return wheel

    @classmethod
    def glance(cls, filename: WheelFilename, source: Source) -> Wheel:
        """Read only METADATA and variant.json of an open variant wheel; other members are not checked.

        Raises VariantError.
        """
        from ..lowlevel.zip_lookup import read_members

        names = [_dist_info_path(filename, name) for name in ("METADATA", "variant.json")]
        return cls._identified(filename, read_zip(lambda: read_members(source, names), source))

    @classmethod
    def unidentified(cls, filename: WheelFilename, source: Source) -> Wheel:
        """Read an open wheel, whose METADATA may have another name or version. Raises VariantError."""
        return cls._of_archive(filename, read_archive(source))

    @classmethod
    def _identified(cls, filename: WheelFilename, archive: Archive) -> Wheel:
        """Return the wheel with this archive, after comparing its content with its name."""
        wheel = cls._of_archive(filename, archive)
        check_identity(filename, wheel.core_metadata)
        return wheel

    @classmethod
    def _of_archive(cls, filename: WheelFilename, archive: Archive) -> Wheel:
        """Return the wheel with this archive, after comparing its directories with its name."""
        entries = {entry.name: entry for entry in archive.entries}
        check_directories(filename, entries)
        core_metadata = archive.content(_member(entries, _dist_info_path(filename, "METADATA")))
        return cls(filename, archive, entries, core_metadata)

    def path(self, name: str) -> str:
        """Return the path of a file in the dist-info directory."""
        return _dist_info_path(self.filename, name)

    def entry(self, name: str) -> Entry:
        """Return the member of a file in the dist-info directory; raises VariantError if it is missing."""
        return _member(self.entries, self.path(name))

    def signatures(self) -> list[str]:
        """Return the names of the files that sign RECORD."""
        return [name for name in SIGNATURES if self.path(name) in self.entries]

    def read_file(self, name: str) -> bytes:
        """Return a file of the dist-info directory; raises VariantError if it is missing or damaged."""
        return self.archive.content(self.entry(name))

    def is_variant(self) -> bool:
        """Return whether the wheel contains a variant.json."""
        return self.path("variant.json") in self.entries

    def variant_metadata(self) -> VariantMetadata:
        """Return the content of variant.json; raises VariantError unless its only label is the filename's."""
        from ..variants.metadata_reading import metadata_from_json

        metadata = metadata_from_json(self.read_file("variant.json"), "variant.json")
        return self._with_own_label(metadata)

    def usable_variant_metadata(self) -> VariantMetadata:
        """Return the content of variant.json as far as it is usable; raises as `variant_metadata`."""
        from ..variants.metadata_reading import usable_from_json

        metadata, _ = usable_from_json(self.read_file("variant.json"), "variant.json")
        return self._with_own_label(metadata)

    def _with_own_label(self, metadata: VariantMetadata) -> VariantMetadata:
        """Return the content of variant.json; raises VariantError unless its only label is the filename's."""
        if problem := label_problem(metadata.variants, self.filename.label):
            raise VariantError(problem.within("variant.json"))
        return metadata

    def parsed_record(self, content: bytes) -> Record:
        """Parse RECORD; raises VariantError if it is invalid, or has many more rows than there are files."""
        place = self.path("RECORD")
        rows_at_most = 2 * len(self.entries) + 100
        if content.count(b"\n") > rows_at_most:  # a small compressed RECORD may expand a thousandfold
            text = f"more than {rows_at_most} rows for {len(self.entries)} files"
            raise VariantError(text, place=place, remedy=MEND)
        try:
            return Record.parse(content)
        except VariantError as error:
            raise VariantError(*error.problems, remedy=MEND).within(place) from None

    def checked_record(self, content: bytes) -> Record:
        """Parse RECORD, and compare it with the archive's members; raises VariantError."""
        place = self.path("RECORD")
        unlisted = {self.path(name) for name in SIGNATURES}
        record = self.parsed_record(content)
        files = {path for path in self.entries if path[-1] != "/"}
        for problem in record.problems(place, files, unlisted):
            raise VariantError(problem, remedy=MEND)
        return record

    def replaced_record(self, path: str, old: bytes, new: bytes, moment: int | None = None) -> Member:
        """Return a new RECORD; if only its first rows change, the compressed data of the rest is kept."""
        entry, deflated = self.entry("RECORD"), None
        if entry.method == DEFLATED:
            head, rest = split_stored_head(self.archive.raw(entry))
            unchanged = old[len(head) :]
            new_head = new[: len(new) - len(unchanged)]
            if new.endswith(unchanged) and len(new_head) <= 0xFFFF:
                deflated = with_stored_head(new_head, rest)
        return self.archive.replaced(entry, path, new, deflated=deflated, moment=moment)


def read_archive(source: Source) -> Archive:
    """Read the directory of a wheel's archive; raises VariantError, which says what another file holds."""
    return read_zip(lambda: Archive.read(source), source)


def name_inside(filename: WheelFilename, source: Source) -> WheelFilename:
    """Return a wheel's name without its local version if its dist-info directory has none; else unchanged.

    Some projects publish several wheels of one version this way. Raises VariantError.
    """
    public = filename.public()
    if public == filename:
        return filename
    from ..lowlevel.zip_lookup import read_members

    names = [_dist_info_path(name, "METADATA") for name in (filename, public)]
    archive = read_zip(lambda: read_members(source, names[:1]), source)
    present = [name for name in names if any(entry.name == name for entry in archive.entries)]
    return public if present == names[1:] else filename


def read_zip(read: Callable[[], Opened], source: Source) -> Opened:
    """Return the archive that *read* returns; raises VariantError, which says what another file holds."""
    try:
        return read()
    except VariantError:
        from .wrong_files import content_problem

        if problem := content_problem(source):
            raise VariantError(problem) from None
        raise


def _dist_info_path(filename: WheelFilename, name: str) -> str:
    return f"{filename.stem}.dist-info/{name}"


def _member(entries: Mapping[str, Entry], path: str) -> Entry:
    """Return the member at a path; raises VariantError if it is missing."""
    if path not in entries:
        raise VariantError(f"{path} is missing", remedy=MEND if path.endswith("/RECORD") else REBUILD)
    return entries[path]


def check_directories(filename: WheelFilename, names: Mapping[str, Entry]) -> None:
    """Check that there is one dist-info directory, and that its name and .data's match the filename."""
    tops = {name.partition("/")[0] for name in names if ".d" in name}
    dist_infos = sorted(top for top in tops if top.endswith(".dist-info"))
    if len(dist_infos) != 1:
        listed = " and ".join(dist_infos) or "none"
        raise VariantError(f"expected one .dist-info directory, got {listed}", remedy=REBUILD)
    for top in tops:
        if top.endswith((".dist-info", ".data")) and top.rpartition(".")[0] != filename.stem:
            stem, is_data = top.rpartition(".")[0], top.endswith(".data")
            is_mendable = not is_data or is_same_stem(stem, filename.stem)
            remedy = _STRIP if stem == filename.public().stem else MEND if is_mendable else REBUILD
            raise VariantError(
                f"directory {top} does not match {filename.stem} in the filename", remedy=remedy
            )


def check_identity(filename: WheelFilename, metadata: bytes) -> None:
    """Check that METADATA has the filename's project name and version; raises VariantError."""
    place = f"{filename.stem}.dist-info/METADATA"
    try:
        name = core_metadata.read_field(metadata, "Name")
        version = core_metadata.read_field(metadata, "Version")
    except VariantError as error:
        raise VariantError(*error.problems, remedy=REBUILD).within(place) from None
    if escape(name) != escape(filename.distribution):
        text = f"expected the name {filename.distribution!r} from the filename, got {name!r}"
        raise VariantError(text, place=place, remedy=IDENTIFY)
    if not is_same_version(version, filename.version):
        text = f"expected the version {filename.version!r} from the filename, got {version!r}"
        raise VariantError(text, place=place, remedy=IDENTIFY)
