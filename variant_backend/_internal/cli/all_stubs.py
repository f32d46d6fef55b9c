"""``stub --all``: the dispatching sdists of all releases in a folder or on an index."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import VariantError
from .output import Printer, Progress, status_line
from .stub_report import sdist_to_dict, warn_of_gaps

if TYPE_CHECKING:
    from ..dispatching.all_releases import AllReleases
    from ..dispatching.create import Planner


def make_all_stubs(
    printer: Printer, place: str, output: Path, plan: Planner, *, by_requirement: bool, force: bool
) -> None:
    """Write an sdist for each release with variants, and print its path.

    A release that fails is an error; the others get their sdists. Raises VariantError if the source cannot be
    listed.
    """
    from ..dispatching.all_releases import all_releases

    printer.keys = {"sdists": [], "plain_releases": 0}
    with status_line() as show:
        releases = all_releases(place, show)
    for problem in releases.problems:
        printer.error(problem)
    made = _write_each(printer, releases, output, plan, by_requirement=by_requirement, force=force)
    printer.keys = {"sdists": made, "plain_releases": releases.plain}
    printer.say(_summary(releases, len(made)))


def _write_each(
    printer: Printer,
    releases: AllReleases,
    output: Path,
    plan: Planner,
    *,
    by_requirement: bool,
    force: bool,
) -> list[dict[str, object]]:
    """Write the sdists, one after the other, and return their JSON objects."""
    from ..dispatching.all_releases import plan_all_stubs
    from ..dispatching.create import write
    from ..lowlevel.source_date import source_date_epoch

    time = source_date_epoch(os.environ) or 0
    made: list[dict[str, object]] = []
    local = [wheel.file.path for listing in releases.listings for wheel in listing.wheels]
    total = len(releases.listings)
    with Progress(filter(None, local)) as progress, status_line() as show:
        planned = plan_all_stubs(releases, plan, progress.advance)
        for number, (listing, result) in enumerate(planned, 1):
            if not any(local):
                show(f"variant-backend: {number} of {total} releases")
            progress.interrupt()
            try:
                if isinstance(result, VariantError):
                    raise result
                sdist = result.output(output, time=time)
                write(sdist, force=force)
            except VariantError as error:
                printer.fail(error)
                continue
            warn_of_gaps(printer, result, listing, by_requirement=by_requirement)
            made.append(sdist_to_dict(result, sdist))
            printer.line(str(sdist.path))
    return made


def _summary(releases: AllReleases, made: int) -> str:
    """Return how many releases have their sdist, and how many were skipped."""
    total = len(releases.listings)
    text = f"sdists of {made} of {total} release{'' if total == 1 else 's'} with variants"
    if releases.plain:
        text += f"; skipped {releases.plain} release{'' if releases.plain == 1 else 's'} without variants"
    return text
