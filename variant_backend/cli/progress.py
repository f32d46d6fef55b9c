"""A progress bar for commands that copy wheels."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from ..errors import VariantError


class Progress:
    """A progress bar over all wheels, on a terminal, once the work takes longer than a second."""

    def __init__(self, wheels: Iterable[Path], *, shown: bool) -> None:
        self._total = 0
        for wheel in wheels if shown else ():
            with suppress(OSError):  # which is said when the wheel is read
                self._total += wheel.stat().st_size
        self._shown = shown
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._done = 0
        self._bar: Any = None
        self._cancelled = False

    def __enter__(self) -> None:
        """Start; nothing is shown yet."""

    def __exit__(self, kind: object, *_: object) -> None:
        self._cancelled = kind is not None  # copies that still run in other threads end at their next step
        self.interrupt()

    def advance(self, count: int) -> None:
        """Note that so many more bytes were copied."""
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
