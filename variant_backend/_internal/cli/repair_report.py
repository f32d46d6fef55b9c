"""What ``variant-backend installed`` prints about wrong wheels: problems, and commands that repair them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ..errors import Problem, one_of
from ..lowlevel.shell_words import command_line
from ..lowlevel.urls import without_secrets
from .command import given_options
from .output import Printer

if TYPE_CHECKING:
    from ..running.repair_commands import Repair
    from ..selection.better import Better
    from ..selection.releases import Sources
    from ..selection.survey import Survey, SurveyedVariant

# The options of `installed` that `run` has, too.
_SHARED = {"find_links", "index_url", "keyring_provider", "machines", "given"}
_NAME_A_SOURCE = "name your package index with --index-url to see better wheels, and how to install them"
_RUN_THEM = "run the repair commands"
_AGAIN = "install it again with `variant-backend run`, and --force-reinstall (pip) or --reinstall (uv)"


class EnvironmentRepair(NamedTuple):
    """A repair of packages in an environment; *location* names that."""

    location: str
    repair: Repair

    def to_dict(self) -> dict[str, object]:
        """Return the JSON object."""
        return {
            "environment": self.location,
            "tool": self.repair.tool,
            "packages": [wheel.pinned for wheel in self.repair.wheels],
            "commands": [*map(list, self.repair.commands)],
        }


def find_repairs(surveys: Sequence[Survey], sources: Sources, python: str | None) -> list[EnvironmentRepair]:
    """Return the repairs of environments, for the machine and the sources of the command's options.

    There are none for several machines, or another platform: `run` installs for one machine.
    """
    from ..running.repair_commands import Start, WrongWheel, repairs
    from ..running.tool_words import RUN

    context = click.get_current_context()
    if len(context.params["machines"]) > 1 or context.params["platform"] is not None:
        return []
    run = (*RUN, *given_options(context, _SHARED))
    start = Start(run, sources.index_urls, os.environ, Path.cwd(), python)
    return [
        EnvironmentRepair(survey.environment.location, repair)
        for survey in surveys
        for repair in repairs(
            survey.environment, [WrongWheel(name, version) for name, version in _wrong(survey)], start
        )
    ]


def _wrong(survey: Survey) -> Iterator[tuple[str, str]]:
    """Yield name and version of each distribution for which there is a better wheel."""
    for variant in survey.variants:
        if variant.better:
            yield _name_and_version(variant)
    for plain in survey.plain:
        yield plain.name, plain.version


def say_sources_are_needed(printer: Printer, surveys: Sequence[Survey], sources: Sources) -> None:
    """Print how to get repair commands, if a variant is not supported and no source is given."""
    fitness = (one for survey in surveys for variant in survey.variants for one in variant.fitness.values())
    if not any(sources) and any(one.supported is False for one in fitness):
        printer.say(_NAME_A_SOURCE)


def print_repairs(printer: Printer, repairs: Sequence[EnvironmentRepair]) -> None:
    """Print the commands of repairs, in their order."""
    for one in repairs:
        for command in one.repair.commands:
            printer.say(f"to repair: {without_secrets(command_line(command))}")


def print_wrong(printer: Printer, survey: Survey, repairs: Sequence[EnvironmentRepair]) -> None:
    """Print errors about variants that are not supported and plain wheels, and warn of better variants."""
    here = [one.repair for one in repairs if one.location == survey.environment.location]
    repaired = {(wheel.name, wheel.version) for repair in here for wheel in repair.wheels}
    for variant in survey.variants:
        _print_variant(printer, variant, is_repaired=_name_and_version(variant) in repaired)
    for plain in survey.plain:
        text = f"a plain wheel is installed, and a source has {_labels(plain.better)}"
        remedy = _RUN_THEM if (plain.name, plain.version) in repaired else _AGAIN
        printer.error(Problem("error", f"{plain.name} {plain.version}", text, remedy))


def _name_and_version(variant: SurveyedVariant) -> tuple[str, str]:
    return variant.installed.inspection.name, variant.installed.inspection.version


def _print_variant(printer: Printer, variant: SurveyedVariant, *, is_repaired: bool) -> None:
    """Print why machines do not support a variant, or else a warning if there is a better one."""
    name = f"{' '.join(_name_and_version(variant))} in {variant.installed.path}"
    is_fit = True
    for machine, fitness in variant.fitness.items():
        place = f"{machine}: {name}" if len(variant.fitness) > 1 else name
        for reason in fitness.reasons:
            is_fit = False
            printer.error(_with_remedy(reason, variant.better, is_repaired=is_repaired).within(place))
    if is_fit and is_repaired:
        text = f"{_labels(variant.better)} is better than the installed {variant.installed.inspection.label}"
        printer.warn(Problem("warning", name, text, _RUN_THEM))


def _with_remedy(reason: Problem, better: Better, *, is_repaired: bool) -> Problem:
    """Return why a variant is not supported, with what a source has instead."""
    if reason.remedy or not better:
        return reason
    text = f"{reason.text}; a source has {_labels(better)}"
    return reason._replace(text=text, remedy=_RUN_THEM if is_repaired else None)


def _labels(better: Better) -> str:
    return one_of(better.label_texts())
