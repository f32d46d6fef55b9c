"""``variant-backend installed``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from ..errors import Problem, UnknownNameError, problems_of
from ..lowlevel.shell_words import quoted
from .command import Command
from .environment_options import environments_options
from .installed_report import (
    freeze_lines,
    installed_keys,
    print_plain,
    print_requirements,
    print_variants,
    requirement_lines,
)
from .machine_options import machines_option
from .options import align_option
from .output import Printer
from .ownership_report import report_ownership
from .repair_report import EnvironmentRepair, find_repairs, print_repairs, print_wrong, say_sources_are_needed
from .selection_options import (
    platform_option,
    python_option,
    read_target,
    sources_options,
    supported_option,
    warn_of_lone_values,
)

if TYPE_CHECKING:
    from ..formats.hardware_file import Hardware
    from ..formats.machine_spec import MachineSpec
    from ..machine.environment import Environment
    from ..machine.installed import Alignment
    from ..machine.support import Policy
    from ..selection.releases import Sources
    from ..selection.survey import Survey
    from ..selection.target import Target
    from ..variants.alignment import AlignedName
    from ..variants.ranking import Supported

# The name of the machine without --machine.
_HERE = "this machine"


@click.command(
    "installed",
    cls=Command,
    example="variant-backend installed --check",
    page="docs/how-to/installed.md",
    extra_remedy=lambda name: f"use `variant-backend inspect {quoted(name)}`",
)
@environments_options
@supported_option
@machines_option("Another machine, instead of this one; may be repeated.")
@sources_options
@python_option
@platform_option
@align_option
@click.option("--requirements", is_flag=True, help="Show what the variants require of a machine.")
@click.option(
    "--as-labels",
    is_flag=True,
    help="Print these requirements as KEY=VALUE lines, for images and nodes.",
)
@click.option(
    "--freeze", is_flag=True, help="Print each package as NAME==VERSION#LABEL, for fetch --requirement -."
)
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 1 if a variant is not supported, disagrees, or is not the one that"
    " VARIANT_BACKEND_LABEL requests, if a source has a variant of a plain package, or if files of packages"
    " are missing or belong to several of them.",
)
@click.pass_obj
def installed_command(
    printer: Printer,
    environments: Sequence[Callable[[], Environment]],
    given: Supported,
    machines: Sequence[MachineSpec],
    sources: Sources,
    python: str | None,
    platform: str | None,
    align: tuple[AlignedName, ...],
    requirements: bool,
    as_labels: bool,
    freeze: bool,
    check: bool,
) -> None:
    """Show installed variants, and if machines support them.

    For each namespace, the first source of supported values is used: the variant's own static-properties,
    --supported, --machine or this machine. If there is none, the result is unknown. No plugin runs.

    With --index-url or --find-links, the command also shows better wheels of the installed versions, the
    plain packages for which there is a supported variant, and the commands that install these wheels.
    """
    from ..machine.support import Policy

    _check_options(sources, printer, python=python, platform=platform, as_labels=as_labels)
    if freeze:
        _check_freeze(environments, as_json=printer.as_json, others=requirements or as_labels or check)
    warn_of_lone_values(given)
    policy = Policy(given=given, align=align)
    hardware = _hardware(machines)
    surveys = _surveys(printer, environments, hardware, policy, sources, (python, platform), is_error=check)
    shows_requirements = requirements or as_labels or freeze
    printer.keys = installed_keys(surveys, hardware, align, with_requirements=shows_requirements)
    if freeze or as_labels:
        for line in freeze_lines(surveys[0], printer) if freeze else requirement_lines(surveys):
            printer.line(line)
    elif requirements:
        print_requirements(printer, surveys, [machine.name for machine in machines])
    disagreements = _print_surveys(printer, surveys, align, check=check, silent=shows_requirements)
    if check or not shows_requirements:
        report_ownership(printer, [survey.environment for survey in surveys], python, check=check)
    repairs = [] if shows_requirements else find_repairs(surveys, sources, python)
    printer.keys["repair"] = [repair.to_dict() for repair in repairs]
    if check:
        _fail(printer, surveys, disagreements, repairs)
        say_sources_are_needed(printer, surveys, sources)
    print_repairs(printer, repairs)


def _check_options(
    sources: Sources, printer: Printer, *, python: str | None, platform: str | None, as_labels: bool
) -> None:
    """Raise UsageError for options that exclude each other, or have no effect."""
    if as_labels and printer.as_json:
        raise click.UsageError("--json and --as-labels cannot be used together; use one of them")
    for option, value in (("--python", python), ("--platform", platform)):
        if value is not None and not any(sources):
            text = f"{option} is only used to find better wheels; add --find-links DIR or --index-url URL"
            raise click.UsageError(text)


def _check_freeze(environments: Sequence[object], *, as_json: bool, others: bool) -> None:
    """Raise UsageError for options that --freeze excludes."""
    if len(environments) > 1:
        raise click.UsageError("--freeze needs one environment; run the command once for each")
    if as_json or others:
        text = "--freeze cannot be used with --json, --requirements, --as-labels or --check"
        raise click.UsageError(f"{text}; leave them out")


def _hardware(machines: Iterable[MachineSpec]) -> dict[str, Hardware]:
    """Return the facts of the given machines by name, or of this machine."""
    from ..machine.detect import hardware_of

    given = {machine.name: hardware_of(machine, os.environ) for machine in machines}
    return given or {_HERE: hardware_of(None, os.environ)}


def _surveys(
    printer: Printer,
    environments: Iterable[Callable[[], Environment]],
    hardware: Mapping[str, Hardware],
    policy: Policy,
    sources: Sources,
    target: tuple[str | None, str | None],
    *,
    is_error: bool,
) -> list[Survey]:
    """Survey each environment; one without distributions is an error, or else a warning."""
    from ..machine.installed import empty_folders
    from ..selection.survey import survey

    surveys: list[Survey] = []
    for find in environments:
        environment = find()
        for problem in empty_folders(environment):
            (printer.error if is_error else printer.warn)(problem)
        wanted = _target(environment, *target) if any(sources) else None
        surveys.append(survey(environment, hardware, policy, sources, wanted))
    _check_names(surveys, hardware, policy)
    return surveys


def _target(environment: Environment, python: str | None, platform: str | None) -> Target:
    """Return the interpreter and platform of an environment, as far as they are known, or the given ones."""
    return read_target(python or environment.python, platform)


def _check_names(surveys: Sequence[Survey], hardware: Mapping[str, Hardware], policy: Policy) -> None:
    """Raise UnknownNameError for a name in options that no variant knows, unless one cannot be read."""
    from ..machine.support import Machine
    from ..selection.unknown_names import check_installed_names

    if any(survey.errors for survey in surveys):
        return
    variants = tuple(variant.installed for survey in surveys for variant in survey.variants)
    for name, known in hardware.items():
        try:
            check_installed_names(policy, Machine(known, variants))
        except UnknownNameError as error:
            raise error.within(name) if len(hardware) > 1 else error from None


def _print_surveys(
    printer: Printer, surveys: Sequence[Survey], align: Sequence[AlignedName], *, check: bool, silent: bool
) -> list[Problem | str]:
    """Print each environment, unless *silent*, and all problems; return the disagreements."""
    disagreements: list[Problem | str] = []
    for survey in surveys:
        if not silent:
            print_variants(printer, survey, align, with_heading=len(surveys) > 1)
            print_plain(printer, survey)
        apart = _disagreements(survey.alignment)
        for text in () if check or silent else apart:
            printer.line(str(text))
        disagreements += apart
        _print_problems(printer, survey)
    return disagreements


def _disagreements(alignment: Alignment) -> list[Problem | str]:
    return [*map(str, alignment.disagreements), *alignment.problems]


def _print_problems(printer: Printer, survey: Survey) -> None:
    """Print the problems of variants that are usable nevertheless, and the errors of the other ones."""
    for problem in (*survey.alignment.unread, *survey.problems):
        printer.warn(problem)
    for inspection in (variant.installed.inspection for variant in survey.variants):
        for problem in inspection.tolerated:
            printer.warn(problem.within(inspection.target))
    for problem in problems_of(survey.errors):
        printer.error(problem)


def _fail(
    printer: Printer,
    surveys: Sequence[Survey],
    disagreements: Iterable[Problem | str],
    repairs: Sequence[EnvironmentRepair],
) -> None:
    """Print as errors why variants are not supported, not as requested, or missing, or disagree."""
    from ..machine.installed import not_as_requested
    from ..project.user_variables import labels_of

    for survey in surveys:
        print_wrong(printer, survey, repairs)
        installed = [variant.installed for variant in survey.variants]
        for problem in (
            () if survey.errors else not_as_requested(installed, labels_of(os.environ), survey.versions)
        ):
            printer.error(problem)
    for text in disagreements:
        printer.error(text)
