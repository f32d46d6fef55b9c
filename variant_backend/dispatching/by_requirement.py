"""Create a dispatching sdist by requirement: it builds an empty wheel that requires a variant's distribution.

It lists no URLs and no hashes, so the installer downloads the distribution as it downloads any other one.
`publishing/own_distributions` makes these distributions.
"""

from __future__ import annotations

from collections.abc import Collection

from .. import __version__
from ..errors import Problem, VariantError, problems_of
from ..formats import core_metadata, pylock, toml_edit
from ..formats.dispatching_sdist import BACKEND, PKG_INFO, PROJECT
from ..formats.release import Candidate, Release
from ..formats.variant_requirements import VARIANTS_FILE, Requirable, RequirableRelease, unlocated_file
from ..lowlevel.threads import map_in_threads
from ..selection.listing import Listing
from ..variants.own_distribution import distribution_names
from ..variants.properties import NULL_LABEL
from ..wheels.reading import Wheel, open_wheel
from .create import (
    PinnedWheel,
    Stub,
    check_pkg_info,
    common_spelling,
    findings_in,
    only_labels,
    read_sound_release,
    readme_of,
    refuse_errors,
)

_PROJECT = f"""\
# Made by `variant-backend stub --by-requirement`. This sdist contains no code: its build backend selects the
# best variant in {VARIANTS_FILE} for the machine, and writes an empty wheel that requires its distribution.
[build-system]
requires = ["variant-backend=={__version__}"]
build-backend = "{BACKEND}"
"""


def plan_by_requirement(listing: Listing, *, only: Collection[str] = ()) -> Stub:
    """Return the sdist of a release; only METADATA and variant.json of its variant wheels are read.

    *only* has the labels to list, by default all. Plain wheels are left out: their project is that of the
    sdist. Raises VariantError with all problems of the release.
    """
    release, metadata = read_sound_release(only_labels(listing, only))
    read = _read_all([wheel for wheel in release.candidates if wheel.label is not None])
    refuse_errors(findings_in(metadata, read))
    labels = dict.fromkeys(part.wheel.label or "" for part in read)
    names = distribution_names(release.name, labels)
    reduced = pylock.reduced(metadata, [name for name in metadata.variants if name in labels])
    wheels = tuple(_requirable(part, names[part.wheel.label or ""]) for part in read)
    listed = Release(release.name, release.version, tuple(item.wheel for item in wheels), reduced)
    return Stub(listed, _files(RequirableRelease(listed, wheels), [part.core_metadata for part in read]))


def without_null_variant(listed: Release) -> Problem | None:
    """Return a problem if an sdist by requirement lists no null variant."""
    if NULL_LABEL in {wheel.label for wheel in listed.candidates}:
        return None
    text = "no null variant is listed, so machines that support no variant get no wheel"
    remedy = "add a null variant (`make-variant --null --pyproject FILE WHEEL`), and its label with --label"
    return Problem("error", f"{listed.name} {listed.version}", text, remedy)


def _read_all(wheels: Collection[Candidate]) -> list[PinnedWheel]:
    """Read the wheels. Raises VariantError with every wheel that cannot be read."""

    def read(wheel: Candidate) -> PinnedWheel | VariantError:
        try:
            return _read(wheel)
        except VariantError as error:
            return error

    results = map_in_threads(read, wheels)
    if problems := problems_of(result for result in results if isinstance(result, VariantError)):
        raise VariantError(*dict.fromkeys(problems))
    return [result for result in results if isinstance(result, PinnedWheel)]


def _read(wheel: Candidate) -> PinnedWheel:
    """Read METADATA and variant.json of a wheel; raises VariantError."""
    from ..wheels.remote import on_server, read_wheel

    file = wheel.file
    if file.path is not None:
        with open_wheel(file.path) as opened:
            return _described(wheel, opened)
    return _described(wheel, read_wheel(on_server(wheel.name, file.url or "", size=file.size)))


def _described(wheel: Candidate, opened: Wheel) -> PinnedWheel:
    data = opened.core_metadata
    file = unlocated_file(wheel.file.filename, core_metadata.find_field(data, "Requires-Python"))
    return PinnedWheel(Candidate(wheel.name, file), data, opened.variant_metadata())


def _requirable(part: PinnedWheel, distribution: str) -> Requirable:
    extras = core_metadata.all_values(part.core_metadata, "Provides-Extra")
    return Requirable(part.wheel, distribution, tuple(extras))


def _files(requirable: RequirableRelease, described: list[bytes]) -> dict[str, bytes]:
    """Return the files of the sdist. Raises VariantError if an index would refuse them."""
    release = requirable.release
    built = [
        item.metadata(data, release.version) for item, data in zip(requirable.wheels, described, strict=True)
    ]
    name = common_spelling(described, release.name)
    pkg_info = core_metadata.for_sdist(built, name, str(release.version))
    check_pkg_info(pkg_info)
    return {
        PROJECT: _PROJECT.encode(),
        PKG_INFO: pkg_info,
        VARIANTS_FILE: toml_edit.from_dict(requirable.to_dict()).encode(),
        **readme_of(pkg_info),
    }
