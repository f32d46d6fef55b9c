"""What the pages for people show of an index: its projects, their releases, and their files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..formats.project_about import ProjectAbout
from ..variants.metadata import VariantMetadata


class FileLink(NamedTuple):
    """A file to download: *path* is relative to the folder of the index, *size* is in bytes.

    *uploaded* is a text in ISO 8601, or None.
    """

    filename: str
    path: str
    size: int
    sha256: str
    uploaded: str | None = None

    @property
    def is_sdist(self) -> bool:
        """Whether it is a source distribution."""
        return self.filename.endswith(".tar.gz")


class WheelLink(NamedTuple):
    """A wheel: its link, its label (None for a plain wheel), its tags, and its requirements."""

    link: FileLink
    label: str | None
    tags: str
    requirements: tuple[str, ...]


class ReleaseSection(NamedTuple):
    """A release of a project: its variant metadata, its wheels, and all its other files.

    *lacking* are the names of required projects that the index does not have. *unselected* has the reason for
    each label that uv never selects. *dropped* is the reason why uv drops the release, or empty.
    """

    version: str
    metadata: VariantMetadata | None
    requires_python: str | None
    wheels: tuple[WheelLink, ...]
    others: tuple[FileLink, ...]
    lacking: tuple[str, ...] = ()
    unselected: Mapping[str, str] = {}
    dropped: str = ""

    @property
    def labels(self) -> set[str]:
        """The labels of the wheels."""
        return {wheel.label for wheel in self.wheels if wheel.label is not None}

    @property
    def has_plain_wheel(self) -> bool:
        """Whether one of the wheels is not a variant."""
        return any(wheel.label is None for wheel in self.wheels)

    @property
    def has_sdist(self) -> bool:
        """Whether there is a source distribution."""
        return any(link.is_sdist for link in self.others)

    @property
    def is_for_uv(self) -> bool:
        """Whether uv selects one of the variants on some machine."""
        return not self.dropped and not self.labels <= {*self.unselected}


class ProjectPage(NamedTuple):
    """A project: its normalized name, its releases, the newest first, and what METADATA says about it.

    *latest* is the release that pages show first: the newest final one, or the newest if none is final.
    """

    name: str
    releases: tuple[ReleaseSection, ...]
    latest: ReleaseSection
    about: ProjectAbout
