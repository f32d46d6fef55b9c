"""The indexes that the files of tox, nox and hatch name for the installers that these tools start.

The files are read line by line: values that tools compute are not seen. `run` lists the projects that nobody
asked the offer for when the command has ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import Problem
from ..lowlevel.urls import shown_url
from .command import ToolCommand
from .found_files import file_above, place_of_file, text_of

# The files by tool, with the tables of pyproject.toml and setup.cfg that are for it; None is the whole file.
_FILES: dict[str, dict[str, str | None]] = {
    "tox": {"tox.ini": None, "tox.toml": None, "setup.cfg": "tox:", "pyproject.toml": "tool.tox"},
    "nox": {"noxfile.py": None},
    "hatch": {"hatch.toml": None, "pyproject.toml": "tool.hatch"},
}
_OPTIONS_WITH_FILE = {"tox": ("-c", "--conf"), "nox": ("-f", "--noxfile")}
_SEPARATORS = re.compile(r"""[\s"',\[\](){}=]+""")
_OPTION = re.compile(
    r"""(?<![\w-])(?P<name>--(?:extra-)?index-url|--pypi-url|--find-links|--default-index|--no-index
    |disallow_pass_env(?=.*\b(?:PIP|UV|PDM|PIPENV)_)|--torch-backend|--isolated(?=.*\bpip\b)|(?:--index|-i|-f)(?=[\s"',=]*[\w.+-]+://))(?![\w-])""",
    re.VERBOSE,
)
# A value that takes the same variable from outside is sound.
_VARIABLE = re.compile(
    r"""(?<![\w:{])(?P<name>(?:PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CONFIG_FILE|ISOLATED)
    |UV_(?:INDEX|DEFAULT_INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CONFIG_FILE|TORCH_BACKEND)
    |PDM_PYPI_URL|PIPENV_PYPI_MIRROR))["']?\]?\s*[=:](?!\s*["']?\{(?:env:)?(?P=name)[:}])""",
    re.VERBOSE,
)
_FILE_OPTION = re.compile(
    r"""(?<![\w-])(?:-r|-c|--requirement|--constraint)[\s"',=]*((?:\{\w+\}[/\\])?[^\s"',=\[\](){}]+)"""
)


def task_lines(command: ToolCommand, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of the tool's files that are not comments, each with its place."""
    files = _FILES.get(command.tool, {})
    named = [value for value in command.values(*_OPTIONS_WITH_FILE.get(command.tool, ())) if value]
    above = [file_above(folder, name) or folder for name in files]
    for path in [folder / name for name in named] or above:
        section = files.get(path.name)
        inside = section is None
        for number, line in enumerate(text_of(path).splitlines(), 1):
            text = line.strip()
            if section is not None and text.startswith("["):
                inside = text.strip("[] ").startswith(section)
            if inside and text and not text.startswith(("#", ";")):
                yield f"{place_of_file(path)}:{number}", text


def refused_tasks(command: ToolCommand, folder: Path) -> Iterator[Problem]:
    """Yield the options and variables in the tool's files that go around the offer."""
    for place, line in task_lines(command, folder):
        for match in (*_OPTION.finditer(line), *_VARIABLE.finditer(line)):
            name = match["name"]
            value = next(filter(None, _SEPARATORS.split(line[match.end() :])), "")
            source = f" {shown_url(value)}" if "://" in value else ""
            kind = "--find-links" if "find" in name.lower() or name == "-f" else "--index-url"
            remedy = f"remove {name}"
            if source:
                remedy += f", and name the source: variant-backend run {kind}{source} COMMAND"
            text = f"{name}{source} would win over the offer"
            yield Problem("error", place, text, remedy)


def files_of_tasks(command: ToolCommand, folder: Path) -> list[str]:
    """Return the files with requirements that the tool's files name."""
    names = [match[1] for _, line in task_lines(command, folder) for match in _FILE_OPTION.finditer(line)]
    return [re.sub(r"^\{(toxinidir|tox_root|root)\}[/\\]", "", name) for name in names]
