"""``variant-backend mirror``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem, RequestError
from .command import Command
from .graph_options import NO_PACKAGES, graph_options
from .machine_options import machines_option, specs_of
from .options import output_option
from .output import Printer, Progress, status_line
from .policy_options import policy_file_option
from .selection_options import overlaid_sources_options, platform_option, read_target
from .served_machines import graph_sources, offer_of, served_machines

if TYPE_CHECKING:
    from ..formats.machine_spec import MachineSpec
    from ..graphs.mirror import Mirror, MirrorResult
    from ..graphs.mirror_closure import MirroredMachine, MirroredTarget
    from ..graphs.mirror_files import MirrorFolder
    from ..graphs.resolution import GraphPackage, GraphRequest
    from ..selection.releases import Sources
    from ..selection.target import Target
    from ..serving.running_offer import RunningOffer
    from ..serving.site import Served

# The folder of files beside those of machines.
_RESERVED = "files"


@click.command(
    "mirror",
    cls=Command,
    example="variant-backend mirror six -i URL --machine h100 -o site",
    page="docs/how-to/mirror.md",
)
@graph_options
@overlaid_sources_options
@machines_option(
    "A machine that gets an index: a preset, facts, or a file of `hardware`; may be repeated."
    "  [default: this machine, named `this`]"
)
@click.option(
    "--python",
    "pythons",
    multiple=True,
    metavar="VERSION",
    help="A CPython version, such as 3.12; may be repeated.  [default: the version that runs this command]",
)
@platform_option
@output_option("The folder of the mirror.", required=True)
@click.option("--prune", is_flag=True, help="Remove files that the mirror no longer needs.")
@policy_file_option
@click.pass_obj
def mirror_command(
    printer: Printer,
    request: GraphRequest,
    sources: Sources,
    machines: tuple[MachineSpec, ...],
    pythons: tuple[str, ...],
    platform: str | None,
    output: Path,
    prune: bool,
    policy_file: Path | None,  # noqa: ARG001  # `configuration` reads it from the context
) -> None:
    """Copy whole dependency graphs into a folder of static files.

    REQUIREMENT is as for `lock`. From this folder, any installer gets variants without network. It has an
    index and a lock file for each machine, each file once, and what builds sdists. A further run
    downloads only what is missing. The command prints the path of the folder. It is experimental.
    """
    from ..graphs.mirror import Mirror
    from ..graphs.mirror import prune as remove_unneeded
    from ..graphs.mirror_files import mirror_folder

    sources = graph_sources(printer, sources, machines, platform)
    _check_machines(machines)
    served = served_machines(machines)
    targets = [read_target(python, platform) for python in dict.fromkeys(pythons) or [None]]
    with (
        mirror_folder(output) as folder,
        _saying_how_to_continue(printer, output),
        offer_of(sources, served) as offer,
    ):
        mirrored = _resolved(folder, offer, [*served.values()], targets, request)
        mirror = Mirror(folder, mirrored, specs_of(machines))
        _print_machines(printer, mirrored)
        with Progress(size=mirror.missing_size()) as progress:
            mirror.download(offer.upstream, progress.advance)
        result = mirror.publish()
        if prune:
            remove_unneeded(folder, result.unneeded)
    _report(printer, mirror, result, pruned=prune)
    printer.line(str(output))


def _resolved(
    folder: MirrorFolder,
    offer: RunningOffer,
    machines: Sequence[Served],
    targets: Sequence[Target],
    request: GraphRequest,
) -> list[MirroredMachine]:
    """Return the machines with their graphs; raises VariantError."""
    from ..graphs.machine_graphs import machine_graphs
    from ..graphs.mirror_closure import mirrored_machines

    with status_line() as show:

        def begin(name: str) -> None:
            show(f"resolving for {name}")

        graphs = machine_graphs(offer, machines, targets, request, begin)
        return mirrored_machines(graphs, request.resolver, folder, begin)


def _print_machines(printer: Printer, machines: Iterable[MirroredMachine]) -> None:
    """Print what a person should know about the graphs of machines."""
    for machine in machines:
        if not machine.packages:
            printer.warn(f"{machine.name}: {NO_PACKAGES}")
        for line in machine.lines:
            printer.say(f"{machine.name}: {line}")
        for problem in machine.conflicts():
            printer.warn(problem)


def _check_machines(machines: Sequence[MachineSpec]) -> None:
    """Raise RequestError if a machine has the name of another folder."""
    if any(machine.name == _RESERVED for machine in machines):
        text = f"the name {_RESERVED!r} is used by the folder of wheels"
        raise RequestError(Problem("error", "--machine", text, "use another name"))


@contextmanager
def _saying_how_to_continue(printer: Printer, output: Path) -> Iterator[None]:
    """Say after Ctrl-C or a signal that the next run continues."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        printer.say(f"{output}: downloaded files are kept; run the same command again to continue")
        raise


def _report(printer: Printer, mirror: Mirror, result: MirrorResult, *, pruned: bool) -> None:
    """Print what was downloaded, and set the keys of JSON."""
    from ..publishing.page_parts import counted

    downloaded = mirror.folder.downloaded
    printer.say(f"{counted(result.files, 'file')}, {downloaded} of them new")
    if result.unneeded:
        number = counted(len(result.unneeded), "unneeded file")
        printer.say(f"removed {number}" if pruned else f"{number}; use --prune to remove them")
    printer.keys = {
        "path": str(mirror.folder.root),
        "machines": [_to_dict(machine, mirror) for machine in mirror.machines],
        "files": result.files,
        "downloaded": downloaded,
        "unneeded": [*result.unneeded],
    }


def _to_dict(machine: MirroredMachine, mirror: Mirror) -> dict[str, object]:
    """Return the JSON object of a machine."""
    from ..graphs.lock_file import lock_name

    return {
        "machine": machine.name,
        "index": str(mirror.folder.root / machine.name / "simple"),
        "lock-file": str(mirror.folder.root / lock_name(machine.name)),
        "targets": [_target_to_dict(target, mirror) for target in machine.targets],
    }


def _target_to_dict(mirrored: MirroredTarget, mirror: Mirror) -> dict[str, object]:
    from ..graphs.assignment_file import assignment_table

    (target, graph), builds = mirrored
    return {
        "python": str(target.python),
        "platform": target.platform,
        "assignment": assignment_table(graph.alignment.assignment),
        "packages": [_package_to_dict(package, mirror) for package in graph.packages],
        "build-requirements": [_package_to_dict(package, mirror) for package in builds],
    }


def _package_to_dict(package: GraphPackage, mirror: Mirror) -> dict[str, object]:
    path, file = mirror.folder.of(package.ready)
    return {**package.to_dict(), "path": path, "hashes": dict(file.hashes)}
