"""Where the installed scripts start and end.

A conversion takes a tenth of a second. The garbage collector would take an eighth of that and find nothing:
it is off, and its last run at the end of the process finds nothing to look at.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

from .lowlevel.terminal import print_logs, print_python_warning, print_traceback


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
    """Run a command, which ends with SystemExit; what is printed besides is escaped, too."""
    import warnings

    sys.excepthook = print_traceback
    warnings.showwarning = print_python_warning
    if "logging" in sys.modules:  # who loads it later does the same
        print_logs()
    try:
        command()
    finally:
        gc.freeze()  # the interpreter runs the collector once more when it ends
