"""Turning a wheel into a variant of itself, by copying the bytes that stay.

One way for both uses: a wheel that somebody gives, which is never changed, and a wheel that a
wrapped backend has just built, which is ours and is changed at its tail. Sources: PEP 825 and the
binary distribution format.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from .errors import VariantError
from .formats import core_metadata
from .formats.record import Record
from .lowlevel.ranges import Advance, HeadCopy, Source, copy_range, read_at, workspace, write_all
from .lowlevel.zip_archive import (
    Archive,
    Member,
    Range,
    Segment,
    assemble,
    length_of,
    new_member,
    split_stored_head,
    with_stored_head,
)
from .lowlevel.zip_lookup import read_members
from .lowlevel.zip_records import DEFLATED, REBUILD, Entry
from .project.recipe import Recipe
from .variants.filename import WheelFilename, escape
from .variants.metadata import VariantMetadata
from .variants.properties import Variant

# A tail up to this size is held in memory when a wheel is changed in place.
_LARGEST_TAIL = 64 << 20

# They sign the RECORD that was there before, and RECORD never lists them.
SIGNATURES = ("RECORD.jws", "RECORD.p7s")


class Plan(NamedTuple):
    """What a wheel becomes.

    *metadata* has one variant, *recipe* says what its wheel is called and requires; *labelled* says
    whether the label goes into the filename. *moment* (seconds since 1970), if given, is the time of
    the members that are written; else they take that of what they replace.
    """

    metadata: VariantMetadata
    recipe: Recipe = Recipe()
    labelled: bool = True
    moment: int | None = None

    @property
    def variant(self) -> Variant:
        """The variant that the wheel becomes."""
        (variant,) = self.metadata.variants.values()
        return variant

    def remarks(self) -> list[str]:
        """Return what a maintainer should be told before any wheel is made, ready to print."""
        return [*dict.fromkeys([*self.metadata.remarks(), *self.recipe.remarks()])]


class Outcome(NamedTuple):
    """What became of a wheel: its new path, whether it had to be written, and what to tell about it."""

    path: Path
    written: bool
    notices: tuple[str, ...]


def renamed(filename: WheelFilename, plan: Plan) -> WheelFilename:
    """Return the name of the wheel that *plan* makes of one with this name."""
    name, version = plan.recipe.name, filename.version
    if plan.recipe.strip_local_version:
        version = version.partition("+")[0]
    return filename._replace(
        distribution=filename.distribution if name is None else escape(name),
        version=version,
        label=plan.variant.label if plan.labelled else None,
    )


def edited_metadata(metadata: bytes, plan: Plan) -> bytes:
    """Return METADATA as the planned wheel has it.

    Raises VariantError when a requirement's variant marker cannot be read or decided.
    """
    if plan.recipe.strip_local_version:
        version = core_metadata.read_field(metadata, "Version")
        metadata = core_metadata.replace_version(metadata, version.partition("+")[0])
    if plan.recipe.name is not None:
        metadata = core_metadata.rename_project(metadata, plan.recipe.name)
    own = core_metadata.requirements(metadata)
    wanted = plan.recipe.requirements(own, plan.variant)
    if wanted == own:
        return metadata
    added = [requirement for requirement in wanted if requirement not in own]
    if missing := core_metadata.missing_extras(metadata, added):
        raise VariantError(
            f"the recipe adds a requirement under the extra {missing[0]!r}, which the project does not have",
            hint="add it to project.optional-dependencies, with an empty list if it has no other requirement",
        )
    return core_metadata.replace_requirements(metadata, wanted)


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
    filename = WheelFilename.parse(wheel.name)
    target = out_dir / str(renamed(filename, plan))
    with faults_named(wheel, out_dir):
        with wheel.open("rb", buffering=0) as file:
            if target.exists() and target.samefile(wheel):
                return _already(Wheel.read(filename, Source.of(file.fileno())), plan, target)
            check_is_free(target, force=force)
            in_place = False
            if dry_run or owned:
                rewriting = rewritten(Wheel.read(filename, Source.of(file.fileno())), plan)
                in_place = not dry_run and _change_tail(wheel, file.fileno(), rewriting)
            if not dry_run and not in_place:
                rewriting = write_copy(
                    file.fileno(), filename, lambda opened: rewritten(opened, plan), target, advance
                )
        if in_place:
            wheel.replace(target)
    return Outcome(target, not dry_run, rewriting.notices)


@contextmanager
def faults_named(wheel: Path, out_dir: Path) -> Iterator[None]:
    """Put the name of *wheel* in front of every fault; an OSError becomes a VariantError."""
    try:
        yield
    except VariantError as error:
        raise error.within(wheel.name) from None
    except OSError as error:
        place = error.filename2 or error.filename or out_dir
        raise VariantError(f"{wheel.name}: {place}: {error.strerror or error}") from None


def check_is_free(target: Path, *, force: bool) -> None:
    """Check that nothing stands where a wheel is to be written; with *force* it may."""
    if os.path.lexists(target) and not force:
        raise VariantError(f"{target} exists", hint="give --force to replace it")


def _already(source: Wheel, plan: Plan, target: Path) -> Outcome:
    """Return that nothing is to be done for a wheel whose variant has its own name."""
    if edits_of(source, plan, edited_metadata(source.core_metadata, plan)):
        raise VariantError("its variant would have the same name", hint="give another --output-dir")
    return Outcome(target, False, ("it is this variant already",))


def rewritten(wheel: Wheel, plan: Plan) -> Rewriting:
    """Return the new wheel; raises VariantError if this one is unsound."""
    if plan.recipe.dependencies or plan.recipe.remove_dependencies:
        _check_is_no_other_variant(wheel, plan.variant.label)
    metadata = edited_metadata(wheel.core_metadata, plan)
    edits = edits_of(wheel, plan, metadata)
    wheel.archive.check_layout()
    notices = [f"{name} is left out, as it signs the old RECORD" for name in wheel.signatures()]
    for requirement in core_metadata.direct_references(metadata):
        notices.append(f"public indexes reject a requirement on a URL: {requirement}")
    return Rewriting(assemble(wheel.archive, edits), tuple(notices))


def _check_is_no_other_variant(wheel: Wheel, label: str) -> None:
    """Check that no other label's recipe was followed here: nobody knows which requirements it left."""
    found = label
    if wheel.is_variant():
        found = wheel.filename.label or next(iter(wheel.variant_metadata().variants))
    if found != label:
        raise VariantError(
            f"it is variant {found!r} already, and has the requirements of that label",
            hint=f"make {label!r} of the plain wheel",
        )


