"""Where the installed scripts start and end.

A conversion takes a tenth of a second. Looking for cycles among what is imported and read, and taking
the interpreter apart at the end, would take an eighth of that and change nothing: so there is neither.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable


def make_variant() -> None:
    """Run ``make-variant``."""
    gc.disable()
    from .cli.make_variant import make_variant_command

    _run(make_variant_command)


def variant_backend() -> None:
    """Run ``variant-backend``."""
    gc.disable()
    from .cli.main import main

    _run(main)


def _run(command: Callable[[], object]) -> None:
    """Run a command, which ends with SystemExit, and leave with its exit code at once."""
    code: object = 0
    try:
        command()
    except SystemExit as ending:
        code = ending.code
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                code = code or 1
    os._exit(code if isinstance(code, int) else 1)
