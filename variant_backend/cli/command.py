"""A command: its errors end in clear lines, and signals end it as Ctrl-C does."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..errors import VariantError
from .output import printable, talk


class Failure(click.ClickException):
    """Faults, each on a line of its own; the exit code is 1."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))

    def show(self, file: Any = None) -> None:  # noqa: ARG002  # click's signature
        """Print the faults, which may name what others wrote."""
        for line in self.lines:
            talk(f"error: {printable(line)}")


class Command(click.Command):
    """A command whose faults end in clear lines, and which SIGTERM and SIGHUP end as Ctrl-C does."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with _termination_is_an_exit():
                return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:  # click ends quietly when nobody reads on
                raise
            raise Failure(fault_lines(error)) from None
        except VariantError as error:
            raise Failure(fault_lines(error)) from None


def fault_lines(error: VariantError | OSError) -> list[str]:
    """Return the faults, each on a line of its own."""
    if isinstance(error, VariantError):
        return error.lines()
    return [f"{error.filename2 or error.filename or 'stdout'}: {error.strerror or error}"]


@contextmanager
def _termination_is_an_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the process as Ctrl-C does, so that nothing is left behind."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        signals = []  # only the main thread may
    former = {number: signal.signal(number, leave) for number in signals}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