def edits_of(wheel: Wheel, plan: Plan, metadata: bytes) -> dict[str, Sequence[Member]]:
    """Return the members that change, by their old names, when METADATA becomes *metadata*.

    Raises VariantError if the wheel is unsound.
    """
    moved = _moved(wheel, plan)
    old_rows = wheel.read_file("RECORD")
    contents = _contents(wheel, plan, metadata, moved, old_rows)
    edits: dict[str, Sequence[Member]] = {}
    for path, new_path in {**{path: path for path in contents if path in wheel.entries}, **moved}.items():
        entry, content = wheel.entries[path], contents.get(new_path)
        if content is None:
            edits[path] = [wheel.archive.renamed(entry, new_path)]
        elif path == wheel.path("RECORD"):
            edits[path] = [wheel.replaced_record(new_path, old_rows, content, plan.moment)]
        elif new_path != path or content != wheel.archive.content(entry):
            edits[path] = [wheel.archive.replaced(entry, new_path, content, moment=plan.moment)]
    for name in wheel.signatures():
        edits[wheel.path(name)] = []
    if not wheel.is_variant():
        record = wheel.entry("RECORD")
        path = f"{renamed(wheel.filename, plan).stem}.dist-info/variant.json"
        added = new_member(path, contents[path], record, plan.moment)
        edits[record.name] = [added, *edits[record.name]]
    return edits


def _moved(wheel: Wheel, plan: Plan) -> dict[str, str]:
    """Return new paths for old ones: dist-info and .data follow the name and version."""
    old, new = wheel.filename.stem, renamed(wheel.filename, plan).stem
    if old == new:
        return {}
    folders = (f"{old}.dist-info/", f"{old}.data/")
    return {path: new + path.removeprefix(old) for path in wheel.entries if path.startswith(folders)}


def _contents(
    wheel: Wheel, plan: Plan, metadata: bytes, moved: Mapping[str, str], old_rows: bytes
) -> dict[str, bytes]:
    """Return the files whose content may change, by their new paths; RECORD only if it does."""
    dist_info = f"{renamed(wheel.filename, plan).stem}.dist-info"
    contents = {f"{dist_info}/variant.json": plan.metadata.to_json()}
    if metadata != wheel.core_metadata:
        contents[f"{dist_info}/METADATA"] = metadata
    signatures = {wheel.path(name) for name in SIGNATURES}
    rows = wheel.checked_record(old_rows).changed(contents, signatures, moved)
    if rows != old_rows:
        contents[f"{dist_info}/RECORD"] = rows
    return contents


