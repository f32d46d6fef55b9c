"""``variant-backend lock``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem
from ..lowlevel.terminal import print_message, table, width
from .command import Command
from .graph_options import NO_PACKAGES, graph_options
from .machine_options import machines_option, specs_of
from .options import force_option, output_option
from .output import Printer, status_line
from .policy_options import policy_file_option
from .selection_options import overlaid_sources_options, platform_option, python_option, read_target
from .served_machines import graph_sources, offer_of, served_machines

if TYPE_CHECKING:
    from ..formats.machine_spec import MachineSpec
    from ..graphs.lock_file import TargetGraph
    from ..graphs.resolution import Graph, GraphRequest
    from ..lowlevel.file_set import Output
    from ..selection.releases import Sources
    from ..selection.target import Target
    from ..serving.running_offer import RunningOffer
    from ..serving.site import Served

_MARKERS = (
    "METADATA has variant markers: uv installs the wheel, and then fails to resolve packages that require it"
)
_MIRROR = "use variant-backend mirror, which writes such wheels without these markers"
_MACHINE = (
    "A machine to lock for, as pylock.NAME.toml: a preset, facts, or a file of `hardware`; may be repeated."
)


@click.command(
    "lock",
    cls=Command,
    example="variant-backend lock scipy -i URL -o locks",
    page="docs/how-to/lock.md",
)
@graph_options
@overlaid_sources_options
@machines_option(f"{_MACHINE}  [default: this machine, named `this`]")
@python_option
@platform_option
@output_option("The folder for the lock files.", required=True)
@click.option("--check", is_flag=True, help="Write nothing; report which lock files differ, and exit with 1.")
@force_option
@policy_file_option
@click.pass_obj
def lock_command(
    printer: Printer,
    request: GraphRequest,
    sources: Sources,
    machines: tuple[MachineSpec, ...],
    python: str | None,
    platform: str | None,
    output: Path,
    check: bool,
    force: bool,
    policy_file: Path | None,  # noqa: ARG001  # `configuration` reads it from the context
) -> None:
    """Write a lock file of all dependencies for each machine.

    REQUIREMENT is as in pip. It may end with #LABEL, as for `fetch`, also in files. uv installs
    pylock.NAME.toml without its flag for variants, and without a server. The command prints the paths of
    the lock files, and how the machines differ. It is experimental.
    """
    from ..graphs.lock_file import generated_outputs
    from ..lowlevel.file_set import differences, write_all_files

    sources = graph_sources(printer, sources, machines, platform)
    target = read_target(python, platform)
    served = served_machines(machines)
    with offer_of(sources, served) as offer:
        graphs = _resolved(offer, [*served.values()], target, request)
        outputs = _lock_files(graphs, specs_of(machines), output, force=force)
        wheels = generated_outputs((known.graph for known in graphs.values()), output)
    files = [*outputs.values(), *wheels]
    changed = differences(files)
    if not check:
        write_all_files(file for file in files if file.path in changed)
    printer.keys = {
        "files": [
            _to_dict(name, known.graph, outputs[name].path, changed, check=check)
            for name, known in graphs.items()
        ]
    }
    _report(printer, {name: known.graph for name, known in graphs.items()})
    _print_files(printer, files, changed, check=check)


def _resolved(
    offer: RunningOffer, machines: Sequence[Served], target: Target, request: GraphRequest
) -> dict[str, TargetGraph]:
    """Return the graph of each machine by its name."""
    from ..graphs.machine_graphs import machine_graphs

    with status_line() as show:
        graphs = machine_graphs(
            offer, machines, [target], request, lambda name: show(f"resolving for {name}")
        )
    return {name: known[0] for name, known in graphs.items()}


def _lock_files(
    graphs: Mapping[str, TargetGraph], specs: Mapping[str, str], folder: Path, *, force: bool
) -> dict[str, Output]:
    """Return the lock file of each machine; *specs* are what users wrote about machines, by name."""
    from ..graphs.lock_file import LockedMachine, lock_comments, lock_output, locked_file

    locate = partial(locked_file, folder=folder)
    outputs = {}
    for name, known in graphs.items():
        machine = LockedMachine(name, specs.get(name, ""))
        comments = lock_comments(machine, known)
        outputs[name] = lock_output(folder, machine, [known], locate, comments, force=force)
    return outputs


def _report(printer: Printer, graphs: Mapping[str, Graph]) -> None:
    """Print what a person should know about the graphs, and how those of several machines differ."""
    from ..graphs.lock_file import graph_differences, is_rewritten
    from ..project.user_variables import labels_variable

    for name, graph in graphs.items():
        if not graph.packages:
            printer.warn(f"{name}: {NO_PACKAGES}")
        for text in graph.lines:
            printer.say(f"{name}: {text}")
        for problem in graph.problems:
            printer.warn(problem.within(name))
        if graph.alignment.assignment and (labels := graph.labels):
            printer.say(f"{name}: {labels_variable(labels)}")
        for package in filter(is_rewritten, graph.packages):
            printer.warn(Problem("warning", package.ready.offered.file.filename, _MARKERS, _MIRROR))
    if rows := graph_differences(graphs):
        for line in table([["PACKAGE", *graphs], *rows], columns=width(sys.stderr)):
            print_message(*line)


def _print_files(
    printer: Printer, files: Iterable[Output], changed: Mapping[Path, str], *, check: bool
) -> None:
    """Print the paths of lock files; with *check*, how existing ones differ, which fails the command."""
    for file in files:
        difference = changed.get(file.path)
        if not check:
            printer.line(str(file.path))
        elif difference:
            printer.line(f"{file.path}: {difference}")
    printer.failed = check and bool(changed)
    if printer.failed:
        printer.say("run this command without --check to write these files")


def _to_dict(
    name: str, graph: Graph, path: Path, changed: Mapping[Path, str], *, check: bool
) -> dict[str, object]:
    """Return the JSON object of a lock file."""
    from ..graphs.assignment_file import assignment_table

    return {
        "machine": name,
        "path": str(path),
        "difference": changed.get(path),
        "written": path in changed and not check,
        "assignment": assignment_table(graph.alignment.assignment),
        "packages": [
            {**package.to_dict(), "filename": package.ready.file.filename} for package in graph.packages
        ],
    }
