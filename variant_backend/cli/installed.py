"""``variant-backend installed``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError, lines_of
from ..lowlevel.terminal import print_line, print_message, table
from ..variants.properties import check_name
from .command import Command, Failure
from .inspect import property_lines
from .options import installed_paths
from .output import print_json
from .selection_options import check_folders, hardware_option, reading, supported_option

if TYPE_CHECKING:
    from ..machine.installed import Disagreement, Installed
    from ..variants.ranking import Supported

_VERDICTS = {True: "supported", False: "not supported", None: "unknown"}


def _namespace(text: str | None) -> str | None:
    if text is not None:
        check_name(text, "namespace")
    return text


@click.command("installed", cls=Command)
@installed_paths
@supported_option
@hardware_option
@click.option(
    "--align", callback=reading(_namespace), metavar="NS", help="Show where variants disagree in NS."
)
@click.option("--check", is_flag=True, help="Exit with 1 if one is not supported, or disagrees in NS.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of the table.")
def installed_command(
    paths: tuple[Path, ...],
    given: Supported,
    file: Path | None,
    align: str | None,
    check: bool,
    as_json: bool,
) -> None:
    """Show what is installed as a variant, and whether this system supports it.

    The variant's own static-properties tell of a namespace, or else --supported, or else --hardware or what
    is found on this machine; with none of them, it is unknown. No plugin is run.
    """
    from ..machine.detect import hardware_of
    from ..machine.installed import disagreements, installed_variants
    from ..variants.namespace_support import Lazy
    from ..wheels.inspection import installed_versions

    check_folders(paths)
    hardware = hardware_of(file, os.environ)
    supported = Lazy(lambda: {**hardware.supported, **given})
    found, errors = installed_variants(supported, paths, Lazy(lambda: installed_versions(paths)))
    apart = disagreements(found, align) if align else []
    if as_json:
        print_json(_to_dict(found, errors, align, apart))
    else:
        _print(found, align)
        for each in () if check else apart:
            print_line(str(each))
    faults = lines_of(errors)
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
                "reasons": [str(reason) for reason in each.reasons],
                "unknown": list(each.unknown),
            }
            for each in found
        ],
        **({"disagreements": [each._asdict() for each in apart]} if align else {}),
        "errors": lines_of(errors),
    }


def _print(found: Sequence[Installed], align: str | None) -> None:
    """Print the table for people; with *align*, of what has properties in that namespace."""
    shown = [
        each
        for each in found
        if align is None or (each.inspection.variant and align in each.inspection.variant.namespaces())
    ]
    if not shown:
        print_message(
            f"no installed variant has properties in {align}" if align else "no variant is installed"
        )
    for each, head in zip(shown, table(list(map(_head, shown)), columns=sys.maxsize), strict=True):
        print_line(*head)
        for line in property_lines(each.inspection):
            if align is None or line.startswith(f"{align} ::"):
                print_line(f"  {line}")
        for reason in each.reasons:
            print_line(f"  not supported: {reason}")
        for namespace in each.unknown:
            print_line(
                f"  unknown: nothing says what is supported in {namespace}; give --supported or --hardware"
            )


def _head(each: Installed) -> tuple[str, str, str]:
    """Return the cells of the first line about a variant."""
    found = each.inspection
    return f"{found.name} {found.version}", found.label or "(none)", _VERDICTS[each.supported]
