"""``variant-backend run``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import RequestError, VariantError
from ..lowlevel.terminal import print_detail
from .command import Command, WrongUsage
from .graph_options import assignment_option
from .network_options import asking_keyring, keyring_provider_option
from .options import find_links_option, index_url_option
from .output import Printer
from .policy_options import configuration, or_configured
from .run_report import print_outcome, print_planned
from .selection_options import this_machine_options

if TYPE_CHECKING:
    from ..machine.support import Machine, Policy
    from ..running.command import ToolCommand
    from ..running.user_indexes import UserIndexes
    from ..selection.releases import Sources
    from ..serving.running_offer import RunningOffer


@click.command(
    "run",
    cls=Command,
    context_settings={"allow_interspersed_args": False},
    example="variant-backend run pip install demo",
    page="docs/run.md",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND [ARGUMENT]...")
@index_url_option
@find_links_option
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
@assignment_option
@keyring_provider_option("as the tool, or as configured")
@this_machine_options
@click.pass_obj
def run_command(
    printer: Printer,
    command: tuple[str, ...],
    index_url: tuple[str, ...],
    find_links: tuple[str, ...],
    reinstall: bool,
    plans: bool,
    allow_insecure: bool,
    assignment_file: Path | None,
    keyring_provider: str | None,
    machine: Machine,
    policy: Policy,
) -> None:
    """Run a command whose installers get the best variants.

    pip, uv and tools that start them get their packages from an offer on this machine. It has the best wheels
    for this machine, from the user's own indexes. The exit code is that of COMMAND. It is experimental.
    """
    from ..lowlevel.foreground import end_like
    from ..running.command import read_command
    from ..running.guard import check_start
    from ..running.run_sources import network_of
    from ..running.user_indexes import check_is_safe, user_indexes
    from ..serving.running_offer import running_offer

    if printer.as_json and not plans:
        raise click.UsageError("--json is only for --dry-run; add --dry-run")
    tool = read_command(command)
    if assignment_file:
        policy = _with_assignment(policy, assignment_file, machine)
    check_start(tool, Path.cwd(), os.environ)
    user = user_indexes(tool, os.environ, Path.cwd())
    sources = _sources(printer, user, find_links, index_url)
    if not allow_insecure:
        check_is_safe(sources.index_urls, user.trusted_hosts)
    provider = keyring_provider or ("subprocess" if user.uses_keyring else configuration().keyring_provider)
    with (
        asking_keyring(provider, sources.index_urls),
        network_of(user),
        running_offer(sources, machine, policy) as offer,
    ):
        if plans:
            _plan(printer, tool, offer)
            return
        code = _run(printer, tool, user, offer, reinstall=reinstall)
    click.get_current_context().exit(end_like(code))


def _with_assignment(policy: Policy, path: Path, machine: Machine) -> Policy:
    """Return the policy with the assignment in a file; raises VariantError, also for unusable values."""
    from ..graphs.assignment_file import check_assignment, read_assignment

    assignment = read_assignment(path)
    try:
        check_assignment(assignment, machine, policy, "this machine")
    except RequestError as error:
        raise error.within(path) from None
    return policy._replace(assignment=assignment)


def _plan(printer: Printer, tool: ToolCommand, offer: RunningOffer) -> None:
    """Print what the packages that a command names would get."""
    from ..running.destination import destination, environments_of
    from ..running.dry_run import planned_packages
    from ..running.named_packages import named_requirements
    from ..running.started_commands import started_commands

    printer.say("dry run: the command is not started")
    folder = Path.cwd()
    commands = [*started_commands(tool)]
    requirements = [one for command in commands for one in named_requirements(command, os.environ, folder)]
    if not requirements:
        printer.say("the command names no packages")
    environments = environments_of(destination(tool, os.environ, folder))
    print_planned(printer, planned_packages(offer.site, offer.place.profile, requirements, environments))


def _sources(
    printer: Printer, user: UserIndexes, find_links: tuple[str, ...], index_url: tuple[str, ...]
) -> Sources:
    """Return the sources that options name, or else the user's own."""
    from ..running.run_sources import run_sources
    from ..selection.releases import Sources
    from ..serving.sources import missing_folders

    try:
        given = Sources.of(find_links, index_url)
    except VariantError as error:
        raise WrongUsage(error.lines()) from None
    if any(given):
        if missing := missing_folders(given):
            raise RequestError(*missing)
        return given
    known = run_sources(user, or_configured(given) if user.is_empty else given)
    for problem in known.problems:
        printer.warn(problem)
    if len(known.sources.index_urls) > 1:
        print_detail("each project is taken from the first index that has it; indexes are not mixed")
    return known.sources


def _run(
    printer: Printer, tool: ToolCommand, user: UserIndexes, offer: RunningOffer, *, reinstall: bool
) -> int:
    """Run the command, and return its exit code; 1 if it succeeded, but has changed a lock file."""
    from ..lowlevel.foreground import NotStartedError
    from ..running.through_offer import run_through_offer

    try:
        ended = run_through_offer(tool, user, offer, os.environ, Path.cwd(), reinstall=reinstall)
    except NotStartedError as error:
        printer.fail(error)
        return error.code
    print_outcome(printer, ended.outcome)
    for problem in ended.changed_locks:
        printer.error(problem)
    return ended.code or int(bool(ended.changed_locks))
