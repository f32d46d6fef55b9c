"""``variant-backend state``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..lowlevel.shell_words import quoted
from ..lowlevel.terminal import heading, print_document
from .command import Command
from .environment_options import environment_finder, interpreter_option, path_option
from .machine_options import described_hardware, machine_option
from .output import Printer
from .policy_options import configuration, no_policy_option, say_policy

if TYPE_CHECKING:
    from ..formats.hardware_file import Hardware
    from ..formats.machine_spec import MachineSpec
    from ..machine.host import Host

# The headings of the parts, and what is printed if a part is empty.
_TITLES = {
    "machine": ("Machine", "nothing is known"),
    "policy": ("Policy", "defaults only"),
    "environment": ("Environment", ""),
    "plugins": ("Plugins", "none"),
    "variants": ("Installed variants", "none"),
    "tools": ("Tools", "none"),
    "toolkits": ("Toolkits", "none"),
    "suggestions": ("Suggestions", "none"),
}


@click.command(
    "state",
    cls=Command,
    example="variant-backend state --json",
    page="docs/how-to/state.md",
    extra_remedy=lambda name: f"use --machine {quoted(name)} for a machine file",
)
@path_option
@interpreter_option
@machine_option("Describe another machine, not this one.")
@no_policy_option
@click.option("--as-env", is_flag=True, help="Print the variables that make uv use the same facts.")
@click.pass_obj
def state_command(
    printer: Printer,
    paths: Sequence[Path],
    interpreter: str | None,
    machine: MachineSpec | None,
    as_env: bool,
    no_policy: bool,
) -> None:
    """Report what variant-backend knows about this machine.

    The report has the supported values, the user's policy, the environment, plugins, installed variants,
    tools, and suggestions. Folders of the user, names of the user and the machine, and secrets in URLs are
    left out. No plugin is run, and nothing is installed.
    """
    del no_policy  # `configuration` reads it from the context
    from ..machine.host import Host
    from ..machine.privacy import Privacy
    from ..machine.state import Question, gathered, report_parts

    if printer.as_json and as_env:
        raise click.UsageError("--json and --as-env cannot be used together; use one of them")
    hardware = described_hardware(machine) if machine else None
    host = Host.here(os.environ)
    if as_env:
        _print_variables(printer, hardware, host)
        return
    environment = environment_finder(paths, interpreter, announce=False)  # the message would name the user
    privacy = Privacy.here()
    sections, errors = gathered(
        report_parts(Question(host, environment, hardware, _best_tags, configuration), privacy), privacy
    )
    printer.keys = {key: section.value for key, section in sections.items()}
    for key, section in sections.items():
        title, nothing = _TITLES[key]
        printer.line(*heading(title))
        printer.table([["", *row] for row in section.rows or ([[nothing]] if nothing else [])])
        for problem in section.problems:
            printer.warn(problem)
    for error in errors:
        printer.error(error)


def _best_tags(python: str | None) -> Sequence[str]:
    """Return the tags of a version of CPython on this platform, best first; raises VariantError."""
    from ..selection.target import Target, running_target

    running = running_target()
    if python is None:
        return ()
    target = Target.of(python, None, running=running.python, tags=running.tags)
    return list(map(str, target.tags))


def _print_variables(printer: Printer, hardware: Hardware | None, host: Host) -> None:
    """Print the variables that force the facts in uv, a line for each, as far as the policy allows them."""
    from ..machine.detect import detect
    from ..machine.user_config import configured_machine
    from ..variants.known_providers import forcing_variables
    from ..variants.namespace_support import Origin, Support
    from ..variants.policy import governed

    config = configuration()
    used = ["devices"]
    facts = hardware
    if facts is None:
        machine = configured_machine(config)
        facts = described_hardware(machine) if machine else detect(host, config.detected)
        used.append("machine" if machine else "detect")
    if config.least:
        facts = facts.of_least_devices()
    for problem in facts.warnings:
        printer.warn(problem)
    supported = facts.supported
    origins = dict.fromkeys(supported, Origin("hardware", ""))
    say_policy([*config.settings(*used), *config.effects()])
    variables = forcing_variables(governed(Support(supported, origins), config.rules).supported)
    print_document("".join(f"{name}={value}\n" for name, value in variables.items()).encode())
