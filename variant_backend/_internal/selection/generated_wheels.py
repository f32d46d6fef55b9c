"""Generate the wheels of a project that requires the project that fits, such as ``cupy``.

A wheel of about 2 kB stands for each wheel of the other project. It has the same tags and Requires-Python,
requires the same version, and hands extras on. Its variant.json says which label it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats.release import Candidate, File
from ..formats.required_project import RequiredProject, required_names
from ..lowlevel.regular_files import read_regular
from ..lowlevel.workspace import NotWritableError, move_over, workspace
from ..project.overlay import OverlayEntry
from ..variants.filename import WheelFilename, normalize
from ..wheels.empty import empty_wheel
from .listing import Listing
from .member_wheels import is_standing_in

# The code of a reason that excludes a retired wheel, which requires the project that would require it.
RETIRED = "retired"
_UNREADABLE = "unreadable"
# So many generated wheels of about 2 kB are kept; all releases of CuPy have about 5,000.
_MOST_KEPT = 20_000
# Each is in a folder whose name has so many digits of its hash.
_DIGITS = 32

# Returns METADATA of a wheel of another project, or the error.
MemberMetadata = Callable[[Candidate], "bytes | VariantError"]


class _Written(NamedTuple):
    """A generated wheel, and its content."""

    wheel: Candidate
    content: bytes


def with_generated_wheels(
    listing: Listing, metadata_of: MemberMetadata, folder: Callable[[], Path]
) -> Listing:
    """Return a release with its own wheels in place of those that they stand for, written into a *folder*.

    METADATA of one wheel of each label decides about the others. Wheels whose METADATA cannot be used are
    excluded. If all are retired, and the project has plain files of its own, the release is a plain one.
    Raises NotWritableError if a wheel cannot be written.
    """
    entry = listing.overlay
    standing = [wheel for wheel in listing.wheels if is_standing_in(wheel)]
    if entry is None or not standing:
        return listing
    first: dict[str, Candidate] = {}
    for wheel in standing:
        first.setdefault(str(wheel.label), wheel)
    known = {label: _joint(entry, label, wheel, metadata_of) for label, wheel in first.items()}
    if all(isinstance(joint, Problem) and joint.code == RETIRED for joint in known.values()):
        own = [wheel.label for wheel in listing.wheels if not is_standing_in(wheel)]
        if (own or listing.sdists) and not any(own):
            return _without_members(listing)
    root = folder()
    documents = {label: _document(entry, label) for label in known}
    written = {
        wheel.name: _generated(wheel, known[str(wheel.label)], documents[str(wheel.label)], root)
        for wheel in standing
    }
    _write(root, (one for one in written.values() if one.content))
    replace = partial(_replaced, written=written)
    sources = (source._replace(wheels=tuple(map(replace, source.wheels))) for source in listing.sources)
    return listing._replace(sources=tuple(sources))


def _without_members(listing: Listing) -> Listing:
    """Return a release with the files of its own project only."""
    sources = (
        source._replace(wheels=tuple(wheel for wheel in source.wheels if not is_standing_in(wheel)))
        for source in listing.sources
    )
    return listing._replace(sources=tuple(sources), overlay=None)


def is_generated(file: File) -> bool:
    """Return whether a file is a generated wheel, which no source has."""
    return file.path is not None and file.path.parent.name == file.hashes.get("sha256", "")[:_DIGITS] != ""


def _replaced(wheel: Candidate, written: Mapping[WheelFilename, _Written]) -> Candidate:
    return written[wheel.name].wheel if wheel.name in written else wheel


def _joint(
    entry: OverlayEntry, label: str, wheel: Candidate, metadata_of: MemberMetadata
) -> RequiredProject | Problem:
    """Return what METADATA of the wheels of a label says, or the reason that excludes them."""
    original = Candidate.of(wheel.file)
    data = metadata_of(original) if original else VariantError("not a wheel", place=wheel.file.filename)
    if isinstance(data, VariantError):
        return data.problems[0]._replace(code=_UNREADABLE)
    member = entry.projects[label]
    try:
        joint = RequiredProject.of_metadata(data)
        if normalize(joint.name) != member:
            raise VariantError(f"expected METADATA of {member}, got that of {joint.name!r}")
    except VariantError as error:
        return error.within(wheel.file.filename).problems[0]._replace(code=_UNREADABLE)
    if required := required_names(data, always=True) & {normalize(name) for name in entry.names}:
        text = f"retired: it requires {min(required)}, so it cannot be a variant of that"
        return Problem(RETIRED, f"{member} {wheel.name.version}", text)
    return joint._replace(name=member)


def _document(entry: OverlayEntry, label: str) -> bytes:
    """Return variant.json of the wheels of a label."""
    metadata = entry.metadata
    return metadata._replace(variants={label: metadata.variants[label]}).to_json()


def _generated(wheel: Candidate, joint: RequiredProject | Problem, document: bytes, root: Path) -> _Written:
    """Return the generated wheel, without a content if it is excluded; *document* is its variant.json."""
    if isinstance(joint, Problem):
        return _Written(wheel._replace(problems=(*wheel.problems, joint)), b"")
    file, name = wheel.file, wheel.name.own
    joint = joint._replace(requires_python=file.requires_python or joint.requires_python)
    summary = f"Requires {joint.name}=={name.version}, which an overlay selects"
    metadata = joint.metadata(normalize(name.distribution), name.version, summary)
    content = empty_wheel(name, {"METADATA": metadata, "variant.json": document})
    digest = hashlib.sha256(content).hexdigest()
    own = file._replace(
        filename=str(name),
        location=root / digest[:_DIGITS] / str(name),
        hashes={"sha256": digest},
        size=len(content),
        requires_python=joint.requires_python,
        core_metadata=None,
        provenance=None,
    )
    return _Written(wheel._replace(file=own), content)


def _write(root: Path, wheels: Iterable[_Written]) -> None:
    """Write the wheels that are missing or damaged; of too many, the least recently used ones are removed."""
    missing = [one for one in wheels if not _is_there(one)]
    if not missing:
        return
    with workspace(root) as scratch:
        for one in missing:
            try:
                (scratch / "wheel").write_bytes(one.content)
                target = Path(one.wheel.file.location)
                target.parent.mkdir(exist_ok=True)
                move_over(scratch / "wheel", target)
            except NotWritableError:  # on Windows, another process may read the same file
                if not _is_there(one):
                    raise
            except OSError as error:
                if not _is_there(one):
                    text = error.strerror or str(error)
                    raise NotWritableError(text, place=root, remedy="use another cache folder") from None
    _remove_oldest(root)


def _is_there(one: _Written) -> bool:
    """Return whether a wheel exists, undamaged; if it does, it is used now."""
    path = Path(one.wheel.file.location)
    try:
        if read_regular(path, len(one.content)) != one.content:
            return False
        os.utime(path.parent)
    except (OSError, VariantError):  # missing; larger, or not a file
        return False
    return True


def _remove_oldest(root: Path) -> None:
    with os.scandir(root) as entries:
        folders = [entry.path for entry in entries if len(entry.name) == _DIGITS]
    if len(folders) > _MOST_KEPT:
        import shutil  # rarely needed

        for folder in sorted(folders, key=_last_use)[: len(folders) - _MOST_KEPT]:
            shutil.rmtree(folder, ignore_errors=True)


def _last_use(folder: str) -> float:
    try:
        return os.stat(folder).st_mtime  # noqa: PTH116  # a text, as scandir has it
    except OSError:  # another process has removed it
        return 0.0


def retired_problems(listings: Iterable[Listing]) -> list[Problem]:
    """Return a warning about each retired release, which stays out of the offer."""
    retired: Collection[Problem] = dict.fromkeys(
        problem
        for listing in listings
        for wheel in listing.wheels
        for problem in wheel.problems
        if problem.code == RETIRED
    )
    return [problem._replace(code="warning") for problem in retired]
