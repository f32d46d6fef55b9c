"""What `stub` prints about an sdist."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..errors import Problem, shortened
from .output import Printer

if TYPE_CHECKING:
    from ..dispatching.create import Stub
    from ..formats.release import File
    from ..lowlevel.file_set import Output
    from ..selection.listing import Listing

_PREFERRED = (
    "installers prefer plain wheels to an sdist; keep these wheels off the index of the dispatching sdist"
)


def warn_of_gaps(printer: Printer, planned: Stub, listing: Listing, *, by_requirement: bool) -> None:
    """Warn if machines get no wheel from the sdist or prefer plain ones, and if METADATA is not checked."""
    from ..dispatching.by_file import local_folders, without_fallback
    from ..dispatching.by_requirement import without_null_variant
    from ..dispatching.create import preferred
    from ..lowlevel.newer_dependencies import FIELDS
    from ..project.user_variables import INDEX_URL

    if problem := FIELDS.problem():
        printer.warn(problem)

    for folder in local_folders(planned.release):
        text = f"the wheels are local files: only machines that have {folder} can install this sdist"
        remedy = f"do not upload it to a public index; elsewhere, set {INDEX_URL} to a source of the wheels"
        printer.warn(Problem("warning", f"{planned.release.name} {planned.release.version}", text, remedy))
    gap = (
        without_null_variant(planned.release)
        if by_requirement
        else without_fallback(planned.release, listing)
    )
    if gap:
        printer.warn(gap)
    if plain := preferred(listing):
        printer.warn(f"{_PREFERRED}: {shortened(plain)}")
    if by_requirement:
        _say_distributions(printer, planned)


def _say_distributions(printer: Printer, planned: Stub) -> None:
    """Print which distributions the built wheels require."""
    from ..variants.own_distribution import distribution_name

    release = planned.release
    labels = dict.fromkeys(wheel.label for wheel in release.candidates if wheel.label is not None)
    names = [f"{distribution_name(release.name, label)}=={release.version}" for label in labels]
    printer.say(f"its wheels require {shortened(names)}; publish these before the sdist")


def sdist_to_dict(planned: Stub, sdist: Output) -> dict[str, object]:
    """Return the JSON object of an sdist."""
    release = planned.release
    return {
        "path": str(sdist.path),
        "sha256": hashlib.sha256(sdist.content).hexdigest(),
        "package": {"name": release.name, "version": str(release.version)},
        "wheels": [_file_to_dict(wheel.file) for wheel in release.candidates],
    }


def _file_to_dict(file: File) -> dict[str, object]:
    return {
        "filename": file.filename,
        "url": file.url or None,
        "size": file.size,
        "hashes": dict(file.hashes),
    }
