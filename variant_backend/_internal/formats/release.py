"""A release as its sources list it: its files, and the wheels that can be selected.

Sources are folders, pages of package indexes, and lock files. Wheel filenames are parsed once, here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem, VariantError
from ..lowlevel.urls import shown_url
from ..variants.filename import WheelFilename, is_same_version, original_of
from ..variants.metadata import VariantMetadata
from ..variants.properties import check_label

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.version import Version

# The location of a file: a path on this machine, or a URL.
Location: TypeAlias = "Path | str"

# Algorithms for comparing files; digests of the shake family have no fixed length.
ALGORITHMS = {name for name in hashlib.algorithms_guaranteed if not name.startswith("shake_")}
# The code of the reason that excludes a wheel with a label outside the grammar.
BAD_LABEL = "bad-label"
_FORGEABLE = {"md5", "sha1"}


class File(NamedTuple):
    """A file of a project, as its source lists it.

    *hashes* are hexadecimal digests by algorithm; *size* is in bytes. *core_metadata* are the hashes of the
    ``.metadata`` file beside it, or None without such a file. *yanked* is the reason why the file was
    yanked (PEP 592), which may be empty; None if it was not. HTML pages have only one hash, no size, and no
    time of the upload (PEP 700), which is a text in ISO 8601. *provenance* is the URL of the attestations of
    the file, which contain its name (PEP 740).
    """

    filename: str
    location: Location
    hashes: Mapping[str, str]
    size: int | None = None
    requires_python: str | None = None
    core_metadata: Mapping[str, str] | None = None
    yanked: str | None = None
    upload_time: str | None = None
    provenance: str | None = None

    @property
    def url(self) -> str | None:
        """The URL of a file that is not on this machine, else None."""
        return self.location if isinstance(self.location, str) else None

    @property
    def path(self) -> Path | None:
        """The path of a file on this machine, else None."""
        return None if isinstance(self.location, str) else self.location

    @property
    def proofs(self) -> dict[str, str]:
        """The hashes with a secure algorithm, which verify this file."""
        return {name: digest for name, digest in self.hashes.items() if name in ALGORITHMS - _FORGEABLE}


def shown_location(file: File) -> str:
    """Return the location of a file for printing: its path, or its URL without possible secrets."""
    return shown_url(file.location) if isinstance(file.location, str) else str(file.location)


class Candidate(NamedTuple):
    """A wheel that can be selected: its parsed name, its file, and the reasons why its source excludes it."""

    name: WheelFilename
    file: File
    problems: tuple[Problem, ...] = ()

    @property
    def label(self) -> str | None:
        """The label in the wheel's name."""
        return self.name.label

    @classmethod
    def of(cls, file: File) -> Candidate | None:
        """Return a file as a wheel, None if its name is not a wheel's.

        A wheel with an invalid label is excluded, such as a browser's copy of a variant.
        """
        if not file.filename.endswith(".whl"):
            return None
        try:
            return cls(WheelFilename.parse(file.filename), file)
        except VariantError:
            stem, _, label = file.filename.removesuffix(".whl").rpartition("-")
        try:
            plain = WheelFilename.parse(f"{stem}.whl")
        except VariantError:
            return None
        if not label or plain.label is not None:
            return None
        name = plain._replace(label=label)
        if copy := original_of(file.filename):
            text = f"the name contains {copy[1]!r}, as names of copies do"
            return cls(name, file, (Problem(BAD_LABEL, "", text, f"rename it to {copy[0]}"),))
        try:
            check_label(label)
        except VariantError as error:
            return cls(name, file, tuple(problem.at("", BAD_LABEL) for problem in error.problems))
        return None


class Release(NamedTuple):
    """A release: its normalized *name*, its version, its wheels, and its merged index files.

    *metadata* is None if there is no index file. *problems* are the problems of its sources. *members* are
    the projects that the wheels of some labels require, as an overlay says.
    """

    name: str
    version: Version
    candidates: tuple[Candidate, ...]
    metadata: VariantMetadata | None
    problems: tuple[Problem, ...] = ()
    members: Mapping[str, str] = {}

    def member_of(self, label: str | None) -> str | None:
        """Return the project that the wheels of a label require, None if they are the project's own."""
        return self.members.get(label or "")

    def has_version(self, version: str) -> bool:
        """Return whether the release, or one of its wheels by an overlay, has a version."""
        local = {wheel.name.version for wheel in self.candidates if wheel.name.by_overlay}
        return any(is_same_version(known, version) for known in (str(self.version), *local))

    def of_label(self, label: str | None) -> Release:
        """Return the release with the wheels of one label only; None means plain wheels."""
        return self._replace(candidates=tuple(wheel for wheel in self.candidates if wheel.label == label))
