"""``variant-backend run``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import RequestError
from ..lowlevel.terminal import print_detail
from .command import Command, given_options
from .graph_options import assignment_option, wishes_options
from .network_options import asking_keyring, keyring_provider_option
from .options import allow_local_option, find_links_option, index_url_option, overlay_option
from .output import Printer
from .policy_options import configuration, or_configured
from .run_report import print_outcome, print_planned
from .selection_options import read_sources, this_machine_options

if TYPE_CHECKING:
    from ..graphs.resolution import AlignedMachine, AlignedOffer, Wishes
    from ..machine.support import Machine, Policy
    from ..running.command import ToolCommand
    from ..running.started_tool import StartedTool
    from ..running.user_indexes import UserIndexes
    from ..selection.releases import Sources
    from ..serving.running_offer import RunningOffer

# A tool reads each page several times, in seconds. Many servers do not say how long a page may be used.
_SHORTEST_USE = 10.0


@click.command(
    "run",
    cls=Command,
    context_settings={"allow_interspersed_args": False},
    example="variant-backend run pip install demo",
    page="docs/how-to/run.md",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND [ARGUMENT]...")
@index_url_option
@find_links_option
@overlay_option
@allow_local_option
@click.option(
    "--reinstall",
    is_flag=True,
    help="Replace installed wheels if the offer has another one of their version (pip and uv pip).",
)
@click.option(
    "-n",
    "--dry-run",
    "plans",
    is_flag=True,
    help="Show what the packages that COMMAND names would get, and do not start it.",
)
@click.option("--allow-insecure", is_flag=True, help="Use indexes without https, too.")
@wishes_options
@assignment_option
@keyring_provider_option("as the tool, or as configured")
@this_machine_options
@click.pass_obj
def run_command(
    printer: Printer,
    command: tuple[str, ...],
    index_url: tuple[str, ...],
    find_links: tuple[str, ...],
    overlays: tuple[Path, ...],
    allows_local: bool,
    reinstall: bool,
    plans: bool,
    allow_insecure: bool,
    wishes: Wishes,
    assignment_file: Path | None,
    keyring_provider: str | None,
    machine: Machine,
    policy: Policy,
) -> None:
    """Run a command whose installers get the best variants.

    pip, uv and tools that start them get their packages from an offer on this machine. It has the best wheels
    for this machine, from the user's own indexes. The exit code is that of COMMAND. It is experimental.
    """
    from ..graphs.resolution import AlignedMachine
    from ..lowlevel.foreground import end_like
    from ..running.command import read_command
    from ..running.guard import check_start
    from ..running.started_tool import StartedTool
    from ..running.user_indexes import check_is_safe, user_indexes

    if printer.as_json and not plans:
        raise click.UsageError("--json is only for --dry-run; add --dry-run")
    tool = read_command(command)
    here = _with_assignment(AlignedMachine(machine, policy, wishes), assignment_file, tool)
    check_start(tool, Path.cwd(), os.environ)
    user = user_indexes(tool, os.environ, Path.cwd())
    given = read_sources(find_links, index_url, overlays, allows_local=allows_local)
    sources = _sources(printer, user, given)
    if not allow_insecure:
        check_is_safe(sources.every_index_url, user.trusted_hosts)
    with _offer(user, sources, here, keyring_provider) as offer:
        options = _given_options()
        started = StartedTool.of(tool, user, os.environ, Path.cwd(), reinstall=reinstall, options=options)
        code = _in_offer(printer, started, offer, here, plans=plans)
    if not printer.as_json:  # a JSON object is printed at the end
        click.get_current_context().exit(end_like(code))


def _given_options() -> list[str]:
    """Return the options as they were given, without those that are only for the one command."""
    context = click.get_current_context()
    return given_options(context, {*context.params} - {"command", "reinstall", "plans"})


def _with_assignment(here: AlignedMachine, path: Path | None, tool: ToolCommand) -> AlignedMachine:
    """Return this machine with the assignment in a file; raises VariantError, also for unusable values.

    Raises RequestError if the command cannot be aligned, and UsageError for two assignments.
    """
    from ..graphs.assignment_file import read_assignment_for
    from ..running.dry_resolution import check_can_align

    machine, policy, wishes = here
    if wishes.align:
        if path:
            raise click.UsageError("--align and --assignment cannot be used together; leave one of them out")
        check_can_align(tool)
    if path is None:
        return here
    assignment = read_assignment_for("this machine", machine, policy, path)
    return here._replace(policy=policy._replace(assignment=assignment))


@contextmanager
def _offer(
    user: UserIndexes, sources: Sources, here: AlignedMachine, keyring_provider: str | None
) -> Iterator[RunningOffer]:
    """Serve the offer of some sources, which gets them as the user's own tools do."""
    from ..running.run_sources import network_of
    from ..serving.running_offer import running_offer

    provider = keyring_provider or ("subprocess" if user.uses_keyring else configuration().keyring_provider)
    with (
        asking_keyring(provider, sources.every_index_url),
        network_of(user),
        running_offer(sources, here.machine, here.policy, shortest_use=_SHORTEST_USE) as offer,
    ):
        yield offer


