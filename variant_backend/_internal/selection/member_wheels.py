"""Wheels of a project that stand for the wheels of another project, one of its labels.

Such a project is CuPy: ``cupy`` has the wheels of ``cupy-cuda12x`` and ``cupy-cuda13x`` as labels. A wheel
that stands for another one has its tags. It gets a content of its own only when its release is read.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import VariantError
from ..formats.release import Candidate, shown_location
from ..lowlevel import http
from ..lowlevel.regular_files import LARGEST
from ..lowlevel.user_cache import cache_path, prepare_folder
from ..variants.filename import WheelFilename, escape
from ..wheels.plain import tagged_name
from .dist_info import read_dist_info_files, read_metadata_beside
from .listing import Listed


def standing_in(listed: Listed, name: str, label: str) -> Listed | None:
    """Return the wheels of a project *name* that stand for the plain wheels of a release; None without any.

    Each has the file of the other project, until its own one is generated.
    """
    wheels = tuple(
        wheel._replace(name=_own_name(wheel.name, name, label))
        for wheel in listed.wheels
        if wheel.label is None
    )
    return Listed(listed.place, wheels, (), origin=listed.origin) if wheels else None


def _own_name(member: WheelFilename, name: str, label: str) -> WheelFilename:
    labelled = member._replace(distribution=escape(name), label=label)
    return tagged_name(labelled)._replace(label=label, by_overlay=True)


def is_standing_in(wheel: Candidate) -> bool:
    """Return whether a wheel still has the file of the wheel for which it stands."""
    return wheel.name.by_overlay and not wheel.file.filename.startswith(f"{wheel.name.distribution}-")


def member_metadata(wheel: Candidate) -> bytes | VariantError:
    """Return METADATA of a wheel of another project, or the error."""
    try:
        if (beside := read_metadata_beside(wheel.file, _content)) is not None:
            return beside
        with TemporaryDirectory() as folder:
            return read_dist_info_files(wheel.file, wheel.name, Path(folder)).core_metadata
    except VariantError as error:
        return error.within(shown_location(wheel.file))


def _content(url: str, _hashes: object) -> bytes:
    return http.get(url, limit=LARGEST, other_hosts=True).content


@cache
def own_wheel_folder() -> Path:
    """Return the folder of generated wheels; a temporary one if the user has no safe cache folder."""
    folder = cache_path("offer") / "joint"
    try:
        prepare_folder(folder)
    except (OSError, ValueError):
        return Path(_temporary_folder().name)
    return folder


@cache
def _temporary_folder() -> TemporaryDirectory[str]:
    """Return a folder that is removed when the program ends."""
    return TemporaryDirectory(prefix="variant-backend-")
