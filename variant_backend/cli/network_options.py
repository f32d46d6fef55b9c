"""The option of commands that send requests: whether these ask `keyring` for credentials."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from ..lowlevel.credentials import KEYRING_PROVIDERS, use_keyring
from .policy_options import configuration


def network_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add --keyring-provider. Any argument or option can have the URLs of sources."""

    @functools.wraps(command)
    def with_keyring(*args: Any, keyring_provider: str | None, **kwargs: Any) -> object:
        values = [
            text for value in kwargs.values() for text in (value if isinstance(value, tuple) else [value])
        ]
        urls = [text for text in values if isinstance(text, str) and "://" in text]
        provider = keyring_provider or configuration().keyring_provider
        use_keyring(urls if provider == "subprocess" else None)
        try:
            return command(*args, **kwargs)
        finally:
            use_keyring(None)

    return click.option(
        "--keyring-provider",
        type=click.Choice(KEYRING_PROVIDERS),
        help="Whether the program keyring is asked for passwords.  [default: disabled, or as configured]",
    )(with_keyring)