def _in_offer(
    printer: Printer, started: StartedTool, offer: RunningOffer, machine: AlignedMachine, *, plans: bool
) -> int:
    """Run a command, or plan it, and return its exit code."""
    from ..lowlevel.foreground import NotStartedError
    from ..running.dry_resolution import FailedDryRunError
    from ..running.joint_members import installed_members, member_watch

    try:
        aligned = _aligned(printer, started, offer, machine) if machine.wishes.align else None
        beside = [*installed_members(started, offer, aligned.versions if aligned else ())]
        for problem in beside:
            printer.warn(problem)
        if plans:
            _plan(printer, started, offer, aligned)
            return int(printer.failed)
        if not aligned:
            offer.site.asked_projects.watch = member_watch(started, offer, beside, printer.warn)
        return _run(printer, started, offer, machine, aligned)
    except (NotStartedError, FailedDryRunError) as error:
        printer.fail(error)
        return 1 if plans else error.code


def _aligned(
    printer: Printer, started: StartedTool, offer: RunningOffer, machine: AlignedMachine
) -> AlignedOffer:
    """Return the offer in which the packages of a command agree, and print the values."""
    from ..graphs.alignment_costs import alignment_lines
    from ..graphs.assignment_file import assignment_table
    from ..graphs.installed_values import exclusion_lines
    from ..project.user_variables import labels_variable
    from ..running.aligned_run import labels_of_graph, offer_aligned_for
    from ..running.destination import environments_of

    aligned = offer_aligned_for(started, offer, machine, printer.warn)
    printer.common["assignment"] = assignment_table(aligned.alignment.assignment)
    served = aligned.offer.site.served(aligned.offer.place.profile)
    installed = exclusion_lines(aligned.alignment, served.machine, aligned.versions)
    for line in [*alignment_lines(aligned.alignment), *installed]:
        printer.say(line)
    if labels := labels_of_graph(aligned, environments_of(started.before.environment)):
        printer.say(labels_variable(labels))
    return aligned


def _plan(printer: Printer, started: StartedTool, offer: RunningOffer, aligned: AlignedOffer | None) -> None:
    """Print what the packages that a command names would get; all packages of the graph, if it is aligned."""
    from packaging.requirements import Requirement

    from ..running.destination import environments_of
    from ..running.dry_run import planned_packages
    from ..running.joint_members import named_members
    from ..running.named_packages import named_requirements
    from ..running.started_commands import started_commands

    printer.say("dry run: the command is not started")
    for problem in named_members(started, offer):
        printer.warn(problem)
    if aligned:
        offer = aligned.offer
        requirements = [Requirement(f"{name}=={version}") for name, version in aligned.versions.items()]
    else:
        requirements = [
            one
            for command in started_commands(started.command)
            for one in named_requirements(command, started.environ, started.folder)
        ]
    if not requirements:
        printer.say(f"the command {'would install nothing' if aligned else 'names no packages'}")
    environments = environments_of(started.before.environment)
    print_planned(printer, planned_packages(offer.site, offer.place.profile, requirements, environments))


def _sources(printer: Printer, user: UserIndexes, given: Sources) -> Sources:
    """Return the *given* sources, which options name, or else the user's own."""
    from ..running.run_sources import run_sources
    from ..serving.sources import missing_folders

    if not given.are_missing:
        if missing := missing_folders(given):
            raise RequestError(*missing)
        return given
    known = run_sources(user, or_configured(given) if user.is_empty else given)
    for problem in known.problems:
        printer.warn(problem)
    if len(known.sources.index_urls) > 1:
        print_detail("each project is taken from the first index that has it; indexes are not mixed")
    return known.sources._replace(overlay=given.overlay)


def _run(
    printer: Printer,
    started: StartedTool,
    offer: RunningOffer,
    machine: AlignedMachine,
    aligned: AlignedOffer | None,
) -> int:
    """Run the command, and return its exit code; 1 if it succeeded, but has changed a lock file."""
    from ..running.through_offer import run_through_offer

    offer, graph = (aligned.offer, aligned.versions) if aligned else (offer, ())
    ended = run_through_offer(started, offer, machine.policy.assignment, graph)
    print_outcome(printer, ended.outcome)
    if aligned:
        from ..running.aligned_run import disagreements_after

        for problem in disagreements_after(started, machine.wishes.align):
            printer.warn(problem)
    for problem in ended.changed_locks:
        printer.error(problem)
    return ended.code or int(bool(ended.changed_locks))
