"""Files with requirements, as pip and uv read them: their lines, also those of files that they name.

Source: `pip._internal.req.req_file` of pip 26.3.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.regular_files import read_regular
from ..lowlevel.urls import shown_url
from .command import ToolCommand, read_command
from .found_files import path_named, place_of_file
from .index_options import IN_FILES, matching_options, option_problem, split_words
from .pip_settings import pip_settings

REQUIREMENTS = ("-r", "--requirement", "--requirements")
ALL_FILES = (
    *(*REQUIREMENTS, "-c", "--constraint", "--constraints"),
    *("--override", "--overrides", "-b", "--build-constraint", "--build-constraints"),
    "--with-requirements",
)
_SETTINGS_OF_PIP = ("requirement", "constraint", "build-constraint")
_VARIABLES_OF_UV = ("UV_CONSTRAINT", "UV_OVERRIDE", "UV_BUILD_CONSTRAINT")
_DIRECT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*@\s*(\S+://[^\s;]+)")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_MOST_FILES = 1000


class RequirementLine(NamedTuple):
    """A line of a file in a *folder*: *place* names file and line.

    *text* has no comment; lines that continue are joined.
    """

    place: str
    text: str
    folder: Path


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


def lines_of_files(
    paths: Iterable[Path], environ: Mapping[str, str], names: Sequence[str] = ALL_FILES
) -> Iterator[RequirementLine]:
    """Yield the lines of files, and of the files that options with these *names* add, each file once.

    Files at URLs and files that cannot be read are left to the installer.
    """
    waiting = [*paths]
    read: set[Path] = set()
    while waiting and len(read) < _MOST_FILES:
        path = Path(os.path.normpath(waiting.pop(0)))
        if path in read or path.suffix in (".toml", ".py", ".cfg"):
            continue
        read.add(path)
        for line in _lines(path, environ):
            yield line
            if line.text.startswith("-"):
                options = read_command(["pip", *split_words(line.text)])
                files = [value for name, value in options.given if name in names and value]
                waiting += filter(None, (path_named(path.parent, name) for name in files))


def _lines(path: Path, environ: Mapping[str, str]) -> Iterator[RequirementLine]:
    try:
        text = read_regular(path).decode("utf-8-sig", errors="replace")
    except (OSError, VariantError):
        return
    start, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            joined += line[:-1]
            continue
        content = _COMMENT.sub("", joined if is_comment else joined + line).strip()
        content = _VARIABLE.sub(lambda match: environ.get(match[1]) or match[0], content)
        if content:
            yield RequirementLine(f"{place_of_file(path)}:{start}", content, path.parent)
        start, joined = 0, ""
    if joined.strip():
        yield RequirementLine(f"{place_of_file(path)}:{start}", joined.strip(), path.parent)


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
