"""The indexes that the files of tox, nox and hatch name for the installers that these tools start.

The files are read line by line: values that tools compute are not seen. `run` lists the projects that nobody
asked the offer for when the command has ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import Problem
from ..lowlevel.named_paths import place_of_file
from ..lowlevel.urls import shown_url
from .command import ToolCommand
from .found_files import file_above, text_of

# The files by tool, with the tables of pyproject.toml and setup.cfg that are for it; None is the whole file.
_FILES: dict[str, dict[str, str | None]] = {
    "tox": {"tox.ini": None, "tox.toml": None, "setup.cfg": "tox:", "pyproject.toml": "tool.tox"},
    "nox": {"noxfile.py": None},
    "hatch": {"hatch.toml": None, "pyproject.toml": "tool.hatch"},
    "pdm": {"pyproject.toml": "tool.pdm.scripts"},
    "pipenv": {"Pipfile": "scripts", ".env": None},
}
_OPTIONS_WITH_FILE = {"tox": ("-c", "--conf"), "nox": ("-f", "--noxfile")}
_SEPARATORS = re.compile(r"""[\s"',\[\](){}=]+""")
_OPTION = re.compile(
    r"""(?<![\w-])(?P<name>--(?:extra-)?index-url|--pypi-url|--find-links|--default-index|--no-index
    |disallow_pass_env(?=.*\b(?:PIP|UV|PDM|PIPENV)_)|--torch-backend|--isolated(?=.*\bpip\b)
    |(?<!curl\ )(?<!wget\ )(?:--index|-i|-f)(?=[\s"',=]*[\w.+-]+://))(?![\w-])""",
    re.VERBOSE,
)
# A value that takes the same variable from outside is sound.
_VARIABLE = re.compile(
    r"""(?<![\w:])(?:(?<!\{)|(?=\w+\s*=))(?P<name>(?:PIP_(?:INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CONFIG_FILE|ISOLATED)
    |UV_(?:INDEX|DEFAULT_INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|CONFIG_FILE|TORCH_BACKEND)
    |PDM_PYPI_URL|PIPENV_PYPI_MIRROR))["']?\]?\s*[=:](?!\s*["']?\{(?:env:)?(?P=name)[:}])""",
    re.VERBOSE,
)
_FILE_OPTION = re.compile(
    r"""(?<![\w-])(?:-r|-c|--requirement|--constraint)[\s"',=]*((?:\{\w+\}[/\\])?[^\s"',=\[\](){}]+)"""
)
_VARIABLES_FILE = re.compile(r"""(?:\bfile\||\benv_file["'\s]*=[\s"']*)((?:\{\w+\}[/\\])?[^\s"',}]+)""")
_WITHOUT_ROOT = re.compile(r"^\{(toxinidir|tox_root|root)\}[/\\]")


def task_lines(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the lines of the tool's files that are not comments, each with its place."""
    files = _FILES.get(command.tool, {})
    if command.tool == "tox":
        yield from (("tox --override", value) for value in command.values("-x", "--override"))
        yield "TOX_OVERRIDE", environ.get("TOX_OVERRIDE", "")
    named = [folder / value for value in command.values(*_OPTIONS_WITH_FILE.get(command.tool, ())) if value]
    above = [file_above(folder, name) or folder for name in files]
    paths = [path / name for path in named for name in files if path.is_dir()]
    for path in (paths or named) or above:
        section = files.get(path.name)
        inside = section is None
        for number, line in enumerate(text_of(path).splitlines(), 1):
            text = line.strip()
            if section is not None and text.startswith("["):
                inside = text.strip("[] ").startswith(section)
            if inside and text and not text.startswith(("#", ";")):
                yield f"{place_of_file(path)}:{number}", text
                yield from _lines_of_variables(text, path.parent)


def _lines_of_variables(text: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of a file with variables that a line of tox or PDM names."""
    for match in _VARIABLES_FILE.finditer(text):
        path = folder / _WITHOUT_ROOT.sub("", match[1])
        for number, line in enumerate(text_of(path).splitlines(), 1):
            yield f"{place_of_file(path)}:{number}", line.strip()


def refused_tasks(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield the options and variables in the tool's files that go around the offer."""
    for place, line in task_lines(command, folder, environ):
        for match in _OPTION.finditer(line):
            yield _winning(match, place)
        yield from refused_variables(place, line)


def refused_variables(place: str, line: str) -> Iterator[Problem]:
    """Yield the variables that a line sets, and that go around the offer."""
    yield from (_winning(match, place) for match in _VARIABLE.finditer(line))


def _winning(match: re.Match[str], place: str) -> Problem:
    """Return the problem of an option or a variable that a line has."""
    name = match["name"]
    value = next(filter(None, _SEPARATORS.split(match.string[match.end() :])), "")
    source = f" {shown_url(value)}" if "://" in value else ""
    kind = "--find-links" if "find" in name.lower() or name == "-f" else "--index-url"
    remedy = f"remove {name}"
    if source:
        remedy += f", and name the source: variant-backend run {kind}{source} COMMAND"
    return Problem("error", place, f"{name}{source} would win over the offer", remedy)


def files_of_tasks(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the files with requirements that the tool's files name."""
    lines = [line for _, line in task_lines(command, folder, environ)]
    return [_WITHOUT_ROOT.sub("", match[1]) for line in lines for match in _FILE_OPTION.finditer(line)]
