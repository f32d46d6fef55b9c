"""Hide what a report should not show: names of the user and the machine, and secrets in URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..lowlevel.urls import without_secrets

# Names that identify nobody, and that may be a part of any text.
_COMMON = {"root", "user", "localhost", "nobody", "runner", "admin", "home", "linux", "python"}
_SHORTEST = 3
# The folder of another account, or of the same one under another name.
_ACCOUNT = re.compile(
    r"""((?:^|(?<=[\s'"=:(,]))(?:/home|/Users|[A-Za-z]:[/\\]Users)[/\\])[^/\\\s'",;:)]+""", re.IGNORECASE
)


class Privacy(NamedTuple):
    """What identifies a person or a machine: the *home* folder, the *user* name and the *host* name."""

    home: str
    user: str
    host: str

    @classmethod
    def here(cls) -> Privacy:
        """Return the names of this process; an unknown one is empty."""
        import getpass
        import socket
        from pathlib import Path

        def known(find: object) -> str:
            try:
                return str(find())  # type: ignore[operator]
            except Exception:  # it depends on the system
                return ""

        return cls(known(Path.home), known(getpass.getuser), known(socket.gethostname))

    def hidden(self, text: str) -> str:
        """Return a text with ``~`` for the home folder, USER and HOST for the names; URLs lose secrets.

        >>> Privacy("/home/jane", "jane", "node7").hidden("/home/jane/x on node7, /scratch/jane")
        '~/x on HOST, /scratch/USER'
        """
        text = without_secrets(text)
        if len(home := self.home.rstrip("/\\")) >= _SHORTEST:
            text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
        text = _ACCOUNT.sub(r"\1USER", text)
        if _is_telling(self.user):
            text = re.sub(rf"(?<=[/\\]){re.escape(self.user)}(?![\w.-])", "USER", text)
        if _is_telling(self.host):
            text = re.sub(rf"(?<![\w.-]){re.escape(self.host)}(?![\w-])", "HOST", text)
        return text

    def hidden_in(self, value: object) -> object:
        """Return a value of JSON with all its texts hidden."""
        if isinstance(value, str):
            return self.hidden(value)
        if isinstance(value, Mapping):
            return {key: self.hidden_in(item) for key, item in value.items()}
        return [self.hidden_in(item) for item in value] if isinstance(value, list | tuple) else value


def _is_telling(name: str) -> bool:
    """Return whether a name may identify somebody."""
    return len(name) >= _SHORTEST and name.lower() not in _COMMON
