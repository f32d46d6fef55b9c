"""The options that name a machine: ``--machine [NAME=]SPEC``, once or several times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ..errors import UnknownNameError, VariantError
from .options import reading

if TYPE_CHECKING:
    from ..formats.hardware_file import Hardware
    from ..formats.machine_spec import MachineSpec

_Function = TypeVar("_Function", bound=Callable[..., object])


def machine_option(
    help: str = "Another machine, instead of this one.",  # noqa: A002
) -> Callable[[_Function], _Function]:
    """Return ``--machine``, the parameter ``machine``."""
    return click.option(
        "--machine",
        callback=reading(lambda text: None if text is None else read_machine_option(text)),
        metavar="[NAME=]SPEC",
        help=f"{help} SPEC is a preset such as h100, facts such as cuda:12.8, or a file of `hardware`.",
    )


def machines_option(help: str) -> Callable[[_Function], _Function]:  # noqa: A002
    """Return ``--machine`` that may be repeated, the parameter ``machines``."""
    return click.option(
        "--machine",
        "machines",
        multiple=True,
        callback=reading(_machines),
        metavar="[NAME=]SPEC",
        help=help,
    )


def _machines(texts: Sequence[str]) -> tuple[MachineSpec, ...]:
    machines = tuple(map(read_machine_option, texts))
    names = [machine.name for machine in machines]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise VariantError(f"duplicate machine {twice!r}", remedy="leave one of them out, or write NAME=SPEC")
    if [machine.text for machine in machines].count("-") > 1:
        raise VariantError("two machines from stdin", remedy="write one of them to a file, and give its path")
    return machines


def specs_of(machines: Iterable[MachineSpec]) -> dict[str, str]:
    """Return what users wrote about machines by name; those in files are left out."""
    from ..formats.machine_spec import GivenMachine

    return {machine.name: machine.text for machine in machines if isinstance(machine, GivenMachine)}


def read_machine_option(text: str) -> MachineSpec:
    """Read ``[NAME=]SPEC``; raises VariantError.

    An existing file needs no path separator and no suffix, unless it has the name of a preset or is a fact.
    """
    from ..formats.machine_spec import GivenMachine, MachineFile, parse_machine

    match = re.match(r"(?:([a-z0-9_-]+)=)?(.*)", text, re.DOTALL)
    prefix, spec = match.groups() if match else (None, text)
    is_file = _is_file(spec)
    try:
        machine = parse_machine(text)
    except VariantError:
        if not is_file:
            raise
        return MachineFile(prefix or spec, Path(spec))
    if is_file and isinstance(machine, GivenMachine):
        start = f"{prefix}=" if prefix else ""
        remedy = f"write {start}./{spec} for the file; to use the preset or the facts, rename the file"
        raise VariantError(f"{spec!r} is also the name of a file in this folder", remedy=remedy)
    return machine


def _is_file(text: str) -> bool:
    """Return whether a text is the path of an existing file; most texts are not."""
    with suppress(OSError, ValueError):
        return Path(text).is_file()
    return False


def described_hardware(machine: MachineSpec) -> Hardware:
    """Return what a machine supports that is not this machine; raises VariantError, also for unknown names.

    The sources in a machine file stay as they are: a new file may get the same content.
    """
    from ..formats.machine_spec import MachineFile
    from ..machine.detect import hardware_of, load_hardware
    from ..selection.unknown_names import unknown_in_machine

    hardware = load_hardware(machine.path) if isinstance(machine, MachineFile) else hardware_of(machine, {})
    if problems := unknown_in_machine(hardware):
        raise UnknownNameError(*problems).within(machine.text)
    return hardware
