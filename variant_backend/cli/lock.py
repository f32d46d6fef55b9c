"""``variant-backend lock``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem
from ..lowlevel.terminal import print_message, table, width
from .command import Command
from .fetch import warn_of_plain_http
from .graph_options import NO_PACKAGES, requested_options, resolver_option, wishes_options
from .machine_options import machines_option
from .options import force_option, output_option
from .output import Printer, status_line
from .policy_options import or_configured, policy_file_option
from .selection_options import platform_option, python_option, read_target, sources_options
from .served_machines import check_upstream, served_machines

if TYPE_CHECKING:
    from ..formats.machine_spec import MachineSpec
    from ..graphs.requested_roots import Requested
    from ..graphs.resolution import Graph, Wishes
    from ..graphs.resolvers import Resolver
    from ..lowlevel.file_set import Output
    from ..selection.releases import Sources
    from ..selection.target import Target
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
    page="docs/lock.md",
)
@requested_options
@sources_options
@machines_option(f"{_MACHINE}  [default: this machine, named `this`]")
@python_option
@platform_option
@wishes_options
@resolver_option
@output_option("The folder for the lock files.", required=True)
@click.option("--check", is_flag=True, help="Write nothing; report which lock files differ, and exit with 1.")
@force_option
@policy_file_option
@click.pass_obj
def lock_command(
    printer: Printer,
    requested: Requested,
    sources: Sources,
    machines: tuple[MachineSpec, ...],
    python: str | None,
    platform: str | None,
    wishes: Wishes,
    resolver: Resolver,
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
    from ..lowlevel.file_set import differences, write_all_files

    if platform and not machines:
        raise click.UsageError("--platform requires --machine; add --machine NAME=SPEC")
    target = read_target(python, platform)
    sources = or_configured(sources)
    check_upstream(sources, allow_insecure=True)
    warn_of_plain_http(printer, sources.index_urls)
    served = served_machines(machines)
    graphs, outputs = _locked(
        sources, served, machines, target, wishes, requested, resolver, output, force=force
    )
    changed = differences(outputs.values())
    if not check:
        write_all_files(file for file in outputs.values() if file.path in changed)
    printer.keys = {
        "files": [
            _to_dict(name, graph, outputs[name].path, changed, check=check) for name, graph in graphs.items()
        ]
    }
    _report(printer, graphs)
    for file in outputs.values():
        difference = changed.get(file.path)
        if not check:
            printer.line(str(file.path))
        elif difference:
            printer.line(f"{file.path}: {difference}")
    printer.failed = check and bool(changed)
    if printer.failed:
        printer.say("run this command without --check to write these files")


def _locked(
    sources: Sources,
    served: Mapping[str, Served],
    machines: Sequence[MachineSpec],
    target: Target,
    wishes: Wishes,
    requested: Requested,
    resolver: Resolver,
    folder: Path,
    *,
    force: bool,
) -> tuple[dict[str, Graph], dict[str, Output]]:
    """Return the graph and the lock file of each machine."""
    from ..formats.machine_spec import GivenMachine
    from ..graphs.lock_file import LockedMachine, TargetGraph, lock_comments, lock_output, upstream_file
    from ..graphs.machine_graphs import machine_graphs
    from ..serving.running_offer import running_offer

    specs = {machine.name: machine.text for machine in machines if isinstance(machine, GivenMachine)}
    first = next(iter(served.values()))
    with running_offer(sources, first.machine, first.policy) as offer, status_line() as show:
        graphs = machine_graphs(
            offer,
            served.values(),
            target,
            wishes,
            requested,
            resolver,
            begin=lambda name: show(f"resolving for {name}"),
        )
        outputs = {}
        for name, graph in graphs.items():
            machine = LockedMachine(name, specs.get(name, ""))
            known = [TargetGraph(target, graph)]
            comments = lock_comments(machine, target)
            outputs[name] = lock_output(folder, machine, known, upstream_file, comments, force=force)
    return graphs, outputs


def _report(printer: Printer, graphs: Mapping[str, Graph]) -> None:
    """Print what a person should know about the graphs, and how those of several machines differ."""
    from ..graphs.lock_file import graph_differences, is_rewritten
    from ..project.user_variables import labels_variable
    from ..variants.alignment import AlignedName

    for name, graph in graphs.items():
        if not graph.packages:
            printer.warn(f"{name}: {NO_PACKAGES}")
        for axis, value in graph.alignment.assignment.items():
            printer.say(f"{name}: aligned: {AlignedName(*axis)} :: {value}")
        for text in graph.lines:
            printer.say(f"{name}: {text}")
        if graph.alignment.assignment and (labels := graph.labels):
            printer.say(f"{name}: {labels_variable(labels)}")
        for package in filter(is_rewritten, graph.packages):
            printer.warn(Problem("warning", package.ready.offered.file.filename, _MARKERS, _MIRROR))
    if rows := graph_differences(graphs):
        for line in table([["PACKAGE", *graphs], *rows], columns=width(sys.stderr)):
            print_message(*line)


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
            {
                "name": package.name,
                "version": str(package.version),
                "label": package.label,
                "filename": package.ready.file.filename,
            }
            for package in graph.packages
        ],
    }
