"""Overlays: which existing wheels of projects on other indexes are which variants.

An overlay changes no wheel. It says what names and index files would say if its projects published variants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError, one_of
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from .name_globs import matches_globs

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

# The code of a problem of a wheel that an overlay gives no label, or several.
NO_LABEL = "no-label"


class OverlayEntry(NamedTuple):
    """What an overlay says about some releases of the projects with some normalized *names*.

    *metadata* has the variants. *matches* has the globs for the wheels of a label, *projects* the normalized
    name of the project that is a label. *versions* admits all releases if it is None. *index_urls* are the
    indexes that have the projects; without them, these are the indexes of all projects. *place* is the entry
    in messages, and *digest* changes with the file. *warnings* are about properties that no known provider
    reports. If the entry *allows_local*, requirements on an exact local version get it on all machines.
    """

    names: tuple[str, ...]
    metadata: VariantMetadata
    matches: Mapping[str, Mapping[str, str]]
    projects: Mapping[str, str]
    versions: SpecifierSet | None
    index_urls: tuple[str, ...]
    place: str
    digest: str
    warnings: tuple[Problem, ...] = ()
    allows_local: bool = False

    def admits(self, version: Version) -> bool:
        """Return whether the entry is about the release of a version, whatever its local part is."""
        return self.versions is None or self.versions.contains(version.public, prereleases=True)

    def covers(self, other: OverlayEntry) -> bool:
        """Return whether the entry is about all releases that another one is about."""
        return self.versions is None or self.versions == other.versions

    def labelled(self, wheel: WheelFilename, index_url: str) -> tuple[WheelFilename, tuple[Problem, ...]]:
        """Return the name of a plain wheel with its label, and why the wheel is excluded, if it is.

        A wheel without a label stays a plain wheel, unless it has a local version: installers would prefer it
        to all variants of its release.
        """
        labels = [label for label, globs in self.matches.items() if matches_globs(globs, wheel, index_url)]
        if len(labels) == 1:
            return wheel._replace(label=labels[0], by_overlay=True), ()
        if labels:
            remedy = "change the globs so that only one label matches"
            return wheel, (Problem(NO_LABEL, self.place, f"several labels match: {one_of(labels)}", remedy),)
        if "+" not in wheel.version:
            return wheel, ()
        text, remedy = "the globs of no label match", "add a label for it, if machines shall get it"
        return wheel, (Problem(NO_LABEL, self.place, text, remedy),)


def used_entries(entries: Iterable[OverlayEntry]) -> tuple[OverlayEntry, ...]:
    """Return the entries of several files, without names that an earlier entry covers.

    Raises VariantError if a project that is a label has labels that are projects: such a chain may end where
    it began.
    """
    used: list[OverlayEntry] = []
    for entry in entries:
        covered = {name for earlier in used if earlier.covers(entry) for name in earlier.names}
        if names := tuple(name for name in entry.names if name not in covered):
            used.append(entry._replace(names=names))
    for entry in used:
        for label, member in entry.projects.items():
            if others := members_of(entries_of(used, member)):
                text = f"expected a project with wheels, got {member!r}, which stands for {one_of(others)}"
                place = f"{entry.place}.variants.{label}.project"
                raise VariantError(text, place=place, remedy="name a project that stands for no others")
    return tuple(used)


def members_of(entries: Iterable[OverlayEntry]) -> tuple[str, ...]:
    """Return the names of the projects that are labels of the projects of some entries."""
    return tuple(dict.fromkeys(name for entry in entries for name in entry.projects.values()))


def entries_of(entries: Iterable[OverlayEntry], name: str) -> Iterator[OverlayEntry]:
    """Yield the entries about a project; its name is normalized."""
    return (entry for entry in entries if name in entry.names)


def entry_for(entries: Iterable[OverlayEntry], name: str, version: Version) -> OverlayEntry | None:
    """Return the first entry about a release, None if there is none."""
    return next((entry for entry in entries_of(entries, name) if entry.admits(version)), None)
