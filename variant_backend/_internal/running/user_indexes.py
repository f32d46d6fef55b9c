"""The user's own package indexes: where the offer of `run` gets its packages.

They are those of the tool that is started. For a tool that starts pip or uv, they are those of pip, or else
of uv. Their certificates and proxies are used for the requests of the offer, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ..errors import VariantError
from ..formats.toml_read import value_at
from ..lowlevel.urls import insecure_indexes
from ..machine.installer_files import Settings, is_on, pdm_settings, uv_settings
from .command import ToolCommand
from .found_files import pipfile, project_folder, text_of, toml_of
from .pip_settings import pip_settings

PYPI = "https://pypi.org/simple"
# The keys of files of uv, and of their table `pip`, that name sources.
SOURCE_KEYS = frozenset(
    (
        *("index", "index-url", "extra-index-url", "find-links", "no-index", "torch-backend"),
        "emit-index-url",  # it prints the address of the offer
    )
)


class UserIndexes(NamedTuple):
    """What a tool is configured to use, as the user wrote it; *owner* names the tool.

    A project is taken from the first of the *index_urls* that has it. *certificates* is a file or
    folder of authorities, *client_certificate* a file, and *proxy* a URL; each is empty if it is not set.
    *trusted_hosts* need no https. *uses_keyring*: the program `keyring` is asked for passwords.
    """

    owner: str
    index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    certificates: str = ""
    client_certificate: str = ""
    proxy: str = ""
    trusted_hosts: tuple[str, ...] = ()
    uses_keyring: bool = False
    # All settings of uv: `tool_variables` writes those that name no source into another file.
    uv: Settings = {}  # noqa: RUF012  # no code changes this default

    @property
    def is_empty(self) -> bool:
        """Whether no source is configured."""
        return not (self.index_urls or self.find_links or self.no_index)


def user_indexes(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> UserIndexes:
    """Return the user's indexes for the tool that a command starts in a folder."""
    pip, uv = _of_pip(command, environ), _of_uv(command, environ, folder)
    if command.tool == "uv":
        return uv
    for reads in (_of_pdm, _of_pipenv):
        own = reads(command, environ, folder)
        if own is not None and not own.is_empty:
            return _with_network(own, pip, uv)
    return _with_network(uv if pip.is_empty and not uv.is_empty else pip, pip, uv)


def _with_network(own: UserIndexes, pip: UserIndexes, uv: UserIndexes) -> UserIndexes:
    """Return indexes with the certificates and the proxy of pip, and the settings of uv."""
    own = own._replace(certificates=pip.certificates, client_certificate=pip.client_certificate)
    return own._replace(proxy=pip.proxy, trusted_hosts=own.trusted_hosts or pip.trusted_hosts, uv=uv.uv)


def _of_pip(command: ToolCommand, environ: Mapping[str, str]) -> UserIndexes:
    settings = pip_settings(command, environ)
    urls = [settings.get("index-url") or settings.get("pypi-url") or ""]
    extra = settings.get("extra-index-url", "").split()
    if extra and not urls[0]:
        urls = [PYPI]
    no_index = is_on(settings, "no-index")
    return UserIndexes(
        "pip",
        () if no_index else tuple(dict.fromkeys(filter(None, [*urls, *extra]))),
        tuple(settings.get("find-links", "").split()),
        no_index,
        settings.get("cert") or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or "",
        settings.get("client-cert", ""),
        settings.get("proxy", ""),
        tuple(settings.get("trusted-host", "").split()),
        settings.get("keyring-provider") in ("subprocess", "import"),
    )


