"""The options that name the environment whose distributions a command reads."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import Problem, VariantError
from ..lowlevel.shell_words import quoted
from ..lowlevel.terminal import print_message
from .options import PATH, CommandOption

if TYPE_CHECKING:
    from ..machine.environment import Environment

_Function = TypeVar("_Function", bound=Callable[..., object])

path_option: CommandOption = click.option(
    "--path",
    "paths",
    multiple=True,
    type=PATH,
    metavar="DIR",
    help="A site-packages folder, instead of an environment; may be repeated.",
)
interpreter_option: CommandOption = click.option(
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


def environments_options(command: _Function) -> Callable[..., object]:
    """Add --path and --interpreter for several environments; the command gets ``environments``.

    Each of these functions finds one.
    """

    @functools.wraps(command)
    def with_environments(
        *args: Any, paths: tuple[Path, ...], interpreters: tuple[str, ...], **kwargs: Any
    ) -> object:
        _check_exclusive(paths, interpreters)
        folders = [_joined(path) for path in paths]
        _check_folders([folder for joined in folders for folder in joined])
        finders = [environment_finder(joined, None) for joined in folders]
        finders += [environment_finder((), interpreter) for interpreter in interpreters]
        return command(*args, environments=finders or [environment_finder((), None)], **kwargs)

    path = click.option(
        "--path",
        "paths",
        multiple=True,
        type=PATH,
        metavar="DIR",
        help="A site-packages folder, instead of an environment; may be repeated. The folders of one"
        " environment are joined as in PYTHONPATH.",
    )
    interpreter = click.option(
        "--interpreter",
        "interpreters",
        multiple=True,
        metavar="PATH",
        help="An interpreter or environment to look into; may be repeated."
        "  [default: VIRTUAL_ENV, .venv, python on PATH]",
    )
    return path(interpreter(with_environments))


def _joined(path: Path) -> list[Path]:
    """Return the folders of a list as in PYTHONPATH; without an existing part, the path is one folder."""
    parts = [part for part in str(path).split(os.pathsep) if part]
    # Path.exists raises OSError for a name that is too long.
    if os.path.exists(path) or not any(map(os.path.exists, parts)):  # noqa: PTH110
        return [path]
    return [*map(Path, parts)]


def _check_exclusive(paths: Sequence[Path], interpreters: Sequence[str]) -> None:
    if paths and interpreters:
        raise click.UsageError("--path and --interpreter cannot be used together; leave one of them out")


def _check_folders(paths: Sequence[Path]) -> None:
    """Raise VariantError if a path names no site-packages folder, with all problems."""
    if problems := [problem for path in paths if (problem := _folder_problem(path))]:
        raise VariantError(*problems)


def environment_finder(
    paths: Sequence[Path], interpreter: str | None, *, announce: bool = True
) -> Callable[[], Environment]:
    """Return a function that finds the environment at its first call.

    With *announce*, a message says which one it is. Raises UsageError if both options are given, and
    VariantError if a path names no site-packages folder.
    """
    _check_exclusive(paths, [interpreter] if interpreter is not None else [])
    _check_folders(paths)

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

    place, shown = str(path), quoted(path)
    if problem := missing_problem(path, "a folder"):
        return problem
    if not path.is_dir():
        remedy = f"use `variant-backend inspect {shown}` for a wheel" if path.suffix == ".whl" else None
        return Problem("error", place, "expected a folder, got a file", remedy)
    if is_virtual(path):
        text = "expected a site-packages folder, got an environment"
        return Problem("error", place, text, f"use --interpreter {shown}")
    return None
