"""``variant-backend unmake``."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError
from ..lowlevel.terminal import print_line, print_message
from ..wheels.writing import check_targets
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
    from ..wheels.plain import plain_name
    from ..wheels.unmake import unmake as unmake_wheel

    folders = [output_dir or wheel.parent for wheel in wheels]
    targets = []
    for wheel, folder in zip(wheels, folders, strict=True):
        with suppress(VariantError):  # what is wrong with its name is said in its turn
            targets.append((wheel, folder / plain_name(wheel.name)))
    try:
        check_targets(targets)
    except VariantError as error:
        for wheel in wheels if as_json else ():
            print_json(_to_dict(wheel, None, error.lines()))
        raise
    well = True
    with Progress(wheels) as progress:
        for wheel, folder in zip(wheels, folders, strict=True):
            result: Unmade | VariantError
            try:
                options = {"keep_metadata": keep_metadata, "force": force, "dry_run": dry_run}
                result = unmake_wheel(wheel, folder, **options, advance=progress.advance)
            except VariantError as error:
                result, well = error, False
            progress.interrupt()
            _report(wheel, result, as_json=as_json)
    if not well:
        sys.exit(1)


def _report(wheel: Path, result: Unmade | VariantError, *, as_json: bool) -> None:
    """Tell what became of a wheel: the path, or the JSON object, on stdout, all else on stderr."""
    errors = result.lines() if isinstance(result, VariantError) else []
    outcome = None if isinstance(result, VariantError) else result
    lost, notices = (outcome.lost, outcome.notices) if outcome else ((), ())
    for error in errors:
        print_message(f"error: {error}")
    for text in lost:
        print_message(f"notice: {wheel.name}: cannot be taken back: {text}")
    for text in notices:
        print_message(f"notice: {wheel.name}: {text}")
    if as_json:
        print_json(_to_dict(wheel, outcome, errors))
    elif outcome:
        print_line(str(outcome.path))


def _to_dict(wheel: Path, outcome: Unmade | None, errors: list[str]) -> dict[str, object]:
    """Return the object for machines."""
    return {
        "input": str(wheel),
        "output": str(outcome.path) if outcome else None,
        "written": outcome is not None and outcome.written,
        "lost": list(outcome.lost) if outcome else [],
        "notices": list(outcome.notices) if outcome else [],
        "errors": errors,
    }
