"""``variant-backend unmake``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem, VariantError
from .command import Command
from .options import PATH, dry_run_option, expanded, force_option, output_option
from .output import Printer, Progress

if TYPE_CHECKING:
    from ..wheels.unmake import Unmade


@click.command(
    "unmake",
    cls=Command,
    example="variant-backend unmake dist/*.whl -o plain",
    page="docs/unmake.md",
)
@click.argument("wheels", nargs=-1, required=True, type=PATH, callback=expanded, metavar="WHEEL...")
@output_option("The output folder.  [default: beside each wheel]")
@click.option("--keep-metadata", is_flag=True, help="Only remove the label from the filename.")
@force_option
@dry_run_option
@click.pass_obj
def unmake_command(
    printer: Printer,
    wheels: tuple[Path, ...],
    output: Path | None,
    keep_metadata: bool,
    force: bool,
    dry_run: bool,
) -> None:
    """Turn variants back into plain wheels.

    If only variant.json was added, the plain wheel has its former bytes. Otherwise, the command prints what
    it cannot restore. The input wheels never change. The command prints the path of each file.
    """
    from ..wheels.unmake import unmake_all

    printer.keys = {"wheels": [_to_dict(wheel, None) for wheel in wheels]}
    progress = Progress(wheels)
    options = {"keep_metadata": keep_metadata, "force": force, "dry_run": dry_run}
    entries: list[dict[str, object]] = []
    with progress:
        results = unmake_all(wheels, output, **options, advance=progress.advance)
        for wheel, result in zip(wheels, results, strict=True):
            progress.interrupt()
            _report(printer, wheel, result)
            entries.append(_to_dict(wheel, result))
    printer.keys = {"wheels": entries}


def _report(printer: Printer, wheel: Path, result: Unmade | VariantError) -> None:
    """Print the path of a plain wheel, or its problems."""
    if isinstance(result, VariantError):
        printer.fail(result)
        return
    for notice in result.notices:
        printer.warn(notice.naming(wheel).within(wheel.name))
    for text in (*result.lost, *result.warnings):
        printer.warn(Problem("warning", str(wheel), text))
    printer.line(str(result.path))


def _to_dict(wheel: Path, result: Unmade | VariantError | None) -> dict[str, object]:
    """Return the JSON object of a wheel."""
    outcome = None if isinstance(result, VariantError) else result
    return {
        "input": str(wheel),
        "path": str(outcome.path) if outcome else None,
        "written": outcome is not None and outcome.written,
        "lost": list(outcome.lost) if outcome else [],
    }
