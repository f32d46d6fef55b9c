"""``variant-backend hardware``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..lowlevel.terminal import heading, print_document, print_message, print_table
from .command import Command
from .options import PATH

if TYPE_CHECKING:
    from ..formats.hardware_file import Hardware

_MOST_VALUES = 4  # of a feature in the table for people


@click.command("hardware", cls=Command)
@click.option(
    "--hardware",
    "file",
    type=PATH,
    metavar="FILE",
    help="Show what this file says (TOML if it is called so, else JSON), not this machine.",
)
@click.option("--json", "form", flag_value="json", help="Print a hardware file, in JSON.")
@click.option("--toml", "form", flag_value="toml", help="Print a hardware file, in TOML.")
@click.option("--as-env", "form", flag_value="env", help="Print the variables that force uv to see the same.")
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE",
    help="Write to this file: TOML if it is called so, else JSON.",
)
def hardware_command(file: Path | None, form: str | None, output: Path | None) -> None:
    """Show what this machine supports, best first, and where each fact came from.

    The file that --json or --toml gives can stand in for the machine elsewhere.
    """
    from ..machine.detect import detect, load_hardware

    hardware = load_hardware(file) if file else detect(os.environ)
    if output and not form:
        form = "toml" if output.suffix == ".toml" else "json"
    if form is None:
        print_table(_rows(hardware))
        return
    text = _text(hardware, form)
    if output is None:
        print_document(text.encode())
        return
    from ..lowlevel.file_set import Output, write_all_files

    write_all_files([Output(output.parent, output.name, text.encode("utf-8"))])
    print_message(str(output))


def _text(hardware: Hardware, form: str) -> str:
    if form == "json":
        return hardware.to_json()
    if form == "toml":
        return hardware.to_toml()
    from ..variants.known_providers import forcing_variables

    return "".join(f"{name}={value}\n" for name, value in forcing_variables(hardware.supported).items())


def _rows(hardware: Hardware) -> list[list[str]]:
    """Return the table for people, without the tails of long lists."""
    rows: list[list[str]] = [heading("NAMESPACE", "FEATURE", "VALUES", "SOURCE")]
    for namespace, support in hardware.namespaces.items():
        features = list(support.features.items()) or [("-", ("nothing",))]
        for feature, values in features:
            more = f", ... ({len(values)} in all)" if len(values) > _MOST_VALUES else ""
            rows.append([namespace, feature, ", ".join(values[:_MOST_VALUES]) + more, support.source])
    return rows
