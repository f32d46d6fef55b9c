"""Turning a wheel into a variant of itself, by copying the bytes that stay.

One way for both uses: a wheel that somebody gives, which is never changed, and a wheel that a
wrapped backend has just built, which is ours and is changed at its tail. Sources: PEP 825 and the
binary distribution format.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from . import core_metadata
from ._files import Advance, copy_range, read_at, workspace, write_all
from ._rawzip import (
    DEFLATED,
    REBUILD,
    Archive,
    Entry,
    Member,
    Range,
    Segment,
    assemble,
    new_member,
    split_stored_head,
    with_stored_head,
)
from .errors import VariantError
from .filename import WheelFilename, escape
from .metadata import VariantMetadata
from .properties import Variant
from .record import Record

# A tail up to this size is held in memory when a wheel is changed in place.
_LARGEST_TAIL = 64 << 20

_SIGNATURES = ("RECORD.jws", "RECORD.p7s")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a wheel becomes.

    *metadata* has one variant; *labelled* says whether its label goes into the filename. *name*
    and *strip_local_version* change what the wheel is called. *moment* (seconds since 1970), if
    given, is the time of the members that are written; else they take that of what they replace.
    """

    metadata: VariantMetadata
    labelled: bool = True
    name: str | None = None
    strip_local_version: bool = False
    moment: int | None = None

    @property
    def variant(self) -> Variant:
        """The variant that the wheel becomes."""
        (variant,) = self.metadata.variants.values()
        return variant


