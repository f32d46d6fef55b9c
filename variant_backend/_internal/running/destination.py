"""Where a command installs: the environment or the folder, before and after the command."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import VariantError
from ..machine.environment import (
    Environment,
    active_environment,
    base_site_packages,
    is_virtual,
    named_environment,
)
from ..serving.environments import Environments, environment_of_target
from .command import ToolCommand, program_name
from .found_files import project_folder, working_folder
from .started_commands import unwrapped

# The subcommands that install into one environment, by tool.
_INSTALLING = {
    "pip": (("install",),),
    "uv": (("pip", "install"), ("pip", "sync"), ("sync",), ("add",), ("remove",)),
    "pdm": (("install",), ("sync",), ("add",), ("update",)),
    "pipenv": (("install",), ("sync",)),
    "pip-tools": ((),),
}


def installs(command: ToolCommand) -> bool:
    """Return whether a command is known to install into one environment."""
    return command.subcommand(_INSTALLING) is not None


def destination(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> Environment | None:
    """Return the environment that a command installs into; *folder* is where it is started.

    For an unknown program, also one that a tool runs, it is the one that the program probably uses. None if
    the command installs nothing, or into environments that only the tool knows, or if there is none yet.
    """
    command = unwrapped(command)
    with suppress(VariantError, OSError):
        if installs(command):
            return _folder(command, environ, folder) or _environment(command, environ, folder)
        if not command.tool or command.words[:1] == ("run",):
            return _of_unknown(command, environ) or active_environment(environ, folder)
    return None


def environments_of(place: Environment | None) -> Environments:
    """Return the environments of wheels for an environment on this machine."""
    from ..selection.target import Target, running_target

    running = running_target()
    if place is not None and place.python is not None:
        with suppress(VariantError):  # a Python that is too old
            return environment_of_target(
                Target.of(place.python, None, running=running.python, tags=running.tags)
            )
    return environment_of_target(running)


def _value(
    command: ToolCommand, variables: Mapping[str, str], environ: Mapping[str, str], *names: str
) -> str:
    """Return the last value of an option, else that of the tool's variable for it, else an empty text."""
    return next(reversed(command.values(*names)), "") or environ.get(variables.get(command.tool, ""), "")


def _folder(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> Environment | None:
    """Return the environment of ``--target`` or ``--prefix``: a folder, for the Python of the command."""
    if command.tool not in ("pip", "uv"):
        return None
    if target := _value(command, {"pip": "PIP_TARGET"}, environ, "-t", "--target"):
        place = Environment(target, "--target", (folder / target,))
    elif prefix := _value(command, {"pip": "PIP_PREFIX"}, environ, "--prefix"):
        place = Environment(prefix, "--prefix", tuple(base_site_packages((folder / prefix).absolute())))
    else:
        return None
    with suppress(VariantError, OSError):
        if used := _environment(command, environ, folder):
            return place._replace(python=used.python)
    return place


def _environment(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> Environment | None:
    """Return the environment of an interpreter; raises VariantError if there is none."""
    variables = {"pip": "PIP_PYTHON", "uv": "UV_PYTHON"}
    if command.tool in variables and (python := _value(command, variables, environ, "-p", "--python")):
        beside = folder / python
        return named_environment(str(beside) if beside.exists() else python, environ)
    if command.tool == "pip":
        return _of_program(command, environ)
    place = project_folder(command, working_folder(command, folder, environ), environ)
    # Without PATH: the Python there is not the environment of these tools.
    known = {name: value for name, value in environ.items() if name != "PATH"}
    if command.tool == "uv" and command.words[0] != "pip":
        if own := environ.get("UV_PROJECT_ENVIRONMENT"):
            return named_environment(str(place / own), environ)
        if ("--active", "") not in command.given:
            known.pop("VIRTUAL_ENV", None)
    return active_environment(known, place)


def _of_unknown(command: ToolCommand, environ: Mapping[str, str]) -> Environment | None:
    """Return the virtual environment that has an unknown program, such as an interpreter or a script."""
    program = None if command.tool else shutil.which(command.arguments[0], path=environ.get("PATH"))
    prefix = Path(program).absolute().parents[1] if program else None
    return named_environment(str(prefix), environ) if prefix and is_virtual(prefix) else None


def _of_program(command: ToolCommand, environ: Mapping[str, str]) -> Environment | None:
    """Return the environment of the interpreter that runs pip, None if py.exe selects it by an option."""
    if program_name(command.arguments[0]) in ("py", "pyw") and command.arguments[1] != "-m":
        return None
    program = shutil.which(command.arguments[0], path=environ.get("PATH"))
    if program is None:
        return None
    path = Path(program)
    if path.name.startswith("pip"):  # a script beside its interpreter
        names = ("python", "python3", "python.exe", "../python.exe")
        path = next((path.parent / name for name in names if (path.parent / name).exists()), path)
    return named_environment(str(path), environ)
