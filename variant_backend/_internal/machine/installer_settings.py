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
from collections.abc import Collection, Mapping
from pathlib import Path

from ..errors import VariantError
from .installer_files import PipConfig, user_files_of_pip, uv_settings

# Options that install into another place, or nothing, or for another interpreter or platform.
_OF_BOTH = {"target", "prefix", "python-version", "no-deps", "no-build-isolation"}
_OF_PIP = _OF_BOTH | {"root", "user", "python", "dry-run", "report", "platform", "implementation", "abi"}
# Options that add requirements, or leave out some.
_OF_PIP |= {"requirement", "requirements-from-script", "editable", "group", "no-dependencies", "only-deps"}
_SECTIONS = ("global", "install")

_OF_UV = _OF_BOTH | {"python-platform"}
_VARIABLES_OF_UV = _OF_UV | {"python", "system-python", "project-environment"}


def isolated_environ(folder: Path) -> dict[str, str]:
    """Return environment variables with which pip and uv install only into the environment that is named.

    Configuration files are written into *folder*, which must exist as long as the installers run. They run in
    the current folder. An invalid configuration file is left to its installer, which reports it.
    """
    kept = {name: value for name, value in os.environ.items() if not _redirects(name)}
    pip, uv = folder / "pip.conf", folder / "uv.toml"
    if (text := pip_config_without(os.environ, _OF_PIP)) is not None:
        pip.write_text(text)  # in the encoding of this machine, as pip reads it
        kept["PIP_CONFIG_FILE"] = str(pip)
    if (text := _uv_config()) is not None:
        uv.write_text(text, encoding="utf-8")
        kept["UV_CONFIG_FILE"] = str(uv)
    return kept


def _redirects(variable: str) -> bool:
    tool, _, option = variable.lower().replace("_", "-").partition("-")
    return option in {"pip": _OF_PIP, "uv": _VARIABLES_OF_UV}.get(tool, ())


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
