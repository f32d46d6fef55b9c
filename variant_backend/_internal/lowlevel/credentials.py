"""User and password for a server: from its URL, ``~/.netrc`` (``NETRC`` names another file), or `keyring`.

The program `keyring` is asked only after `use_keyring`, which only the command line calls: builds never ask
it. It is asked as pip and uv do with ``--keyring-provider subprocess``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import SplitResult, unquote

from ..errors import VariantError
from .terminal import print_detail
from .urls import host_of, is_safe_line, shown_reason, shown_url, without_user

# Whether `keyring` is asked.
KeyringProvider: TypeAlias = Literal["disabled", "subprocess"]
KEYRING_PROVIDERS = ("disabled", "subprocess")

_ADD_THEM = "add the credentials to the URL or to ~/.netrc"

# Seconds; `keyring` may wait for a person who unlocks it.
_PATIENCE = 60
# The limit in bytes of what `keyring` prints.
_LONGEST_ANSWER = 64 << 10


class Login(NamedTuple):
    """User and password."""

    user: str
    password: str


class _Keyring:
    """The program `keyring`, and its answers by host and user; the user *named* URLs as sources."""

    def __init__(self, named: Sequence[str]) -> None:
        self.named = named
        self._answers: dict[tuple[str, str | None], Login | None] = {}
        self._lock = Lock()  # many downloads at once must not start many programs

    def known(self, url: str, user: str | None) -> Login | None:
        """Return an earlier answer, or None."""
        return self._answers.get((host_of(url), user))

    def ask(self, url: str, user: str | None) -> Login | None:
        """Return the credentials for a URL, None if there are none; raises VariantError."""
        key = host_of(url), user
        with self._lock:
            if key not in self._answers:
                asked = (_asked(service, user) for service in self._services(url))
                self._answers[key] = next(filter(None, asked), None)
            return self._answers[key]

    def _services(self, url: str) -> list[str]:
        """Return the names under which credentials may be stored: the URL that the user named, the host."""
        host = host_of(url)
        named = [one for one in self.named if _has_host(one, host)]
        above = [one for one in named if url.startswith(one)] or named or [url]
        return [shown_url(without_user(above[0])), host]


_keyring: _Keyring | None = None


def use_keyring(named: Sequence[str] | None) -> None:
    """Let requests ask `keyring`; the user *named* these URLs. None: no request asks it, as at the start."""
    global _keyring
    _keyring = None if named is None else _Keyring(named)


def keyring_urls() -> Sequence[str] | None:
    """Return what `use_keyring` got last, for other processes of the same command."""
    return None if _keyring is None else _keyring.named


def authorization(parts: SplitResult, *, denied: bool = False) -> str | None:
    """Return the header with user and password for a URL, or None.

    `keyring` is asked if the URL has a user without a password, or if the server has *denied* access. Raises
    VariantError if it cannot be asked.
    """
    from base64 import b64encode

    login = _login(parts, denied)
    return login and f"Basic {b64encode(':'.join(login).encode()).decode()}"


def _login(parts: SplitResult, denied: bool) -> Login | None:
    """Return user and password for a URL, None if they are unknown."""
    user = None if parts.username is None else unquote(parts.username)
    if user is not None and parts.password is not None:
        return Login(user, unquote(parts.password))
    with suppress(VariantError):  # reported if the server denies access
        login = _from_netrc(parts.hostname or "")
        if login and (user is None or user == login.user) and not denied:
            return login
    return _from_keyring(parts.geturl(), user, denied) or (None if user is None else Login(user, ""))


def _from_keyring(url: str, user: str | None, denied: bool) -> Login | None:
    """Return what `keyring` knows, if it may be asked about a URL."""
    if _keyring is None or not is_safe_line(url):
        return None
    # A leading dash would be an option of the program. A page can name any user.
    if user is not None and (user.startswith("-") or not user.isprintable() or not user):
        return None
    return _keyring.ask(url, user) if denied or user is not None else _keyring.known(url, None)


def _asked(service: str, user: str | None) -> Login | None:
    """Run `keyring` for one service; return None if it knows nothing. Raises VariantError."""
    from .processes import output_within, programs_on_path  # rarely needed

    place = "--keyring-provider subprocess"
    program = next(programs_on_path(["keyring"], os.environ), None)
    if program is None:
        remedy = "install it, for example with `uv tool install keyring`, or use --keyring-provider disabled"
        raise VariantError("the program keyring is not on PATH", place=place, remedy=remedy)
    print_detail(f"ask {program} for credentials of {service}")
    arguments = ["get", service, *(["--mode", "creds"] if user is None else [user])]
    try:
        output = output_within(_PATIENCE, [str(program), *arguments], limit=_LONGEST_ANSWER)
    except TimeoutError:
        remedy = f"run `keyring get {service} USER` to see what it waits for"
        raise VariantError(
            f"{program}: no answer within {_PATIENCE} seconds", place=place, remedy=remedy
        ) from None
    except OSError as error:
        raise VariantError(f"{program}: cannot be started: {shown_reason(error)}", place=place) from None
    lines = (output or b"").decode("utf-8", "replace").rstrip("\r\n").splitlines()
    if user is not None:
        lines.insert(0, user)
    if len(lines) != 2 or not all(lines):
        print_detail(f"{program} has no credentials for {service}")
        return None
    return Login(*lines)


def _has_host(url: str, host: str) -> bool:
    with suppress(ValueError):
        return host_of(url) == host
    return False


def _from_netrc(host: str) -> Login | None:
    """Return user and password for a host from ~/.netrc; raises VariantError if it cannot be read.

    Its ``default`` is ignored, because index pages and redirects can name any host.
    """
    from netrc import NetrcParseError, netrc

    path = _netrc_path()
    if path is None:
        return None
    try:
        known = netrc(path).hosts
        known.pop("default", None)
        login, _, password = known.get(host, (None, None, None))
    except (OSError, ValueError, NetrcParseError) as error:
        raise VariantError(f"{path} cannot be read: {shown_reason(error)}") from None
    return None if login is None else Login(login, password or "")


def _netrc_path() -> Path | None:
    """Return the file that NETRC names, or ~/.netrc if it exists."""
    if named := os.environ.get("NETRC"):
        return Path(named)
    with suppress(OSError, RuntimeError):  # RuntimeError: no home folder
        # On Windows, the file may have the second name.
        return next((path for name in (".netrc", "_netrc") if (path := Path.home() / name).exists()), None)
    return None


def where_credentials_are() -> str:
    """Return the remedy for denied access."""
    remedy = _ADD_THEM if _keyring is None else f"{_ADD_THEM}, or store them with `keyring set URL USER`"
    try:
        _from_netrc("")
    except VariantError as error:
        return f"{remedy}; {error}"
    return remedy
