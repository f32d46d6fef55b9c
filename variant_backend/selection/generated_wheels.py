"""Generate the wheels of a project that requires the project that fits, such as ``cupy``.

A wheel of about 2 kB stands for each wheel of the other project. It has the same tags and Requires-Python,
requires the same version, and hands extras on. Its variant.json says which label it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats.release import Candidate, File
from ..lowlevel.workspace import NotWritableError, workspace
from ..project.overlay import OverlayEntry
from ..variants.filename import WheelFilename, normalize
from ..wheels.empty import empty_wheel
from ..wheels.joint import JointMetadata, joint_metadata
from .listing import Listing
from .member_wheels import is_standing_in

# The code of a reason that excludes a retired wheel, which requires the project that would require it.
RETIRED = "retired"
_UNREADABLE = "unreadable"

# Returns METADATA of the wheel for which another one stands, or the error.
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
    excluded. Raises NotWritableError if a wheel cannot be written.
    """
    entry = listing.overlay
    standing = [wheel for wheel in listing.wheels if is_standing_in(wheel)]
    if entry is None or not standing:
        return listing
    first: dict[str, Candidate] = {}
    for wheel in standing:
        first.setdefault(str(wheel.label), wheel)
    known = {label: _joint(entry, label, wheel, metadata_of) for label, wheel in first.items()}
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


def is_generated(file: File) -> bool:
    """Return whether a file is a generated wheel, which no source has."""
    return file.path is not None and file.path.parent.name == file.hashes.get("sha256", "")[:32] != ""


def _replaced(wheel: Candidate, written: Mapping[WheelFilename, _Written]) -> Candidate:
    return written[wheel.name].wheel if wheel.name in written else wheel


def _joint(
    entry: OverlayEntry, label: str, wheel: Candidate, metadata_of: MemberMetadata
) -> JointMetadata | Problem:
    """Return what the wheels of a label say, or the reason that excludes them."""
    data = metadata_of(wheel)
    if isinstance(data, VariantError):
        return data.problems[0]._replace(code=_UNREADABLE)
    member = entry.projects[label]
    try:
        joint = joint_metadata(data, member)
    except VariantError as error:
        return error.within(wheel.file.filename).problems[0]._replace(code=_UNREADABLE)
    if required := joint.required & {normalize(name) for name in entry.names}:
        text = f"retired: it requires {min(required)}, so it cannot be a variant of that"
        return Problem(RETIRED, f"{member} {wheel.name.version}", text)
    return joint


def _document(entry: OverlayEntry, label: str) -> bytes:
    """Return variant.json of the wheels of a label."""
    metadata = entry.metadata
    return metadata._replace(variants={label: metadata.variants[label]}).to_json()


def _generated(wheel: Candidate, joint: JointMetadata | Problem, document: bytes, root: Path) -> _Written:
    """Return the generated wheel, without a content if it is excluded; *document* is its variant.json."""
    if isinstance(joint, Problem):
        return _Written(wheel._replace(problems=(*wheel.problems, joint)), b"")
    file, name = wheel.file, wheel.name.own
    python = file.requires_python or joint.requires_python
    content = empty_wheel(name, {"METADATA": joint.metadata(name, python), "variant.json": document})
    digest = hashlib.sha256(content).hexdigest()
    own = file._replace(
        filename=str(name),
        location=root / digest[:32] / str(name),
        hashes={"sha256": digest},
        size=len(content),
        requires_python=python,
        core_metadata=None,
        provenance=None,
    )
    return _Written(wheel._replace(file=own), content)


def _write(root: Path, wheels: Iterable[_Written]) -> None:
    """Write the wheels that do not exist yet."""
    missing = [one for one in wheels if not _is_there(one)]
    if not missing:
        return
    with workspace(root) as scratch:
        for one in missing:
            try:
                (scratch / "wheel").write_bytes(one.content)
                target = Path(one.wheel.file.location)
                target.parent.mkdir(exist_ok=True)
                (scratch / "wheel").replace(target)
            except OSError as error:
                if not _is_there(one):  # on Windows, another process may read the same file
                    text = error.strerror or str(error)
                    raise NotWritableError(text, place=root, hint="use another cache folder") from None


def _is_there(one: _Written) -> bool:
    path = one.wheel.file.path
    return path is not None and path.is_file() and path.stat().st_size == len(one.content)


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
