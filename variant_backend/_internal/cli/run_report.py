"""What ``run`` prints: the plan of a dry run, and the last lines after a command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import VariantError
from ..lowlevel.terminal import heading
from ..project.user_variables import PLAIN
from .output import Printer

if TYPE_CHECKING:
    from ..running.dry_run import PlannedPackage
    from ..running.outcome import RunOutcome


def print_planned(printer: Printer, plan: Iterable[PlannedPackage | VariantError]) -> None:
    """Print what each package would get; a package that no source has is an error."""
    packages = []
    for package in plan:
        if isinstance(package, VariantError):
            printer.fail(package)
        else:
            packages.append(package)
    printer.keys = {"packages": [package.to_dict() for package in packages]}
    rows = [
        (one.name, *((str(one.version), one.label or PLAIN) if one.version else ("none", "none")), one.reason)
        for one in packages
    ]
    if rows:
        printer.table([heading("PACKAGE", "VERSION", "LABEL", "WHY"), *rows])


def print_outcome(printer: Printer, done: RunOutcome) -> None:
    """Print the last lines of a command on stderr."""
    for line in done.lines:
        printer.say(line)
    for problem in done.warnings:
        printer.warn(problem)