def source_date_epoch(environ: Mapping[str, str]) -> int | None:
    """Return SOURCE_DATE_EPOCH of an environment, in seconds since 1970, or None without one.

    Raises VariantError when it is not a number.
    """
    text = environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise VariantError(f"SOURCE_DATE_EPOCH is {text!r}, not a number of seconds") from None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a wheel: its new path, whether it had to be written, and what to tell about it."""

    path: Path
    written: bool
    notices: tuple[str, ...] = ()


def make_variant(
    wheel: Path,
    plan: Plan,
    out_dir: Path,
    *,
    force: bool = False,
    dry_run: bool = False,
    owned: bool = False,
    advance: Advance = lambda _: None,
) -> Outcome:
    """Write the variant of *wheel* that *plan* says into *out_dir*, under its final name once complete.

    An existing file is replaced with *force* only. With *dry_run* all is checked, nothing written.
    An *owned* wheel may be changed and moved instead of copied. *advance* is told the bytes copied.
    Raises VariantError, with the wheel's name in front, when it is not a sound wheel, or cannot be written.
    """
    try:
        with open_wheel(wheel) as source:
            edits = source.edits(plan)
            notices = source.notices()
            target = out_dir / str(source.renamed(plan))
            if target.exists() and target.samefile(wheel):
                if edits:
                    raise VariantError(
                        "the variant would have the same name", hint="give another --output-dir"
                    )
                return Outcome(target, written=False, notices=("it is this variant already",))
            if os.path.lexists(target) and not force:
                raise VariantError(f"{target} exists", hint="give --force to replace it")
            segments = assemble(source.archive, source.archive.local_lengths(), edits)
            if dry_run:
                return Outcome(target, written=False, notices=notices)
            moved = owned and _change_tail(wheel, source.archive.descriptor, segments)
            if not moved:
                _write(source.archive.descriptor, segments, target, advance)
        if moved:
            wheel.replace(target)
        return Outcome(target, written=True, notices=notices)
    except VariantError as error:
        raise error.within(wheel.name) from None
    except OSError as error:
        place = error.filename or out_dir
        raise VariantError(f"{wheel.name}: {place}: {error.strerror or error}") from None


def renamed(filename: WheelFilename, plan: Plan) -> WheelFilename:
    """Return the name of the wheel that *plan* makes of one with this name."""
    version = filename.version.partition("+")[0] if plan.strip_local_version else filename.version
    return replace(
        filename,
        distribution=escape(plan.name) if plan.name else filename.distribution,
        version=version,
        label=plan.variant.label if plan.labelled else None,
    )


@dataclass(frozen=True, slots=True)
class Wheel:
    """An open wheel: its archive, and what its metadata says about itself."""

    filename: WheelFilename
    archive: Archive
    entries: dict[str, Entry]
    stem: str

    def _entry(self, name: str) -> Entry:
        path = f"{self.stem}.dist-info/{name}"
        if path not in self.entries:
            raise VariantError(f"{path} is missing", hint=REBUILD)
        return self.entries[path]

    def read(self, name: str) -> bytes:
        """Return a file of the dist-info directory; raises VariantError if it is missing or damaged."""
        return self.archive.content(self._entry(name))

    def variant_metadata(self) -> VariantMetadata:
        """Return what variant.json says; raises VariantError unless it has one label, the filename's."""
        metadata = VariantMetadata.from_json(self.read("variant.json"), "variant.json")
        labels = list(metadata.variants)
        if len(labels) != 1:
            raise VariantError(f"variant.json: variants has {len(labels)} labels, and needs one")
        if self.filename.label not in (None, labels[0]):
            fault = f"label {labels[0]!r}, but the filename says {self.filename.label!r}"
            raise VariantError(f"variant.json: {fault}")
        return metadata

    def is_variant(self) -> bool:
        """Tell whether the wheel carries a variant.json."""
        return f"{self.stem}.dist-info/variant.json" in self.entries

    def renamed(self, plan: Plan) -> WheelFilename:
        """Return the filename afterwards, spelled as the dist-info directory is."""
        name, version = self.stem.split("-", 1)
        return renamed(replace(self.filename, distribution=name, version=version), plan)

    def notices(self) -> tuple[str, ...]:
        """Return what the maintainer should know about the wheel."""
        signed = [name for name in _SIGNATURES if f"{self.stem}.dist-info/{name}" in self.entries]
        return tuple(f"{name} is left out, as it signs the old RECORD" for name in signed)

    def edits(self, plan: Plan) -> dict[str, Sequence[Member]]:
        """Return the members that change, by their old names; raises VariantError if the wheel is unsound."""
        moved = _mover(self.stem, self.renamed(plan).stem)
        dist_info = moved(f"{self.stem}.dist-info/")
        variant_path = f"{dist_info}variant.json"
        contents = {variant_path: plan.metadata.to_json()}
        metadata = self._changed_metadata(plan)
        if metadata is not None:
            contents[f"{dist_info}METADATA"] = metadata
        signatures = [f"{self.stem}.dist-info/{name}" for name in _SIGNATURES]
        record = self._entry("RECORD")
        old_rows = self.archive.content(record)
        new_rows = self._checked_record(old_rows).changed(contents, signatures, moved)

        edits: dict[str, Sequence[Member]] = {}
        for path, entry in self.entries.items():
            new_path = moved(path)
            if path in signatures:
                edits[path] = []
            elif path == record.name and new_rows != old_rows:
                edits[path] = [self._changed_record(entry, new_path, old_rows, new_rows, plan.moment)]
            elif new_path in contents and self.archive.content(entry) != contents[new_path]:
                edits[path] = [self.archive.replaced(entry, new_path, contents[new_path], moment=plan.moment)]
            elif new_path != path:
                edits[path] = [self.archive.renamed(entry, new_path)]
        if not self.is_variant():
            added = new_member(variant_path, contents[variant_path], record, plan.moment)
            edits[record.name] = [added, *edits[record.name]]
        return edits

    def _changed_metadata(self, plan: Plan) -> bytes | None:
        """Return METADATA as the plan wants it, or None if it stays as it is."""
        old = new = self.read("METADATA")
        if plan.strip_local_version:
            version = core_metadata.read_field(old, "Version")
            new = core_metadata.replace_field(new, "Version", version.partition("+")[0])
        if plan.name:
            new = core_metadata.rename_project(new, plan.name)
        return new if new != old else None

    def _changed_record(self, entry: Entry, path: str, old: bytes, new: bytes, moment: int | None) -> Member:
        """Return RECORD's member; rows added at the top leave its compressed data as it is."""
        deflated = None
        if entry.method == DEFLATED:
            head, rest = split_stored_head(self.archive.raw(entry))
            unchanged = old[len(head) :]
            new_head = new[: len(new) - len(unchanged)]
            if new.endswith(unchanged) and len(new_head) <= 0xFFFF:
                deflated = with_stored_head(new_head, rest)
        return self.archive.replaced(entry, path, new, deflated=deflated, moment=moment)

    def _checked_record(self, content: bytes) -> Record:
        """Return RECORD, after comparing it with what is in the archive."""
        place = f"{self.stem}.dist-info/RECORD"
        try:
            record = Record.parse(content)
        except VariantError as error:
            raise error.within(place) from None
        rows = record.paths()
        paths = set(rows)
        if len(paths) < len(rows):
            twice = next(path for path in rows if rows.count(path) > 1)
            raise VariantError(f"{place}: {twice!r} has two rows", hint=REBUILD)
        unsigned = {f"{self.stem}.dist-info/{name}" for name in _SIGNATURES}
        files = {name for name in self.entries if not name.endswith("/")} - unsigned
        for path in sorted(files - paths):
            raise VariantError(f"{place}: no row for {path!r}, which is in the wheel", hint=REBUILD)
        for path in sorted(paths - files - unsigned):
            raise VariantError(f"{place}: a row for {path!r}, which is not in the wheel", hint=REBUILD)
        return record


