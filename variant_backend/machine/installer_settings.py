"""Settings of pip and uv for the environments that this package makes, without those that redirect them.

A setting such as ``PIP_TARGET``, or ``target`` in a configuration file, would install the requirements into
another folder. All other settings are kept: indexes, certificates, proxies, constraints, caches.
Sources, measured with pip 23.2 and 26.3, and uv 0.13: pip ignores an empty value, and that hides the value of
a file with a lower priority. The file of PIP_CONFIG_FILE has the highest priority, and the user's files are
not read then. uv has no value that hides another one, but UV_CONFIG_FILE hides all other files.
"""

from __future__ import annotations

import configparser
import io
import os
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import VariantError
from ..formats.toml_read import parse_toml
from ..lowlevel.regular_files import read_regular

Settings: TypeAlias = dict[str, object]

# Options that install into another place, or nothing, or for another interpreter or platform.
_OF_BOTH = {"target", "prefix", "python-version", "no-deps", "no-build-isolation"}
_OF_PIP = _OF_BOTH | {"root", "user", "python", "dry-run", "report", "platform", "implementation", "abi"}
# Options that add requirements, or leave out some.
_OF_PIP |= {"requirement", "requirements-from-script", "editable", "group", "no-dependencies", "only-deps"}
_SECTIONS = ("global", "install")

_OF_UV = _OF_BOTH | {"python-platform"}
_VARIABLES_OF_UV = _OF_UV | {"python", "system-python", "project-environment"}
# Tables and keys that uv reads in pyproject.toml only.
_OF_PROJECTS = {"build-backend", "conflicts", "default-groups", "dependency-groups", "dev-dependencies"}
_OF_PROJECTS |= {"environments", "managed", "package", "required-environments", "sources", "workspace"}
_TRUE = ("1", "true", "yes", "on", "y", "t")
# Keys whose values may be paths relative to their file.
_PLACES = {"find-links", "index-url", "extra-index-url", "index", "url"}


def isolated_environ(folder: Path) -> dict[str, str]:
    """Return environment variables with which pip and uv install only into the environment that is named.

    Configuration files are written into *folder*, which must exist as long as the installers run. They run in
    the current folder. An invalid configuration file is left to its installer, which reports it.
    """
    kept = {name: value for name, value in os.environ.items() if not _redirects(name)}
    pip, uv = folder / "pip.conf", folder / "uv.toml"
    if (text := _pip_config()) is not None:
        pip.write_text(text)  # in the encoding of this machine, as pip reads it
        kept["PIP_CONFIG_FILE"] = str(pip)
    if (text := _uv_config()) is not None:
        uv.write_text(text, encoding="utf-8")
        kept["UV_CONFIG_FILE"] = str(uv)
    return kept


def _redirects(variable: str) -> bool:
    tool, _, option = variable.lower().replace("_", "-").partition("-")
    return option in {"pip": _OF_PIP, "uv": _VARIABLES_OF_UV}.get(tool, ())


class PipConfig(configparser.RawConfigParser):
    """The settings in a file of pip, by section and normalized name."""

    def optionxform(self, optionstr: str) -> str:
        """Return the name of an option as pip normalizes it."""
        return optionstr.lower().replace("_", "-").removeprefix("--")


def _pip_config() -> str | None:
    return pip_config_without(os.environ, _OF_PIP)


def pip_config_without(environ: Mapping[str, str], keys: Collection[str]) -> str | None:
    """Return the settings of the user's files, with empty values for *keys* that hide those of other files.

    None if pip reads no file, or if a file is invalid.
    """
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return None
    config = PipConfig()
    try:
        config.read([named] if named and Path(named).exists() else user_files_of_pip())
    except (configparser.Error, UnicodeDecodeError):
        return None
    for section in _SECTIONS:
        if not config.has_section(section):
            config.add_section(section)
        for key in sorted(keys):
            config.set(section, key, "")
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def global_files_of_pip() -> list[Path]:
    """Return the possible files that pip reads for all users, the one with the highest priority last."""
    from platformdirs import site_config_dir

    if sys.platform == "win32":
        return [Path(site_config_dir("pip", appauthor=False), "pip.ini")]
    if sys.platform == "darwin":
        return [Path("/Library/Application Support/pip/pip.conf")]
    folders = site_config_dir("pip", appauthor=False, multipath=True).split(os.pathsep)
    return [Path(folder, "pip.conf") for folder in [*folders, "/etc"]]


