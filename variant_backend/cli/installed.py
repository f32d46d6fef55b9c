"""``variant-backend installed``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError
from ..properties import check_name
from . import Command, Failure, installed_paths, read_supported, talk
from .inspect import property_lines

if TYPE_CHECKING:
    from ..installed import Disagreement, Installed
    from ..selection import Supported

_VERDICTS = {True: "supported", False: "not supported", None: "unknown"}


def _read_supported(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> Supported:
    try:
        return read_supported(texts)
    except VariantError as error:
        raise click.BadParameter(str(error)) from None


def _read_namespace(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    try:
        if text is not None:
            check_name(text, "namespace")
    except VariantError as error:
        raise click.BadParameter(str(error)) from None
    return text


@click.command(cls=Command)
@installed_paths
@click.option(
    "--supported",
    "given",
    multiple=True,
    callback=_read_supported,
    metavar="'NS :: FEATURE :: V1, V2'",
    help="What the system supports, best first; may be repeated.",
)
@click.option("--align", callback=_read_namespace, metavar="NS", help="Show where variants disagree in NS.")
@click.option("--check", is_flag=True, help="Exit with 1 if one is not supported, or disagrees in NS.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of the table.")
def installed(
    paths: tuple[Path, ...], given: Supported, align: str | None, check: bool, as_json: bool
) -> None:
    """Show what is installed as a variant, and whether this system supports it.

    Of a namespace that neither the variant's own static-properties nor --supported tell of, it is unknown.
    """
    from ..installed import disagreements, installed_variants

    if missing := [path for path in paths if not path.is_dir()]:
        raise VariantError(*(f"{path}: there is no such folder" for path in missing))
    # What is known of this machine's hardware belongs here, behind what the user gave.
    found, errors = installed_variants(given, paths)
    apart = disagreements(found, align) if align else []
    if as_json:
        click.echo(json.dumps(_to_dict(found, errors, align, apart)))
    else:
        _print(found, align)
        for each in () if check else apart:
            click.echo(str(each))
    faults = [line for error in errors for line in error.lines()]
    if check:
        faults += [
            f"{each.inspection.name} {each.inspection.version} in {each.path}: {reason}"
            for each in found
            for reason in each.reasons
        ]
        faults += map(str, apart)
    if faults:
        raise Failure(faults)


def _to_dict(
    found: Sequence[Installed],
    errors: Sequence[VariantError],
    align: str | None,
    apart: Sequence[Disagreement],
) -> dict[str, object]:
    """Return the object for machines."""
    return {
        "variants": [
            {
                "name": each.inspection.name,
                "version": each.inspection.version,
                "path": str(each.path),
                "label": each.inspection.label,
                "properties": variant.to_dict() if (variant := each.inspection.variant) else {},
                "supported": each.supported,
                "reasons": list(each.reasons),
                "unknown": list(each.unknown),
            }
            for each in found
        ],
        **({"disagreements": [each._asdict() for each in apart]} if align else {}),
        "errors": [line for error in errors for line in error.lines()],
    }


def _print(found: Sequence[Installed], align: str | None) -> None:
    """Print the table for people; with *align*, of what has properties in that namespace."""
    rows = []
    for each in found:
        variant = each.inspection.variant
        if align is None or (variant and align in variant.namespaces()):
            name = f"{each.inspection.name} {each.inspection.version}"
            rows.append((name, each.inspection.label or "(none)", each))
    if not rows:
        talk(f"no installed variant has properties in {align}" if align else "no variant is installed")
    for name, label, each in rows:
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        click.echo(f"{name:{widths[0]}}  {label:{widths[1]}}  {_VERDICTS[each.supported]}")
        for line in property_lines(each.inspection):
            if align is None or line.startswith(f"{align} ::"):
                click.echo(f"  {line}")
        for reason in each.reasons:
            click.echo(f"  not supported: {reason}")
        for namespace in each.unknown:
            click.echo(f"  unknown: nothing says what is supported in {namespace}; give --supported")