def _mover(old_stem: str, new_stem: str) -> Callable[[str], str]:
    """Return a function that gives a path's new name: dist-info and .data follow the wheel's name."""
    old = (f"{old_stem}.dist-info/", f"{old_stem}.data/")

    def moved(path: str) -> str:
        return new_stem + path.removeprefix(old_stem) if path.startswith(old) else path

    return moved


@contextmanager
def open_wheel(path: Path) -> Iterator[Wheel]:
    """Open a wheel and check that it is what its name says; its RECORD and local headers are not read.

    Raises VariantError, without the wheel's name in front, and OSError.
    """
    filename = WheelFilename.parse(path.name)
    with path.open("rb", buffering=0) as file:
        archive = Archive.read(file.fileno())
        entries = {entry.name: entry for entry in archive.entries}
        wheel = Wheel(filename, archive, entries, _find_stem(filename, entries))
        _check_identity(wheel)
        yield wheel


def read_variant_metadata(path: Path) -> VariantMetadata:
    """Return what a wheel's variant.json says; raises VariantError with the wheel's name in front."""
    try:
        with open_wheel(path) as wheel:
            return wheel.variant_metadata()
    except VariantError as error:
        raise error.within(path.name) from None


def _find_stem(filename: WheelFilename, names: dict[str, Entry]) -> str:
    """Return NAME-VERSION as the dist-info directory spells it, which is how everything is spelled."""
    tops = {name.partition("/")[0] for name in names if "/" in name}
    stems = sorted(top.removesuffix(".dist-info") for top in tops if top.endswith(".dist-info"))
    if len(stems) != 1:
        found = " and ".join(f"{stem}.dist-info" for stem in stems) or "none"
        raise VariantError(f"one .dist-info directory is needed, found {found}", hint=REBUILD)
    (stem,) = stems
    if stem != filename.stem:
        name, _, version = stem.partition("-")
        _check_same(filename, name, version, f"{stem}.dist-info")
    for top in tops:
        if top.endswith(".data") and top != f"{stem}.data":
            raise VariantError(f"directory {top} does not go with {stem}.dist-info", hint=REBUILD)
    return stem


def _check_identity(wheel: Wheel) -> None:
    """Check that METADATA names the project and version that the filename names."""
    place = f"{wheel.stem}.dist-info/METADATA"
    metadata = wheel.read("METADATA")
    try:
        name = core_metadata.read_field(metadata, "Name")
        version = core_metadata.read_field(metadata, "Version")
    except VariantError as error:
        raise error.within(place) from None
    _check_same(wheel.filename, name, version, place)


def _check_same(filename: WheelFilename, name: str, version: str, place: str) -> None:
    from packaging.version import InvalidVersion, Version

    if escape(name) != escape(filename.distribution):
        raise VariantError(f"{place}: name {name!r}, but the filename says {filename.distribution!r}")
    if version != filename.version:
        try:
            same = Version(version) == Version(filename.version)
        except InvalidVersion:
            same = False
        if not same:
            raise VariantError(f"{place}: version {version!r}, but the filename says {filename.version!r}")


def _write(source: int, segments: Sequence[Segment], target: Path, advance: Advance) -> None:
    """Write the segments to a new file, and give it its name once it is complete."""
    with workspace(target.parent) as folder:
        part = folder / f"{target.name}.part"
        with part.open("xb", buffering=0) as file:
            for segment in segments:
                if isinstance(segment, Range):
                    copy_range(source, file.fileno(), segment.offset, segment.length, advance)
                else:
                    write_all(file.fileno(), segment)
        part.replace(target)


def _change_tail(wheel: Path, source: int, segments: Sequence[Segment]) -> bool:
    """Change a file that is ours from the first difference on; tell whether its layout allowed that."""
    first, *rest = segments
    sizes = (part.length if isinstance(part, Range) else len(part) for part in rest)
    if (
        not isinstance(first, Range)
        or first.offset
        or sum(sizes) > _LARGEST_TAIL
        or os.fstat(source).st_nlink > 1
    ):
        return False
    tail = b"".join(
        read_at(source, part.length, part.offset) if isinstance(part, Range) else part for part in rest
    )
    with wheel.open("r+b", buffering=0) as file:
        file.seek(first.length)
        write_all(file.fileno(), tail)
        file.truncate()
    return True
