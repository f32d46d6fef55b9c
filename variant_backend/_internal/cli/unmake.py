"""``variant-backend unmake``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem
from ..lowlevel.shell_words import quoted
from .command import Command
from .options import PATH, dry_run_option, expanded, force_option, output_option
from .output import Printer, print_each_wheel

if TYPE_CHECKING:
    from ..wheels.unmake import Unmade


@click.command(
    "unmake",
    cls=Command,
    example="variant-backend unmake dist/*.whl -o plain",
    page="docs/how-to/unmake.md",
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

    run = partial(unmake_all, wheels, output, keep_metadata=keep_metadata, force=force, dry_run=dry_run)
    print_each_wheel(printer, wheels, run, _report, _to_dict)


def _report(printer: Printer, wheel: Path, result: Unmade) -> None:
    """Print the path of a plain wheel."""
    for notice in result.notices:
        printer.warn(notice.naming(quoted(wheel)).within(wheel.name))
    for text in (*result.lost, *result.warnings):
        printer.warn(Problem("warning", str(wheel), text))
    printer.line(str(result.path))


def _to_dict(result: Unmade | None) -> dict[str, object]:
    """Return the keys of a wheel in JSON."""
    return {
        "path": str(result.path) if result else None,
        "written": result is not None and result.written,
        "lost": list(result.lost) if result else [],
    }
