"""Real programs of the test environment: run to the end, started, or on a terminal."""

from __future__ import annotations

import atexit
import functools
import os
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

SCRIPTS = Path(sys.executable).parent


def run(
    *command: object, cwd: Path | None = None, ok: bool = True, **env: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program of the test environment; with *ok* a failure fails the test, and shows what was said."""
    program, *arguments = map(str, command)
    path = SCRIPTS / program
    executable = str(path) if path.exists() or path.with_suffix(".exe").exists() else program
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **env}
    environment["PATH"] = os.pathsep.join([str(SCRIPTS), environment.get("PATH", "")])
    for inherited in ("VIRTUAL_ENV", "SOURCE_DATE_EPOCH"):
        if inherited not in env:
            environment.pop(inherited, None)
    result = subprocess.run(
        [executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert not ok or result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result


def run_here(command: click.Command, *arguments: object, cwd: Path | None = None) -> Result:
    """Run a command of this project in this process, which is faster; a failure fails the test."""
    with pytest.MonkeyPatch.context() as patch:
        if cwd is not None:
            patch.chdir(cwd)
        result = CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, f"{arguments}\n{result.stdout}\n{result.stderr}"
    return result


def printed(problems: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the warnings or errors of a JSON object as the command prints them."""
    return [
        "; ".join(filter(None, [": ".join(filter(None, [each["place"], each["message"]])), each["remedy"]]))
        for each in problems
    ]


def empty_cache() -> tuple[str, str]:
    """Return the options that give uv a new, empty cache, in which only this interpreter is known.

    With --no-cache, uv starts the interpreter each time to ask what it is, which takes longer than the rest.
    """
    folder = tempfile.mkdtemp(dir=_cache_with_this_interpreter().parent)
    shutil.copytree(_cache_with_this_interpreter(), folder, dirs_exist_ok=True)
    return "--cache-dir", folder


@functools.cache
def _cache_with_this_interpreter() -> Path:
    """Return a cache of uv that knows this interpreter; it is removed when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="uv-caches-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run("uv", "python", "find", "--cache-dir", folder / "template", sys.executable)
    return folder / "template"


def start(*command: object, cwd: Path | None = None, **env: str) -> subprocess.Popen[str]:
    """Start a program that can be interrupted: a shell may have started this one in the background."""
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
    """Return what was shown on a terminal, and close it."""
    shown = b""
    while True:
        try:
            data = os.read(terminal, 10_000)
        except OSError:  # what Linux gives at the end
            break
        if not data:
            break
        shown += data
    os.close(terminal)
    return shown
