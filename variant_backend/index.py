"""Index-level metadata: one file for each release, beside its variant wheels (PEP 825)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ._files import workspace
from .errors import VariantError
from .filename import WheelFilename, index_filename
from .metadata import VariantMetadata, merge
from .wheel_rewrite import open_wheel

if TYPE_CHECKING:
    from packaging.version import Version


def write_index(folder: Path) -> list[tuple[Path, VariantMetadata]]:
    """Write ``{name}-{version}-variants.json`` for every release with variant wheels in *folder*.

    The content depends on the wheels alone, not on their order. Returns what was written.
    Raises VariantError with every fault and conflict found; then nothing is written.
    """
    if not folder.is_dir():
        raise VariantError(f"{folder} is not a folder", hint="name the one that holds the wheels")
    releases: dict[tuple[str, Version], dict[str, VariantMetadata]] = {}
    issues: list[str] = []
    for path in sorted(folder.glob("*.whl")):
        try:
            filename = WheelFilename.parse(path.name)
            if filename.label is not None:
                with open_wheel(path) as wheel:
                    releases.setdefault(filename.release(), {})[path.name] = wheel.variant_metadata()
        except VariantError as error:
            issues += error.lines()
    combined = []
    for release, parts in sorted(releases.items()):
        try:
            combined.append((folder / index_filename(release), merge(parts)))
        except VariantError as error:
            issues += error.lines()
    if issues:
        raise VariantError(*issues)
    if not combined:
        raise VariantError(f"{folder}: no wheel with a variant label", hint="make some with make-variant")
    try:
        with workspace(folder) as scratch:
            for path, metadata in combined:
                (scratch / path.name).write_bytes(metadata.to_json())
            for path, _ in combined:
                (scratch / path.name).replace(path)
    except OSError as error:
        raise VariantError(
            f"{error.filename2 or error.filename or folder}: {error.strerror or error}"
        ) from None
    return combined
