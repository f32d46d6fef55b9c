"""``variant-backend upgrade``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError
from ..lowlevel.terminal import print_document, print_line, print_message
from .command import Command
from .options import PATH
from .output import print_json

if TYPE_CHECKING:
    from ..publishing.upgrade import UpgradedFile
    from ..variants.legacy import Upgraded

_HEADINGS = {
    "carried": "carried over",
    "changed": "changed",
    "dropped": "dropped",
    "unservable": "cannot be chosen by any released installer",
}


@click.command("upgrade", cls=Command)
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE|WHEEL...")
@click.option("-o", "--output-dir", type=PATH, help="Where to write  [default: wheels beside each wheel]")
@click.option("--in-place", is_flag=True, help="Replace the files by what they become.")
@click.option("--dry-run", is_flag=True, help="Only report, write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each file.")
def upgrade_command(
    files: tuple[Path, ...], output_dir: Path | None, in_place: bool, dry_run: bool, as_json: bool
) -> None:
    """Bring old variant metadata to the current form, and report what became of it.

    FILE is a variant.json, an index file (*.json) or a project file with a [variant] table (*.toml). The
    paths of what was written are printed; without -o and --in-place, a document itself is.
    """
    from ..lowlevel.source_date import source_date_epoch
    from ..publishing.upgrade import Destination, upgrade_all

    if output_dir and in_place:
        raise click.UsageError("-o goes without --in-place.")
    printed = [path for path in files if path.suffix != ".whl"]
    if len(printed) > 1 and not (output_dir or in_place or dry_run or as_json):
        raise click.UsageError("Several documents: give -o DIR or --in-place.")
    to = Destination(output_dir, in_place, dry_run)
    results = upgrade_all(files, to, moment=source_date_epoch(os.environ))
    well = True
    for path, result in zip(files, results, strict=True):
        if as_json:
            print_json(_to_dict(path, result))
        elif not isinstance(result, VariantError):
            _print_report(path, result)
            if not dry_run:
                _print_result(result)
        for line in result.lines() if isinstance(result, VariantError) else ():
            print_message(f"error: {line}")
            well = False
    if not well:
        sys.exit(1)


def _to_dict(path: Path, result: UpgradedFile | VariantError) -> dict[str, object]:
    """Return the object for machines."""
    outcome = None if isinstance(result, VariantError) else result
    return {
        "input": str(path),
        "output": str(outcome.output) if outcome and outcome.output else None,
        **_report(outcome.upgraded if outcome else None),
        "errors": result.lines() if isinstance(result, VariantError) else [],
    }


def _report(upgraded: Upgraded | None) -> dict[str, list[str]]:
    """Return the lines of a report, under the names that the JSON object has for them."""
    if upgraded is None:
        return {key: [] for key in _HEADINGS}
    sections = (upgraded.carried, upgraded.changed, upgraded.dropped, upgraded.unservable())
    return {key: list(lines) for key, lines in zip(_HEADINGS, sections, strict=True)}


def _print_report(path: Path, outcome: UpgradedFile) -> None:
    """Print for a person what became of a file."""
    nothing = outcome.upgraded is None or outcome.upgraded.is_current
    plain = " (a plain wheel)" if outcome.upgraded is None else ""
    print_message(f"{path}: nothing to do{plain}" if nothing else f"{path}:")
    for key, lines in _report(outcome.upgraded).items():
        if lines:
            print_message(f"  {_HEADINGS[key]}:")
        for line in lines:
            print_message(f"    {line}")


def _print_result(outcome: UpgradedFile) -> None:
    """Print where the result is, or the result itself, byte for byte."""
    if outcome.content is None:
        print_line(str(outcome.output))
    else:
        print_document(outcome.content)
