"""The options that name the environment whose distributions a command reads."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import Problem, VariantError
from ..lowlevel.terminal import print_message
from .options import PATH

if TYPE_CHECKING:
    from ..machine.environment import Environment

_Function = TypeVar("_Function", bound=Callable[..., object])

path_option = click.option(
    "--path",
    "paths",
    multiple=True,
    type=PATH,
    metavar="DIR",
    help="A site-packages folder, instead of an environment; may be repeated.",
)
interpreter_option = click.option(
    "--interpreter",
    metavar="PATH",
    help="The interpreter or environment to look into.  [default: VIRTUAL_ENV, .venv, python on PATH]",
)


def environment_options(command: _Function) -> Callable[..., object]:
    """Add --path and --interpreter; the command gets ``environment``, a function that finds it."""

    @functools.wraps(command)
    def with_environment(
        *args: Any, paths: tuple[Path, ...], interpreter: str | None, **kwargs: Any
    ) -> object:
        return command(*args, environment=environment_finder(paths, interpreter), **kwargs)

    return path_option(interpreter_option(with_environment))


def environment_finder(
    paths: Sequence[Path], interpreter: str | None, *, announce: bool = True
) -> Callable[[], Environment]:
    """Return a function that finds the environment at its first call.

    With *announce*, a message says which one it is. Raises UsageError if both options are given, and
    VariantError if a path names no site-packages folder.
    """
    if paths and interpreter is not None:
        raise click.UsageError("--path and --interpreter cannot be used together; leave one of them out")
    if problems := [problem for path in paths if (problem := _folder_problem(path))]:
        raise VariantError(*problems)

    @functools.cache
    def find() -> Environment:
        from ..machine.environment import Environment, find_environment

        if paths:
            return Environment.of_folders(paths)
        environment = find_environment(interpreter)
        if announce:
            print_message(f"looking into {environment}")
        return environment

    return find


def _folder_problem(path: Path) -> Problem | None:
    """Return why a path names no site-packages folder, or None."""
    from ..machine.environment import is_virtual
    from ..wheels.wrong_files import missing_problem

    place, shown = str(path), shlex.quote(str(path))
    if problem := missing_problem(path, "a folder"):
        return problem
    if not path.is_dir():
        remedy = f"use `variant-backend inspect {shown}` for a wheel" if path.suffix == ".whl" else None
        return Problem("error", place, "expected a folder, got a file", remedy)
    if is_virtual(path):
        text = "expected a site-packages folder, got an environment"
        return Problem("error", place, text, f"use --interpreter {shown}")
    return None
