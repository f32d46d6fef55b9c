"""``variant-backend mend``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem
from .command import Command
from .options import PATH, dry_run_option, expanded, force_option, output_option
from .output import Printer, print_each_wheel

if TYPE_CHECKING:
    from ..wheels.mend import Mended


@click.command(
    "mend",
    cls=Command,
    example="variant-backend mend dist/*.whl -o mended",
    page="docs/how-to/mend.md",
)
@click.argument("wheels", nargs=-1, required=True, type=PATH, callback=expanded, metavar="WHEEL...")
@output_option("The output folder.  [default: beside each wheel, if its name changes]")
@click.option(
    "--identity",
    type=click.Choice(["filename", "metadata"]),
    help="Which one is right, if the filename and METADATA name different releases.",
)
@force_option
@dry_run_option
@click.pass_obj
def mend_command(
    printer: Printer,
    wheels: tuple[Path, ...],
    output: Path | None,
    identity: str | None,
    force: bool,
    dry_run: bool,
) -> None:
    """Write sound wheels from unsound ones.

    The command prints each repair, and the path of each sound wheel. A wheel that is sound already is not
    written: its own path is printed. The input wheels never change. If a repair is not certain, the command
    reports an error.
    """
    from ..wheels.mend import mend_all

    run = partial(mend_all, wheels, output, identity=identity, force=force, dry_run=dry_run)
    print_each_wheel(printer, wheels, run, _report, _to_dict)


def _report(printer: Printer, wheel: Path, result: Mended) -> None:
    """Print the repairs and the path of a sound wheel."""
    state = "no problem that can be repaired" if result.warnings else "sound already"
    for text in result.repairs or (f"{state}, not written",):
        printer.say(f"{wheel}: {text}")
    for text in result.warnings:
        printer.warn(Problem("warning", str(wheel), text))
    printer.line(str(result.path))


def _to_dict(result: Mended | None) -> dict[str, object]:
    """Return the keys of a wheel in JSON."""
    return {
        "path": str(result.path) if result else None,
        "written": result is not None and result.written,
        "repairs": list(result.repairs) if result else [],
    }
