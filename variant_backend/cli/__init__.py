"""The command line: what its commands share. Each command is a module; `main` gathers ``variant-backend``."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ..errors import VariantError

# A path as it is given: what is wrong with it is said by who opens it.
PATH = click.Path(path_type=Path, readable=False)


class Failure(click.ClickException):
    """Faults, each on a line of its own; the exit code is 1."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))

    def show(self, file: Any = None) -> None:  # noqa: ARG002  # click's signature
        """Print the faults."""
        for line in self.lines:
            talk(f"error: {line}")


class Command(click.Command):
    """A command whose faults end in clear lines, and which SIGTERM and SIGHUP end as Ctrl-C does."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with _termination_is_an_exit():
                return super().invoke(ctx)
        except VariantError as error:
            raise Failure(error.lines()) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # click ends quietly when nobody reads on
                raise
            place = error.filename2 or error.filename or "stdout"
            raise Failure([f"{place}: {error.strerror or error}"]) from None


def talk(text: str) -> None:
    """Tell a person something: on stderr."""
    click.echo(text, err=True)


def check_targets(targets: Iterable[tuple[Path, Path]]) -> None:
    """Raise a VariantError if two of the wheels would be written to one file; each comes with its target."""
    sources: dict[Path, list[Path]] = {}
    for wheel, target in targets:
        if wheel.resolve() != target.resolve():  # such a one is there already, and is not written
            sources.setdefault(target.resolve(), []).append(wheel)
    clashes = [
        f"{' and '.join(map(str, several))} would both become {target}"
        for target, several in sources.items()
        if len(several) > 1
    ]
    if clashes:
        raise VariantError(*clashes, hint="convert them one by one, into folders of their own")


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
