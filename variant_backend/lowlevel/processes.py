"""Processes that can be ended with all their children: each has a process group of its own.

Temporary files that they leave in a folder from `temporary_folder` are removed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from .terminal import print_detail

# The names of temporary folders start like this; the comparison of built files looks for it.
TEMPORARY_PREFIX = "variant-backend-"

# Arguments of `subprocess.Popen`; `end_group` needs them.
GROUP: dict[str, Any]

if sys.platform == "win32":
    GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    def end_group(process: subprocess.Popen[bytes]) -> None:
        """End a process, which may have ended already, and all its children."""
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
        process.wait()

else:
    GROUP = {"start_new_session": True}

    def end_group(process: subprocess.Popen[bytes]) -> None:
        """End a process, which may have ended already, and all its children."""
        with suppress(ProcessLookupError, PermissionError):  # the process has just ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Ended(NamedTuple):
    """The exit code of a program, and its output on stdout and stderr."""

    code: int
    output: bytes
    errors: bytes


def command_line(command: Sequence[str]) -> str:
    """Return a command as a shell would take it."""
    import shlex

    return shlex.join(command)


def run_within(seconds: float, command: Sequence[str]) -> Ended | None:
    """Run a program without input to its end; None if that takes more than *seconds*.

    All that it has started ends with it. Raises OSError if it cannot be started.
    """
    print_detail(f"run {command_line(command)}")
    pipe, no_input = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=no_input, stdout=pipe, stderr=pipe, **GROUP) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end_group(process)
    return Ended(process.returncode, output, errors)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder outside any source tree, where backends would obey its .gitignore."""
    import tempfile

    folder = tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, ignore_cleanup_errors=True)
    path = Path(folder.name)
    try:
        yield path
    finally:
        for _ in range(100):
            folder.cleanup()
            if not path.exists():
                break
            time.sleep(0.05)  # ended processes may need a moment