def _of_uv(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> UserIndexes:
    """Return the indexes of uv: a variable is above files, and the default index is last.

    An invalid file is left to uv, which reports it. Source: uv 0.13, `uv-distribution-types`.
    """
    try:
        settings = uv_settings(_with_options(command, environ), folder)
    except (VariantError, OSError):
        settings = {}
    of_pip = settings.get("pip")
    tables = [_uv_variables(environ), settings, *([of_pip] if isinstance(of_pip, dict) else [])]
    urls: list[str] = []
    last: list[str] = []
    links: list[str] = []
    for table in tables:
        for index in _general_indexes(table):
            places = links if index.get("format") == "flat" else last if index.get("default") else urls
            places.append(_with_login(index, environ))
        urls += _texts(table.get("extra-index-url"))
        last += _texts(table.get("index-url"))
        links += _texts(table.get("find-links"))
    no_index = any(table.get("no-index") is True for table in tables)
    trusted = [*_texts(settings.get("allow-insecure-host")), *environ.get("UV_INSECURE_HOST", "").split()]
    keyring = environ.get("UV_KEYRING_PROVIDER") or settings.get("keyring-provider")
    return UserIndexes(
        "uv",
        () if no_index else tuple(dict.fromkeys([*urls, *(last[:1] or ([PYPI] if urls else []))])),
        tuple(links),
        no_index,
        client_certificate=environ.get("SSL_CLIENT_CERT", ""),
        trusted_hosts=tuple(trusted),
        uses_keyring=keyring == "subprocess",
        uv=settings,
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


def _uv_variables(environ: Mapping[str, str]) -> Settings:
    """Return the variables as keys of a file."""
    named = [(text, False) for text in environ.get("UV_INDEX", "").split()]
    named += [(text, True) for text in environ.get("UV_DEFAULT_INDEX", "").split()]
    return {
        "index": [{**_named(text), "default": default} for text, default in named],
        "extra-index-url": environ.get("UV_EXTRA_INDEX_URL", "").split(),
        "index-url": environ.get("UV_INDEX_URL") or None,
        "find-links": [*filter(None, environ.get("UV_FIND_LINKS", "").split(","))],
        "no-index": is_on(environ, "UV_NO_INDEX"),
    }


def _named(text: str) -> Settings:
    """Return ``NAME=URL`` or a URL as a table."""
    match = re.match(r"([\w.-]+)=", text)
    return {"name": match[1], "url": text[match.end() :]} if match else {"url": text}


def _general_indexes(table: Settings) -> Iterator[Settings]:
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


def _of_pdm(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> UserIndexes | None:
    """Return the index in PDM_PYPI_URL, ``pdm.toml`` or the user's file, None for other tools than PDM."""
    if command.tool != "pdm":
        return None
    project = toml_of(text_of(project_folder(command, folder, environ) / "pdm.toml"))
    tables = ({"pypi": {"url": environ.get("PDM_PYPI_URL")}}, project, pdm_settings(environ))
    named = (value_at(table, "pypi", "url") for table in tables)
    return UserIndexes("PDM", tuple(url for url in named if isinstance(url, str) and url)[:1])


def _of_pipenv(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> UserIndexes | None:
    """Return what PIPENV_PYPI_MIRROR or the Pipfile names, None for other tools."""
    if command.tool != "pipenv":
        return None
    if mirror := environ.get("PIPENV_PYPI_MIRROR"):
        return UserIndexes("pipenv", (mirror,))
    path = pipfile(folder, environ)
    listed = toml_of(text_of(path)).get("source") if path else None
    tables = [table for table in listed if isinstance(table, dict)] if isinstance(listed, list) else []
    urls = (os.path.expandvars(str(table.get("url", ""))) for table in tables)
    return UserIndexes("pipenv", tuple(filter(None, urls)))


def check_is_safe(urls: tuple[str, ...], trusted_hosts: tuple[str, ...]) -> None:
    """Raise VariantError if a connection to an index is not encrypted, and no setting trusts its host."""
    trusted = {host.partition(":")[0] for host in trusted_hosts}
    problems = insecure_indexes(url for url in urls if urlsplit(url).hostname not in trusted)
    if problems:
        raise VariantError(*problems)
