"""``variant-backend serve``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import Problem, RequestError, UnknownNameError, VariantError, did_you_mean, one_of
from ..lowlevel.credentials import keyring_urls
from ..lowlevel.terminal import current_volume
from ..lowlevel.urls import is_this_machine
from ..project.user_variables import TOKEN
from .command import Command
from .machine_options import machines_option
from .options import reading
from .output import Printer
from .policy_options import or_configured, policy_file_option
from .selection_options import overlaid_sources_options
from .served_machines import check_upstream, served_machines

if TYPE_CHECKING:
    from ..formats.machine_spec import MachineSpec
    from ..selection.releases import Sources
    from ..serving.site import Served

# Names that other pages have.
_RESERVED = ("health", "project")


def _token(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"[A-Za-z0-9._~-]+", text):
        remedy = "use letters, digits and . _ ~ -, so that it can be the password in a URL"
        raise VariantError("invalid token", remedy=remedy)
    return text


def _assignments(texts: Sequence[str]) -> Mapping[str, Path]:
    """Return the files by the names of their machines; an empty name is all other machines."""
    files: dict[str, Path] = {}
    for text in texts:
        match = re.fullmatch(r"(?:([a-z0-9_-]+)=)?(.+)", text, re.DOTALL)
        name, path = (match[1] or "", match[2]) if match else ("", text)
        if name in files:
            whose = f"machine {name!r}" if name else "all machines"
            raise VariantError(f"two files for {whose}", remedy="write NAME=FILE for each machine")
        files[name] = Path(path)
    return files


@click.command(
    "serve",
    cls=Command,
    json=False,
    example="variant-backend serve -i URL --machine gpu=cuda:12.8",
    page="docs/how-to/offer.md",
)
@overlaid_sources_options
@machines_option(
    "A machine to serve at /NAME/simple/: a preset, facts, or a file of `hardware`; may be repeated."
    "  [default: this machine, named `this`]"
)
@policy_file_option
@click.option(
    "--assignment",
    "assignments",
    multiple=True,
    callback=reading(_assignments),
    metavar="[NAME=]FILE",
    help="The value of each aligned feature, for the machine NAME or for all; may be repeated."
    " FILE has the table [assignment], or is a lock file of `lock`.",
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="HOST", help="The address to use.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="PORT",
    help="The port to use; 0 selects a free one.",
)
@click.option(
    "--token",
    envvar=TOKEN,
    callback=reading(_token),
    metavar="TOKEN",
    help=f"The password of all requests but /health.  [default: the variable {TOKEN}]",
)
@click.option("--stream", is_flag=True, help="Send files, instead of links to the upstream.")
@click.option("--allow-insecure", is_flag=True, help="Allow an upstream without https.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that answer requests.",
)
@click.option(
    "--access-log/--no-access-log",
    default=True,
    help="Whether each request is a line on stderr.  [default: --access-log]",
)
@click.pass_obj
def serve_command(
    printer: Printer,
    sources: Sources,
    machines: tuple[MachineSpec, ...],
    policy_file: Path | None,  # noqa: ARG001  # `configuration` reads it from the context
    assignments: Mapping[str, Path],
    host: str,
    port: int,
    token: str | None,
    stream: bool,
    allow_insecure: bool,
    workers: int,
    access_log: bool,
) -> None:
    """Serve package indexes on which any installer selects variants.

    Each machine has its own URL, and gets from there the variants that it supports, as wheels that all
    installers can read. The wheels come from other indexes, the upstream: a project from the first one that
    has it. The command prints the URL of each machine, and serves until Ctrl-C. It is experimental.
    """
    with _extra():
        from ..serving.workers import Service, authority, listening, serve_until_signal
    sources = or_configured(sources)
    check_upstream(sources, allow_insecure=allow_insecure)
    _check_reserved(machines)
    served = _aligned(served_machines(machines), assignments)
    service = Service(sources, served, token, stream, access_log, keyring_urls(), current_volume())
    with listening(host, port) as listener:
        address = authority(host, listener.getsockname()[1])
        if token is None and not is_this_machine(f"http://{address}"):
            text = f"everyone who can reach {address} can read all projects of the upstream"
            printer.warn(Problem("warning", "--host", text, "set a password with --token TOKEN"))
        for name in served:
            printer.line(f"http://{address}/{name}/simple/")
        printer.say(f"serving {sources}; http://{address}/ is for people; Ctrl-C ends the server")
        serve_until_signal(service, listener, workers)


@contextmanager
def _extra() -> Iterator[None]:
    """Raise a VariantError with a remedy if the libraries of the extra are missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise VariantError(str(error), remedy="run pip install 'variant-backend[serve]'") from None


def _check_reserved(machines: Iterable[MachineSpec]) -> None:
    """Raise RequestError if a machine has the name of another page."""
    for machine in machines:
        if machine.name in _RESERVED:
            text, remedy = f"the name {machine.name!r} is used by other pages", "use another name"
            raise RequestError(Problem("error", "--machine", text, remedy))


def _aligned(served: Mapping[str, Served], assignments: Mapping[str, Path]) -> Mapping[str, Served]:
    """Return the machines with the assignments in their files; raises VariantError.

    Raises RequestError for the name of an unknown machine, and for values that a machine does not support.
    """
    from ..graphs.assignment_file import read_assignment_for

    for name in assignments:
        if name and name not in served:
            text = f"unknown machine {name!r}{did_you_mean(name, served)}"
            remedy = f"machines: {one_of(served)}; write ./{name}=FILE if it is a path"
            raise UnknownNameError(text, place="--assignment", remedy=remedy)
    aligned: dict[str, Served] = {}
    for name, one in served.items():
        path = assignments.get(name) or assignments.get("")
        assignment = read_assignment_for(name, one.machine, one.policy, path) if path else {}
        aligned[name] = one._replace(policy=one.policy._replace(assignment=assignment))
    return aligned
