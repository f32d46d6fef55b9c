"""The user's indexes of uv: in variables, and in the files that uv reads.

A variable is above files, and the default index is last. Source: uv 0.13, `uv-distribution-types`
(IndexLocations).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..errors import VariantError
from ..machine.installer_settings import Settings, uv_settings
from .command import ToolCommand

PYPI = "https://pypi.org/simple"
# The keys of files, and of their table `pip`, that name sources, or print them.
SOURCE_KEYS = frozenset(
    (
        *("index", "index-url", "extra-index-url", "find-links", "no-index", "torch-backend"),
        "emit-index-url",
    )
)


class UvSources(NamedTuple):
    """The user's *index_urls* in their order, *find_links*, and *trusted_hosts*, which need no https.

    *uses_keyring*: the program `keyring` is asked for passwords. *settings* are those of all files.
    """

    index_urls: tuple[str, ...]
    find_links: tuple[str, ...]
    no_index: bool
    trusted_hosts: tuple[str, ...]
    uses_keyring: bool
    settings: Settings


def uv_sources(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> UvSources:
    """Return the user's sources for uv; an invalid file is left to uv, which reports it."""
    try:
        settings = uv_settings(_with_options(command, environ), folder)
    except (VariantError, OSError):
        settings = {}
    of_pip = settings.get("pip")
    tables = [_of_variables(environ), settings, *([of_pip] if isinstance(of_pip, dict) else [])]
    urls: list[str] = []
    last: list[str] = []
    links: list[str] = []
    for table in tables:
        for index in _indexes(table):
            places = links if index.get("format") == "flat" else last if index.get("default") else urls
            places.append(_with_login(index, environ))
        urls += _texts(table.get("extra-index-url"))
        last += _texts(table.get("index-url"))
        links += _texts(table.get("find-links"))
    return UvSources(
        tuple(dict.fromkeys([*urls, *(last[:1] or ([PYPI] if urls else []))])),
        tuple(links),
        any(table.get("no-index") is True for table in tables),
        tuple(_texts(settings.get("allow-insecure-host")))
        + tuple(environ.get("UV_INSECURE_HOST", "").split()),
        (environ.get("UV_KEYRING_PROVIDER") or settings.get("keyring-provider")) == "subprocess",
        settings,
    )


def _with_options(command: ToolCommand, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return variables that select the files of uv as the options of a command do."""
    if command.tool != "uv":
        return environ
    options = {"--directory": "UV_WORKING_DIR", "--project": "UV_PROJECT", "--config-file": "UV_CONFIG_FILE"}
    values = {
        variable: command.values(name)[-1] for name, variable in options.items() if command.values(name)
    }
    return {**environ, **values, **({"UV_NO_CONFIG": "1"} if command.values("--no-config") else {})}


def _of_variables(environ: Mapping[str, str]) -> Settings:
    """Return the variables as keys of a file."""
    named = [(text, False) for text in environ.get("UV_INDEX", "").split()]
    named += [(text, True) for text in environ.get("UV_DEFAULT_INDEX", "").split()]
    return {
        "index": [{**_named(text), "default": default} for text, default in named],
        "extra-index-url": environ.get("UV_EXTRA_INDEX_URL", "").split(),
        "index-url": environ.get("UV_INDEX_URL") or None,
        "find-links": [*filter(None, environ.get("UV_FIND_LINKS", "").split(","))],
        "no-index": environ.get("UV_NO_INDEX", "").lower() in ("1", "true", "yes", "on", "y", "t"),
    }


def _named(text: str) -> Settings:
    """Return ``NAME=URL`` or a URL as a table."""
    match = re.fullmatch(r"(?:([\w.-]+)=)?(.*)", text, re.DOTALL)
    return {"name": match[1], "url": match[2]} if match else {"url": text}


def _indexes(table: Settings) -> Iterator[Settings]:
    """Yield the indexes that all packages may come from: explicit ones are for named packages."""
    listed = table.get("index")
    for index in listed if isinstance(listed, list) else ():
        if (
            isinstance(index, dict)
            and isinstance(index.get("url"), str)
            and index.get("explicit") is not True
        ):
            yield index


def _with_login(index: Settings, environ: Mapping[str, str]) -> str:
    """Return the URL of an index with user and password of the variables that have its name."""
    url, name = str(index["url"]), re.sub(r"[^A-Za-z0-9]", "_", str(index.get("name") or "")).upper()
    user, password = (environ.get(f"UV_INDEX_{name}_{part}") for part in ("USERNAME", "PASSWORD"))
    if not name or (user is None and password is None) or "@" in urlsplit(url).netloc:
        return url
    login = f"{quote(user or '', safe='')}:{quote(password or '', safe='')}"
    return re.sub("://", f"://{login}@", url, count=1)


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]
