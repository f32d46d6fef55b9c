"""``variant-backend installed``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError, lines_of
from ..lowlevel.terminal import print_line, print_message, table
from ..variants.properties import check_name
from .command import Command, Failure
from .environment_options import environment_options
from .inspect import property_lines
from .output import print_json
from .selection_options import hardware_option, reading, supported_option

if TYPE_CHECKING:
    from ..machine.environment import Environment
    from ..machine.installed import Disagreement, Installed
    from ..variants.ranking import Supported

_VERDICTS = {True: "supported", False: "not supported", None: "unknown"}


def _namespace(text: str | None) -> str | None:
    if text is not None:
        check_name(text, "namespace")
    return text


@click.command("installed", cls=Command)
@environment_options
@supported_option
@hardware_option
@click.option(
    "--align", callback=reading(_namespace), metavar="NS", help="Show where variants disagree in NS."
)
@click.option("--check", is_flag=True, help="Exit with 1 if one is not supported, or disagrees in NS.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of the table.")
def installed_command(
    environment: Callable[[], Environment],
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
    from ..machine.installed import disagreements, empty_folders, installed_variants
    from ..variants.namespace_support import Lazy
    from ..wheels.inspection import installed_versions

    hardware = hardware_of(file, os.environ)
    supported = Lazy(lambda: {**hardware.supported, **given})
    place = environment()
    folders = place.folders
    variants, errors = installed_variants(supported, folders, Lazy(lambda: installed_versions(folders)))
    empty = lines_of([VariantError(*problems)] if (problems := empty_folders(place)) else [])
    apart = disagreements(variants, align) if align else []
    for line in () if check else empty:
        print_message(f"warning: {line}")
    if as_json:
        print_json(_to_dict(variants, errors, align, apart))
    else:
        _print(variants, align)
        for disagreement in () if check else apart:
            print_line(str(disagreement))
    faults = lines_of(errors)
    if check:
        faults += empty
        faults += [
            f"{variant.inspection.name} {variant.inspection.version} in {variant.path}: {reason}"
            for variant in variants
            for reason in variant.reasons
        ]
        faults += map(str, apart)
    if faults:
        raise Failure(faults)


def _to_dict(
    variants: Sequence[Installed],
    errors: Sequence[VariantError],
    align: str | None,
    apart: Sequence[Disagreement],
) -> dict[str, object]:
    """Return the object for machines."""
    return {
        "variants": [
            {
                "name": installed.inspection.name,
                "version": installed.inspection.version,
                "path": str(installed.path),
                "label": installed.inspection.label,
                "properties": variant.to_dict() if (variant := installed.inspection.variant) else {},
                "supported": installed.supported,
                "reasons": [str(reason) for reason in installed.reasons],
                "unknown": list(installed.unknown),
            }
            for installed in variants
        ],
        **({"disagreements": [disagreement._asdict() for disagreement in apart]} if align else {}),
        "errors": lines_of(errors),
    }


def _print(variants: Sequence[Installed], align: str | None) -> None:
    """Print the table for people; with *align*, of what has properties in that namespace."""
    shown = [
        variant
        for variant in variants
        if align is None or (variant.inspection.variant and align in variant.inspection.variant.namespaces())
    ]
    if not shown:
        print_message(
            f"no installed variant has properties in {align}" if align else "no variant is installed"
        )
    for variant, head in zip(shown, table(list(map(_head, shown)), columns=sys.maxsize), strict=True):
        print_line(*head)
        for line in property_lines(variant.inspection):
            if align is None or line.startswith(f"{align} ::"):
                print_line(f"  {line}")
        for reason in variant.reasons:
            print_line(f"  not supported: {reason}")
        for namespace in variant.unknown:
            print_line(
                f"  unknown: nothing says what is supported in {namespace}; give --supported or --hardware"
            )


def _head(installed: Installed) -> tuple[str, str, str]:
    """Return the cells of the first line about a variant."""
    inspection = installed.inspection
    return (
        f"{inspection.name} {inspection.version}",
        inspection.label or "(none)",
        _VERDICTS[installed.supported],
    )
