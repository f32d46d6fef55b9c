"""The variables by which installers, and tools that start them, get their packages from the offer.

All tools get all variables, because one may start another. What each variable is for was measured with pip
23 to 26, uv 0.13, PDM 2.29, pipenv 2026.10, tox 4, nox, hatch 1.18 and build;
`docs/reference/run-commands.md` has the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..lowlevel.user_cache import cache_path
from ..machine.installer_files import Settings, pdm_settings
from ..machine.installer_settings import pip_config_without
from ..serving.offer_place import OfferPlace, without_proxy
from .user_indexes import SOURCE_KEYS

# Variables that name another source.
_REMOVED = ("PIP_PYPI_URL", "PIP_PROXY", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX")


class ToolFiles(NamedTuple):
    """Folders that tools use: an empty one, one for temporary files, and one for the caches of profiles."""

    empty: Path
    temporary: Path
    caches: Path

    @classmethod
    def below(cls, temporary: Path) -> ToolFiles:
        """Return the folders of a run, which has a *temporary* one."""
        empty = temporary / "empty"
        empty.mkdir()
        return cls(empty, temporary, cache_path("tools"))


def tool_environ(
    environ: Mapping[str, str],
    offer: OfferPlace,
    files: ToolFiles,
    *,
    trusted_hosts: tuple[str, ...] = (),
    uv: Settings | None = None,
    proxy: str = "",
) -> dict[str, str]:
    """Return the environment variables of a command whose tools get their packages from an offer.

    *trusted_hosts* and *proxy* are the user's settings of pip. *uv* are those of uv: if they name sources,
    uv reads the others from another file.
    """
    kept = {name: value for name, value in environ.items() if name.upper() not in _REMOVED}
    variables = {
        **kept,
        **_of_pip(offer, files, trusted_hosts),
        **_of_uv(offer, files, uv or {}),
        **_of_pdm(environ, offer, files),
        "PIPENV_PYPI_MIRROR": offer.url,
        **without_proxy(environ),
    }
    return variables | _with_proxy_of_pip(variables, files, proxy) if proxy else variables


def _of_pip(offer: OfferPlace, files: ToolFiles, trusted_hosts: tuple[str, ...]) -> dict[str, str]:
    """Return the variables of pip: it ignores an empty one, and then obeys its files."""
    return {
        "PIP_INDEX_URL": offer.url,
        "PIP_EXTRA_INDEX_URL": offer.url,
        "PIP_FIND_LINKS": files.empty.as_uri(),
        "PIP_NO_INDEX": "0",
        # pip caches nothing that comes over http from other hosts.
        "PIP_TRUSTED_HOST": " ".join([*trusted_hosts, offer.host]),
    }


def _of_uv(offer: OfferPlace, files: ToolFiles, settings: Settings) -> dict[str, str]:
    """Return the variables of uv: indexes in files are above UV_DEFAULT_INDEX, but below UV_INDEX."""
    variables = {
        "UV_DEFAULT_INDEX": offer.url,
        "UV_INDEX": offer.url,
        "UV_INDEX_STRATEGY": "first-index",
    }
    kept = _without_sources(settings)
    if kept != settings:
        variables["UV_CONFIG_FILE"] = _written(files.temporary / "uv.toml", kept)
    return variables


def _of_pdm(environ: Mapping[str, str], offer: OfferPlace, files: ToolFiles) -> dict[str, str]:
    """Return the variables of PDM; its cache mixes files of profiles, and its files may add indexes.

    An empty table hides an index in the file for all users.
    """
    variables = {"PDM_PYPI_URL": offer.url, "PDM_CACHE_DIR": str(files.caches / "pdm" / offer.profile)}
    settings = pdm_settings(environ)
    of_index = settings.get("pypi")
    if isinstance(of_index, dict):
        kept = {key: {} if isinstance(value, dict) else value for key, value in of_index.items()}
        if kept != of_index:
            variables["PDM_CONFIG_FILE"] = _written(files.temporary / "pdm.toml", {**settings, "pypi": kept})
    return variables


def _written(path: Path, settings: Settings) -> str:
    from ..formats.toml_edit import from_dict  # rarely needed, and slow to import

    path.write_text(from_dict(settings), encoding="utf-8")
    return str(path)


def _without_sources(settings: Settings) -> Settings:
    return {
        key: _without_sources(value) if key == "pip" and isinstance(value, dict) else value
        for key, value in settings.items()
        if key not in SOURCE_KEYS
    }


def _with_proxy_of_pip(environ: Mapping[str, str], files: ToolFiles, proxy: str) -> dict[str, str]:
    """Return variables that replace pip's own setting of a proxy: pip would use it for this machine, too.

    The file of PIP_CONFIG_FILE has the highest priority, and an empty value hides others.
    """
    url = proxy if "://" in proxy else f"http://{proxy}"
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")  # on Windows, a name has one value
    variables = dict.fromkeys(names, url)
    if (text := pip_config_without(environ, {"proxy"})) is not None:
        path = files.temporary / "pip.conf"
        path.write_text(text)  # in the encoding of this machine, as pip reads it
        variables["PIP_CONFIG_FILE"] = str(path)
    return variables
