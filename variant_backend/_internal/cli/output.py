"""How commands print: lines or one JSON object, progress bars, and a status line."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import click

from ..errors import Problem, VariantError
from ..lowlevel.terminal import (
    print_document,
    print_error,
    print_line,
    print_message,
    print_status,
    print_table,
    print_warning,
    shows_progress,
)

Result = TypeVar("Result")

# The version of the JSON objects: keys may be added to it, not changed.
_VERSION = 1


def print_json(value: object) -> None:
    """Print a JSON document on stdout, in ASCII and without commands of CI services."""
    text = json.dumps(value, indent=2).replace("##", r"#\u0023")
    print_document(f"{text}\n".encode())


class Printer:
    """Prints the output of a command: data on stdout, messages on stderr.

    With --json, stdout gets only one object, when the command ends: ``version``, the `keys` that the command
    sets, the `common` ones that its options set, ``warnings`` and ``errors``.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.keys: dict[str, object] = {}
        self.common: dict[str, object] = {}
        self.failed: bool = False
        self._warnings: dict[Problem, None] = {}
        self._errors: list[Problem] = []

    def line(self, *parts: str) -> None:
        """Print a line of data."""
        if not self.as_json:
            print_line(*parts)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Print a table of data."""
        if not self.as_json:
            print_table(rows)

    def say(self, text: str) -> None:
        """Print a message for a person."""
        print_message(text)

    def warn(self, warning: Problem | str) -> None:
        """Print a warning; the same one is printed once."""
        problem = _as_problem(warning, "warning")
        if problem not in self._warnings:
            self._warnings[problem] = None
            print_warning(str(problem))

    def error(self, error: Problem | str) -> None:
        """Print an error; the exit code becomes 1."""
        problem = _as_problem(error, "error")
        self._errors.append(problem)
        self.failed = True
        print_error(str(problem))

    def fail(self, error: VariantError | OSError) -> None:
        """Print each problem in an error."""
        if isinstance(error, OSError):
            place = error.filename2 or error.filename or "stdout"
            error = VariantError(error.strerror or str(error), place=place)
        for problem in error.problems:
            self.error(problem)

    def close(self) -> None:
        """Print the JSON object, if one is asked for."""
        if self.as_json:
            lists = {"warnings": [*self._warnings], "errors": self._errors}
            document = {
                "version": _VERSION,
                **self.keys,
                **self.common,
                **{name: list(map(problem_to_dict, problems)) for name, problems in lists.items()},
            }
            print_json(_without_secrets(document))


def _without_secrets(value: object) -> object:
    """Return a value of JSON with each text as messages show it: URLs lose what may be secret."""
    from ..lowlevel.urls import without_secrets

    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {without_secrets(str(key)): _without_secrets(item) for key, item in value.items()}
    return list(map(_without_secrets, value)) if isinstance(value, list | tuple) else value


def _as_problem(item: Problem | str, code: str) -> Problem:
    return Problem(code, "", item) if isinstance(item, str) else item


def problem_to_dict(problem: Problem) -> dict[str, object]:
    """Return the JSON object of a warning or an error."""
    return {
        "code": problem.code,
        "place": problem.place,
        "message": problem.text,
        "remedy": problem.remedy,
    }


class Progress:
    """A progress bar over bytes that are read, on a terminal, once the work takes longer than a second.

    The total is the size of the *files*, and *size* bytes that are downloaded.
    """

    def __init__(self, files: Iterable[Path] = (), *, size: int = 0) -> None:
        self._shown = shows_progress()
        self._total = size
        for file in files if self._shown else ():
            with suppress(OSError):  # reading the file reports it
                self._total += file.stat().st_size
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._done = 0
        self._bar: Any = None
        self._cancelled = False

    def __enter__(self) -> Progress:
        """Start, without showing anything yet."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._cancelled = kind is not None  # copies that still run in other threads end at their next step
        self.interrupt()

    def advance(self, count: int) -> None:
        """Count more bytes that were read."""
        if self._cancelled:
            raise VariantError("interrupted")
        with self._lock:
            self._done += count
            if self._shown and self._bar is None and time.monotonic() - self._started > 1:
                self._bar = click.progressbar(length=self._total, file=sys.stderr, update_min_steps=1 << 20)
                self._bar.update(self._done)
            elif self._bar is not None:
                self._bar.update(count)

    def interrupt(self) -> None:
        """End the bar, so that other lines can be printed below it."""
        with self._lock:
            if self._bar is not None:
                self._bar.render_finish()


def print_each_wheel(
    printer: Printer,
    wheels: Sequence[Path],
    run: Callable[..., Iterator[Result | VariantError]],
    report: Callable[[Printer, Path, Result], object],
    to_dict: Callable[[Result | None], Mapping[str, object]],
) -> None:
    """Run an operation on wheels with a progress bar, and print the result or the error of each.

    *run* gets the function that counts bytes as *advance*. *report* prints a result. *to_dict* returns its
    further keys in JSON, and those of a wheel without a result.
    """

    def entry(wheel: Path, result: Result | None) -> dict[str, object]:
        return {"input": str(wheel), **to_dict(result)}

    printer.keys = {"wheels": [entry(wheel, None) for wheel in wheels]}
    entries: list[dict[str, object]] = []
    with Progress(wheels) as progress:
        for wheel, result in zip(wheels, run(advance=progress.advance), strict=True):
            progress.interrupt()
            if isinstance(result, VariantError):
                printer.fail(result)
                entries.append(entry(wheel, None))
            else:
                report(printer, wheel, result)
                entries.append(entry(wheel, result))
    printer.keys = {"wheels": entries}


@contextmanager
def status_line() -> Iterator[Callable[[str], object]]:
    """Give a function that replaces the status line on a terminal; at the end, the line is removed."""
    last = ""

    def show(text: str) -> None:
        nonlocal last
        if text != last:
            print_status(text)
            last = text

    try:
        yield show
    finally:
        show("")
