"""``make-variant``: turn existing wheels into variants."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ... import __version__
from ..building.convert import Conversion, Planned, Result, convert, plan_conversions
from ..building.plan import Request
from ..errors import VariantError
from ..lowlevel.shell_words import command_line, quoted
from ..lowlevel.source_date import source_date_epoch
from ..wheel_rewrite import Outcome
from .command import Command, given_values
from .options import PATH, dry_run_option, expanded, force_option, jobs_option, output_option
from .output import Printer, Progress
from .request_options import request_options

if TYPE_CHECKING:
    from ..wheels.linked_runtimes import SuggestedProperties


@click.command(
    "make-variant",
    cls=Command,
    context_settings={"help_option_names": ["-h", "--help"]},
    example="make-variant -p x86_64::level::v3 demo.whl",
    page="docs/how-to/convert.md",
)
@click.argument("wheels", nargs=-1, required=True, type=PATH, callback=expanded, metavar="WHEEL...")
@request_options
@output_option("The output folder.  [default: beside each wheel]")
@force_option
@dry_run_option
@jobs_option
@click.option(
    "--suggest",
    is_flag=True,
    help="Write nothing: read the compiled modules, and print the options for the properties they imply.",
)
@click.version_option(__version__, prog_name="make-variant")
@click.pass_obj
def make_variant_command(
    printer: Printer,
    wheels: tuple[Path, ...],
    request: Request,
    pyproject: Path | None,
    output: Path | None,
    force: bool,
    dry_run: bool,
    jobs: int,
    suggest: bool,
) -> None:
    """Turn existing wheels into variants.

    Options say which variant: properties, --null, or a --label that the project file defines. Without them,
    a wheel with a variant.json gets the label in that file. Any other wheel gets the label whose match in
    the project file selects it. With --plain, the new wheels are plain ones with another name or version.
    The input wheels never change. The command prints the path of each file.
    """
    if suggest:
        _check_is_alone()
        _suggest(printer, wheels)
        return
    moment = source_date_epoch(os.environ)
    planned = plan_conversions(wheels, request, pyproject, moment=moment, warn=printer.warn)
    printer.keys = {"wheels": [_to_dict(*pair, None) for pair in zip(wheels, planned, strict=True)]}
    progress = Progress(wheels)
    results = convert(planned, output, force=force, dry_run=dry_run, jobs=jobs, advance=progress.advance)
    entries: list[dict[str, object]] = []
    with progress:
        for wheel, item, result in zip(wheels, planned, results, strict=True):
            progress.interrupt()
            _report(printer, wheel, result)
            entries.append(_to_dict(wheel, item, result))
    printer.keys = {"wheels": entries}
    if not any(planned):
        printer.error("no match in the project file selects any of these wheels")


def _check_is_alone() -> None:
    """Raise UsageError if an option is given that --suggest would ignore."""
    context = click.get_current_context()
    used = {"wheels", "suggest", "as_json", "quiet", "verbose"}
    names = {param.name: max(param.opts, key=len) for param in context.command.params if param.expose_value}
    if given := [names[name] for name, _ in given_values(context, names.keys() - used)]:
        raise click.UsageError(
            f"{given[0]} cannot be used with --suggest, which writes nothing; leave it out"
        )


def _suggest(printer: Printer, wheels: tuple[Path, ...]) -> None:
    """Print the options for the properties that the content of each wheel implies."""
    from ..wheels.linked_runtimes import suggest_properties

    entries: list[dict[str, object]] = []
    printer.keys = {"suggestions": entries}
    for path in wheels:
        try:
            suggested = suggest_properties(path)
        except VariantError as error:
            printer.fail(error)
            continue
        for problem in suggested.problems:
            printer.warn(problem.within(path.name))
        for remark in suggested.suggestion.remarks:
            printer.warn(f"{path.name}: {remark}")
        entries.append(_suggestion_to_dict(path, suggested))
        printer.line(f"{path.name}: {command_line(suggested.suggestion.options()) or 'no property'}")


def _suggestion_to_dict(path: Path, suggested: SuggestedProperties) -> dict[str, object]:
    """Return the JSON object of a wheel."""
    runtimes, suggestion, _ = suggested
    return {
        "input": str(path),
        "properties": list(map(str, suggestion.properties)),
        "options": suggestion.options(),
        "linked": {name: list(modules) for name, modules in sorted(runtimes.linked.items())},
        "bundled": list(runtimes.bundled),
    }


def _report(printer: Printer, wheel: Path, result: Result) -> None:
    """Print the path of a variant, or its problems."""
    if isinstance(result, VariantError):
        printer.fail(result)
        return
    for notice in result.notices if result else ():
        printer.warn(notice.naming(quoted(wheel)).within(wheel.name))
    for warning in result.warnings if result else ("no match selects this wheel; it is skipped",):
        printer.warn(f"{wheel.name}: {warning}")
    if result:
        printer.line(str(result.path))


def _to_dict(wheel: Path, planned: Planned, result: Result) -> dict[str, object]:
    """Return the JSON object of a wheel."""
    variant = planned.plan.variant if isinstance(planned, Conversion) else None
    outcome = result if isinstance(result, Outcome) else None
    return {
        "input": str(wheel),
        "path": str(outcome.path) if outcome else None,
        "label": (variant.label or None) if variant else None,
        "properties": [str(prop) for prop in sorted(variant.properties)] if variant else [],
        "written": outcome is not None and outcome.written,
    }
