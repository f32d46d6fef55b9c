"""Real programs of the test environment: run, started, or on a terminal."""

from __future__ import annotations

import atexit
import functools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from variant_backend._internal.cli.main import main

SCRIPTS = Path(sys.executable).parent


def run(
    *command: object, cwd: Path | None = None, ok: bool = True, **env: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program of the test environment; with *ok*, a failure fails the test and shows the output."""
    program, *arguments = map(str, command)
    path = SCRIPTS / program
    executable = str(path) if path.exists() or path.with_suffix(".exe").exists() else program
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **env}
    environment["PATH"] = os.pathsep.join([str(SCRIPTS), environment.get("PATH", "")])
    for inherited in ("VIRTUAL_ENV", "SOURCE_DATE_EPOCH"):
        if inherited not in env:
            environment.pop(inherited, None)
    if command[:2] == ("variant-backend", "index"):
        environment["XDG_CACHE_HOME"] = str(_cache_of_hashes())
    if command[:2] == ("uv", "pip") and "--target" in command:  # else for the Python of `.venv` in the folder
        environment.setdefault("UV_PYTHON", sys.executable)
    result = subprocess.run(
        [executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert not ok or result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result


def run_here(
    command: click.Command,
    *arguments: object,
    cwd: Path | None = None,
    ok: bool = True,
    stdin: str | None = None,
    **env: str,
) -> Result:
    """Run a command of this project in this process, which is faster; with *ok*, a failure fails the test."""
    with pytest.MonkeyPatch.context() as patch:
        if cwd is not None:
            patch.chdir(cwd)
        result = CliRunner().invoke(
            command, [*map(str, arguments)], input=stdin, env=env, catch_exceptions=False
        )
    assert not ok or result.exit_code == 0, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result


def check_options(line: str) -> None:
    """Check that a command line of this project names an existing command with existing options."""
    program, *arguments = shlex.split(line, comments=True)
    command: click.Command = main.commands.get(program, main)
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name = arguments.pop(0)
        command = click.Command("any") if name == "COMMAND" else command.commands[name]
    if command.name != "any":
        command.make_parser(click.Context(command)).parse_args(arguments)  # an unknown option raises


def printed(problems: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the warnings or errors of a JSON object as the command prints them."""
    return [
        "; ".join(filter(None, [": ".join(filter(None, [each["place"], each["message"]])), each["remedy"]]))
        for each in problems
    ]


def empty_cache() -> tuple[str, str]:
    """Return the options that give uv a new cache with nothing but facts about this interpreter.

    With --no-cache, uv starts the interpreter each time to query it, which takes longer than all else.
    """
    folder = tempfile.mkdtemp(dir=_cache_with_this_interpreter().parent)
    shutil.copytree(_cache_with_this_interpreter(), folder, dirs_exist_ok=True)
    return "--cache-dir", folder


@functools.cache
def _cache_with_this_interpreter() -> Path:
    """Return a cache of uv with facts about this interpreter."""
    folder = _temporary_folder("uv-caches-") / "template"
    run("uv", "python", "find", "--cache-dir", folder, sys.executable)
    return folder


@functools.cache
def _cache_of_hashes() -> Path:
    """Return a cache folder for ``index``, which would remember hashes in the folder of the user."""
    return _temporary_folder("hashes-")


def _temporary_folder(prefix: str) -> Path:
    """Return a new folder that is removed when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def start(*command: object, cwd: Path | None = None, **env: str) -> subprocess.Popen[str]:
    """Start a program that can be interrupted, even if a shell started the tests in the background."""
    reset = None if sys.platform == "win32" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        [*map(str, command)],
        cwd=cwd,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=reset,
        text=True,
    )


def read_terminal(terminal: int) -> bytes:
    """Return the output on a terminal, and close it."""
    shown = b""
    while True:
        try:
            data = os.read(terminal, 10_000)
        except OSError:  # Linux raises it at the end
            break
        if not data:
            break
        shown += data
    os.close(terminal)
    return shown
