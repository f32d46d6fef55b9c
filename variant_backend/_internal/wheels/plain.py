"""Turn a variant into a plain wheel that every installer accepts: rename it and decide variant markers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from ..formats import core_metadata
from ..formats.metadata_readers import FIELDS, check_readers
from ..lowlevel.ranges import Source
from ..lowlevel.regular_files import open_regular
from ..lowlevel.workspace import move_over
from ..lowlevel.zip_archive import assemble
from ..variants.filename import WheelFilename
from ..variants.markers import mentions_variant, resolve_requirement_on_machine
from ..variants.properties import Property, Variant
from ..variants.wheel_metadata import variant_of_wheel
from .examination import SoundWheel
from .reading import Wheel, WheelFile
from .writing import Rewriting, errors_named, write_copy


def plain_name(filename: WheelFilename) -> WheelFilename:
    """Return a wheel's name without its label."""
    return filename._replace(label=None, by_overlay=False)


def tagged_name(filename: WheelFilename) -> WheelFilename:
    """Return a wheel's name with the label moved into the build tag, which every installer accepts.

    >>> str(tagged_name(WheelFilename.parse("torch-2.10.0-cp311-cp311-win_amd64-cuda12.8.whl")))
    'torch-2.10.0-0_cuda12.8-cp311-cp311-win_amd64.whl'
    """
    if filename.label is None:
        return filename
    build = f"{filename.build or 0}_{filename.label}"
    return filename._replace(build=build, label=None, by_overlay=False)


def without_tag(filename: WheelFilename, label: str) -> WheelFilename:
    """Return a wheel's name without the *label* in its build tag: undo `tagged_name`.

    >>> str(without_tag(WheelFilename.parse("torch-2.10.0-0_cu128-cp311-cp311-win_amd64.whl"), "cu128"))
    'torch-2.10.0-cp311-cp311-win_amd64.whl'
    """
    build, separator, rest = filename.build.rpartition(f"_{label}")
    if not separator or rest:
        return filename
    return filename._replace(build="" if build == "0" else build)


def with_tag(wheel: WheelFile, label: str) -> WheelFile:
    """Rename a plain wheel so that its build tag has the *label* of the variant that it becomes."""
    name = tagged_name(wheel.name._replace(label=label))
    return WheelFile(wheel.path.rename(wheel.path.with_name(str(name))), name)


def for_pip(
    wheel: WheelFile,
    out_dir: Path,
    supported: Callable[[Variant], Collection[Property]],
    rename: Callable[[WheelFilename], WheelFilename] = plain_name,
) -> Path:
    """Move a wheel to *out_dir* under the name that *rename* returns, and return its new path.

    *supported* returns the supported properties of a variant, by which variant markers are decided.
    A wheel with such markers is rewritten, and *wheel* is kept; any other is moved unchanged. Both keep
    variant.json. *out_dir* must be on the same file system. Raises VariantError, with the wheel's name in
    front.
    """
    target = out_dir / str(rename(wheel.name))
    with errors_named(wheel.path, out_dir):
        with open_regular(wheel.path, buffering=0) as file:
            opened = Wheel.read(wheel.name, Source.of(file.fileno()))
            metadata = decided_metadata(opened, supported)
            if metadata != opened.core_metadata:
                rewritten = partial(_with_metadata, metadata=metadata)
                write_copy(file.fileno(), opened.filename, rewritten, target, lambda _: None)
                return target
        move_over(wheel.path, target)
    return target


def replace_metadata(wheel: WheelFile, metadata: bytes, target: Path) -> None:
    """Write a copy of a wheel with another METADATA to *target*, replacing an existing file.

    Raises VariantError, with the wheel's name in front.
    """
    rewritten = partial(_with_metadata, metadata=metadata)
    with errors_named(wheel.path, target.parent), open_regular(wheel.path, buffering=0) as file:
        write_copy(file.fileno(), wheel.name, rewritten, target, lambda _: None, force=True)


def decided_metadata(wheel: Wheel, supported: Callable[[Variant], Collection[Property]]) -> bytes:
    """Return a wheel's METADATA with variant markers decided; unchanged if there are none.

    *supported* is the argument of `for_pip`. Raises VariantError if a requirement is invalid.
    """
    if not has_variant_markers(wheel.core_metadata):
        return wheel.core_metadata
    if wheel.filename.label is None:
        return resolved_metadata(wheel.core_metadata, None, ())
    variant = variant_of_wheel(wheel.usable_variant_metadata())
    return resolved_metadata(wheel.core_metadata, variant.label, supported(variant))


def has_variant_markers(metadata: bytes) -> bool:
    """Return whether a requirement in METADATA has a variant marker."""
    return any(map(mentions_variant, core_metadata.requirements(metadata)))


def resolved_metadata(metadata: bytes, label: str | None, properties: Collection[Property]) -> bytes:
    """Return METADATA with the variant markers evaluated for a label and the supported properties.

    A plain wheel has no label. Raises VariantError if a requirement is invalid.
    """
    decided = (
        resolve_requirement_on_machine(text, label, frozenset(properties)) if mentions_variant(text) else text
        for text in core_metadata.requirements(metadata)
    )
    kept = [text for text in decided if text is not None]
    decided_data = core_metadata.replace_requirements(metadata, kept)
    meant = {field: core_metadata.all_values(metadata, field) for field in FIELDS}
    check_readers(decided_data, {**meant, "Requires-Dist": kept})
    return decided_data


def _with_metadata(sound: SoundWheel, metadata: bytes) -> Rewriting:
    """Return the wheel with another METADATA and a matching RECORD."""
    wheel, rows, record = sound.wheel, sound.record.text.encode(), sound.wheel.path("RECORD")
    signatures = [wheel.path(name) for name in wheel.signatures()]
    changed = sound.record.changed({wheel.path("METADATA"): metadata}, signatures, {})
    edits = {
        **{path: [] for path in signatures},
        wheel.path("METADATA"): [
            wheel.archive.replaced(wheel.entry("METADATA"), wheel.path("METADATA"), metadata)
        ],
        record: [wheel.replaced_record(record, rows, changed)],
    }
    return Rewriting(assemble(wheel.archive, edits), ())
