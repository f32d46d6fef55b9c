"""The user's settings of pip: in variables, and in the files that pip reads.

The priority is as in `pip config list`: files of all users, of the user, of pip's environment, of
PIP_CONFIG_FILE; then variables. A section named like the command is above ``[global]``. An empty value hides
those of a lower priority, and is ignored then. Source: pip 26.3, `pip._internal.configuration`.
"""

from __future__ import annotations

import configparser
import locale
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import VariantError
from ..lowlevel.processes import programs_on_path
from ..lowlevel.regular_files import read_regular
from ..machine.installer_files import PipConfig, global_files_of_pip, user_files_of_pip
from .command import ToolCommand, program_name


def pip_settings(command: ToolCommand, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of pip for a command, by the names of long options without dashes."""
    configs = [*_configs(command, environ)]
    section = command.words[0] if command.tool == "pip" and command.words else "install"
    settings: dict[str, str] = {}
    for name in ("global", section):
        merged: dict[str, str] = {}
        for config in configs:
            if config.has_section(name):
                merged.update(config.items(name))
        settings.update({key: value for key, value in merged.items() if value})
    settings.update(_of_variables(environ))
    return settings


def _of_variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name[4:].lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("PIP_") and value
    }


def _configs(command: ToolCommand, environ: Mapping[str, str]) -> Iterator[PipConfig]:
    """Yield the files that pip reads, the one with the highest priority last.

    An invalid file is left to pip, which reports it.
    """
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    files = global_files_of_pip()
    files += [] if named and Path(named).exists() else user_files_of_pip()
    files += _files_of_environment(command, environ)
    files += [Path(named)] if named else []
    for path in files:
        config = PipConfig()
        with suppress(OSError, VariantError, ValueError, configparser.Error):
            config.read_string(read_regular(path).decode(locale.getpreferredencoding(False)))
            yield config


def _files_of_environment(command: ToolCommand, environ: Mapping[str, str]) -> list[Path]:
    """Return the possible file in the environment that the command's Python or pip belongs to."""
    named = Path(command.arguments[0])
    is_on_path = named.name == str(named)
    program = next(programs_on_path([program_name(named.name)], environ), None) if is_on_path else named
    if program is None:
        return []
    program = Path(os.path.abspath(program))  # noqa: PTH100  # Path.resolve follows links
    beside, above = program.parent, program.parent.parent
    return [above / "pip.ini", beside / "pip.ini"] if sys.platform == "win32" else [above / "pip.conf"]