def user_files_of_pip() -> list[Path]:
    """Return the files that pip reads for a user, the one with the highest priority last."""
    from platformdirs import user_config_dir

    new = Path(user_config_dir("pip", appauthor=False, roaming=True))
    if sys.platform == "darwin" and not new.is_dir():
        new = Path("~/.config/pip").expanduser()
    name, old = ("pip.ini", "~/pip") if sys.platform == "win32" else ("pip.conf", "~/.pip")
    return [Path(old).expanduser() / name, new / name]


def pdm_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings in the user's file of PDM; an invalid file is left to PDM, which reports it."""
    from platformdirs import user_config_path

    named = environ.get("PDM_CONFIG_FILE")
    path = Path(named) if named else user_config_path("pdm", appauthor=False) / "config.toml"
    with suppress(VariantError, OSError):
        return parse_toml(read_regular(path), path)
    return {}


def _uv_config() -> str | None:
    """Return the settings of all files of uv without redirection.

    None if there is nothing to remove, or if a file is invalid.
    """
    try:
        settings = uv_settings(os.environ, Path.cwd())
    except (VariantError, OSError):
        return None
    kept = {key: value for key, value in settings.items() if key not in _OF_UV}
    if isinstance(pip := kept.get("pip"), dict):
        kept["pip"] = {key: value for key, value in pip.items() if key not in _OF_UV}
    if kept == settings:
        return None
    from ..formats.toml_edit import from_dict  # rarely needed, and slow to import

    return from_dict(kept)


def uv_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """Return the settings in all files that uv reads if it is started in a folder, with absolute paths.

    Raises VariantError or OSError if a file cannot be read.
    """
    return reduce(_combine, map(_settings, _files_of_uv(environ, folder)), {})


def _files_of_uv(environ: Mapping[str, str], folder: Path) -> list[Path]:
    """Return the files that uv reads, the one with the highest priority first."""
    current = folder / environ.get("UV_WORKING_DIR", "")
    if named := environ.get("UV_CONFIG_FILE"):
        return [current / named]
    if environ.get("UV_NO_CONFIG", "").lower() in _TRUE:
        return []
    start = current / environ.get("UV_PROJECT", "")
    projects = [path for folder in (start, *start.parents) if (path := _file_of_project(folder))]
    roots = [path for path in projects if "workspace" in _table(path)]
    return [*[*roots, *projects][:1], *filter(Path.is_file, _user_files_of_uv(environ))]


def _file_of_project(folder: Path) -> Path | None:
    """Return the file of uv in a folder: uv.toml, or else pyproject.toml with a table for uv."""
    if (own := folder / "uv.toml").is_file():
        return own
    project = folder / "pyproject.toml"
    return project if project.is_file() and _table(project) else None


def _user_files_of_uv(environ: Mapping[str, str]) -> list[Path]:
    """Return the possible files of the user, and of all users of this machine."""
    name = Path("uv", "uv.toml")
    if sys.platform == "win32":
        return [Path(environ[key], name) for key in ("APPDATA", "PROGRAMDATA") if environ.get(key)]
    user = Path(environ.get("XDG_CONFIG_HOME") or "~/.config", name).expanduser()
    folders = [*(environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"), "/etc"]
    return [user, *[path for folder in folders if (path := Path(folder, name)).is_file()][:1]]


def _table(path: Path) -> Settings:
    """Return the keys in uv.toml, or in the table for uv in pyproject.toml, which uv ignores if invalid.

    Raises VariantError or OSError if uv.toml cannot be read.
    """
    if path.name != "pyproject.toml":
        return parse_toml(read_regular(path), path)
    with suppress(VariantError, OSError):
        tool = parse_toml(read_regular(path), path).get("tool")
        table = tool.get("uv") if isinstance(tool, dict) else None
        return table if isinstance(table, dict) else {}
    return {}


def _settings(path: Path) -> Settings:
    """Return the keys in a file that uv.toml may have, with absolute paths; raises as `_table`."""
    kept = {key: value for key, value in _table(path).items() if key not in _OF_PROJECTS}
    return {key: _absolute(key, value, path.parent) for key, value in kept.items()}


def _absolute(key: str, value: object, folder: Path) -> object:
    if isinstance(value, dict):
        return {name: _absolute(name, item, folder) for name, item in value.items()}
    if isinstance(value, list):
        return [_absolute(key, item, folder) for item in value]
    if isinstance(value, str) and key in _PLACES and "://" not in value:
        return str(folder / value)
    return value


def _combine(first: Any, second: Any) -> Any:
    """Return two values of a key as uv combines them: lists are joined, and else the first one is used."""
    if isinstance(first, dict) and isinstance(second, dict):
        shared = {key: _combine(first[key], second[key]) for key in first.keys() & second.keys()}
        return {**second, **first, **shared}
    return first + second if isinstance(first, list) and isinstance(second, list) else first
