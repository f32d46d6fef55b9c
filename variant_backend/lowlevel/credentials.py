"""User and password for a server: from its URL, or from ``~/.netrc`` (``NETRC`` names another file)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, unquote

from ..errors import VariantError
from .urls import shown_reason

_ADD_THEM = "add the credentials to the URL or to ~/.netrc"


def authorization(parts: SplitResult) -> str | None:
    """Return the header with user and password from a URL, or from ~/.netrc for its host."""
    from base64 import b64encode

    user, password = parts.username, parts.password
    if user is not None:
        user, password = unquote(user), unquote(password or "")
    else:
        with suppress(VariantError):  # reported if the server denies access
            user, password = _from_netrc(parts.hostname or "")
    return None if user is None else f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def _from_netrc(host: str) -> tuple[str | None, str | None]:
    """Return user and password for a host from ~/.netrc; raises VariantError if it cannot be read.

    Its ``default`` is ignored, because index pages and redirects can name any host.
    """
    from netrc import NetrcParseError, netrc

    path = _netrc_path()
    if path is None:
        return None, None
    try:
        known = netrc(path).hosts
        known.pop("default", None)
        login, _, password = known.get(host, (None, None, None))
    except (OSError, ValueError, NetrcParseError) as error:
        raise VariantError(f"{path} cannot be read: {shown_reason(error)}") from None
    return login, password or ""


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
    try:
        _from_netrc("")
    except VariantError as error:
        return f"{_ADD_THEM}; {error}"
    return _ADD_THEM
