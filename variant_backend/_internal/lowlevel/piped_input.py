"""Read small input that may come from a pipe or from stdin, with limits in size and time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from ..errors import VariantError
from .regular_files import blocks, joined
from .terminal import is_terminal

# Seconds to wait for more input: a program at the other end may start on another machine.
PATIENCE = 60.0


def read_input(path: Path | None) -> bytes:
    """Return the content of a file or a pipe, or of stdin if *path* is None.

    A terminal may wait for its user. Raises VariantError, without a place, if other input stops for
    `PATIENCE` seconds or is too large, and OSError if it cannot be read.
    """
    if path is None and sys.stdin is None:
        raise VariantError("stdin is closed", remedy="give a file")
    is_typed = path is None and is_terminal(sys.stdin)
    return joined(_input(path) if is_typed else _in_time(_input(path)))


def _input(path: Path | None) -> Iterator[bytes]:
    """Yield the blocks of the input."""
    if path is None:
        # Not the buffer itself: if its reader still waits when Python ends, Python cannot close it.
        stdin = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        yield from blocks(stdin)
    else:
        with path.open("rb", buffering=0) as file:
            yield from blocks(file)


def _in_time(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield parts that another thread reads: only some systems can open and read pipes without waiting."""
    queue: Queue[bytes | Exception] = Queue(1)

    def fill() -> None:
        try:
            for part in parts:
                queue.put(part)
            queue.put(b"")
        except Exception as error:  # raised again in the thread that waits
            queue.put(error)

    Thread(target=fill, daemon=True).start()
    while True:
        try:
            block = queue.get(timeout=PATIENCE)
        except Empty:
            text = f"no input for {PATIENCE:g} s"
            raise VariantError(text, remedy="start the program that writes it, or give a file") from None
        if isinstance(block, Exception):
            raise block
        if not block:
            return
        yield block
