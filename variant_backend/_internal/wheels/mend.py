"""Write a sound wheel from an unsound one, and report each repair; refuse it if a repair is not certain.

Every member is verified. Its compressed data is copied without changes, behind new headers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..formats import record_repair
from ..formats.record import first_of
from ..formats.record_repair import FileFacts, read_rows
from ..lowlevel.ranges import Advance, Source, real_path
from ..lowlevel.regular_files import open_regular
from ..lowlevel.terminal import print_detail, print_read
from ..lowlevel.workspace import move, workspace
from ..lowlevel.zip_records import REBUILD
from ..lowlevel.zip_repair import LooseArchive, NewMember, digests_of, write_archive
from ..variants.filename import WheelFilename
from . import repairs, soundness
from .examination import notices_of, of_contents, read_sound
from .reading import SIGNATURES, WheelFile, read_zip
from .repairs import Directories, Identity, LooseName
from .soundness import REMAKE
from .writing import check_is_free, errors_named, rewrite_all

# Problems that remain, and are printed as warnings.
_REMAINING = {*soundness.NOTICES, "variant-marker"}


class Mended(NamedTuple):
    """The result for one wheel: its new path, whether it was written, and each repair as a text.

    Without repairs, the wheel is sound already, and the path is its own. *warnings* are problems that remain.
    """

    path: Path
    written: bool
    repairs: tuple[str, ...]
    warnings: tuple[str, ...]


class RepairedWheel(NamedTuple):
    """A wheel after its repair: its filename, its members, each repair as a text, and remaining problems."""

    filename: WheelFilename
    members: list[NewMember]
    texts: list[str]
    warnings: list[str]


def mend_all(
    paths: Sequence[Path],
    out_dir: Path | None,
    *,
    identity: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    advance: Advance = lambda _: None,
) -> Iterator[Mended | VariantError]:
    """Mend wheels into *out_dir*, or each into its own folder, and yield the result of each.

    The options are the same as for `mend`. Raises VariantError, before any file is written, if two wheels
    would become one file.
    """
    taken = {*map(real_path, paths)}  # a wheel may get another name

    def mended(wheel: WheelFile) -> Mended:
        result = mend(
            wheel,
            out_dir or wheel.path.parent,
            identity=identity,
            force=force,
            dry_run=dry_run,
            taken=taken,
            advance=advance,
        )
        taken.add(real_path(result.path))
        return result

    def target(wheel: WheelFile) -> Path:
        return (out_dir or wheel.path.parent) / wheel.path.name

    return rewrite_all(paths, target, "give only one of them", mended)


def mend(
    wheel: WheelFile,
    out_dir: Path,
    *,
    identity: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    taken: Collection[Path] = (),
    advance: Advance = lambda _: None,
) -> Mended:
    """Write a sound wheel into *out_dir*, if *wheel* is not sound; it gets its name once it is complete.

    *identity* is ``filename`` or ``metadata``: which one is right if they name different releases. *force*
    replaces an existing file, but never *wheel* itself, nor one of the *taken* paths.
    *dry_run* checks everything and writes nothing. *advance* receives the number of bytes verified.
    Raises VariantError, with the wheel's name in front, if the wheel cannot be repaired with certainty.
    """
    path = wheel.path
    with errors_named(path, out_dir), open_regular(path) as file:
        print_read(path)
        notices_of(soundness.of_filename(wheel.name))
        archive = read_zip(lambda: LooseArchive.read(file), Source.of(file.fileno()))
        repair = repaired_wheel(archive, wheel.name, identity, advance)
        if not repair.texts:
            _check_is_sound(path, wheel.name)
            return Mended(path, False, (), tuple(repair.warnings))
        target = WheelFile.of(out_dir / str(repair.filename)).path
        _check_target(path, target, taken, force=force)
        if not dry_run:
            with workspace(out_dir) as folder:
                part = folder / "part"
                write_archive(archive, repair.members, part)
                _check_is_sound(part, repair.filename)
                move(part, target, force=force)
            print_detail(f"write {target}")
    return Mended(target, not dry_run, tuple(repair.texts), tuple(repair.warnings))


def _check_target(path: Path, target: Path, taken: Collection[Path], *, force: bool) -> None:
    """Check that the mended wheel replaces no wheel of this run; raises VariantError."""
    if target.exists() and target.samefile(path):
        raise VariantError("the mended wheel would have the same path", remedy="give another --output")
    if real_path(target) in taken:
        text = f"would become {target}, which is another wheel of this run"
        raise VariantError(text, remedy="mend it alone, with another --output")
    check_is_free(target, force=force)


def _check_is_sound(path: Path, filename: WheelFilename) -> None:
    """Read a wheel as strictly as the other commands do; raises VariantError."""
    remedy = REBUILD
    try:
        with open_regular(path, buffering=0) as file:
            wheel = read_sound(filename, Source.of(file.fileno())).wheel
            remedy = REMAKE
            if filename.label is not None or wheel.is_variant():
                wheel.variant_metadata()
    except VariantError as error:
        problems = (problem._replace(remedy=remedy) for problem in error.problems)
        raise VariantError(*problems).within("cannot be mended") from None


def repaired_wheel(
    archive: LooseArchive, filename: WheelFilename, identity: str | None, advance: Advance
) -> RepairedWheel:
    """Return the repair of a wheel; raises VariantError if it cannot be repaired with certainty."""
    old = _old_record(archive)
    rows = read_rows(old or b"")
    spelled = repairs.member_names(
        [LooseName(member.record.name, member.record.is_marked) for member in archive.members], rows
    )
    dist_info = _RepairedFiles.of(archive, spelled.names, filename, identity)
    algorithms = {"sha256", *(row.algorithm for row in rows)} & {*record_repair.ALGORITHMS}
    members = [
        NewMember(member, name, archive.verify(member, algorithms, advance))
        for member, name in zip(archive.members, dist_info.names, strict=True)
    ]
    texts = [*archive.repairs, *_header_repairs(archive, members), *spelled.texts]
    members, removed = _unique(members, f"{dist_info.folder}/RECORD")
    changed = [member._replace(content=dist_info.contents.get(member.name)) for member in members]
    moved = dict(zip(spelled.names, dist_info.names, strict=True))
    complete, record_texts = _with_record(changed, dist_info.folder, old, moved)
    return RepairedWheel(
        dist_info.identity.filename,
        complete,
        [*texts, *removed, *dist_info.texts, *record_texts],
        [*_link_warnings(complete), *dist_info.warnings],
    )


def _old_record(archive: LooseArchive) -> bytes | None:
    """Return the content of the last RECORD, before the names of members are known."""
    for member in reversed(archive.members):
        if re.fullmatch(rb"[^/\\]+\.dist-info[/\\]RECORD", member.record.name):
            return archive.content(member)
    return None


def _header_repairs(archive: LooseArchive, members: Sequence[NewMember]) -> Iterator[str]:
    """Yield each kind of repair in headers and data once, with the members."""
    kinds: dict[str, list[str]] = {}
    for member in members:
        for text in archive.defects(member.old, member.contents):
            kinds.setdefault(text, []).append(member.name)
    for text, names in kinds.items():
        yield f"{text}: {first_of(names)}"


def _unique(members: Sequence[NewMember], record: str) -> tuple[list[NewMember], list[str]]:
    """Return the members without copies and without directories that are also files, and the repairs.

    The last of several RECORDs is kept, as installers read it; its path is *record*. Raises VariantError if
    other members with one name differ.
    """
    by_name: dict[str, NewMember] = {}
    copies = list[str]()
    for member in members:
        first = by_name.setdefault(member.name, member)
        if first is not member:
            if member.name == record:
                by_name[record] = member
            elif (
                first.contents.digests != member.contents.digests
                or first.contents.size != member.contents.size
            ):
                text = f"member {member.name!r} exists twice, with different contents"
                raise VariantError(text, remedy=REBUILD)
            copies.append(member.name)
        if member.name.endswith("/") and member.contents.size:
            raise VariantError(f"directory {member.name!r} has content", remedy=REBUILD)
    texts = [f"copy of a member removed: {first_of(copies)}"] if copies else []
    if needless := repairs.check_folders(by_name):
        texts.append(f"directory removed, because it is a file: {first_of(needless)}")
    return [member for name, member in by_name.items() if name not in needless], texts


class _RepairedFiles(NamedTuple):
    """The repaired files of the dist-info directory, and the new names of all members."""

    identity: Identity
    names: list[str]
    contents: Mapping[str, bytes]
    texts: list[str]
    warnings: list[str]

    @property
    def folder(self) -> str:
        """The path of the dist-info directory."""
        return f"{self.identity.filename.stem}.dist-info"

    @classmethod
    def of(
        cls, archive: LooseArchive, names: list[str], filename: WheelFilename, right: str | None
    ) -> _RepairedFiles:
        """Return the repair; raises VariantError if it is not certain."""
        directories = Directories.of(names)
        members = dict(zip(names, archive.members, strict=True))
        old = {
            name: archive.content(members[path])
            for name in ("METADATA", "WHEEL", "entry_points.txt")
            if (path := f"{directories.dist_info}/{name}") in members
        }
        identity = repairs.one_identity(filename, old["METADATA"], right)
        stem = identity.filename.stem
        renamed = repairs.renamed_directories(names, directories, filename, stem)
        wheel, wheel_texts = repairs.wheel_file(old["WHEEL"], identity.filename)
        new = {**old, "METADATA": identity.metadata, "WHEEL": wheel}
        problems = of_contents(identity.filename, new, renamed.names)
        if errors := [problem for problem in problems if problem.code not in _REMAINING]:
            raise VariantError(*(problem._replace(remedy=REBUILD) for problem in errors))
        contents = {f"{stem}.dist-info/{name}": new[name] for name in old if old[name] != new[name]}
        texts = [*identity.texts, *renamed.texts, *wheel_texts]
        return cls(identity, renamed.names, contents, texts, [*map(str, problems)])


def _with_record(
    members: Sequence[NewMember], folder: str, old: bytes | None, moved: Mapping[str, str]
) -> tuple[list[NewMember], list[str]]:
    """Return the members with a valid RECORD, and the repairs; a changed RECORD loses its signatures."""
    place = f"{folder}/RECORD"
    signatures = {f"{folder}/{name}" for name in SIGNATURES}
    files = {
        member.name: _facts(member)
        for member in members
        if not member.name.endswith("/") and member.name not in {place, *signatures}
    }
    changed = {member.name for member in members if member.content is not None}
    content, texts = record_repair.repaired_record(
        old, place, files, moved, unlisted=signatures, changed=changed
    )
    if content == old:
        return list(members), []
    result = [
        member._replace(content=content) if member.name == place else member
        for member in members
        if member.name not in signatures
    ]
    if old is None:
        model = next(member for member in members if member.name == f"{folder}/WHEEL")
        result.append(model._replace(name=place, content=content))
    signed = [member.name for member in members if member.name in signatures]
    return result, [*texts, *(f"{name} removed, because it signs the old RECORD" for name in signed)]


def _facts(member: NewMember) -> FileFacts:
    """Return the size and the digests of a member, of its new content if it has one."""
    if member.content is None:
        return FileFacts(member.contents.size, member.contents.digests)
    return FileFacts(len(member.content), digests_of(member.content, member.contents.digests))


def _link_warnings(members: Sequence[NewMember]) -> list[str]:
    links = [member.name for member in members if member.old.is_link]
    return [f"symbolic link, which installers write as a text file: {first_of(links)}"] if links else []
