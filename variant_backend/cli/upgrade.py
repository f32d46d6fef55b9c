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
    from ..publishing.upgrade import Destination, upgrade

    if output_dir and in_place:
        raise click.UsageError("-o goes without --in-place.")
    printed = [path for path in files if path.suffix != ".whl"]
    if len(printed) > 1 and not (output_dir or in_place or dry_run or as_json):
        raise click.UsageError("Several documents: give -o DIR or --in-place.")
    to = Destination(output_dir, in_place, dry_run)
    moment = source_date_epoch(os.environ)
    well = True
    for path in files:
        outcome, errors = None, []
        try:
            outcome = upgrade(path, to, moment=moment)
        except VariantError as error:
            errors, well = error.lines(), False
        report = _report(outcome)
        if as_json:
            output = str(outcome.output) if outcome and outcome.output else None
            print_json({"input": str(path), "output": output, **report, "errors": errors})
        elif outcome:
            _tell(path, outcome, report)
            if not dry_run:
                _print(outcome)
        for line in errors:
            print_message(f"error: {line}")
    if not well:
        sys.exit(1)


def _report(outcome: UpgradedFile | None) -> dict[str, list[str]]:
    """Return the lines of a report, under the names that the JSON object has for them."""
    upgraded = outcome.upgraded if outcome else None
    if upgraded is None:
        return {key: [] for key in _HEADINGS}
    lines = (upgraded.carried, upgraded.changed, upgraded.dropped, upgraded.unservable())
    return {key: list(each) for key, each in zip(_HEADINGS, lines, strict=True)}


def _tell(path: Path, outcome: UpgradedFile, report: dict[str, list[str]]) -> None:
    """Tell a person what became of a file."""
    nothing = outcome.upgraded is None or outcome.upgraded.is_current
    plain = " (a plain wheel)" if outcome.upgraded is None else ""
    print_message(f"{path}: nothing to do{plain}" if nothing else f"{path}:")
    for key, heading in _HEADINGS.items():
        if report[key]:
            print_message(f"  {heading}:")
        for line in report[key]:
            print_message(f"    {line}")


def _print(outcome: UpgradedFile) -> None:
    """Print where the result is, or the result itself, byte for byte."""
    if outcome.content is None:
        print_line(str(outcome.output))
    else:
        print_document(outcome.content)
