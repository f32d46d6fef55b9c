"""Turning a variant back into the plain wheel: the inverse of `wheel_rewrite.make_variant`.

What was added is taken off: the label, variant.json and its row in RECORD. What was changed beside that
stands nowhere in the wheel, so it cannot be had back, and is told as far as it shows.

`for_pip` makes another kind of plain wheel: a variant that installers take which know no variants.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..formats import core_metadata
from ..lowlevel.ranges import Advance, Source
from ..lowlevel.zip_archive import assemble, have_equal_times, split_stored_head
from ..lowlevel.zip_records import DEFLATED, STORED
from ..variants.filename import WheelFilename
from ..variants.markers import mentions_variant, resolve_here
from ..variants.properties import Property, Variant
from .reading import Wheel
from .writing import Rewriting, check_is_free, faults_named, write_copy


class Unmade(NamedTuple):
    """What became of a variant: the plain wheel's path, whether it was written, and what to tell.

    *lost* says what cannot be taken back; without it, the bytes are those of the wheel that the variant
    was made of, but for what the *notices* say.
    """

    path: Path
    written: bool
    lost: tuple[str, ...]
    notices: tuple[str, ...]


def plain_name(name: str) -> str:
    """Return the name of the plain wheel of one with this *name*; raises VariantError as `WheelFilename`."""
    return str(WheelFilename.parse(name)._replace(label=None))


def tagged_name(name: str) -> str:
    """Return a wheel's name without its label, which goes into the build tag.

    It stays a name that every installer reads, and says which variant it was. Raises VariantError as
    `WheelFilename`.

    >>> tagged_name("torch-2.10.0-cp311-cp311-win_amd64-cuda12.8.whl")
    'torch-2.10.0-0_cuda12.8-cp311-cp311-win_amd64.whl'
    """
    filename = WheelFilename.parse(name)
    if filename.label is None:
        return name
    return str(filename._replace(build=f"{filename.build or 0}_{filename.label}", label=None))


def unmake(
    wheel: Path,
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
    filename = WheelFilename.parse(wheel.name)
    target = out_dir / plain_name(wheel.name)
    lost: list[str] = []

    def rewritten(opened: Wheel) -> Rewriting:
        if keep_metadata:
            return _relabelled(opened)
        lost.extend(_lost(opened))
        return _plain(opened)

    with faults_named(wheel, out_dir), wheel.open("rb", buffering=0) as file:
        is_same = target.exists() and target.samefile(wheel)
        if not is_same:
            check_is_free(target, force=force)
        if dry_run or is_same:
            rewriting = rewritten(Wheel.read(filename, Source.of(file.fileno())))
        if is_same:
            raise VariantError("its plain wheel would have the same name", hint="give another --output-dir")
        if not dry_run:
            rewriting = write_copy(file.fileno(), filename, rewritten, target, advance)
    return Unmade(target, not dry_run, tuple(lost), rewriting.notices)


def _relabelled(wheel: Wheel) -> Rewriting:
    """Return the wheel as it is."""
    if wheel.filename.label is None:
        raise VariantError("its name has no label to be taken off")
    wheel.archive.check_layout()
    return Rewriting(assemble(wheel.archive, {}), ())


def for_pip(
    wheel: Path,
    out_dir: Path,
    supported: Callable[[Variant], Collection[Property]],
    rename: Callable[[str], str] = plain_name,
) -> Path:
    """Move a wheel that is ours to its plain name in *out_dir*, its variant markers decided; return it there.

    The plain name is what *rename* makes of its name.

    *supported* tells which properties of the wheel's variant count in the markers. variant.json stays, and
    without such markers all bytes do; with some, *wheel* stays too. *out_dir* is on the same file system.
    Raises VariantError, with the wheel's name in front.
    """
    target = out_dir / rename(wheel.name)
    with faults_named(wheel, out_dir):
        with wheel.open("rb", buffering=0) as file:
            opened = Wheel.read(WheelFilename.parse(wheel.name), Source.of(file.fileno()))
            metadata = decided_metadata(opened, supported)
            if metadata != opened.core_metadata:
                rewritten = partial(_with_metadata, metadata=metadata)
                write_copy(file.fileno(), opened.filename, rewritten, target, lambda _: None)
                return target
        wheel.replace(target)
    return target


def decided_metadata(wheel: Wheel, supported: Callable[[Variant], Collection[Property]]) -> bytes:
    """Return METADATA of a wheel with its variant markers decided; without such markers, as it is.

    *supported* is as for `for_pip`. Raises VariantError when a requirement cannot be read.
    """
    own = core_metadata.requirements(wheel.core_metadata)
    if not any(map(mentions_variant, own)):
        return wheel.core_metadata
    label, properties = "", frozenset[Property]()
    if wheel.filename.label is not None:
        (variant,) = wheel.variant_metadata().variants.values()
        label, properties = variant.label, frozenset(supported(variant))
    decided = (resolve_here(each, label, properties) if mentions_variant(each) else each for each in own)
    kept = [each for each in decided if each is not None]
    return core_metadata.replace_requirements(wheel.core_metadata, kept)


def _with_metadata(wheel: Wheel, metadata: bytes) -> Rewriting:
    """Return the wheel with another METADATA, and what goes with it."""
    wheel.archive.check_layout()
    rows, record = wheel.read_file("RECORD"), wheel.path("RECORD")
    signatures = [wheel.path(name) for name in wheel.signatures()]
    changed = wheel.checked_record(rows).changed({wheel.path("METADATA"): metadata}, signatures, {})
    edits = {
        **{path: [] for path in signatures},
        wheel.path("METADATA"): [
            wheel.archive.replaced(wheel.entry("METADATA"), wheel.path("METADATA"), metadata)
        ],
        record: [wheel.replaced_record(record, rows, changed)],
    }
    return Rewriting(assemble(wheel.archive, edits), ())


def _plain(wheel: Wheel) -> Rewriting:
    """Return the wheel without variant.json and its row in RECORD."""
    wheel.archive.check_layout()
    rows = wheel.read_file("RECORD")
    gone = [wheel.path(name) for name in ("variant.json", *wheel.signatures())]
    changed = wheel.checked_record(rows).changed({}, gone, {})
    record = wheel.path("RECORD")
    edits = {**{path: [] for path in gone}, record: [wheel.replaced_record(record, rows, changed)]}
    notices = [f"{name} is left out, as it signs the old RECORD" for name in wheel.signatures()]
    if not any(entry.method == DEFLATED for entry in wheel.archive.entries):
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
        entry.method == DEFLATED for entry in wheel.archive.entries if entry not in (record, metadata)
    )
    if compressed and metadata.method == STORED:
        lost.append(
            "METADATA, if its name, version or requirements were changed: it is stored, as what is made anew"
        )
    if compressed and record.method == STORED:
        lost.append("the compression of RECORD, if it had one: it is stored, as what is made anew")
    return lost
