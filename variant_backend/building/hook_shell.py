"""How the hooks of a build backend talk, and how they end where something given cannot be used."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from ..errors import VariantError, printable


def say(text: str) -> None:
    """Tell a person something, in one line: what servers say may have characters that command a terminal."""
    print(f"variant-backend: {printable(text)}", file=sys.stderr, flush=True)  # noqa: T201  # a hook has no other voice


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
