"""``variant-backend hardware``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import VariantError
from ..lowlevel.shell_words import quoted
from ..lowlevel.terminal import Note, heading, print_document
from ..lowlevel.urls import shown_url
from .command import Command, WrongValue, given_options
from .machine_options import described_hardware, machines_option
from .options import output_option
from .output import Printer

if TYPE_CHECKING:
    from ..formats.hardware_file import Hardware
    from ..formats.machine_spec import MachineSpec

_MOST_VALUES = 4  # of a feature in the table for people


@click.command(
    "hardware",
    cls=Command,
    example="variant-backend hardware -o machine.toml",
    page="docs/how-to/hardware.md",
    extra_remedy=lambda file: f"use --machine {quoted(file)}",
    hints={"--as-env": "use `variant-backend state --as-env`"},
)
@machines_option("Show another machine, not this one; of several, what all have in common.")
@click.option("--presets", is_flag=True, help="List the presets, which are well-known machines.")
@click.option("--toml", is_flag=True, help="Print a machine file in TOML.")
@click.option(
    "--devices",
    type=click.Choice(["best", "least"]),
    default="best",
    show_default=True,
    help="If devices differ, show what the best one supports, or the least capable one.",
)
@click.option("--run-tools", is_flag=True, help="Also run tools of vendors on PATH: npu-smi.")
@output_option("Write a machine file: TOML if its name ends in .toml, JSON if in .json.")
@click.pass_obj
def hardware_command(
    printer: Printer,
    machines: Sequence[MachineSpec],
    presets: bool,
    toml: bool,
    devices: str,
    run_tools: bool,
    output: Path | None,
) -> None:
    """Show what this machine supports, and how each fact is known.

    The best values come first. A machine file, the output of --json or --toml, can replace the machine in
    other commands: --machine FILE.
    """
    from ..machine.detect import detect
    from ..machine.host import Host

    forms = [name for name, given in (("json", printer.as_json), ("toml", toml)) if given]
    if len(forms) > 1:
        raise click.UsageError("--json and --toml cannot be used together; use one of them")
    if machines and run_tools:
        raise click.UsageError("--run-tools and --machine cannot be used together; leave one of them out")
    if presets:
        _print_presets(printer, click.get_current_context())
        return
    form = _form_of_file(output, forms) if output is not None else ""
    host = Host.here(os.environ, runs_tools=run_tools)
    hardware = _of_machines(machines) if machines else detect(host)
    if devices == "least":
        hardware = hardware.of_least_devices()
    for problem in hardware.warnings:
        printer.warn(problem)
    printer.keys = {"machine": hardware.to_dict()}
    if output is not None:
        _write(output, hardware.to_json() if form == "json" else hardware.to_toml())
        printer.line(str(output))
    elif toml:
        print_document(hardware.to_toml())
    else:
        printer.table(_rows(hardware))


def _of_machines(machines: Sequence[MachineSpec]) -> Hardware:
    """Return what a machine supports, or what several have in common; raises VariantError."""
    from ..machine.common_hardware import common_hardware

    known = {machine.name: described_hardware(machine) for machine in machines}
    return common_hardware(known) if len(known) > 1 else known[machines[0].name]


def _print_presets(printer: Printer, context: click.Context) -> None:
    """Print the presets and their facts; raises UsageError if another option is given."""
    from ..variants.machine_facts import facts_text
    from ..variants.machine_presets import PRESETS

    if others := given_options(context, {"machines", "toml", "devices", "run_tools", "output"}):
        raise click.UsageError(f"--presets and {others[0]} cannot be used together; leave one of them out")
    printer.keys = {
        "presets": [
            {
                "name": name,
                "facts": {key: list(values) for key, values in preset.facts},
                "description": preset.words,
            }
            for name, preset in PRESETS.items()
        ]
    }
    rows = ([name, facts_text(preset.facts) or "-", preset.words] for name, preset in PRESETS.items())
    printer.table([heading("PRESET", "FACTS", "DESCRIPTION"), *rows])


def _form_of_file(path: Path, forms: Sequence[str]) -> str:
    """Return the form of a new file, from an option or its suffix; raises WrongValue and VariantError."""
    if path.is_dir():
        remedy = f"give a file name such as machine.{forms[0] if forms else 'toml'}"
        raise VariantError("expected a file, got a folder", place=path, remedy=remedy)
    known = [form for form in ("toml", "json") if not forms or form in forms]
    form = path.suffix.removeprefix(".")
    if form in known:
        return form
    remedy = f"use {' or '.join(path.with_suffix(f'.{form}').name for form in known)}"
    remedy += f", or leave --{forms[0]} out" if forms else ""
    name = shown_url(path.name)  # it may be a URL after all
    text = f"expected a name that ends in {' or '.join(f'.{form}' for form in known)}, got {name!r}"
    raise WrongValue([f"{text}; {remedy}"], "-o/--output")


def _write(path: Path, content: bytes) -> None:
    """Write a machine file; raises VariantError if another file has its name."""
    from ..lowlevel.file_set import Output, write_all_files

    remedy = "move it away, or use another name (--output)"
    write_all_files([Output(path.parent, path.name, content, _is_ours, remedy)])


def _is_ours(content: bytes) -> bool:
    """Return whether a file is empty or a machine file."""
    from ..formats.hardware_file import Hardware

    if not content:
        return True
    try:
        Hardware.from_bytes(content, "")
    except VariantError:
        return False
    return True


def _rows(hardware: Hardware) -> list[Sequence[str]]:
    """Return the table for people: without the tails of long lists, with the meanings of the best values."""
    from ..variants.words import in_words

    rows: list[Sequence[str]] = [heading("NAMESPACE", "FEATURE", "VALUES", "SOURCE")]
    for namespace, support in hardware.namespaces.items():
        features = list(support.features.items()) or [("-", ("nothing",))]
        for feature, values in features:
            more = f", ... ({len(values)} in all)" if len(values) > _MOST_VALUES else ""
            shown = ", ".join(values[:_MOST_VALUES]) + more
            rows.append([namespace, feature, shown, support.source])
            if meaning := in_words(namespace, feature, values[:1]):
                rows.append(Note(meaning))
    return rows
