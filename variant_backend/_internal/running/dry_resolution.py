"""What a command of pip or uv would install, as the tool itself resolves it in a dry run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RequestError, VariantError
from ..graphs.resolvers import failed_resolution
from ..lowlevel.foreground import run_captured
from ..lowlevel.regular_files import read_regular
from ..lowlevel.shell_words import command_line
from ..serving.offer_place import OfferPlace
from ..variants.filename import normalize
from .command import ToolCommand

if TYPE_CHECKING:
    from packaging.version import Version

# The commands with a dry run that names versions, by tool.
_RESOLVED = {"pip": (("install",),), "uv": (("pip", "install"), ("pip", "sync"))}
_QUIET = ("-q", "--quiet")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class FailedDryRunError(VariantError):
    """A dry run failed; `code` is the exit code of the tool."""

    code = 1


def check_can_align(command: ToolCommand) -> None:
    """Raise RequestError if a command has no dry run, or reads requirements that cannot be read twice."""
    if command.subcommand(_RESOLVED) is None:
        text = f"expected pip install, uv pip install or uv pip sync, got {command_line(command.arguments)}"
        remedy = "write a lock file with `variant-backend lock --align NS`, and use --assignment FILE"
        raise RequestError(text, place="--align", remedy=remedy)
    if "-" in (*command.words, *command.values("-r", "--requirement", "--requirements")):
        text = "requirements on stdin cannot be read several times"
        raise RequestError(text, place="--align", remedy="write them to a file, and name it")


def would_install(
    command: ToolCommand,
    arguments: Sequence[str],
    place: OfferPlace,
    environ: Mapping[str, str],
    temporary: Path,
) -> Mapping[str, Version]:
    """Return the versions that a command with these *arguments* would install from the offer at a place.

    *environ* are its variables, and *temporary* is a folder for files. Raises NotStartedError, or
    FailedDryRunError with the words of the tool.
    """
    report = temporary / "report.json"
    more = ("--dry-run", "--quiet", "--report", str(report)) if command.tool == "pip" else ("--dry-run",)
    done = run_captured(
        _with_options(command, arguments, more), {**environ, "NO_COLOR": "1", "UV_NO_WRAP": "1"}
    )
    errors = _STYLE.sub("", done.errors.decode(errors="replace"))
    if done.code:
        failed = FailedDryRunError(*failed_resolution(command.tool, errors, place))
        failed.code = done.code
        raise failed
    return _reported_by_pip(read_regular(report)) if command.tool == "pip" else _printed_by_uv(errors)


def _with_options(command: ToolCommand, arguments: Sequence[str], more: Sequence[str]) -> list[str]:
    """Return the arguments of a command with other options; uv must not be quiet."""
    given = [*arguments]
    if command.tool == "uv" and command.values(*_QUIET):
        from .command import read_command

        command = read_command(given)
        program = given[: len(given) - len(command.options)]
        options = (_spelled(*option) for option in command.given if option[0] not in _QUIET)
        given = [*program, *command.words[:2], *options, "--", *command.words[2:]]
    end = given.index("--") if "--" in given else len(given)
    return [*given[:end], *more, *given[end:]]


def _spelled(name: str, value: str) -> str:
    """Return an option with its value as one argument."""
    return f"{name}={value}" if value and name.startswith("--") else f"{name}{value}"


def _reported_by_pip(content: bytes) -> Mapping[str, Version]:
    """Read the report of pip (its documentation: "Installation Report")."""
    versions: dict[str, Version] = {}
    for item in json.loads(content)["install"]:
        if not item["is_direct"]:
            versions |= _version(item["metadata"]["name"], item["metadata"]["version"])
    return versions


def _printed_by_uv(text: str) -> Mapping[str, Version]:
    r"""Read the last lines of uv; a package from a URL has no version.

    >>> _printed_by_uv("Would install 1 package\n - demo==1.0\n + demo==2.0\n + other @ file:///other.whl")
    {'demo': <Version('2.0')>}
    """
    versions: dict[str, Version] = {}
    for line in re.finditer(r"^ [+~] ([A-Za-z0-9._-]+)==(\S+)$", text, re.MULTILINE):
        versions |= _version(line[1], line[2])
    return versions


def _version(name: str, text: str) -> dict[str, Version]:
    """Return a version by its normalized name, nothing if it is invalid."""
    from packaging.version import InvalidVersion, Version

    try:
        return {normalize(name): Version(text)}
    except InvalidVersion:
        return {}
