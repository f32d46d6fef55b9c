"""A release as its sources list it, before any file is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem
from ..formats.release import Candidate, File
from ..variants.label_pattern import is_wanted

if TYPE_CHECKING:
    from packaging.version import Version

    from ..project.overlay import OverlayEntry
    from ..variants.filename import WheelFilename


class SourceRead(NamedTuple):
    """The files of a project in one source: its *place* in messages, and its *origin*.

    The origin is the URL of the index, or the folder. *problems* are those of its page.
    """

    place: str
    files: Sequence[File]
    origin: str
    problems: tuple[Problem, ...] = ()


class Listed(NamedTuple):
    """The files of a release in one folder or on one page; *place* names that source in messages.

    *spelled* are all index files in the order of the source, even if their names are not normalized. Only uv
    uses those, and *sdists*, which are empty unless they were requested. *origin* is that of the source.
    """

    place: str
    wheels: tuple[Candidate, ...]
    index_files: tuple[File, ...]
    spelled: tuple[File, ...] = ()
    sdists: tuple[File, ...] = ()
    origin: str = ""


class Listing(NamedTuple):
    """A release as its sources list it, before any file is read; *name* is normalized.

    *overlay* says which variants its wheels are, if an overlay gives them labels.
    """

    name: str
    version: Version
    sources: tuple[Listed, ...]
    overlay: OverlayEntry | None = None

    @property
    def wheels(self) -> tuple[Candidate, ...]:
        """The wheels of all sources; of wheels with the same name and label, only the first one."""
        wheels: dict[WheelFilename, Candidate] = {}
        for source in self.sources:
            for wheel in source.wheels:
                wheels.setdefault(wheel.name, wheel)
        return tuple(wheels.values())

    @property
    def index_files(self) -> tuple[File, ...]:
        """The index files of all sources."""
        return tuple(file for source in self.sources for file in source.index_files)

    @property
    def sdists(self) -> tuple[File, ...]:
        """The sdists of all sources."""
        return tuple(file for source in self.sources for file in source.sdists)

    def of_label(self, wanted: str) -> Listing:
        """Return the release with only the wheels that a request wants: of a label, a pattern, or plain."""
        sources = (
            source._replace(wheels=tuple(wheel for wheel in source.wheels if is_wanted(wheel.label, wanted)))
            for source in self.sources
        )
        return self._replace(sources=tuple(sources))
