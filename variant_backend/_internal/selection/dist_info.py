"""Read METADATA and variant.json of a wheel that a source lists, without the rest of it if its server can."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..formats.release import File, shown_location
from ..formats.simple_api import of_content
from ..lowlevel.http import NOT_FOUND
from ..lowlevel.workspace import workspace
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.metadata_reading import usable_from_json
from ..variants.wheel_metadata import label_problem
from ..wheels.reading import Wheel, WheelFile
from .download import download

# The limit in bytes for a wheel that is downloaded whole, because its server does not support ranges.
LARGEST_WHOLE = 2 << 30


class DistInfo(NamedTuple):
    """METADATA of a wheel, and its variant.json, which is empty for a plain wheel."""

    core_metadata: bytes
    variants: bytes

    def variant_metadata(self, label: str | None) -> VariantMetadata:
        """Return the content of variant.json; raises VariantError unless its only label is *label*."""
        if not self.variants:
            raise VariantError("variant.json is missing")
        metadata, _ = usable_from_json(self.variants, "variant.json")
        if problem := label_problem(metadata.variants, label):
            raise VariantError(problem.within("variant.json"))
        return metadata


def read_metadata_beside(file: File, content_of: Callable[[str, dict[str, str]], bytes]) -> bytes | None:
    """Return the metadata file beside a wheel on a server; None if there is none.

    *content_of* returns the content at a URL, which it may verify by secure hashes. Raises its errors, and
    VariantError if the content is not the listed one.
    """
    if not isinstance(file.location, str) or file.core_metadata is None:
        return None
    hashes = file._replace(hashes=file.core_metadata).proofs
    try:
        content = content_of(f"{file.location}.metadata", hashes)
    except VariantError as error:
        if all(problem.code == NOT_FOUND for problem in error.problems):
            return None
        raise
    if wrong := [*of_content("", file.core_metadata, content)]:
        raise VariantError(*wrong).within(f"{shown_location(file)}.metadata")
    return content


def read_dist_info_files(file: File, name: WheelFilename, downloads: Path) -> DistInfo:
    """Return METADATA and variant.json of a wheel; raises VariantError.

    If its server does not support ranges, it is downloaded into the folder *downloads*, and removed again.
    """
    from ..wheels.remote import NoRangesError, on_server, read_dist_info

    if file.path is not None:
        return _in_file(WheelFile(file.path, name))
    try:
        source = on_server(name, str(file.location), size=file.size).source()
        read_dist_info(source, name, ("METADATA", "WHEEL", "variant.json"))
        return _in_wheel(Wheel.read(name, source))
    except NoRangesError:
        return _in_whole_file(file, name, downloads)


def _in_whole_file(file: File, name: WheelFilename, downloads: Path) -> DistInfo:
    received = 0

    def advance(count: int) -> None:
        nonlocal received
        received += count
        if max(received, file.size or 0) > LARGEST_WHOLE:
            text = f"no ranges on the server, and the wheel has more than {LARGEST_WHOLE} bytes"
            raise VariantError(text)

    advance(0)
    with workspace(downloads) as folder:
        wheel = WheelFile(folder / "wheel.whl", name)
        download(file, wheel.path, advance=advance)
        return _in_file(wheel)


def _in_file(file: WheelFile) -> DistInfo:
    with file.open(whole=False) as wheel:
        return _in_wheel(wheel)


def _in_wheel(wheel: Wheel) -> DistInfo:
    return DistInfo(wheel.core_metadata, wheel.read_file("variant.json") if wheel.is_variant() else b"")