class Rewriting(NamedTuple):
    """A new wheel, as ranges of the old one and new bytes; and what to tell about it."""

    segments: list[Segment]
    notices: tuple[str, ...]

    @property
    def kept(self) -> int:
        """How many bytes stay the same from the start of the file on."""
        first = self.segments[0]
        return first.length if isinstance(first, Range) and first.offset == 0 else 0

    @property
    def tail(self) -> list[Segment]:
        """What comes after the bytes that stay."""
        return self.segments[1:] if self.kept else self.segments


class Wheel(NamedTuple):
    """An open wheel: its name, its archive with the members by name, and the content of METADATA."""

    filename: WheelFilename
    archive: Archive
    entries: dict[str, Entry]
    core_metadata: bytes

    @classmethod
    def read(cls, filename: WheelFilename, source: Source) -> Wheel:
        """Read an open wheel, and check that it is what its name says.

        Its RECORD and local headers are not read. Raises VariantError.
        """
        archive = Archive.read(source)
        wheel = cls(filename, archive, {entry.name: entry for entry in archive.entries}, b"")
        check_directories(filename, wheel.entries)
        wheel = wheel._replace(core_metadata=wheel.read_file("METADATA"))
        check_identity(filename, wheel.core_metadata)
        wheel.read_file("WHEEL")
        return wheel

    @classmethod
    def glance(cls, filename: WheelFilename, source: Source) -> Wheel:
        """Read nothing of an open variant wheel but METADATA and variant.json; other members are not checked.

        Raises VariantError.
        """
        wheel = cls(filename, Archive(source, [], 0, b""), {}, b"")
        archive = read_members(source, [wheel.path("METADATA"), wheel.path("variant.json")])
        wheel = wheel._replace(archive=archive, entries={entry.name: entry for entry in archive.entries})
        check_directories(filename, wheel.entries)
        wheel = wheel._replace(core_metadata=wheel.read_file("METADATA"))
        check_identity(filename, wheel.core_metadata)
        return wheel

    def path(self, name: str) -> str:
        """Return the path of a file in the dist-info directory."""
        return f"{self.filename.stem}.dist-info/{name}"

    def entry(self, name: str) -> Entry:
        """Return the member that is this file of the dist-info directory; raises VariantError without it."""
        path = self.path(name)
        if path not in self.entries:
            raise VariantError(f"{path} is missing", hint=REBUILD)
        return self.entries[path]

    def signatures(self) -> list[str]:
        """Return the files of the dist-info directory that sign its RECORD."""
        return [name for name in SIGNATURES if self.path(name) in self.entries]

    def read_file(self, name: str) -> bytes:
        """Return a file of the dist-info directory; raises VariantError if it is missing or damaged."""
        return self.archive.content(self.entry(name))

    def is_variant(self) -> bool:
        """Tell whether the wheel carries a variant.json."""
        return self.path("variant.json") in self.entries

    def variant_metadata(self) -> VariantMetadata:
        """Return what variant.json says; raises VariantError unless it has one label, the filename's."""
        metadata = VariantMetadata.from_json(self.read_file("variant.json"), "variant.json")
        labels = list(metadata.variants)
        if len(labels) != 1:
            raise VariantError(f"variant.json: variants has {len(labels)} labels, and needs one")
        if self.filename.label not in (None, labels[0]):
            fault = f"label {labels[0]!r}, but the filename says {self.filename.label!r}"
            raise VariantError(f"variant.json: {fault}")
        return metadata

    def parsed_record(self, content: bytes) -> Record:
        """Return RECORD; raises VariantError if it is no list, or has many more rows than there are files."""
        place = self.path("RECORD")
        rows_at_most = 2 * len(self.entries) + 100
        if content.count(b"\n") > rows_at_most:  # their text may be compressed a thousandfold
            raise VariantError(f"{place}: more than {rows_at_most} rows for {len(self.entries)} files")
        try:
            return Record.parse(content)
        except VariantError as error:
            raise error.within(place) from None

    def checked_record(self, content: bytes) -> Record:
        """Return RECORD, after comparing it with what is in the archive; raises VariantError."""
        place = self.path("RECORD")
        unlisted = {self.path(name) for name in SIGNATURES}
        record = self.parsed_record(content)
        files = {path for path in self.entries if path[-1] != "/"}
        for fault in record.faults(place, files, unlisted):
            raise VariantError(str(fault), hint=REBUILD)
        return record

    def replaced_record(self, path: str, old: bytes, new: bytes, moment: int | None = None) -> Member:
        """Return RECORD's member; with other rows at its top alone, its compressed data stay as they are."""
        entry, deflated = self.entry("RECORD"), None
        if entry.method == DEFLATED:
            head, rest = split_stored_head(self.archive.raw(entry))
            unchanged = old[len(head) :]
            new_head = new[: len(new) - len(unchanged)]
            if new.endswith(unchanged) and len(new_head) <= 0xFFFF:
                deflated = with_stored_head(new_head, rest)
        return self.archive.replaced(entry, path, new, deflated=deflated, moment=moment)


