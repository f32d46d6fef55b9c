"""Hide what a report should not show: names of the user and the machine, and secrets in URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..lowlevel.urls import without_secrets

# Names that identify nobody, and that may be a part of any text.
_COMMON = {
    *(
        "root",
        "user",
        "localhost",
        "nobody",
        "runner",
        "admin",
        "home",
        "linux",
        "python",
        "ubuntu",
        "debian",
    ),
    *(
        "fedora",
        "server",
        "desktop",
        "laptop",
        "node",
        "data",
        "local",
        "share",
        "lib",
        "bin",
        "opt",
        "usr",
        "etc",
    ),
    *(
        "var",
        "tmp",
        "gpu",
        "cuda",
        "rocm",
        "nvidia",
        "amd",
        "intel",
        "ascend",
        "tpu",
        "x86_64",
        "aarch64",
        "torch",
    ),
    *("pip", "poetry", "pdm", "conda", "variant-backend"),
}
_SHORTEST = 3
# The folder of another account, or of the same one under another name. Names on Windows may have spaces.
_ACCOUNT = re.compile(
    r"""
    ( (?:^|(?<=[\s'"`=:;(,\[{<@])|(?<=file://))
      (?: /?[A-Za-z]:[/\\]Users | (?:/[\w.-]+){0,4}/(?:home|Users) )[/\\]+ )
    (?: [^/\\'"`,;:)\]}>\n]+(?=\\) | [^/\\\s'"`,;:)\]}>]+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_IN_PATH = r"[/\\][^\s'\"]*"


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

        home = known(Path.home)
        return cls(
            home if Path(home).is_absolute() else "", known(getpass.getuser), known(socket.gethostname)
        )

    def hidden(self, text: str) -> str:
        """Return a text with ``~`` for the home folder, USER and HOST for the names; URLs lose secrets.

        >>> Privacy("/home/jane", "jane", "node7").hidden("/home/jane/x on node7, /scratch/jane")
        '~/x on HOST, /scratch/USER'
        """
        text = without_secrets(text)
        if len(home := self.home.rstrip("/\\")) >= _SHORTEST:
            text = re.sub(rf"(?<![\w.-]){re.escape(home)}(?![\w.-])", "~", text)
        text = _ACCOUNT.sub(r"\1USER", text)
        if _is_telling(self.user):
            user = re.compile(rf"(?<![^\W_]){re.escape(self.user)}(?![^\W_])", re.IGNORECASE)
            text = re.sub(_IN_PATH, lambda path: user.sub("USER", path[0]), text)
        for host in filter(_is_telling, (self.host, self.host.partition(".")[0])):
            text = re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", "HOST", text, flags=re.IGNORECASE)
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
