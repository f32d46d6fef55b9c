"""By requirement: plan a dispatching sdist that builds empty wheels, which require a variant's distribution.

It lists no URLs and no hashes, so the installer downloads the distribution as it downloads any other one.
`publishing/own_distributions` makes these distributions.
"""

from __future__ import annotations

from collections.abc import Collection

from ..errors import Problem
from ..formats.release import Candidate, Release
from ..formats.required_project import RequiredProject
from ..formats.variant_requirements import VARIANTS_FILE, Requirable, RequirableRelease, unlocated_file
from ..selection.listing import Listing
from ..variants.own_distribution import distribution_names
from ..variants.properties import NULL_LABEL
from ..wheels.reading import Wheel, open_wheel
from .create import Stub, build_system, made_stub
from .sound_release import WheelParts, read_parts

_PROJECT = f"""\
# Made by `variant-backend stub --by-requirement`. This sdist contains no code: its build backend selects the
# best variant in {VARIANTS_FILE} for the machine, and writes an empty wheel that requires its distribution.
{build_system()}"""


def plan_by_requirement(listing: Listing, *, only: Collection[str] = ()) -> Stub:
    """Return the sdist of a release; only METADATA and variant.json of its variant wheels are read.

    *only* has the labels to list, by default all. Plain wheels are left out: their project is that of the
    sdist. Raises VariantError with all problems of the release.
    """
    release, parts = read_parts(listing, only, _read)
    names = distribution_names((release.name, wheel.label or "") for wheel in release.candidates)
    items = [_requirable(part, names[release.name, part.wheel.label or ""]) for part in parts]
    built = [
        item.metadata(part.core_metadata, release.version) for item, part in zip(items, parts, strict=True)
    ]
    table = RequirableRelease(release, tuple(items)).to_dict()
    return made_stub(release, built, (VARIANTS_FILE, table), _PROJECT)


def without_null_variant(listed: Release) -> Problem | None:
    """Return a problem if an sdist by requirement lists no null variant."""
    if NULL_LABEL in {wheel.label for wheel in listed.candidates}:
        return None
    text = "no null variant is listed, so machines that support no variant get no wheel"
    remedy = "add a null variant (`make-variant --null --pyproject FILE WHEEL`), and its label with --label"
    return Problem("error", f"{listed.name} {listed.version}", text, remedy)


def _read(wheel: Candidate) -> WheelParts | None:
    """Read METADATA and variant.json of a wheel, None for a plain wheel; raises VariantError."""
    from ..wheels.remote import on_server, read_wheel

    file = wheel.file
    if wheel.label is None:
        return None
    if file.path is not None:
        with open_wheel(file.path) as opened:
            return _described(wheel, opened)
    return _described(wheel, read_wheel(on_server(wheel.name, file.url or "", size=file.size)))


def _described(wheel: Candidate, opened: Wheel) -> WheelParts:
    data = opened.core_metadata
    file = unlocated_file(wheel.file.filename, RequiredProject.of_metadata(data).requires_python)
    return WheelParts(Candidate(wheel.name, file), data, opened.variant_metadata())


def _requirable(part: WheelParts, distribution: str) -> Requirable:
    return Requirable(part.wheel, distribution, RequiredProject.of_metadata(part.core_metadata).extras)
