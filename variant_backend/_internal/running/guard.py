"""What would go around the offer, or write a lock that only this run can use: found before the start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Problem, VariantError
from ..graphs.requirement_lines import lines_of_files
from ..lowlevel.named_paths import path_named, place_of_file
from ..lowlevel.terminal import print_detail
from .command import ToolCommand, program_name
from .destination import environments_of
from .found_files import project_folder, text_of, working_folder
from .index_options import refused_options
from .lock_commands import lock_problems
from .pinned_hashes import PinnedHashes, hash_problems, pins_of_files, pins_of_lock
from .project_sources import refused_sources, script_problems
from .requirement_files import direct_texts, named_files, refused_lines
from .started_commands import started_commands, wrapped_commands
from .task_files import files_of_tasks, refused_tasks, refused_variables

if TYPE_CHECKING:
    from ..machine.environment import Environment
    from ..serving.running_offer import RunningOffer

# The tools that do not start uv.
_WITHOUT_UV = ("pip", "pip-tools", "pipenv", "poetry", "venv", "virtualenv")
# The options of sudo that keep variables.
_KEEPING = re.compile(r"-E$|--preserve-env")


def refusals(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> list[Problem]:
    """Return all reasons why a command must not start in a folder with the user's variables.

    It would use another source than the offer, or may write a project's lock.
    """
    commands = [*started_commands(command)]
    problems = [*_problems_of_wrapper(command)] if wrapped_commands(command) else []
    for one, inner in zip(commands, [*commands[1:], None], strict=True):
        problems += _problems(one, inner, working_folder(one, folder, environ), environ)
    if environ.get("UV_TORCH_BACKEND") and any(one.tool not in _WITHOUT_UV for one in commands):
        text = "uv would take torch from another index than the offer"
        remedy = "unset the variable: the offer has the variant for this machine"
        problems.append(Problem("error", "UV_TORCH_BACKEND", text, remedy))
    return list(dict.fromkeys(problems))


def _problems_of_wrapper(command: ToolCommand) -> Iterator[Problem]:
    """Yield the problems of a program that starts a tool: variables that it sets, or does not hand on."""
    program, arguments = command.arguments[0], command.arguments[1:]
    yield from refused_variables(program, " ".join(arguments))
    if program_name(program) in ("sudo", "doas") and not any(map(_KEEPING.match, arguments)):
        text = "it does not hand on the variables that name the offer"
        yield Problem("error", program, text, f"put it first: {program} variant-backend run COMMAND")


def check_start(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> None:
    """Raise VariantError if a command must not start, with all reasons; print what has a URL of its own."""
    if problems := refusals(command, folder, environ):
        raise VariantError(*problems)
    for one in started_commands(command):
        paths = _requirement_paths(one, working_folder(one, folder, environ), environ)
        for text in direct_texts(one, lines_of_files(paths, environ)):
            print_detail(text)


def check_pins(
    command: ToolCommand,
    folder: Path,
    environ: Mapping[str, str],
    offer: RunningOffer,
    environment: Environment | None,
) -> None:
    """Raise VariantError if files of a command pin hashes of wheels that this machine does not get."""
    if known := [*pins(command, folder, environ)]:
        environments = environments_of(environment)
        if problems := hash_problems(known, offer.site, offer.place.profile, environments):
            raise VariantError(*problems)


def pins(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Iterator[PinnedHashes]:
    """Yield the hashes that files of a command pin; `hash_problems` compares them with those of the offer."""
    for one in started_commands(command):
        working = working_folder(one, folder, environ)
        yield from pins_of_files(_requirement_paths(one, working, environ), environ)
        yield from pins_of_lock(one, project_folder(one, working, environ), environ)


def _problems(
    command: ToolCommand, inner: ToolCommand | None, folder: Path, environ: Mapping[str, str]
) -> Iterator[Problem]:
    """Yield the problems of one command; *inner* is the one that it starts."""
    if command.values("--help", "-h", "--version"):
        return
    project = project_folder(command, folder, environ)
    yield from refused_options(command)
    script = folder / inner.arguments[0] if inner and command.tool == "uv" else None
    is_script = script and (script.suffix in (".py", ".pyw") or command.values("--script"))
    if script and is_script and "# /// script" in text_of(script):
        yield from script_problems(script)
        yield from _locked_script(script)
    else:
        locks = [*lock_problems(command, project, environ)]
        yield from locks or refused_sources(command, project, environ)
    yield from refused_tasks(command, project, environ)
    yield from refused_lines(lines_of_files(_requirement_paths(command, folder, environ), environ))


def _requirement_paths(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return the files with requirements of a command, and of the files of its tool."""
    project = project_folder(command, folder, environ)
    paths = filter(None, (path_named(folder, name) for name in named_files(command, environ)))
    return [*paths] + [project / name for name in files_of_tasks(command, project, environ)]


def _locked_script(script: Path) -> Iterator[Problem]:
    """Yield the lock file of a script: uv would install from the indexes that it names."""
    lock = script.with_name(f"{script.name}.lock")
    if lock.is_file():
        text = "uv would install from the indexes that the lock file names, not from the offer"
        yield Problem("error", place_of_file(lock), text, f"remove it, or start {script.name} without `run`")