@contextmanager
def open_wheel(path: Path, *, whole: bool = True) -> Iterator[Wheel]:
    """Open a wheel as `Wheel.read` does, or not *whole*, as `Wheel.glance` does.

    A VariantError gets the wheel's name in front.
    """
    filename = WheelFilename.parse(path.name)
    try:
        with path.open("rb", buffering=0) as file:
            read = Wheel.read if whole else Wheel.glance
            yield read(filename, Source.of(file.fileno()))
    except VariantError as error:
        raise error.within(path.name) from None
    except OSError as error:
        raise VariantError(f"{path}: {error.strerror or error}") from None


def check_directories(filename: WheelFilename, names: Mapping[str, Entry]) -> None:
    """Check that there is one dist-info directory, and that it and .data are spelled as the filename."""
    tops = {name.partition("/")[0] for name in names if ".d" in name}
    dist_infos = sorted(top for top in tops if top.endswith(".dist-info"))
    if len(dist_infos) != 1:
        found = " and ".join(dist_infos) or "none"
        raise VariantError(f"one .dist-info directory is needed, found {found}", hint=REBUILD)
    for top in tops:
        if top.endswith((".dist-info", ".data")) and top.rpartition(".")[0] != filename.stem:
            raise VariantError(
                f"directory {top} does not go with the filename, which says {filename.stem}", hint=REBUILD
            )


def check_identity(filename: WheelFilename, metadata: bytes) -> None:
    """Check that METADATA names the project and version that the filename names."""
    place = f"{filename.stem}.dist-info/METADATA"
    try:
        name = core_metadata.read_field(metadata, "Name")
        version = core_metadata.read_field(metadata, "Version")
    except VariantError as error:
        raise error.within(place) from None
    if escape(name) != escape(filename.distribution):
        raise VariantError(f"{place}: name {name!r}, but the filename says {filename.distribution!r}")
    if version != filename.version and not _is_same_version(version, filename.version):
        raise VariantError(f"{place}: version {version!r}, but the filename says {filename.version!r}")


def _is_same_version(one: str, other: str) -> bool:
    from packaging.version import Version  # mostly not needed, as the spelling is the same

    try:
        return Version(one) == Version(other)
    except ValueError:  # InvalidVersion, or more digits than Python converts
        return False


def write_copy(
    source: int,
    filename: WheelFilename,
    rewritten: Callable[[Wheel], Rewriting],
    target: Path,
    advance: Advance,
) -> Rewriting:
    """Write what is made of an open wheel beside its final place, and give it its name once it is complete.

    Raises VariantError when it is not a sound wheel, OSError when it cannot be written.
    """
    with workspace(target.parent) as folder:
        part = folder / f"{target.name}.part"
        with part.open("xb", buffering=0) as file:
            # The bytes are copied in the background while the wheel is read and checked.
            with HeadCopy(source, file.fileno(), os.fstat(source).st_size, advance) as head:
                rewriting = rewritten(Wheel.read(filename, Source.of(source)))
                head.finish(rewriting.kept)
            _write_tail(file, rewriting.kept, rewriting.tail, source, advance)
        part.replace(target)
    return rewriting


def _change_tail(wheel: Path, source: int, rewriting: Rewriting) -> bool:
    """Change a wheel that is ours, from the first difference on; tell whether its layout allows that."""
    kept, tail = rewriting.kept, rewriting.tail
    if not kept or sum(map(length_of, tail)) > _LARGEST_TAIL or os.fstat(source).st_nlink > 1:
        return False
    in_memory = [read_at(source, *reversed(part)) if isinstance(part, Range) else part for part in tail]
    with wheel.open("r+b", buffering=0) as file:
        _write_tail(file, kept, in_memory, source, lambda _: None)
    return True


def _write_tail(file: FileIO, kept: int, tail: Sequence[Segment], source: int, advance: Advance) -> None:
    """Write the segments that come behind the first *kept* bytes, which are there, and end the file."""
    file.seek(kept)
    for segment in tail:
        if isinstance(segment, Range):
            copy_range(source, file.fileno(), segment.offset, segment.length, advance)
        else:
            write_all(file.fileno(), segment)
    file.truncate()
