"""The releases of a project in the files that its sources list, before any file is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import Problem, VariantError
from ..formats.release import Candidate, File
from ..project.overlay import entry_for
from ..variants.filename import (
    normalize,
    parse_index_filename,
    release_of_index,
    release_of_sdist,
)
from .listing import Listed, Listing, SourceRead
from .member_wheels import standing_in
from .overlaid import with_overlay
from .source_files import SDISTS

if TYPE_CHECKING:
    from packaging.version import Version

    from ..project.overlay import OverlayEntry


def listings_of(
    name: str,
    read: Sequence[SourceRead],
    problems: list[Problem],
    *,
    overlay: Sequence[OverlayEntry] = (),
    members: Mapping[str, Sequence[SourceRead]] = {},
    with_sdists: bool = False,
) -> list[Listing]:
    """Return the releases in the files of sources, newest first.

    The *name* is normalized, and the *overlay* is about it. *members* are the sources of the projects that
    are its labels. Misnamed index files are added to *problems*.
    Without *with_sdists*, releases that have only sdists are left out, and other releases have none.
    """
    releases: dict[Version, list[Listed]] = {}
    for source in read:
        by_version = _by_version(name, source, problems)
        for version, sdists in sdists_of_releases(name, source.files).items() if with_sdists else ():
            listed = by_version.get(version, Listed(source.place, (), (), origin=source.origin))
            by_version[version] = listed._replace(sdists=(*sdists,))
        for version, listed in by_version.items():
            releases.setdefault(version, []).append(listed)
    for entry, label, source in _member_sources(overlay, members):
        by_version = _by_version(entry.projects[label], source, problems)
        for version, listed in by_version.items():
            if entry_for(overlay, name, version) is entry and (stand_ins := standing_in(listed, name, label)):
                releases.setdefault(version, []).append(stand_ins)
    listings = [Listing(name, version, tuple(listed)) for version, listed in releases.items()]
    if overlay:
        listings = with_overlay(listings, overlay, problems)
    return sorted(listings, key=lambda listing: listing.version, reverse=True)


def _member_sources(
    overlay: Iterable[OverlayEntry], members: Mapping[str, Sequence[SourceRead]]
) -> Iterator[tuple[OverlayEntry, str, SourceRead]]:
    """Yield the sources of each project that is a label, with the entry and the label."""
    for entry in overlay:
        for label, member in entry.projects.items():
            yield from ((entry, label, source) for source in members.get(member, ()))


def _by_version(name: str, source: SourceRead, problems: list[Problem]) -> dict[Version, Listed]:
    """Return the files of each release in a source; misnamed index files are added to *problems*."""
    wheels: dict[Version, list[Candidate]] = {}
    indexes: dict[Version, list[File]] = {}
    spelled: dict[Version, list[File]] = {}
    for file in source.files:
        try:
            if (wheel := Candidate.of(file)) and normalize(wheel.name.distribution) == name:
                wheels.setdefault(wheel.name.release()[1], []).append(wheel)
            elif (release := release_of_index(file.filename)) and release[0] == name:
                spelled.setdefault(release[1], []).append(file)
                parse_index_filename(file.filename)
                indexes.setdefault(release[1], []).append(file)
        except VariantError as error:
            if not file.filename.endswith(".whl"):
                problems += error.within(source.place).problems
    return {
        version: Listed(
            source.place,
            tuple(wheels.get(version, ())),
            tuple(indexes.get(version, ())),
            tuple(spelled.get(version, ())),
            origin=source.origin,
        )
        for version in {**wheels, **spelled}
    }


def sdists_of_releases(name: str, files: Iterable[File]) -> dict[Version, list[File]]:
    """Return the sdists of each release in a source."""
    sdists: dict[Version, list[File]] = {}
    for file in files:
        if file.filename.endswith(SDISTS):
            with suppress(VariantError):
                project, version = release_of_sdist(file.filename)
                if project == name:
                    sdists.setdefault(version, []).append(file)
    return sdists
