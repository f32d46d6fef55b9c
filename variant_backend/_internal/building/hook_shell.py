"""What the hooks of a build backend print, and how they end a build on invalid input."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..errors import VariantError
from ..lowlevel.terminal import print_message

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def say(*parts: str) -> None:
    """Print one line to stderr with the name of this project in front."""
    print_message("variant-backend: ", *parts)


def ends_in_clear_lines(hook: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Decorate a hook: on VariantError, print one line for each problem and exit with code 1."""

    @functools.wraps(hook)
    def wrapper(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return hook(*args, **kwargs)
        except VariantError as error:
            for line in error.lines():
                say(f"error: {line}")
            raise SystemExit(1) from None

    return wrapper
