"""``variant-backend mend``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem, VariantError
from .command import Command
from .options import PATH, dry_run_option, expanded, force_option, output_option
from .output import Printer, Progress

if TYPE_CHECKING:
    from ..wheels.mend import Mended


@click.command(
    "mend",
    cls=Command,
    example="variant-backend mend dist/*.whl -o mended",
    page="docs/mend.md",
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

    printer.keys = {"wheels": [_to_dict(wheel, None) for wheel in wheels]}
    progress = Progress(wheels)
    options = {"force": force, "dry_run": dry_run}
    entries: list[dict[str, object]] = []
    with progress:
        results = mend_all(wheels, output, identity=identity, **options, advance=progress.advance)
        for wheel, result in zip(wheels, results, strict=True):
            progress.interrupt()
            _report(printer, wheel, result)
            entries.append(_to_dict(wheel, result))
    printer.keys = {"wheels": entries}


def _report(printer: Printer, wheel: Path, result: Mended | VariantError) -> None:
    """Print the repairs and the path of a sound wheel, or the problems."""
    if isinstance(result, VariantError):
        printer.fail(result)
        return
    state = "no problem that can be repaired" if result.warnings else "sound already"
    for text in result.repairs or (f"{state}, not written",):
        printer.say(f"{wheel}: {text}")
    for text in result.warnings:
        printer.warn(Problem("warning", str(wheel), text))
    printer.line(str(result.path))


def _to_dict(wheel: Path, result: Mended | VariantError | None) -> dict[str, object]:
    """Return the JSON object of a wheel."""
    outcome = None if isinstance(result, VariantError) else result
    return {
        "input": str(wheel),
        "path": str(outcome.path) if outcome else None,
        "written": outcome is not None and outcome.written,
        "repairs": list(outcome.repairs) if outcome else [],
    }
