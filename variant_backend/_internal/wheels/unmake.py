"""Turn a variant back into the plain wheel: the inverse of `wheel_rewrite.write_variant`.

`unmake` removes the label, variant.json and its row in RECORD. Other changes are not recorded in the wheel
and cannot be restored; `unmake` reports those that it can detect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.ranges import Advance, Source
from ..lowlevel.regular_files import open_regular
from ..lowlevel.terminal import print_read
from ..lowlevel.zip_archive import assemble, have_equal_times, length_of, split_stored_head
from ..lowlevel.zip_records import DEFLATED, STORED
from .examination import SoundWheel, read_sound
from .plain import plain_name
from .reading import Wheel, WheelFile
from .writing import Rewriting, check_is_free, errors_named, rewrite_all, write_copy


class Unmade(NamedTuple):
    """The result for one variant: the plain wheel's path, and whether it was written.

    *lost* lists the changes that cannot be restored. If it is empty, the bytes are the same as in the
    original wheel, except for the changes that *warnings* list. *notices* are problems of the variant.
    """

    path: Path
    written: bool
    lost: tuple[str, ...]
    warnings: tuple[str, ...]
    notices: tuple[Problem, ...] = ()


def unmake_all(
    paths: Sequence[Path],
    out_dir: Path | None,
    *,
    keep_metadata: bool = False,
    force: bool = False,
    dry_run: bool = False,
    advance: Advance = lambda _: None,
) -> Iterator[Unmade | VariantError]:
    """Unmake wheels into *out_dir*, or each into its own folder, and yield the result of each.

    The options are the same as for `unmake`. Raises VariantError, before any file is written, if two wheels
    would become one file.
    """
    options = {"keep_metadata": keep_metadata, "force": force, "dry_run": dry_run}
    return rewrite_all(
        paths,
        lambda wheel: _target(wheel, out_dir or wheel.path.parent),
        "give only one of them",
        lambda wheel: unmake(wheel, out_dir or wheel.path.parent, **options, advance=advance),
    )


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
    """Write the plain wheel of a variant into *out_dir*; it gets its final name once it is complete.

    *keep_metadata* removes only the label, and keeps variant.json. *force* replaces an existing file.
    *dry_run* checks everything and writes nothing. *advance* receives the number of bytes copied.
    Raises VariantError, with the wheel's name in front, if it is not a variant, is invalid, or the plain
    wheel cannot be written.
    """
    path, target = wheel.path, _target(wheel, out_dir)
    lost: list[str] = []

    def rewritten(sound: SoundWheel) -> Rewriting:
        if keep_metadata:
            return _relabelled(sound)
        lost.extend(_lost(sound.wheel))
        return _plain(sound)

    with errors_named(path, out_dir), open_regular(path, buffering=0) as file:
        print_read(path)
        is_same = target.exists() and target.samefile(path)
        if not is_same:
            check_is_free(target, force=force)
        if dry_run or is_same:
            rewriting = rewritten(read_sound(wheel.name, Source.of(file.fileno())))
        if is_same:
            raise VariantError("the plain wheel would have the same name", remedy="give another --output")
        if not dry_run:
            rewriting = write_copy(file.fileno(), wheel.name, rewritten, target, advance, force=force)
    return Unmade(target, not dry_run, tuple(lost), rewriting.warnings, rewriting.notices)


def _relabelled(sound: SoundWheel) -> Rewriting:
    """Return the wheel unchanged; raises VariantError if its name has no label."""
    if sound.wheel.filename.label is None:
        raise VariantError("the name has no label")
    return Rewriting(assemble(sound.wheel.archive, {}), (), sound.notices)


def _plain(sound: SoundWheel) -> Rewriting:
    """Return the wheel without variant.json and its row in RECORD."""
    wheel, rows = sound.wheel, sound.record.text.encode()
    gone = [wheel.path(name) for name in ("variant.json", *wheel.signatures())]
    changed = sound.record.changed({}, gone, {})
    record = wheel.path("RECORD")
    edits = {**{path: [] for path in gone}, record: [wheel.replaced_record(record, rows, changed)]}
    warnings = [f"{name} was removed, because it signs the old RECORD" for name in wheel.signatures()]
    if not any(entry.method != STORED for entry in wheel.archive.entries):
        warnings.append("no member is compressed, so a change of METADATA cannot be detected")
    if not have_equal_times(wheel.entry("RECORD"), wheel.entry("WHEEL")):
        warnings.append(
            "RECORD and WHEEL have different times: if SOURCE_DATE_EPOCH was set when this variant was made,"
            " the original time cannot be restored"
        )
    segments = assemble(wheel.archive, edits)
    if length_of(segments[-1]) < len(wheel.archive.end_records):
        warnings.append(
            "ZIP64 records are removed, because the plain wheel needs none: if it had them without need, its"
            " bytes cannot be restored"
        )
    return Rewriting(segments, tuple(warnings), sound.notices)


def _lost(wheel: Wheel) -> list[str]:
    """Return detectable changes that cannot be restored; raises VariantError if the wheel is not a variant.

    `write_variant` stores changed members without compression. It adds a row to a compressed RECORD as a
    block at the top; if that block has one row, nothing else was changed.
    """
    if not wheel.is_variant():
        label = wheel.filename.label
        if label is None:
            raise VariantError(
                "not a variant: the wheel has neither a label nor a variant.json", remedy="leave it out"
            )
        raise VariantError(
            f"the name has the label {label!r}, but the wheel has no variant.json",
            remedy="use --keep-metadata to remove the label",
        )
    record, metadata = wheel.entry("RECORD"), wheel.entry("METADATA")
    if record.method == DEFLATED:
        head, _ = split_stored_head(wheel.archive.raw(record))
        row = f"{wheel.path('variant.json')},".encode()
        if not head.startswith(row):
            text = "its bytes cannot be restored, and other changes cannot be detected"
            return [f"RECORD was compressed by another tool: {text}"]
        if head.count(b"\n") == 1:
            return []
    lost = []
    compressed = any(
        entry.method != STORED for entry in wheel.archive.entries if entry not in (record, metadata)
    )
    if compressed and metadata.method == STORED:
        lost.append(
            "METADATA is not compressed: if its name, version or requirements were changed, they cannot be"
            " restored"
        )
    if compressed and record.method == STORED:
        lost.append("RECORD is not compressed: if it was compressed, its bytes cannot be restored")
    return lost
