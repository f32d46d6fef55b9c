"""Entry points of the installed scripts.

A conversion takes a tenth of a second. The garbage collector would take an eighth of that and free nothing.
So it is off, and all objects are frozen before its last run at the end of the process.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

from .lowlevel.terminal import print_error, print_logs, print_python_warning, print_traceback

# Only commands import them.
_LIBRARIES = ("click", "tomlkit")


def make_variant() -> None:
    """Run ``make-variant``."""
    gc.disable()

    def command() -> None:
        from .cli.make_variant import make_variant_command

        make_variant_command()

    _run(command)


def variant_backend() -> None:
    """Run ``variant-backend``."""
    gc.disable()

    def command() -> None:
        from .cli.main import main

        main()

    _run(command)


def _run(command: Callable[[], object]) -> None:
    """Run a command, which ends with SystemExit; warnings, logs and tracebacks are escaped, too.

    Without a dependency of the commands, as in environments of builds, print the remedy.
    """
    import warnings

    sys.excepthook = print_traceback
    warnings.showwarning = print_python_warning
    if "logging" in sys.modules:  # a module that imports logging later calls print_logs itself
        print_logs()
    try:
        command()
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES:
            raise
        from .lowlevel.newer_dependencies import missing_dependency

        print_error(str(missing_dependency("this command", error.name)))
        sys.exit(1)
    finally:
        gc.freeze()  # the interpreter runs the collector once more at its end
