"""Apply overlays to releases: the wheels of all local versions of a version become one, with labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import Problem, one_of, shortened
from ..formats.release import Candidate
from ..lowlevel.urls import is_http, without_user
from ..project.overlay import NO_LABEL, OverlayEntry, entry_for
from .listing import Listed, Listing

if TYPE_CHECKING:
    from packaging.version import Version


def with_overlay(
    listings: Iterable[Listing], overlay: Sequence[OverlayEntry], problems: list[Problem]
) -> list[Listing]:
    """Return the releases of a project with the labels of an overlay; local versions become one release.

    A release with variants of its own keeps them, and one without an entry stays as it is; *problems* get a
    warning about the former, and about the latter if it has local versions.
    """
    result: list[Listing] = []
    merged: dict[Version, list[Listing]] = {}
    for listing in listings:
        if entry_for(overlay, listing.name, listing.version):
            merged.setdefault(_public(listing.version), []).append(listing)
        else:
            result.append(listing)
    problems += _without_entry(result, overlay)
    kept: list[str] = []
    labelled: dict[str, tuple[OverlayEntry, list[Listing]]] = {}
    for version, group in merged.items():
        entry = entry_for(overlay, group[0].name, version)
        if not any(listing.wheels for listing in group):
            result += group
        elif entry is None or any(map(_has_own_variants, group)):
            result += map(_without_members, group)
            kept.append(str(version))
        else:
            labelled.setdefault(entry.place, (entry, []))[1].append(_labelled(version, group, entry))
    for entry, releases in labelled.values():
        result += releases
        problems += (*entry.warnings, *_unmatched(entry, releases))
    if kept:
        text = f"versions with variants of their own, so no overlay is used for them: {shortened(kept)}"
        problems.append(Problem("warning", overlay[0].place, text))
    return result


def _without_entry(listings: Iterable[Listing], overlay: Sequence[OverlayEntry]) -> Iterator[Problem]:
    """Yield a warning about local versions that all machines see, such as those of a pre-release.

    ``<2.11`` and ``>=2.11`` both exclude 2.11rc1 (PEP 440).
    """
    versions = [str(listing.version) for listing in listings if listing.wheels and listing.version.local]
    if versions:
        text = f"no entry is about these versions, so all machines see them: {shortened(versions)}"
        yield Problem("warning", overlay[-1].place, text, "add an entry for them, or one without versions")


def _unmatched(entry: OverlayEntry, releases: Iterable[Listing]) -> Iterator[Problem]:
    """Yield a warning about labels that no wheel has, if there are wheels without a label.

    Old and new releases mostly lack some labels, and some indexes lack a platform.
    """
    wheels = [wheel for listing in releases for wheel in listing.wheels]
    without = dict.fromkeys(wheel.name.version for wheel in wheels if _lacks_label(wheel))
    unused = [label for label in entry.matches if label not in {wheel.label for wheel in wheels}]
    if without and unused:
        text = f"{one_of(unused)}: no wheel of {wheels[0].name.distribution} matches; without a label:"
        remedy = "correct the globs, if these wheels shall have the label"
        yield Problem("warning", entry.place, f"{text} {shortened([*without])}", remedy)


def _lacks_label(wheel: Candidate) -> bool:
    return any(problem.code == NO_LABEL for problem in wheel.problems)


def _public(version: Version) -> Version:
    """Return a version without its local part."""
    return type(version)(version.public)


def _has_own_variants(listing: Listing) -> bool:
    labels = {wheel.name.own.label for wheel in listing.wheels if not wheel.problems}
    return bool(listing.index_files or labels - {None})


def _without_members(listing: Listing) -> Listing:
    """Return a release without the wheels that stand for those of other projects."""
    own = (source for source in listing.sources if not any(wheel.name.by_overlay for wheel in source.wheels))
    return listing._replace(sources=tuple(own))


def _labelled(version: Version, group: Sequence[Listing], entry: OverlayEntry) -> Listing:
    """Return one release with the wheels of several, each with its label."""
    sources: dict[tuple[str, str], Listed] = {}
    for source in (source for listing in group for source in listing.sources):
        wheels = tuple(_candidate(wheel, entry, source.origin) for wheel in source.wheels)
        known = sources.get((source.place, source.origin), source._replace(wheels=(), sdists=()))
        sources[source.place, source.origin] = known._replace(
            wheels=known.wheels + wheels, sdists=known.sdists + source.sdists
        )
    return Listing(group[0].name, version, tuple(sources.values()), entry)


def _candidate(wheel: Candidate, entry: OverlayEntry, origin: str) -> Candidate:
    if wheel.name.by_overlay or wheel.problems:
        return wheel
    # A user and a password in the URL of an index are not parts of globs.
    name, problems = entry.labelled(wheel.name, without_user(origin) if is_http(origin) else origin)
    return wheel._replace(name=name, problems=problems)
