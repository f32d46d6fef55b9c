"""Processes that can be ended with all their children: each has a process group of its own.

A `Child` also ends when this process ends. Temporary files that they leave in a folder from
`temporary_folder` are removed, by the next run if this one is killed.
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
from typing import IO, Any, NamedTuple, cast

from .terminal import print_detail
from .workspace import workspace

_WATCHED = Path(__file__).with_name("_watched.py")

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


class Child(subprocess.Popen[bytes]):
    """A program in Python that ends with all its children when this process ends, even if that is killed.

    *program* is the file and its arguments, *python* the command of the interpreter. Without *own_group*, the
    program stays in the process group of this process, and ends alone. It has no input.
    """

    def __init__(
        self,
        program: Sequence[str],
        *,
        python: Sequence[str] = (sys.executable,),
        own_group: bool = True,
        **options: Any,
    ) -> None:
        command = [*python, str(_WATCHED), *program]
        super().__init__(command, stdin=subprocess.PIPE, **options, **(GROUP if own_group else {}))
        self._own_group = own_group
        # The child waits for the end of this pipe; `communicate` would close stdin at once.
        self._pipe, self.stdin = cast("IO[bytes]", self.stdin), None

    def end(self) -> None:
        """End the program, which may have ended already, and all its children."""
        if self._own_group:
            end_group(self)
        else:
            self.kill()
            self.wait()
        self._pipe.close()


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
    """Yield a temporary folder outside any source tree, where backends would obey its .gitignore.

    If this process is killed, the next one that needs such a folder removes it. Raises VariantError if it
    cannot be created.
    """
    import shutil
    import tempfile

    with workspace(Path(tempfile.gettempdir()), hidden=False) as path:
        try:
            yield path
        finally:
            for _ in range(100):
                shutil.rmtree(path, ignore_errors=True)
                if not path.exists():
                    break
                time.sleep(0.05)  # ended processes may need a moment
