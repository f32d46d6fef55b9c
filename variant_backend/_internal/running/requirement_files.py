"""Files with requirements that a command names, and what in them goes around the offer."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..errors import Problem
from ..graphs.requirement_lines import ALL_FILES, RequirementLine, split_words
from ..lowlevel.named_paths import place_of_file
from ..lowlevel.urls import shown_url
from .command import ToolCommand, read_command
from .index_options import IN_FILES, matching_options, option_problem
from .pip_settings import pip_settings

_SETTINGS_OF_PIP = ("requirement", "constraint", "build-constraint")
_VARIABLES_OF_UV = ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_BUILD_CONSTRAINT")
_DIRECT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*@\s*(\S+://[^\s;]+)")


def named_files(command: ToolCommand, environ: Mapping[str, str]) -> list[str]:
    """Return the files with requirements that a command, its variables or pip's configuration name."""
    files = [value for name, value in command.given if name in ALL_FILES and value]
    if command.tool == "pip-tools" and command.words[:1] == ("sync",):
        files += command.words[1:] or ["requirements.txt"]
    if command.tool == "uv" and command.words[:2] == ("pip", "sync"):
        files += command.words[2:]
    settings = {} if command.tool == "uv" else pip_settings(command, environ)
    values = [settings.get(name, "") for name in _SETTINGS_OF_PIP]
    if command.tool != "pip":
        values += [environ.get(name, "") for name in _VARIABLES_OF_UV]
    return files + [path for value in values for path in value.split()]


def refused_lines(lines: Iterable[RequirementLine]) -> Iterator[Problem]:
    """Yield the options in files with requirements that go around the offer."""
    for line in lines:
        if line.text.startswith("-"):
            options = read_command(["pip", *split_words(line.text)])
            for name, value in matching_options(options, IN_FILES):
                yield option_problem(line.place, name, _from_here(value, line.folder))


def direct_texts(command: ToolCommand, lines: Iterable[RequirementLine]) -> Iterator[str]:
    """Yield a text for each package that a command or a file takes from a URL of its own."""
    words = [RequirementLine(command.tool, word, Path()) for word in command.words]
    for line in [*words, *lines]:
        if match := _DIRECT.match(line.text):
            yield f"{line.place}: {match[1]} comes from {shown_url(match[2])}, not from the offer"


def _from_here(value: str, folder: Path) -> str:
    """Return a path that is relative to a file as one that is relative to the current folder."""
    if value and "://" not in value and (folder / value).exists():
        return place_of_file(Path(os.path.normpath(folder / value)))
    return value
