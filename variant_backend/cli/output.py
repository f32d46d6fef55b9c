"""What commands share beside lines of text: JSON, progress bars, and a status line."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from ..errors import VariantError
from ..lowlevel.terminal import is_terminal, print_document, print_status


def print_json(value: object, *, indent: int | None = None) -> None:
    """Print a JSON document on stdout: in ASCII, and without what CI services would obey in a log."""
    text = json.dumps(value, indent=indent).replace("##", r"#\u0023")
    print_document(f"{text}\n".encode())


class Progress:
    """A progress bar over files that are read, on a terminal, once the work takes longer than a second.

    *size* is that of what is not on this machine, in bytes.
    """

    def __init__(self, files: Iterable[Path] = (), *, size: int = 0, shown: bool = True) -> None:
        self._shown = shown and is_terminal(sys.stderr)
        self._total = size
        for file in files if self._shown else ():
            with suppress(OSError):  # which is said when the file is read
                self._total += file.stat().st_size
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._done = 0
        self._bar: Any = None
        self._cancelled = False

    def __enter__(self) -> Progress:
        """Start; nothing is shown yet."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._cancelled = kind is not None  # copies that still run in other threads end at their next step
        self.interrupt()

    def advance(self, count: int) -> None:
        """Note that so many more bytes were read."""
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
        """Leave the bar as it is, so that something else can be printed below it."""
        with self._lock:
            if self._bar is not None:
                self._bar.render_finish()


@contextmanager
def status_line() -> Iterator[Callable[[str], object]]:
    """Give a function that shows a line in place of the one before, on a terminal; the last is removed."""
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
