"""Entry points of the installed scripts.

A conversion takes a tenth of a second. The garbage collector would take an eighth of that and free nothing.
So it is off, and all objects are frozen before its last run at the end of the process.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .lowlevel.terminal import print_error, print_logs, print_python_warning, print_traceback

# Only commands import them.
_LIBRARIES = ("click", "tomlkit")


def make_variant() -> None:
    """Run ``make-variant``."""
    with _clear_ends():
        from .cli.make_variant import make_variant_command

        make_variant_command()


def variant_backend() -> None:
    """Run ``variant-backend``."""
    with _clear_ends():
        from .cli.main import main

        main()


@contextmanager
def _clear_ends() -> Iterator[None]:
    """Run a command, which ends with SystemExit; warnings, logs and tracebacks are escaped, too.

    Without a dependency of the commands, as in environments of builds, print the remedy.
    """
    import warnings

    gc.disable()
    sys.excepthook = print_traceback
    warnings.showwarning = print_python_warning
    if "logging" in sys.modules:  # a module that imports logging later calls print_logs itself
        print_logs()
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES:
            raise
        from .lowlevel.newer_dependencies import missing_dependency

        print_error(str(missing_dependency("this command", error.name)))
        sys.exit(1)
    finally:
        gc.freeze()  # the interpreter runs the collector once more at its end
