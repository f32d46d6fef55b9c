"""The machines and sources of commands that offer variants to several machines."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import click

from ..errors import Problem, RequestError, UnknownNameError
from ..lowlevel.urls import insecure_indexes
from .fetch import warn_of_plain_http
from .machine_options import described_hardware
from .output import Printer
from .policy_options import configuration, or_configured, say_policy

if TYPE_CHECKING:
    from ..formats.hardware_file import Hardware
    from ..formats.machine_spec import MachineSpec
    from ..machine.support import Machine, Policy
    from ..selection.releases import Sources
    from ..serving.running_offer import RunningOffer
    from ..serving.site import Served

# The name of this machine.
_HERE = "this"


def check_upstream(sources: Sources, *, allow_insecure: bool) -> None:
    """Raise RequestError if a source is missing, is not a folder, or can be changed on its way."""
    from ..serving.sources import missing_folders

    if sources.are_missing:
        raise RequestError("missing upstream", remedy="add --index-url URL or --find-links DIR")
    problems = missing_folders(sources)
    problems += [] if allow_insecure else insecure_indexes(sources.every_index_url)
    if problems:
        raise RequestError(*problems)


def graph_sources(
    printer: Printer, sources: Sources, machines: Sequence[MachineSpec], platform: str | None
) -> Sources:
    """Return the sources of the graphs of machines, which options name or else configuration files.

    Raises UsageError for another platform of this machine, and RequestError as `check_upstream` does.
    """
    if platform and not machines:
        raise click.UsageError("--platform requires --machine; add --machine NAME=SPEC")
    sources = or_configured(sources)
    check_upstream(sources, allow_insecure=True)
    warn_of_plain_http(printer, sources.every_index_url)
    return sources


def offer_of(sources: Sources, machines: Mapping[str, Served]) -> AbstractContextManager[RunningOffer]:
    """Return the offer of sources to the first of some machines; `RunningOffer.to` offers to the others."""
    from ..serving.running_offer import running_offer

    first = next(iter(machines.values()))
    return running_offer(sources, first.machine, first.policy)


def served_machines(machines: Sequence[MachineSpec]) -> Mapping[str, Served]:
    """Return the machines by their names, by default this machine, and say which policy is in force.

    Raises VariantError; RequestError for unusable names.
    """
    from ..serving.site import Served

    if configuration().warnings and click.get_current_context().params.get("policy_file") is not None:
        raise UnknownNameError(*configuration().warnings)
    used = ("devices",) if machines else ("machine", "detect", "devices")
    say_policy([*configuration().settings(*used), *configuration().effects()])
    policy = _policy(is_here=not machines)
    if not machines:
        return {_HERE: Served(_HERE, _machine(_hardware_here(), configuration().undetected), policy)}
    for machine in machines:
        _check_name(machine)
    return {
        machine.name: Served(machine.name, _machine(described_hardware(machine)), policy)
        for machine in machines
    }


def _check_name(machine: MachineSpec) -> None:
    """Raise RequestError if the name of a machine cannot be a part of URLs and of filenames."""
    if not re.fullmatch("[a-z0-9_-]+", machine.name):
        text, remedy = f"{machine.name!r} cannot be part of a URL or a filename", f"write NAME={machine.text}"
        raise RequestError(Problem("error", "--machine", text, remedy))


def _hardware_here() -> Hardware:
    """Return what this machine supports, or the machine in the configuration files."""
    from ..machine.detect import hardware_of
    from ..machine.user_config import configured_machine

    return hardware_of(configured_machine(configuration()), os.environ, configuration().detected)


def _machine(hardware: Hardware, undetected: str = "") -> Machine:
    """Return a machine whose facts are all known, as the configuration wants them."""
    from ..formats.hardware_file import Hardware
    from ..machine.support import Machine

    if configuration().least:
        hardware = hardware.of_least_devices()
    return Machine(Hardware(dict(hardware.namespaces)), undetected=undetected)


def _policy(*, is_here: bool) -> Policy:
    """Return the configured policy; plugins run only for this machine."""
    from ..machine.support import Policy
    from ..machine.trusted_plugins import is_root

    config = configuration()
    asks = is_here and config.machine is None and config.detected != ()  # `detect = false`
    return Policy(
        trusted=config.trusted if asks else {},
        installer=config.installer,
        refuses_root=is_root() and not config.allow_root,
        rules=config.rules,
    )
