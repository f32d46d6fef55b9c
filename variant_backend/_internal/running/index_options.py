"""The options of installers that name an index or a folder: they would win over the variables of the offer.

uv ignores some of them beside its variables, so a user would get packages from another index than the named
one. Source: measured with pip 26.3, uv 0.13, pip-tools 7.6.2 and pipenv 2026.10.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import Problem
from ..graphs.requirement_lines import split_words
from ..lowlevel.urls import shown_url
from .command import ToolCommand, read_command

_INDEXES = ("--index-url", "-i", "--extra-index-url")
_FOLDERS = ("--find-links", "-f")
_NONE = ("--no-index",)
_BY_TOOL = {
    "pip": (*_INDEXES, "--index", "--pypi-url", *_FOLDERS, *_NONE, "--isolated", "--proxy"),
    "pip-tools": (*_INDEXES, *_FOLDERS, *_NONE),
    "uv": (*_INDEXES, "--index", "--default-index", *_FOLDERS, *_NONE, "--torch-backend", "--config-file"),
    "pdm": ("--config", "-c"),
    "pipenv": ("--index", "-i", "--pypi-mirror"),
}
# The options that may be in files with requirements; pip reads them in the same way as its arguments.
IN_FILES = (*_INDEXES, "--index", "--pypi-url", *_FOLDERS, *_NONE)
# The options whose value has arguments for pip.
_FOR_PIP = ("--pip-args", "--extra-pip-args")
# These tools accept the beginning of an option.
_ABBREVIATING = ("pip", "pdm", "pipenv")
# The options that name a file with settings, and the variables that `run` reads instead of them.
_SETTINGS = {"--config-file": "UV_CONFIG_FILE", "--config": "PDM_CONFIG_FILE", "-c": "PDM_CONFIG_FILE"}


def refused_options(command: ToolCommand) -> Iterator[Problem]:
    """Yield the options of a command that go around the offer."""
    for name, value in matching_options(command, _BY_TOOL.get(command.tool, ())):
        yield option_problem(f"{command.tool} {name}", name, value)
    for arguments in command.values(*_FOR_PIP):
        yield from refused_options(read_command(["pip", *split_words(arguments)]))


def option_problems(place: str, arguments: str) -> Iterator[Problem]:
    """Yield the options that go around the offer in a text with arguments for pip."""
    for name, value in matching_options(read_command(["pip", *split_words(arguments)]), _BY_TOOL["pip"]):
        yield option_problem(place, name, value)


def matching_options(command: ToolCommand, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of a command among some *names*, with their values."""
    for option, value in command.given:
        if name := _meant(option, names, abbreviates=command.tool in _ABBREVIATING):
            yield name, value


def _meant(option: str, names: Sequence[str], *, abbreviates: bool) -> str:
    """Return the name that an option means, empty if none."""
    if option in names:
        return option
    if not abbreviates or not option.startswith("--") or len(option) < len("--ex"):
        return ""
    # pip looks for --isolated itself before it reads options.
    return next((name for name in names if name.startswith(option) and name != "--isolated"), "")


def option_problem(place: str, name: str, value: str) -> Problem:
    """Return the problem of an option that goes around the offer."""
    shown = shown_url(value)
    if name == "--isolated":
        text, remedy = "pip would ignore the variables that name the offer", "remove --isolated"
    elif name == "--proxy":
        text = "pip would use this proxy for the offer on this machine, too"
        remedy = f"remove it, and set the variables http_proxy and https_proxy to {shown or 'URL'}"
    elif name == "--torch-backend":
        text = "uv would take torch from another index than the offer"
        remedy = "remove --torch-backend: the offer has the variant for this machine"
    elif name in _SETTINGS:
        text = f"{place.split()[0]} would use the sources in that file, not the offer"
        remedy = f"remove {name}, and set the variable {_SETTINGS[name]}={shown or 'FILE'}"
    elif name in _NONE:
        text = "the offer is an index, and would not be used"
        remedy = "remove --no-index, and name the folder: variant-backend run --find-links DIR COMMAND"
    else:
        text = f"names {shown or 'a source'}, not the offer"
        remedy = f"remove it, and name all sources: variant-backend run {_option_of_run(name, shown)} COMMAND"
    return Problem("error", place, text, remedy)


def _option_of_run(name: str, shown: str) -> str:
    """Return the option of `run` for a source that an option or variable of an installer names."""
    if name not in _FOLDERS:
        return f"--index-url {shown or 'URL'}"
    return f"--find-links {shown if shown and '://' not in shown else 'DIR'}"
