"""Processes that can be ended with all that they have started: each is given a group of its own.

What they leave behind, if they are told to have their temporary files in a folder of ours, is removed.
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

# What `subprocess.Popen` is told, and `end_group` relies on.
GROUP: dict[str, Any]

if sys.platform == "win32":
    GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    def end_group(process: subprocess.Popen[bytes]) -> None:
        """End a process, and all that it has started; it may have ended already."""
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
        process.wait()

else:
    GROUP = {"start_new_session": True}

    def end_group(process: subprocess.Popen[bytes]) -> None:
        """End a process, and all that it has started; it may have ended already."""
        with suppress(ProcessLookupError, PermissionError):  # it has just ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Ended(NamedTuple):
    """The exit code of a program that has ended, and what it wrote to stdout and stderr."""

    code: int
    output: bytes
    errors: bytes


def run_within(seconds: float, command: Sequence[str]) -> Ended | None:
    """Run a program without input to its end; None if that takes more than *seconds*.

    All that it has started ends with it. Raises OSError if it cannot be started.
    """
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
    """Give a folder for what is temporary, in no source tree: backends obey the .gitignore of one around."""
    import tempfile

    folder = tempfile.TemporaryDirectory(prefix="variant-backend-", ignore_cleanup_errors=True)
    path = Path(folder.name)
    try:
        yield path
    finally:
        for _ in range(100):
            folder.cleanup()
            if not path.exists():
                break
            time.sleep(0.05)  # processes that were ended may take a moment
