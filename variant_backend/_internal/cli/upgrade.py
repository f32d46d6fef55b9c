"""``variant-backend upgrade``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError
from ..lowlevel.terminal import print_document
from .command import Command
from .options import PATH, dry_run_option, expanded, output_option
from .output import Printer

if TYPE_CHECKING:
    from ..publishing.upgrade import UpgradedFile
    from ..variants.legacy import Upgraded

_HEADINGS = {
    "carried": "carried over",
    "changed": "changed",
    "dropped": "dropped",
    "unservable": "never selected by any released installer",
}


@click.command(
    "upgrade",
    cls=Command,
    example="variant-backend upgrade --in-place dist/*.whl",
    page="docs/how-to/upgrade.md",
)
@click.argument("files", nargs=-1, required=True, type=PATH, callback=expanded, metavar="FILE|WHEEL...")
@output_option("The output folder.  [default: beside each wheel]")
@click.option("--in-place", is_flag=True, help="Replace the files.")
@dry_run_option
@click.pass_obj
def upgrade_command(
    printer: Printer, files: tuple[Path, ...], output: Path | None, in_place: bool, dry_run: bool
) -> None:
    """Bring old variant metadata to the form of PEP 825.

    FILE is a variant.json, an index file (*.json) or a project file with a [variant] table (*.toml). The
    command prints the paths of the new files. Without -o and --in-place, it prints the document itself.
    """
    from ..lowlevel.source_date import source_date_epoch
    from ..publishing.upgrade import Destination, upgrade_all

    if output and in_place:
        raise click.UsageError("--output and --in-place cannot be used together; leave one of them out")
    documents = [path for path in files if path.suffix != ".whl"]
    if len(documents) > 1 and not (output or in_place or dry_run or printer.as_json):
        raise click.UsageError("several documents cannot be printed; use --output or --in-place")
    results = upgrade_all(files, Destination(output, in_place, dry_run), moment=source_date_epoch(os.environ))
    entries: list[dict[str, object]] = []
    for path, result in zip(files, results, strict=True):
        entries.append(_to_dict(path, result))
        if isinstance(result, VariantError):
            printer.fail(result)
        else:
            _print_report(printer, path, result)
            _print_result(printer, result, dry_run=dry_run)
    printer.keys = {"files": entries}


def _to_dict(path: Path, result: UpgradedFile | VariantError) -> dict[str, object]:
    """Return the JSON object of a file."""
    outcome = None if isinstance(result, VariantError) else result
    return {
        "input": str(path),
        "path": str(outcome.output) if outcome and outcome.output else None,
        **_report(outcome.upgraded if outcome else None),
    }


def _report(upgraded: Upgraded | None) -> dict[str, list[str]]:
    """Return the lines of a report, under the names that the JSON object has for them."""
    if upgraded is None:
        return {key: [] for key in _HEADINGS}
    sections = (upgraded.carried, upgraded.changed, upgraded.dropped, upgraded.unservable())
    return {key: list(lines) for key, lines in zip(_HEADINGS, sections, strict=True)}


def _print_report(printer: Printer, path: Path, outcome: UpgradedFile) -> None:
    """Print what changed in a file, on stderr."""
    unchanged = outcome.upgraded is None or outcome.upgraded.is_current
    plain = " (a plain wheel)" if outcome.upgraded is None else ""
    printer.say(f"{path}: nothing to upgrade{plain}" if unchanged else f"{path}:")
    for key, lines in _report(outcome.upgraded).items():
        if lines:
            printer.say(f"  {_HEADINGS[key]}:")
        for line in lines:
            printer.say(f"    {line}")


def _print_result(printer: Printer, outcome: UpgradedFile, *, dry_run: bool) -> None:
    """Print the path of the new file, or its content byte for byte."""
    if outcome.content is None:
        printer.line(str(outcome.output))
    elif not (dry_run or printer.as_json):
        print_document(outcome.content)
