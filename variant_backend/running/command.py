"""The command that `run` starts: which tool it is, and which of its subcommands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

# Programs by the tool that they start; `python -m MODULE` starts the tool of its module.
_PROGRAMS = {
    "pip": "pip",
    "uv": "uv",
    "uvx": "uv",
    "pdm": "pdm",
    "pipenv": "pipenv",
    "poetry": "poetry",
    "tox": "tox",
    "nox": "nox",
    "hatch": "hatch",
    "pip-compile": "pip-tools",
    "pip-sync": "pip-tools",
    "pyproject-build": "build",
}
_MODULES = {"pip": "pip", "build": "build", "piptools": "pip-tools", "uv": "uv", "tox": "tox", "nox": "nox"}


class ToolCommand(NamedTuple):
    """A command as it is started: its *arguments*, the program first.

    *tool* is the name of a known tool, empty for another program. *words* are the arguments of the tool that
    are neither options nor their values: subcommands come first. *options* are the arguments of the tool.
    """

    arguments: tuple[str, ...]
    tool: str = ""
    options: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def read_command(arguments: Sequence[str]) -> ToolCommand:
    """Return the tool that a command starts.

    >>> read_command(["python3.12", "-m", "pip", "install", "-q", "torch"]).words
    ('install', 'torch')
    """
    program = PurePath(arguments[0]).name.removesuffix(".exe")
    options = tuple(arguments[1:])
    if re.fullmatch(r"python[0-9.]*|py", program) and options[:1] == ("-m",) and len(options) > 1:
        tool, options = _MODULES.get(options[1], ""), options[2:]
    else:
        tool = _PROGRAMS.get(re.sub(r"^pip[0-9.]+$", "pip", program), "")
    words = tuple(option for option in options if not option.startswith("-"))
    return ToolCommand(tuple(arguments), tool, options, words)
