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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from threading import Timer
from typing import IO, Any, NamedTuple, cast

from .shell_words import command_line
from .terminal import print_detail
from .workspace import remove_tree, workspace

# How often a program that has left a process behind is looked at. Seconds.
_STEP = 0.1
_WATCHED = Path(__file__).with_name("_watched.py")

# Arguments of `subprocess.Popen`; `end_group` needs them.
GROUP: dict[str, Any]

if sys.platform == "win32":
    GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}

    def end_group(process: subprocess.Popen[bytes]) -> None:
        """End a process, which may have ended already, and all its children."""
        with suppress(OSError):  # PATH may lack it
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True)
        process.kill()
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
    program stays in the process group of this process, and ends alone. It has no input. Raises OSError if the
    program cannot be started, also in a zip archive and in a frozen program, which would start itself.
    """

    def __init__(
        self,
        program: Sequence[str],
        *,
        python: Sequence[str] = (sys.executable,),
        own_group: bool = True,
        **options: Any,
    ) -> None:
        if not _WATCHED.is_file():
            raise OSError(f"this needs {__package__.partition('.')[0]} as files in a folder")
        command = [*python, str(_WATCHED), *program]
        super().__init__(command, stdin=subprocess.PIPE, **options, **(GROUP if own_group else {}))
        self._own_group = own_group
        # The child waits for the end of this pipe; `communicate` would close stdin at once.
        self._pipe = cast("IO[bytes]", self.stdin)
        self.stdin: IO[bytes] | None = None

    def answer_within(self, seconds: float) -> tuple[bytes, bool]:
        """Return the output on stdout, and whether the program had to be ended after *seconds*.

        A process that the program has left behind may keep the pipe open, and is not waited for.
        """
        deadline = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                return self.communicate(timeout=_STEP)[0], False
        is_late = self.returncode is None
        self.end()
        try:
            return self.communicate(timeout=_STEP)[0], is_late
        except subprocess.TimeoutExpired as error:
            return error.output or b"", is_late

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


def run_within(
    seconds: float, command: Sequence[str], environ: Mapping[str, str] | None = None
) -> Ended | None:
    """Run a program without input to its end; None if that takes more than *seconds*.

    All that it has started ends with it. *environ* are its variables, by default those of this process.
    Raises OSError if it cannot be started.
    """
    print_detail(f"run {command_line(command)}")
    pipe, no_input = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=no_input, stdout=pipe, stderr=pipe, env=environ, **GROUP) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            end_group(process)
    return Ended(process.returncode, output, errors)


def output_within(seconds: float, command: Sequence[str], *, limit: int) -> bytes | None:
    """Run a program without input, and return its output on stdout; None if its exit code is not 0.

    The command is not printed, stderr is discarded, and at most *limit* bytes of stdout are read. Raises
    TimeoutError if the program does not end, and OSError if it cannot be started.
    """
    environ = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    no_file = subprocess.DEVNULL
    reading, writing = os.pipe()
    is_late = False
    with open(reading, "rb") as output:  # noqa: PTH123  # a pipe
        try:
            process = subprocess.Popen(
                command, stdin=no_file, stdout=writing, stderr=no_file, env=environ, **GROUP
            )
        finally:
            os.close(writing)

        def end() -> None:
            nonlocal is_late
            is_late = True
            end_group(process)

        timer = Timer(seconds, end)
        timer.start()
        try:
            content = output.read(limit)
            if len(content) < limit:  # else it may wait until more is read
                process.wait()
        finally:
            timer.cancel()
            end_group(process)
    if is_late:
        raise TimeoutError
    return content if process.returncode == 0 else None


def programs_on_path(
    names: Iterable[str], environ: Mapping[str, str], *, windows: bool = sys.platform == "win32"
) -> Iterator[Path]:
    """Yield the first program of each name on ``PATH``.

    Relative folders are skipped. Unlike `shutil.which`, this never looks into the current folder: a cloned
    project may contain a program of the same name.
    """
    folders = [Path(text) for text in environ.get("PATH", "").split(os.pathsep) if Path(text).is_absolute()]
    for name in names:
        candidates = (folder / (f"{name}.exe" if windows else name) for folder in folders)
        # Path.is_file raises OSError for a name that is too long, and in a folder that is closed.
        programs = (path for path in candidates if os.path.isfile(path) and os.access(path, os.X_OK))  # noqa: PTH113
        yield from islice(programs, 1)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder outside any source tree, where backends would obey its .gitignore.

    If this process is killed, the next one that needs such a folder removes it. Raises VariantError if it
    cannot be created.
    """
    import tempfile

    with workspace(Path(tempfile.gettempdir()), hidden=False) as path:
        try:
            yield path
        finally:
            for _ in range(100):
                remove_tree(path)
                if not path.exists():
                    break
                time.sleep(0.05)  # ended processes may need a moment
