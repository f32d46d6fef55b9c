"""``variant-backend stub``."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem, UnknownNameError, VariantError, shortened
from ..lowlevel.shell_words import command_line
from ..lowlevel.terminal import heading
from .all_stubs import make_all_stubs
from .command import Command, WrongUsage, given_options
from .machine_options import machines_option
from .network_options import network_options
from .options import force_option, label_option, output_option, reading
from .output import Printer, Progress
from .policy_options import configuration, no_policy_option, say_policy
from .selection_options import platform_option, python_option, read_target
from .stub_report import sdist_to_dict, warn_of_gaps

if TYPE_CHECKING:
    from ..dispatching.create import Planner, Stub
    from ..formats.hardware_file import Hardware
    from ..formats.machine_spec import MachineSpec
    from ..formats.release import Release
    from ..lowlevel.file_set import Output
    from ..selection.evaluate import Evaluation
    from ..selection.listing import Listing
    from ..selection.target import Target
    from ..variants.requirements import Pin


def _base_url(value: str | None) -> str | None:
    from ..dispatching.by_file import checked_base_url

    return None if value is None else checked_base_url(value)


def _hosts(values: Sequence[str]) -> tuple[str, ...]:
    from ..formats.pylock import check_host

    for value in values:
        check_host(value)
    return tuple(values)


def _package(value: str | None) -> Pin | None:
    from ..variants.requirements import Pin

    pin = None if value is None else Pin.parse(value)
    if pin is not None and pin.label is not None:
        raise VariantError(f"{value!r}: expected no label", remedy="select labels with --label")
    return pin


@click.command(
    "stub", cls=Command, example="variant-backend stub dist --base-url URL -o out", page="docs/how-to/stub.md"
)
@click.argument("place", metavar="DIR|INDEX-URL")
@click.option(
    "--package",
    "pin",
    callback=reading(_package),
    metavar="NAME[==VERSION]",
    help="The release; required for an index, or if the folder has several.",
)
@click.option("--all", "whole", is_flag=True, help="Make the sdists of all releases with variants.")
@click.option(
    "--base-url",
    callback=reading(_base_url),
    metavar="URL",
    help="The URL of the folder with the wheels.  [default: their URLs on the index]",
)
@click.option(
    "--by-requirement",
    is_flag=True,
    help="Build an empty wheel that requires NAME-LABEL==VERSION, the own distribution of the variant"
    " (`index --as-distributions`).",
)
@label_option(
    "List the wheels of this label; may be repeated.  [default: all]", multiple=True, check=lambda _: None
)
@click.option(
    "--redirect-host",
    "hosts",
    multiple=True,
    callback=reading(_hosts),
    metavar="HOST",
    help="A host to which the wheels' server redirects; may be repeated.",
)
@click.option(
    "--source",
    metavar="SDIST|URL",
    help="The source distribution that users may build if no wheel fits.",
)
@output_option("The folder for the sdist.", required=True)
@force_option
@machines_option("Show which wheel this machine would get; may be repeated.")
@python_option
@platform_option
@no_policy_option
@network_options
@click.pass_obj
def stub_command(
    printer: Printer,
    place: str,
    pin: Pin | None,
    whole: bool,
    base_url: str | None,
    by_requirement: bool,
    labels: tuple[str, ...],
    hosts: tuple[str, ...],
    source: str | None,
    output: Path,
    force: bool,
    machines: tuple[MachineSpec, ...],
    python: str | None,
    platform: str | None,
    no_policy: bool,  # noqa: ARG001  # `configured` reads it from the context
) -> None:
    """Make an sdist that installs the best variant.

    Installers without variant support build this dispatching sdist. It contains no code: its build backend
    variant_backend.dispatch selects one of the wheels that it lists with their hashes. The command prints
    the path of the sdist, and which wheel each machine would get.
    """
    from ..dispatching.create import write
    from ..lowlevel.source_date import source_date_epoch

    target = read_target(python, platform)
    folder = _folder(place, pin, base_url, whole=whole, by_requirement=by_requirement)
    if (python or platform) and not machines:
        raise click.UsageError("--python and --platform need --machine SPEC")
    plan = _planner(base_url, labels, hosts, source, by_requirement=by_requirement)
    if whole:
        make_all_stubs(printer, place, output, plan, by_requirement=by_requirement, force=force)
        return
    facts = {given: _hardware(given) for given in machines}
    with Progress(folder.glob("*.whl") if folder and not by_requirement else ()) as progress:
        listing = _listing(place, pin)
        planned = plan(listing, progress.advance)
    evaluations = _evaluations(printer, planned, facts, target)
    sdist = planned.output(output, time=source_date_epoch(os.environ) or 0)
    write(sdist, force=force)
    printer.keys = _to_dict(planned, sdist, evaluations)
    _print_plan(printer, planned, evaluations, place)
    warn_of_gaps(printer, planned, listing, by_requirement=by_requirement)
    printer.line(str(sdist.path))
    if evaluations:
        printer.line()
        printer.table([*_rows(evaluations)])


def _folder(
    place: str, pin: Pin | None, base_url: str | None, *, whole: bool, by_requirement: bool
) -> Path | None:
    """Return the folder with the wheels, None for an index; raises UsageError if an option is missing."""
    if whole:
        _check_is_for_all()
    if by_requirement:
        _check_needs_no_url()
    folder = None if "://" in place else Path(place)
    if folder is None and pin is None and not whole:
        raise click.UsageError("an index needs --package NAME, or --all")
    if folder is not None and base_url is None and not by_requirement:
        raise click.UsageError("a folder needs --base-url URL, the future location of its wheels")
    return folder


def _planner(
    base_url: str | None,
    labels: Collection[str],
    hosts: Collection[str],
    source: str | None,
    *,
    by_requirement: bool,
) -> Planner:
    """Return the function that plans the sdist of a release; raises VariantError for an unusable source."""
    from ..dispatching.by_file import plan_by_file
    from ..dispatching.by_requirement import plan_by_requirement
    from ..dispatching.pinned_source import read_source

    if by_requirement:
        return lambda listing, _: plan_by_requirement(listing, only=labels)
    pinned = None if source is None else read_source(source, base_url, hosts)
    return lambda listing, advance: plan_by_file(
        listing, base_url=base_url, only=labels, hosts=hosts, source=pinned, advance=advance
    )


def _check_is_for_all() -> None:
    """Raise UsageError for options of one release, which have no effect with --all."""
    if options := given_options(click.get_current_context(), {"pin", "labels", "machines", "source"}):
        raise click.UsageError(f"--all makes the sdists of all releases; leave out {options[0]}")


def _check_needs_no_url() -> None:
    """Raise UsageError for options that have no effect with --by-requirement."""
    from ..project.user_variables import PLAIN

    context = click.get_current_context()
    if options := given_options(context, {"base_url", "hosts", "source"}):
        raise click.UsageError(f"--by-requirement lists no URLs; leave out {options[0]}")
    if PLAIN in context.params["labels"]:
        raise click.UsageError(f"--by-requirement lists variants only; leave out --label '{PLAIN}'")


def _listing(place: str, request: Pin | None) -> Listing:
    """Return the requested release, or the only one; raises UsageError if there are several."""
    from ..dispatching.sound_release import SeveralReleasesError, find_listing

    try:
        return find_listing(place, request)
    except SeveralReleasesError as error:
        raise WrongUsage(error.lines()) from None


def _hardware(given: MachineSpec) -> Hardware:
    """Return what a machine supports; raises VariantError."""
    from ..machine.detect import hardware_of

    return hardware_of(given, os.environ, least=configuration().least)


def _evaluations(
    printer: Printer, planned: Stub, facts: Mapping[MachineSpec, Hardware], target: Target
) -> dict[MachineSpec, Evaluation]:
    """Return what each machine would get under the policy in force, after a check of its names."""
    from ..machine.support import Machine, Policy
    from ..selection.evaluate import evaluate

    config = configuration()
    if facts:
        say_policy([*config.settings("devices"), *config.effects()])
    for given, hardware in facts.items():
        _check_names(printer, given, hardware, planned)
    policy = Policy(rules=config.rules)
    return {
        given: evaluate(planned.release, Machine(hardware), policy, target)
        for given, hardware in facts.items()
    }


def _check_names(printer: Printer, given: MachineSpec, hardware: Hardware, planned: Stub) -> None:
    """Warn of unused namespaces in a machine file; raises UnknownNameError for misspelt names."""
    from ..selection.unknown_names import unknown_in_machine, unused_namespaces

    metadata = [planned.release.metadata] if planned.release.metadata else []
    if problems := unknown_in_machine(hardware, metadata):
        raise UnknownNameError(*problems).within(given.text)
    for problem in unused_namespaces(hardware, metadata):
        printer.warn(problem.within(given.text))


def _print_plan(
    printer: Printer, planned: Stub, evaluations: Mapping[MachineSpec, Evaluation], place: str
) -> None:
    """Print the labels in the sdist, and warn of machines that would get no wheel."""
    from ..project.user_variables import PLAIN

    release = planned.release
    labels = dict.fromkeys(wheel.label or PLAIN for wheel in release.candidates)
    printer.say(f"{release.name} {release.version}: {_wheels_with(labels)}")
    for given, evaluation in evaluations.items():
        for problem in evaluation.problems:
            printer.warn(problem.within(given.name))
    for given, evaluation in evaluations.items():
        if not evaluation.selected:
            printer.warn(_no_wheel(given, place, release))


def _wheels_with(labels: Collection[str]) -> str:
    """Return the labels as a part of a sentence."""
    return f"wheels with the label{'s' if len(labels) > 1 else ''} {shortened([*labels])}"


def _no_wheel(given: MachineSpec, place: str, release: Release) -> Problem:
    """Return the problem of a machine that would get no wheel, with the command that explains it."""
    from ..lowlevel.urls import shown_url

    source = ("--index-url", shown_url(place)) if "://" in place else ("--find-links", place)
    target = given_options(click.get_current_context(), {"python", "platform"})
    pin = f"{release.name}=={release.version}"
    command = ["variant-backend", "explain", pin, *source, "--machine", given.text, *target]
    remedy = f"run `{command_line(command)}` for the reasons"
    return Problem("error", given.name, "would get no wheel, as none is compatible", remedy)


def _rows(evaluations: Mapping[MachineSpec, Evaluation]) -> Iterator[Sequence[str]]:
    """Yield the table of machines and their wheels."""
    from ..project.user_variables import PLAIN

    yield heading("MACHINE", "LABEL", "WHEEL")
    for given, evaluation in evaluations.items():
        name = evaluation.selected.filename if evaluation.selected else None
        yield [given.name, (name.label or PLAIN) if name else "", str(name or "(none)")]


def _to_dict(
    planned: Stub, sdist: Output, evaluations: Mapping[MachineSpec, Evaluation]
) -> dict[str, object]:
    """Return the keys of the JSON object."""
    return {
        **sdist_to_dict(planned, sdist),
        "machines": [
            {
                "machine": given.name,
                "label": evaluation.selected.filename.label if evaluation.selected else None,
                "filename": str(evaluation.selected.filename) if evaluation.selected else None,
            }
            for given, evaluation in evaluations.items()
        ],
    }
