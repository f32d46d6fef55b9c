"""The configuration files of pip, uv and PDM: where they are, and what they set.

Sources: measured with pip 23.2 and 26.3, uv 0.13 and PDM 2.29.
"""

from __future__ import annotations

import configparser
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import VariantError
from ..formats.toml_read import parse_toml
from ..lowlevel.regular_files import read_regular
from ..lowlevel.user_folders import folder_facts, site_folders, user_folder

Settings: TypeAlias = dict[str, object]

# Tables and keys that uv reads in pyproject.toml only.
_OF_PROJECTS = {"build-backend", "conflicts", "default-groups", "dependency-groups", "dev-dependencies"}
_OF_PROJECTS |= {"environments", "managed", "package", "required-environments", "sources", "workspace"}
_TRUE = ("1", "true", "yes", "on", "y", "t")
# Keys whose values may be paths relative to their file.
_PLACES = {"find-links", "index-url", "extra-index-url", "index", "url"}


def is_on(values: Mapping[str, str], *names: str) -> bool:
    """Return whether one of some variables or settings of an installer has a true value."""
    return any(values.get(name, "").lower() in _TRUE for name in names)


class PipConfig(configparser.RawConfigParser):
    """The settings in a file of pip, by section and normalized name."""

    def optionxform(self, optionstr: str) -> str:
        """Return the name of an option as pip normalizes it."""
        return optionstr.lower().replace("_", "-").removeprefix("--")


def global_files_of_pip() -> list[Path]:
    """Return the possible files that pip reads for all users, the one with the highest priority last."""
    facts = folder_facts()
    if sys.platform == "win32":
        return [folder / "pip.ini" for folder in site_folders("pip", "config", facts)]
    if sys.platform == "darwin":  # pip reads the folders for data, so XDG_CONFIG_DIRS does not count
        folders = site_folders("pip", "data", facts)
    else:  # /etc/pip.conf is pip's own addition, and overrides those before it
        folders = [*site_folders("pip", "config", facts), Path("/etc")]
    return [folder / "pip.conf" for folder in folders]


def user_files_of_pip() -> list[Path]:
    """Return the files that pip reads for a user, the one with the highest priority last."""
    facts = folder_facts()
    if sys.platform == "darwin":
        new = user_folder("pip", "data", facts)
        new = new if new.is_dir() else Path(facts.home, ".config", "pip")  # whatever XDG_CONFIG_HOME is
    else:
        new = user_folder("pip", "config", facts, roaming=True)
    name, old = ("pip.ini", "pip") if sys.platform == "win32" else ("pip.conf", ".pip")
    return [Path(facts.home, old, name), new / name]


def pdm_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings in PDM's files of the user and of all users; an invalid file is left to PDM."""
    named, facts = environ.get("PDM_CONFIG_FILE"), folder_facts()
    # On Windows, PDM's folder is in a folder of its author, who has the same name.
    name = "pdm/pdm" if sys.platform == "win32" else "pdm"
    own = Path(named) if named else user_folder(name, "config", facts) / "config.toml"
    settings: list[Settings] = []
    for path in (own, site_folders(name, "config", facts)[0] / "config.toml"):
        with suppress(VariantError, OSError):
            settings.append(parse_toml(read_regular(path), path))
    return reduce(_combine, settings, {})


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
    if is_on(environ, "UV_NO_CONFIG"):
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
    # On macOS, too, uv reads the folders of Linux. It ignores a relative XDG_CONFIG_HOME, but not relative
    # XDG_CONFIG_DIRS.
    user = user_folder("", "config", folder_facts()._replace(platform="linux", environ=environ)) / name
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
