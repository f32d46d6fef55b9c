"""Turning a variant back into the plain wheel: the inverse of `wheel_rewrite.make_variant`.

What was added is taken off: the label, variant.json and its row in RECORD. What was changed beside that
stands nowhere in the wheel, so it cannot be had back, and is told as far as it shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..lowlevel.ranges import Advance, Source
from ..lowlevel.zip_archive import assemble, have_equal_times, split_stored_head
from ..lowlevel.zip_records import DEFLATED, STORED
from .plain import plain_name
from .reading import Wheel, WheelFile, wheel_files
from .writing import Rewriting, check_is_free, check_targets, faults_named, write_copy


class Unmade(NamedTuple):
    """What became of a variant: the plain wheel's path, whether it was written, and what to tell.

    *lost* says what cannot be taken back; without it, the bytes are those of the wheel that the variant
    was made of, but for what the *notices* say.
    """

    path: Path
    written: bool
    lost: tuple[str, ...]
    notices: tuple[str, ...]


def unmake_all(
    paths: Sequence[Path],
    out_dir: Path | None,
    *,
    keep_metadata: bool = False,
    force: bool = False,
    dry_run: bool = False,
    advance: Advance = lambda _: None,
) -> Iterator[Unmade | VariantError]:
    """Unmake wheels, each beside itself unless there is a folder *out_dir*; return what became of each.

    The options are those of `unmake`. Raises VariantError before anything is written if two wheels would
    become one file.
    """
    wheels = wheel_files(paths)
    check_targets(
        (wheel.path, _target(wheel, out_dir or wheel.path.parent))
        for wheel in wheels
        if isinstance(wheel, WheelFile)
    )

    def unmade(wheel: WheelFile | VariantError) -> Unmade | VariantError:
        if isinstance(wheel, VariantError):
            return wheel
        folder = out_dir or wheel.path.parent
        options = {"keep_metadata": keep_metadata, "force": force, "dry_run": dry_run}
        try:
            return unmake(wheel, folder, **options, advance=advance)
        except VariantError as error:
            return error

    return map(unmade, wheels)


def _target(wheel: WheelFile, out_dir: Path) -> Path:
    return out_dir / str(plain_name(wheel.name))


def unmake(
    wheel: WheelFile,
    out_dir: Path,
    *,
    keep_metadata: bool = False,
    force: bool = False,
    dry_run: bool = False,
    advance: Advance = lambda _: None,
) -> Unmade:
    """Write the plain wheel that a variant was made of into *out_dir*, under its final name once complete.

    With *keep_metadata* only the label goes, and variant.json stays. An existing file is replaced with
    *force* only. With *dry_run* all is checked, nothing written. *advance* is told the bytes copied.
    Raises VariantError, with the wheel's name in front, when it is no variant or not a sound wheel, or
    the plain one cannot be written.
    """
    path, target = wheel.path, _target(wheel, out_dir)
    lost: list[str] = []

    def rewritten(opened: Wheel) -> Rewriting:
        if keep_metadata:
            return _relabelled(opened)
        lost.extend(_lost(opened))
        return _plain(opened)

    with faults_named(path, out_dir), path.open("rb", buffering=0) as file:
        is_same = target.exists() and target.samefile(path)
        if not is_same:
            check_is_free(target, force=force)
        if dry_run or is_same:
            rewriting = rewritten(Wheel.read(wheel.name, Source.of(file.fileno())))
        if is_same:
            raise VariantError("its plain wheel would have the same name", hint="give another --output")
        if not dry_run:
            rewriting = write_copy(file.fileno(), wheel.name, rewritten, target, advance)
    return Unmade(target, not dry_run, tuple(lost), rewriting.notices)


def _relabelled(wheel: Wheel) -> Rewriting:
    """Return the wheel as it is."""
    if wheel.filename.label is None:
        raise VariantError("its name has no label to be taken off")
    wheel.archive.check_layout()
    return Rewriting(assemble(wheel.archive, {}), ())


def _plain(wheel: Wheel) -> Rewriting:
    """Return the wheel without variant.json and its row in RECORD."""
    wheel.archive.check_layout()
    rows = wheel.read_file("RECORD")
    gone = [wheel.path(name) for name in ("variant.json", *wheel.signatures())]
    changed = wheel.checked_record(rows).changed({}, gone, {})
    record = wheel.path("RECORD")
    edits = {**{path: [] for path in gone}, record: [wheel.replaced_record(record, rows, changed)]}
    notices = [f"{name} is left out, as it signs the old RECORD" for name in wheel.signatures()]
    if not any(entry.method != STORED for entry in wheel.archive.entries):
        notices.append("nothing in it is compressed, so whether METADATA was changed does not show")
    if not have_equal_times(wheel.entry("RECORD"), wheel.entry("WHEEL")):
        notices.append(
            "RECORD has another time than WHEEL: if SOURCE_DATE_EPOCH was set when this variant was made,"
            " it is that, and the one before cannot be taken back"
        )
    return Rewriting(assemble(wheel.archive, edits), tuple(notices))


def _lost(wheel: Wheel) -> list[str]:
    """Return what cannot be taken back, as far as it shows; raises VariantError if it is no variant.

    What is written anew is stored, among members that are compressed. A row that was added at the top
    of a compressed RECORD stands in a block of its own, and then nothing else was changed.
    """
    if not wheel.is_variant():
        label = wheel.filename.label
        if label is None:
            raise VariantError("it is no variant: it has neither a label nor a variant.json")
        raise VariantError(
            f"it has the label {label!r}, but no variant.json", hint="--keep-metadata takes the label off"
        )
    record, metadata = wheel.entry("RECORD"), wheel.entry("METADATA")
    if record.method == DEFLATED:
        head, _ = split_stored_head(wheel.archive.raw(record))
        row = f"{wheel.path('variant.json')},".encode()
        if not head.startswith(row):
            return ["RECORD, which another tool compressed anew; what else it changed does not show"]
        if head.count(b"\n") == 1:
            return []
    lost = []
    compressed = any(
        entry.method != STORED for entry in wheel.archive.entries if entry not in (record, metadata)
    )
    if compressed and metadata.method == STORED:
        lost.append(
            "METADATA, if its name, version or requirements were changed: it is stored, as what is made anew"
        )
    if compressed and record.method == STORED:
        lost.append("the compression of RECORD, if it had one: it is stored, as what is made anew")
    return lost
