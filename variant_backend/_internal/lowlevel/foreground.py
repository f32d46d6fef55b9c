"""Run a command in the foreground, with the input, output and signals of this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from ..errors import VariantError
from .processes import Ended, run_within
from .urls import shown_reason

# The exit codes of shells for a command that cannot be started.
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
# A command whose output is captured may take so long.
_MOST_SECONDS = 3600
# The signals that end this process again after they have ended the command, so that a shell sees it.
_ENDING = {"SIGINT", "SIGTERM", "SIGHUP"}


class NotStartedError(VariantError):
    """A command cannot be started; `code` is the exit code that shells use."""

    code = _NOT_EXECUTABLE


def run_in_foreground(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command to its end, and return its exit code, negative for the signal that ended it.

    Ctrl-C reaches the command from the terminal; other signals are forwarded. Inherited files stay open: make
    passes some. Raises NotStartedError.
    """
    running: list[subprocess.Popen[bytes]] = []
    with _forwarding(running) as early:
        try:
            process = subprocess.Popen(_resolved(command, environ), env=environ, close_fds=False)
        except (OSError, ValueError) as error:
            raise _not_started(command[0], error) from None
        running.append(process)
        for number in early:
            process.send_signal(number)
        return process.wait()


def run_captured(command: Sequence[str], environ: Mapping[str, str]) -> Ended:
    """Run a command without input to its end, and return its output. Raises NotStartedError."""
    try:
        done = run_within(_MOST_SECONDS, _resolved(command, environ), environ)
    except (OSError, ValueError) as error:
        raise _not_started(command[0], error) from None
    if done is None:
        raise VariantError(f"has not ended within {_MOST_SECONDS} seconds", place=repr(command[0]))
    return done


def _resolved(command: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return a command with its program as Windows finds it, which may have several suffixes."""
    if sys.platform != "win32":
        return [*command]
    import shutil

    return [shutil.which(command[0], path=environ.get("PATH")) or command[0], *command[1:]]


def _not_started(program: str, error: OSError | ValueError) -> NotStartedError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        missing = NotStartedError("command not found", place=repr(program), remedy="check its name and PATH")
        missing.code = _NOT_FOUND
        return missing
    return NotStartedError(f"cannot be started: {shown_reason(error)}", place=repr(program))


@contextmanager
def _forwarding(running: Sequence[subprocess.Popen[bytes]]) -> Iterator[list[int]]:
    """Forward signals to running processes, and yield those that come before; ignored ones stay ignored."""
    early: list[int] = []

    def forward(number: int, _: FrameType | None) -> None:
        if number in of_terminal and _terminal_reaches_all():
            return
        if not running:
            early.append(number)
        for process in running:
            with suppress(OSError):
                process.send_signal(number)

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK", "SIGUSR1", "SIGUSR2", "SIGQUIT")
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    of_terminal = {number for number in signals if number.name in ("SIGINT", "SIGQUIT", "SIGBREAK")}
    former = {number: signal.getsignal(number) for number in signals}
    former = {number: handler for number, handler in former.items() if handler not in (None, signal.SIG_IGN)}
    for number in former:
        signal.signal(number, forward)
    try:
        yield early
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _terminal_reaches_all() -> bool:
    """Return whether Ctrl-C reaches the command, too: on Windows, and in the foreground of a terminal."""
    if sys.platform == "win32":
        return True
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def end_like(code: int) -> int:
    """Return the exit code for that of a command; the signal of a person or of the system ends this process.

    A shell stops a loop at Ctrl-C only if the program ends by the signal itself. Codes of Windows have 32
    bits, and `sys.exit` takes them with a sign.

    >>> end_like(3), end_like(0xC0000005)
    (3, -1073741819)
    """
    if code >= 0:
        return code - (1 << 32) if code >> 31 else code
    number = signal.Signals(-code) if -code in {*signal.Signals} else None
    if number is not None and number.name in _ENDING:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return 128 - code
