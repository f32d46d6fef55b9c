"""How the hooks of a build backend talk, and how they end where something given cannot be used."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..errors import VariantError
from ..lowlevel.terminal import print_message


def say(*parts: str) -> None:
    """Tell a person something, in one line."""
    print_message("variant-backend: ", *parts)


def ends_in_clear_lines(hook: Callable[..., Any]) -> Callable[..., Any]:
    """End the build with clear lines and without a traceback where something given cannot be used."""

    @functools.wraps(hook)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return hook(*args, **kwargs)
        except VariantError as error:
            for line in error.lines():
                say(f"error: {line}")
            raise SystemExit(1) from None

    return wrapper
