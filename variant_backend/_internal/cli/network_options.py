"""The option of commands that send requests: whether these ask `keyring` for credentials."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
        with asking_keyring(keyring_provider or configuration().keyring_provider, urls):
            return command(*args, **kwargs)

    return keyring_provider_option("disabled, or as configured")(with_keyring)


def keyring_provider_option(default: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Return ``--keyring-provider``; its help names the *default*."""
    return click.option(
        "--keyring-provider",
        type=click.Choice(KEYRING_PROVIDERS),
        help=f"Whether the program keyring is asked for passwords.  [default: {default}]",
    )


@contextmanager
def asking_keyring(provider: str, urls: Sequence[str]) -> Iterator[None]:
    """Let requests of a ``with`` block ask `keyring`, if that is the provider; the user named these URLs."""
    use_keyring(urls if provider == "subprocess" else None)
    try:
        yield
    finally:
        use_keyring(None)
