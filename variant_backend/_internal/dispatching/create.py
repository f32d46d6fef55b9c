"""Create a dispatching sdist: installers without variant support build it, and get the best wheel.

It contains no code. Its ``pyproject.toml`` names the backend that selects a wheel; `by_file` and
`by_requirement` write the list of wheels. Sources: the source distribution format (PEP 517, 625, 643), and
the core metadata.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ... import __version__
from ..errors import VariantError
from ..formats import core_metadata, toml_edit
from ..formats.dispatching_sdist import BACKEND, PKG_INFO, PROJECT, is_dispatching
from ..formats.release import Release
from ..lowlevel.file_set import Output, differences, update
from ..lowlevel.newer_dependencies import FIELDS
from ..lowlevel.ranges import Advance
from ..lowlevel.tarball import pack
from ..project.own_requirement import CORE
from ..selection.listing import Listing
from ..variants.filename import escape
from ..variants.tag_coverage import Coverage

_READMES = {"text/markdown": "README.md", "text/x-rst": "README.rst"}


class Stub(NamedTuple):
    """A dispatching sdist: the *release* that it lists, and the content of its *files*, by name."""

    release: Release
    files: Mapping[str, bytes]

    def output(self, folder: Path, *, time: int) -> Output:
        """Return the sdist; all its members have the *time*, in seconds since 1970."""
        top = f"{escape(self.release.name)}-{self.release.version}"
        return Output(folder, f"{top}.tar.gz", pack(top, self.files, time=time), _is_ours)


# Plans the sdist of a release, and counts the bytes of local wheels that it reads.
Planner: TypeAlias = Callable[[Listing, Advance], Stub]


def write(sdist: Output, *, force: bool) -> None:
    """Write an sdist; raises VariantError if a different file exists, unless *force* is true."""
    if force:
        sdist = sdist._replace(is_ours=lambda _: True)
    elif differences([sdist]) and sdist.path.exists():
        raise VariantError(
            "already exists with different content", place=sdist.path, remedy="use --force to replace it"
        )
    update([sdist])


def _is_ours(content: bytes) -> bool:
    return is_dispatching(io.BytesIO(content))


def made_stub(
    release: Release,
    described: Sequence[bytes],
    file: tuple[str, Mapping[str, object]],
    project: str,
    *,
    dynamic: Collection[str] = (),
) -> Stub:
    """Return the sdist of a release from which wheels with the *described* METADATA are built.

    *file* is the one with the list of its wheels, *project* its ``pyproject.toml``, and *dynamic* are further
    fields in which built wheels may differ. Raises VariantError if an index would refuse the sdist.
    """
    name = _common_spelling(described, release.name)
    pkg_info = core_metadata.for_sdist(described, name, str(release.version), dynamic)
    _check_pkg_info(pkg_info)
    filename, content = file
    files = {
        PROJECT: project.encode(),
        PKG_INFO: pkg_info,
        filename: toml_edit.from_dict(content).encode(),
        **_readme_of(pkg_info),
    }
    return Stub(release, files)


def build_system(*requires: str) -> str:
    """Return the table ``build-system`` with this backend and further requirements."""
    names = ", ".join(f'"{name}"' for name in (f"{CORE}=={__version__}", *requires))
    return f'[build-system]\nrequires = [{names}]\nbuild-backend = "{BACKEND}"\n'


def _readme_of(pkg_info: bytes) -> dict[str, bytes]:
    """Return the file with the description in PKG-INFO, by its name; empty without a description."""
    readme = core_metadata.description(pkg_info)
    kind = core_metadata.find_field(pkg_info, "Description-Content-Type") or ""
    return {_READMES.get(kind.partition(";")[0].strip().lower(), "README"): readme} if readme else {}


def _common_spelling(described: Iterable[bytes], name: str) -> str:
    """Return a project's name as all its wheels spell it, or *name* if the spelling differs."""
    spelled = {core_metadata.read_field(data, "Name") for data in described}
    return spelled.pop() if len(spelled) == 1 else name


def _check_pkg_info(data: bytes) -> None:
    """Check METADATA as package indexes do. Raises VariantError if it is invalid."""
    if FIELDS.problem():
        return  # the command warns
    from packaging.metadata import ExceptionGroup, Metadata

    try:
        Metadata.from_email(data, validate=True)
    except ExceptionGroup as error:
        raise VariantError(
            *(f"METADATA of the wheels: {problem}" for problem in error.exceptions),
            remedy="correct it and rebuild the wheels: package indexes reject it",
        ) from None


def preferred(listing: Listing) -> list[str]:
    """Return the plain wheels that installers prefer to the sdist, on platforms that have variants."""
    names = [wheel.name for wheel in listing.wheels]
    labelled = {name.tags for name in names if name.label is not None}
    plain = [name for name in names if name.label is None]
    is_preferred = {}
    for tags in {name.tags for name in plain}:
        coverage = Coverage([tags])
        is_preferred[tags] = any(map(coverage.covers, labelled))
    return [str(name) for name in plain if is_preferred[name.tags]]
