"""``make-variant``: turning wheels that exist into variants of themselves."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from .. import __version__
from ..building.convert import Conversion, Planned, RequestError, Result, convert, plan_conversions
from ..building.plan import Request
from ..errors import VariantError
from ..lowlevel.source_date import source_date_epoch
from ..lowlevel.terminal import print_line, print_message
from ..wheel_rewrite import Outcome
from .command import Command
from .options import PATH
from .output import Progress, print_json
from .request_options import request_options

_Say = Callable[[str], object]


@click.command(
    cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("wheels", nargs=-1, required=True, type=PATH, metavar="WHEEL...")
@request_options
@click.option("-o", "--output-dir", type=PATH, help="Where to write  [default: beside each wheel]")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--dry-run", is_flag=True, help="Check the wheels, write nothing.")
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Wheels at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each wheel.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.version_option(__version__, prog_name="variant-backend")
def make_variant_command(
    wheels: tuple[Path, ...],
    request: Request,
    pyproject: Path | None,
    output_dir: Path | None,
    force: bool,
    dry_run: bool,
    jobs: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Turn wheels into variants of themselves (PEP 825), copying what stays as it is.

    The variant is given by properties, by --null, or by a --label that the project file defines.
    Given none of them, a wheel that carries a variant.json gets the label that is in there, and any other
    wheel the label that picks it: by the match of its table in the project file.
    The wheels themselves are never changed. The path of what was written is printed.
    """
    say: _Say = (lambda _: None) if quiet else print_message
    moment = source_date_epoch(os.environ)
    try:
        planned = plan_conversions(wheels, request, pyproject, moment=moment, tell=say)
    except RequestError as error:
        raise click.UsageError(str(error)) from None
    progress = Progress(wheels, shown=not quiet)
    try:
        advance = progress.advance
        results = convert(planned, output_dir, force=force, dry_run=dry_run, jobs=jobs, advance=advance)
    except VariantError as error:
        for wheel, item in zip(wheels, planned, strict=True) if as_json else ():
            print_json(_to_dict(wheel, item, error))
        raise
    well = True
    with progress:
        for wheel, item, result in zip(wheels, planned, results, strict=True):
            progress.interrupt()
            _report(wheel, item, result, say, as_json=as_json)
            well &= not isinstance(result, VariantError)
    if not any(planned):
        print_message("error: no match in the project file picks any of these wheels")
    if not (well and any(planned)):
        sys.exit(1)


def _report(wheel: Path, planned: Planned, result: Result, say: _Say, *, as_json: bool) -> None:
    """Report what became of a wheel: the path, or the JSON object, on stdout, all else on stderr."""
    for notice in _notices(result):
        say(f"notice: {wheel.name}: {notice}")
    for error in result.lines() if isinstance(result, VariantError) else ():
        print_message(f"error: {error}")
    if as_json:
        print_json(_to_dict(wheel, planned, result))
    elif isinstance(result, Outcome):
        print_line(str(result.path))


def _notices(result: Result) -> tuple[str, ...]:
    if isinstance(result, VariantError):
        return ()
    return result.notices if result else ("no match picks it",)


def _to_dict(wheel: Path, planned: Planned, result: Result) -> dict[str, object]:
    """Return the JSON object of a wheel."""
    variant = planned.plan.variant if isinstance(planned, Conversion) else None
    outcome = result if isinstance(result, Outcome) else None
    return {
        "input": str(wheel),
        "output": str(outcome.path) if outcome else None,
        "label": variant.label if variant else None,
        "properties": [str(prop) for prop in sorted(variant.properties)] if variant else [],
        "written": outcome is not None and outcome.written,
        "notices": list(_notices(result)),
        "errors": result.lines() if isinstance(result, VariantError) else [],
    }
