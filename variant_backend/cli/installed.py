"""``variant-backend installed``."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from ..errors import Problem, VariantError, problems_of
from ..lowlevel.terminal import table
from ..variants.properties import check_name
from .command import Command
from .environment_options import environment_options
from .inspect import property_lines
from .options import reading
from .output import Printer
from .selection_options import machine_option, supported_option, warn_of_lone_values

if TYPE_CHECKING:
    from ..formats.machine_spec import MachineSpec
    from ..machine.environment import Environment
    from ..machine.installed import Alignment, Installed
    from ..variants.ranking import Supported

_VERDICTS = {True: "supported", False: "not supported", None: "unknown"}


def _namespace(text: str | None) -> str | None:
    if text is not None:
        check_name(text, "namespace")
    return text


@click.command(
    "installed",
    cls=Command,
    example="variant-backend installed --check",
    page="docs/installed.md",
    extra_remedy=lambda name: f"use `variant-backend inspect {shlex.quote(name)}`",
)
@environment_options
@supported_option
@machine_option()
@click.option(
    "--align",
    callback=reading(_namespace),
    metavar="NS",
    help="Show variants that disagree in this namespace, and plain packages that link its runtimes.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 1 if a variant is not supported, disagrees, or is not the one that"
    " VARIANT_BACKEND_LABEL requests.",
)
@click.pass_obj
def installed_command(
    printer: Printer,
    environment: Callable[[], Environment],
    given: Supported,
    machine: MachineSpec | None,
    align: str | None,
    check: bool,
) -> None:
    """Show installed variants, and if the machine supports them.

    For each namespace, the first source of supported values is used: the variant's own static-properties,
    --supported, --machine or this machine. If there is none, the result is unknown. No plugin runs.
    """
    from ..machine.detect import hardware_of
    from ..machine.installed import (
        Alignment,
        alignment_of,
        empty_folders,
        installed_variants,
        not_as_requested,
    )
    from ..machine.support import Machine, Policy
    from ..project.user_variables import labels_of
    from ..selection.unknown_names import check_installed_names
    from ..variants.namespace_support import Lazy
    from ..wheels.distributions import installed_versions

    hardware = hardware_of(machine, os.environ)
    warn_of_lone_values(given)
    supported = Lazy(lambda: {**hardware.supported, **given})
    place = environment()
    folders = place.folders
    for problem in empty_folders(place):
        (printer.error if check else printer.warn)(problem)
    versions = Lazy(lambda: installed_versions(folders))
    variants, errors = installed_variants(supported, folders, versions)
    if not errors:
        policy = Policy(given=given, align=(align,) if align else ())
        check_installed_names(policy, Machine(hardware, tuple(variants)))
    alignment = alignment_of(variants, folders, align) if align else Alignment()
    printer.keys = _to_dict(variants, align, alignment)
    _print(printer, variants, align)
    disagreements = _print_alignment(printer, alignment)
    for text in () if check else disagreements:
        printer.line(str(text))
    _print_problems(printer, variants, errors)
    if check:
        requested = () if errors else not_as_requested(variants, labels_of(os.environ), versions)
        _fail(printer, variants, [*requested, *disagreements])


def _print_problems(printer: Printer, variants: Sequence[Installed], errors: Sequence[VariantError]) -> None:
    """Print the problems of variants that are usable nevertheless, and the errors of the other ones."""
    for variant in variants:
        for problem in variant.inspection.tolerated:
            printer.warn(problem.within(variant.inspection.target))
    for problem in problems_of(errors):
        printer.error(problem)


def _print_alignment(printer: Printer, alignment: Alignment) -> list[Problem | str]:
    """Print the plain packages, and return the disagreements."""
    for package in alignment.packages:
        printer.line(f"{package.name} {package.version}  (plain)  links {', '.join(package.runtimes.linked)}")
    for problem in alignment.unread:
        printer.warn(problem)
    return [*map(str, alignment.disagreements), *alignment.problems]


def _fail(printer: Printer, variants: Sequence[Installed], problems: Sequence[Problem | str]) -> None:
    """Print why the variants are not supported, and these problems, as errors."""
    for variant in variants:
        name = f"{variant.inspection.name} {variant.inspection.version} in {variant.path}"
        for reason in variant.reasons:
            printer.error(reason.within(name))
    for problem in problems:
        printer.error(problem)


def _to_dict(variants: Sequence[Installed], align: str | None, alignment: Alignment) -> dict[str, object]:
    """Return the keys of the JSON object."""
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
        **(_alignment_to_dict(alignment) if align else {}),
    }


def _alignment_to_dict(alignment: Alignment) -> dict[str, object]:
    """Return the keys of --align."""
    return {
        "disagreements": [disagreement._asdict() for disagreement in alignment.disagreements],
        "plain": [
            {
                "name": package.name,
                "version": package.version,
                "linked": {name: list(modules) for name, modules in package.runtimes.linked.items()},
            }
            for package in alignment.packages
        ],
    }


def _print(printer: Printer, variants: Sequence[Installed], align: str | None) -> None:
    """Print the table for people; with *align*, only the variants with properties in that namespace."""
    shown = [
        variant
        for variant in variants
        if align is None or (variant.inspection.variant and align in variant.inspection.variant.namespaces())
    ]
    if not shown:
        printer.say(f"no installed variant has properties in {align}" if align else "no variant is installed")
    for variant, head in zip(shown, table(list(map(_head, shown)), columns=sys.maxsize), strict=True):
        printer.line(*head)
        for line in property_lines(variant.inspection):
            if align is None or line.startswith(f"{align} ::"):
                printer.line(f"  {line}")
        for reason in variant.reasons:
            printer.line(f"  not supported: {reason}")
        for namespace in variant.unknown:
            printer.line(
                f"  unknown: no source of supported values for {namespace}; use --supported or --machine"
            )


def _head(installed: Installed) -> tuple[str, str, str]:
    """Return the cells of the first line about a variant."""
    inspection = installed.inspection
    return (
        f"{inspection.name} {inspection.version}",
        inspection.label or "(none)",
        _VERDICTS[installed.supported],
    )
