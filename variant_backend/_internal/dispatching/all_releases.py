"""Plan the dispatching sdists of all releases with variants, in a folder or on an index.

Source: the simple repository API ("Base HTML API", the list of all projects).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.http import NOT_FOUND
from ..lowlevel.ranges import Advance
from ..lowlevel.threads import map_in_threads
from ..lowlevel.urls import shown_url
from ..selection.listing import Listing
from ..selection.read_ahead import AT_ONCE, read_ahead
from ..selection.releases import find_listings, projects
from ..selection.source_files import Folders, names_on_page, page_on_server
from ..variants.filename import normalize
from .create import Planner, Stub
from .sound_release import sources_at

_NAME_THEM = "use --package NAME==VERSION, once for each release"


class AllReleases(NamedTuple):
    """The releases with variants of a source, by project, newest first.

    *plain* is the number of releases without variants. *problems* are those of projects that cannot be
    listed.
    """

    listings: tuple[Listing, ...]
    plain: int
    problems: tuple[Problem, ...]


def all_releases(place: str, report: Callable[[str], object] = lambda _: None) -> AllReleases:
    """Return all releases of a folder or an index; *report* gets the progress as a text.

    Raises VariantError if the source cannot be listed, or if no release has variants.
    """
    sources = sources_at(place)
    names = _names_on(sources.index_urls[0]) if sources.index_urls else projects(sources)
    folders, done = Folders(), 0

    def listed(name: str) -> tuple[list[Listing], tuple[Problem, ...]]:
        nonlocal done
        listings = find_listings(name, sources, folders)
        done += 1
        report(f"variant-backend: {done} of {len(names)} projects listed")
        return [*listings.releases], listings.problems

    # A folder is read once, by the first call.
    read = map_in_threads(listed, names) if sources.index_urls else [*map(listed, names)]
    releases = [listing for listings, _ in read for listing in listings]
    having = tuple(listing for listing in releases if any(wheel.label for wheel in listing.wheels))
    problems = tuple(problem for _, problems in read for problem in problems)
    if not having and not problems:
        text = f"no release has variants; releases without variants: {len(releases)}"
        raise VariantError(text, place=str(sources), remedy="add variant wheels, or name another source")
    return AllReleases(having, len(releases) - len(having), problems)


def _names_on(index_url: str) -> list[str]:
    """Return the normalized names of all projects on an index; raises VariantError if it has no list."""
    try:
        names = names_on_page(page_on_server(index_url, "").page)
    except VariantError as error:
        if all(problem.code == NOT_FOUND for problem in error.problems):
            place = shown_url(index_url)
            raise VariantError("the index has no list of projects", place=place, remedy=_NAME_THEM) from None
        raise
    return sorted({*map(normalize, names)})


def plan_all_stubs(
    releases: AllReleases, plan: Planner, advance: Advance = lambda _count: None
) -> Iterator[tuple[Listing, Stub | VariantError]]:
    """Yield each release with its dispatching sdist, or with the error because of which it gets none.

    Several releases on servers are read at a time.
    """

    def planned(listing: Listing) -> Stub | VariantError:
        try:
            return plan(listing, advance)
        except VariantError as error:
            place = f"{listing.name} {listing.version}"
            named = (
                problem if problem.place.startswith(place) else problem.within(place)
                for problem in error.problems
            )
            return VariantError(*named)

    files = (wheel.file for listing in releases.listings for wheel in listing.wheels)
    most = AT_ONCE if any(file.url for file in files) else 1
    for listing, result in read_ahead(planned, releases.listings, most):
        yield listing, result()
