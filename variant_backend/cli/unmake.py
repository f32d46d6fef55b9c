"""``variant-backend unmake``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError
from ..lowlevel.terminal import print_line, print_message
from .command import Command
from .options import PATH
from .output import Progress, print_json

if TYPE_CHECKING:
    from ..wheels.unmake import Unmade


@click.command("unmake", cls=Command)
@click.argument("wheels", nargs=-1, required=True, type=PATH, metavar="WHEEL...")
@click.option("-o", "--output-dir", type=PATH, help="Where to write  [default: beside each wheel]")
@click.option("--keep-metadata", is_flag=True, help="Take the label off the name, and change nothing inside.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@click.option("--dry-run", is_flag=True, help="Check the wheels, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each wheel.")
def unmake_command(
    wheels: tuple[Path, ...],
    output_dir: Path | None,
    keep_metadata: bool,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Turn variants back into the plain wheels that they were made of.

    The bytes are those of before if nothing but variant.json was added; else it is told what cannot be
    taken back. The variants themselves are never changed. The path of what was written is printed.
    """
    from ..wheels.unmake import unmake_all

    progress = Progress(wheels)
    options = {"keep_metadata": keep_metadata, "force": force, "dry_run": dry_run}
    try:
        results = unmake_all(wheels, output_dir, **options, advance=progress.advance)
    except VariantError as error:
        for wheel in wheels if as_json else ():
            print_json(_to_dict(wheel, error))
        raise
    well = True
    with progress:
        for wheel, result in zip(wheels, results, strict=True):
            progress.interrupt()
            _report(wheel, result, as_json=as_json)
            well &= not isinstance(result, VariantError)
    if not well:
        sys.exit(1)


def _report(wheel: Path, result: Unmade | VariantError, *, as_json: bool) -> None:
    """Report what became of a wheel: the path, or the JSON object, on stdout, all else on stderr."""
    if isinstance(result, VariantError):
        for error in result.lines():
            print_message(f"error: {error}")
    else:
        for text in result.lost:
            print_message(f"notice: {wheel.name}: cannot be taken back: {text}")
        for text in result.notices:
            print_message(f"notice: {wheel.name}: {text}")
    if as_json:
        print_json(_to_dict(wheel, result))
    elif not isinstance(result, VariantError):
        print_line(str(result.path))


def _to_dict(wheel: Path, result: Unmade | VariantError) -> dict[str, object]:
    """Return the object for machines."""
    outcome = None if isinstance(result, VariantError) else result
    return {
        "input": str(wheel),
        "output": str(outcome.path) if outcome else None,
        "written": outcome is not None and outcome.written,
        "lost": list(outcome.lost) if outcome else [],
        "notices": list(outcome.notices) if outcome else [],
        "errors": result.lines() if isinstance(result, VariantError) else [],
    }
