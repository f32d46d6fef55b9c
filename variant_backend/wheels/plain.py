"""A variant as a plain wheel that every installer takes: its name, and its variant markers decided."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from ..formats import core_metadata
from ..lowlevel.ranges import Source
from ..lowlevel.zip_archive import assemble
from ..variants.filename import WheelFilename
from ..variants.markers import mentions_variant, resolve_here
from ..variants.properties import Property, Variant
from ..variants.wheel_metadata import variant_of_wheel
from .reading import Wheel, WheelFile
from .writing import Rewriting, faults_named, write_copy


def plain_name(filename: WheelFilename) -> WheelFilename:
    """Return the name of the plain wheel of one with this name."""
    return filename._replace(label=None)


def tagged_name(filename: WheelFilename) -> WheelFilename:
    """Return a wheel's name without its label, which goes into the build tag.

    It stays a name that every installer reads, and says which variant it was.

    >>> str(tagged_name(WheelFilename.parse("torch-2.10.0-cp311-cp311-win_amd64-cuda12.8.whl")))
    'torch-2.10.0-0_cuda12.8-cp311-cp311-win_amd64.whl'
    """
    if filename.label is None:
        return filename
    return filename._replace(build=f"{filename.build or 0}_{filename.label}", label=None)


def for_pip(
    wheel: WheelFile,
    out_dir: Path,
    supported: Callable[[Variant], Collection[Property]],
    rename: Callable[[WheelFilename], WheelFilename] = plain_name,
) -> Path:
    """Move a wheel that is ours to its plain name in *out_dir*, its variant markers decided; return it there.

    The plain name is what *rename* makes of its name.

    *supported* tells which properties of the wheel's variant count in the markers. variant.json stays, and
    without such markers all bytes do; with some, *wheel* stays too. *out_dir* is on the same file system.
    Raises VariantError, with the wheel's name in front.
    """
    target = out_dir / str(rename(wheel.name))
    with faults_named(wheel.path, out_dir):
        with wheel.path.open("rb", buffering=0) as file:
            opened = Wheel.read(wheel.name, Source.of(file.fileno()))
            metadata = decided_metadata(opened, supported)
            if metadata != opened.core_metadata:
                rewritten = partial(_with_metadata, metadata=metadata)
                write_copy(file.fileno(), opened.filename, rewritten, target, lambda _: None)
                return target
        wheel.path.replace(target)
    return target


def decided_metadata(wheel: Wheel, supported: Callable[[Variant], Collection[Property]]) -> bytes:
    """Return METADATA of a wheel with its variant markers decided; without such markers, as it is.

    *supported* is as for `for_pip`. Raises VariantError when a requirement cannot be read.
    """
    requirements = core_metadata.requirements(wheel.core_metadata)
    if not any(map(mentions_variant, requirements)):
        return wheel.core_metadata
    label, properties = "", frozenset[Property]()
    if wheel.filename.label is not None:
        variant = variant_of_wheel(wheel.variant_metadata())
        label, properties = variant.label, frozenset(supported(variant))
    decided = (
        resolve_here(text, label, properties) if mentions_variant(text) else text for text in requirements
    )
    kept = [text for text in decided if text is not None]
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
