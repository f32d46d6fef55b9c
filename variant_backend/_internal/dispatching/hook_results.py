"""Write what the hooks of a build backend return: a wheel, or its metadata. No incomplete file remains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import VariantError
from ..lowlevel.regular_files import read_regular
from ..lowlevel.workspace import workspace
from ..wheels.reading import open_wheel


def place_wheel(make: Callable[[Path], Path], wheel_directory: str, metadata_directory: str | None) -> str:
    """Let *make* write a wheel into a temporary folder, move it to its directory, and return its name.

    If *metadata_directory* is given, the METADATA of the wheel must be the same. Raises VariantError if it
    differs, or the wheel cannot be written; then no files remain.
    """
    folder = Path(wheel_directory)
    try:
        with workspace(folder) as scratch:
            wheel = make(scratch)
            if metadata_directory is not None:
                _check_is_prepared(wheel, Path(metadata_directory) / "METADATA")
            wheel.replace(folder / wheel.name)
    except OSError as error:
        raise _unwritable(error, folder) from None
    return wheel.name


def place_dist_info(files: Callable[[Path], Mapping[str, bytes]], metadata_directory: str, name: str) -> str:
    """Write the dist-info folder of this *name*, without RECORD, and return the name.

    *files* returns its files; it may use the temporary folder that it gets. Raises VariantError if a file
    cannot be written; then no files remain.
    """
    folder = Path(metadata_directory)
    try:
        with workspace(folder) as scratch:
            contents = files(scratch)
            for filename, content in contents.items():
                (scratch / filename).write_bytes(content)
            (folder / name).mkdir(exist_ok=True)
            for filename in contents:
                (scratch / filename).replace(folder / name / filename)
    except OSError as error:
        raise _unwritable(error, folder) from None
    return name


def _check_is_prepared(wheel: Path, prepared: Path) -> None:
    """Raise VariantError unless a wheel has the METADATA that was prepared."""
    with open_wheel(wheel, whole=False) as opened:
        content = opened.core_metadata
    if not prepared.is_file() or read_regular(prepared) != content:
        raise VariantError(
            "METADATA differs from the prepared METADATA",
            place=wheel.name,
            remedy="use the same config settings and environment for both hooks",
        )


def _unwritable(error: OSError, folder: Path) -> VariantError:
    """Return the error for a file that cannot be written."""
    return VariantError(f"{error.filename2 or error.filename or folder}: {error.strerror}")
