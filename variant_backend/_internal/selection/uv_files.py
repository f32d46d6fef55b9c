"""Read wheels and sdists as uv does before it selects them: METADATA and variant.json.

On servers, wheels are read in ranges, and sdists are not read: uv downloads them, and builds them if needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from ..formats.release import Candidate, File, shown_location
from ..lowlevel import http
from ..lowlevel.ranges import opened_file
from ..lowlevel.regular_files import LARGEST, open_regular
from ..variants.uv_specifiers import python_below_bound
from .uv_metadata import (
    OtherNameError,
    OtherVersionError,
    check_uv_identity,
    check_uv_metadata,
)

if TYPE_CHECKING:
    from packaging.version import Version

    from ..wheels.inspection import VariantJson


class UnreadError(VariantError):
    """A file cannot be read here, but uv can: it downloads the whole file if the server sends no ranges."""


class FailureError(VariantError):
    """An error that ends uv, although another wheel or an older version exists."""


class WheelContent(NamedTuple):
    """What uv reads of a wheel: METADATA, variant.json if there is a label, the metadata file beside it."""

    core_metadata: bytes
    variant_json: VariantJson
    beside: bytes | None = None


def read_uv_wheel(wheel: Candidate) -> WheelContent:
    """Read a wheel. Raises UnreadError, FailureError, or VariantError if uv drops the version."""
    from ..wheels.inspection import read_variant_json
    from ..wheels.reading import Wheel
    from ..wheels.remote import NoRangesError, on_server

    location = wheel.file.location
    if isinstance(location, Path):
        _check_exists(location)
        with opened_file(location) as source:
            opened = Wheel.unidentified(wheel.name, source)
            return WheelContent(opened.core_metadata, read_variant_json(opened))
    place = shown_location(wheel.file)
    try:
        source = on_server(wheel.name, location, other_hosts=True).source()
    except NoRangesError as error:
        raise UnreadError(*error.problems, remedy="it is assumed to be valid").within(place) from None
    except VariantError as error:
        raise FailureError(*error.problems).within(place) from None
    opened = Wheel.unidentified(wheel.name, source)
    return WheelContent(opened.core_metadata, read_variant_json(opened), _beside(wheel.file))


def _check_exists(path: Path) -> None:
    """Raise FailureError if a file is missing, to which a page on this machine links."""
    if not path.exists():
        raise FailureError("file not found", place=path)


def check_requested(wheel: Candidate, python: Version) -> None:
    """Raise FailureError if uv fails with METADATA that it requests in advance.

    It requests that of the best plain wheel of a version before it selects a variant.
    """
    try:
        if (content := _beside(wheel.file)) is None:
            content = read_uv_wheel(wheel).core_metadata
        check_uv_metadata(content, wheel.name.release(), python)
    except FailureError:
        raise
    except OtherNameError as error:
        raise FailureError(*error.problems).within(wheel.name) from None
    except VariantError:  # uv ignores other errors until it selects the wheel
        return


def _beside(file: File) -> bytes | None:
    """Return the content of the metadata file beside a wheel on a server, None if none is listed.

    Raises FailureError.
    """
    if file.core_metadata is None or file.url is None:
        return None
    try:
        return http.get(f"{file.url}.metadata", limit=LARGEST).content
    except VariantError as error:
        raise FailureError(*error.problems) from None


def check_uv_wheel(wheel: Candidate, content: WheelContent, python: Version) -> None:
    """Check the METADATA that uv reads. Raises FailureError, or VariantError if uv drops the version.

    If there is a metadata file beside the wheel, uv uses that to select a version. It then only compares the
    wheel's own name and version.
    """
    release = wheel.name.release()
    if content.beside is None:
        _check_metadata(wheel.file, release, content.core_metadata, python)
        return
    _check_metadata(wheel.file, release, content.beside, python)
    try:
        check_uv_identity(content.core_metadata, release)
    except VariantError as error:
        raise FailureError(*error.problems).within(wheel.name) from None


def _check_metadata(file: File, release: tuple[str, Version], content: bytes, python: Version) -> None:
    try:
        check_uv_metadata(content, release, python)
    except (OtherNameError, OtherVersionError) as error:
        raise FailureError(*error.problems).within(file.filename) from None
    except VariantError as error:
        raise error.within(file.filename) from None


def check_uv_sdist(
    file: File, release: tuple[str, Version], python: Version, *, wheel: Candidate | None
) -> None:
    """Raise VariantError if uv drops the version of an sdist, FailureError if it fails.

    If the release has a plain *wheel* for another environment, uv reads METADATA there.
    """
    from ..lowlevel.tarball import read_member

    if wrong := python_below_bound(file.requires_python, python):
        raise VariantError(wrong).within(file.filename)
    if file.url is not None:
        try:
            http.request(file.url, lambda response: response.check_status(200), method="HEAD")
        except VariantError as error:
            raise FailureError(*error.problems).within(shown_location(file)) from None
    if wheel is not None:
        check_uv_wheel(wheel, read_uv_wheel(wheel), python)
        return
    if file.path is None or not file.filename.endswith(".tar.gz"):
        return
    _check_exists(file.path)
    with open_regular(file.path) as opened:
        data = read_member(opened, "PKG-INFO")
    _check_metadata(file, release, data, python)
