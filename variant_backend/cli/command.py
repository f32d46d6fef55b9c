"""A command: its errors end in clear lines, and signals end it as Ctrl-C does."""

from __future__ import annotations

import errno
import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from ..errors import UnknownNameError, VariantError
from ..lowlevel.terminal import print_message

# Since click 8.2, a group without a command raises it; its message is the help.
_SHOWS_HELP: tuple[type[click.ClickException], ...] = tuple(
    filter(None, [getattr(click.exceptions, "NoArgsIsHelpError", None)])
)


class Failure(click.ClickException):
    """Errors, each on a line of its own; the exit code is 1."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))


class WrongUsage(click.UsageError):
    """Wrong usage for several reasons, each on a line of its own; the exit code is 2."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(lines[0])
        self.more = lines[1:]


class WrongValue(click.BadParameter):
    """A value that is wrong for several reasons, each on a line of its own; the exit code is 2."""

    def __init__(self, lines: Sequence[str], param_hint: str | None = None) -> None:
        super().__init__(lines[0], param_hint=param_hint)
        self.more = lines[1:]


class _Program(click.Command):
    """What is run from the command line: all that click says passes `print_message`."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program, and end with its exit code."""
        run: Callable[[], object] = functools.partial(
            super().main, args, prog_name, complete_var, standalone_mode=False, **extra
        )
        if not standalone_mode:
            return run()
        try:
            code = run()
        except click.Abort:
            print_message("Aborted!")
            code = 1
        except click.ClickException as error:
            _report(error)
            code = error.exit_code
        return sys.exit(code if isinstance(code, int) else 0)


def _report(error: click.ClickException) -> None:
    """Print what ends a program, as click does."""
    if isinstance(error, Failure):
        for line in error.lines:
            print_message(f"error: {line}")
        return
    if isinstance(error, _SHOWS_HELP):
        for line in error.format_message().split("\n"):
            print_message(line)
        return
    if isinstance(error, click.UsageError) and (context := error.ctx):
        for line in context.get_usage().split("\n"):
            print_message(line)
        print_message(f"Try '{context.command_path} {max(context.help_option_names, key=len)}' for help.")
        print_message()
    print_message(f"Error: {error.format_message()}")
    if isinstance(error, WrongUsage | WrongValue):
        for line in error.more:
            print_message(line)


class Command(_Program):
    """A command whose errors end in clear lines, and which SIGTERM and SIGHUP end as Ctrl-C does."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with _termination_is_an_exit():
                return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:  # click ends quietly when nobody reads on
                raise
            raise Failure(fault_lines(error)) from None
        except UnknownNameError as error:
            raise WrongUsage(error.lines()) from None
        except VariantError as error:
            raise Failure(fault_lines(error)) from None


class Group(_Program, click.Group):
    """A program whose first argument names a command."""


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
