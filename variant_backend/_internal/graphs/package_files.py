"""The file of a package that an installer gets from an offer, and its METADATA."""

from __future__ import annotations

from contextlib import suppress

from ..errors import VariantError
from ..formats.release import Candidate, File
from ..lowlevel.processes import temporary_folder
from ..lowlevel.regular_files import open_regular
from ..lowlevel.tarball import read_member
from ..selection.download import download
from ..serving.environments import Place, Slot
from ..serving.page import Prepared
from ..serving.rendered import RenderedProject
from ..serving.upstream import Upstream
from ..variants.filename import is_same_version, release_of_sdist
from ..variants.ranking import build_order
from ..variants.uv_behaviour import uv_ignores


def best_file(project: RenderedProject, version: str, slot: Slot) -> Prepared | None:
    """Return the file of a version that uv and pip install in an environment, None if none fits.

    A yanked file is the last choice, and a wheel is better than an sdist. The best tag decides between
    wheels, then the highest build number, then the first name.
    """
    files = sorted(project.ready.files, key=lambda ready: ready.file.filename)
    files.sort(key=_build_number, reverse=True)
    placed = ((_place(ready.file, version, slot), ready) for ready in files)
    fitting = [(place, ready) for place, ready in placed if place is not None]
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _place(file: File, version: str, slot: Slot) -> tuple[bool, bool, Place] | None:
    """Return the position of a file, the first is best; None if it is of another version or does not fit."""
    wheel = Candidate.of(file)
    if wheel is None:
        fits = slot.allows(file.requires_python) and _is_sdist_of(file, version)
        return (file.yanked is not None, True, (0, 0)) if fits else None
    if not is_same_version(wheel.name.version, version) or wheel.problems or uv_ignores(wheel.name):
        return None
    fit = slot.fit(wheel.name.tags, file.requires_python)
    return (file.yanked is not None, False, fit.place) if fit else None


def _build_number(ready: Prepared) -> tuple[int, str]:
    wheel = Candidate.of(ready.file)
    return build_order(wheel.name.build if wheel else "")


def _is_sdist_of(file: File, version: str) -> bool:
    with suppress(VariantError):
        return is_same_version(str(release_of_sdist(file.filename)[1]), version)
    return False


def metadata_of_file(ready: Prepared, upstream: Upstream) -> bytes:
    """Return METADATA as an installer gets it, or PKG-INFO of an sdist, empty if it cannot be read.

    Raises VariantError if METADATA of a wheel cannot be read.
    """
    offered = ready.offered
    if ready.core_metadata is not None:
        return ready.core_metadata
    if offered.wheel is not None:
        return upstream.core_metadata(offered.file, offered.wheel.name)
    if ready.file.filename.endswith(".whl"):
        return upstream.metadata_of(offered.file)
    with suppress(VariantError, OSError), temporary_folder() as folder:
        path = folder / "sdist"
        download(offered.file, path)
        with open_regular(path) as sdist:
            return read_member(sdist, "PKG-INFO")
    return b""
