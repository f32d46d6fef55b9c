"""The packages that a command names: in its arguments, and in its requirements files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import VariantError
from ..graphs.requirement_lines import ALL_FILES, REQUIREMENTS, lines_of_files
from ..variants.filename import normalize
from .command import ToolCommand
from .requirement_files import named_files
from .started_commands import started_commands

if TYPE_CHECKING:
    from packaging.requirements import Requirement

# The subcommands whose words name packages, by tool; `uv pip sync` and `uv pip compile` take files.
_NAMING = {
    "pip": (("install",), ("download",), ("wheel",), ("lock",)),
    "uv": (("pip", "install"), ("add",)),
    "pdm": (("add",),),
    "pipenv": (("install",),),
}
_FILE_NAMING = {"uv": (("pip", "sync"), ("pip", "compile"))}


def named_requirements(command: ToolCommand, environ: Mapping[str, str], folder: Path) -> list[Requirement]:
    """Return the requirements of a command and of its files that concern this interpreter, in their order.

    Constraints of these packages follow. Paths and URLs are skipped. Raises VariantError if a requirements
    file does not exist.
    """
    paths: list[str] = []
    if command.subcommand(_NAMING):
        paths += (path for path in command.values(*REQUIREMENTS) if path != "-" and "://" not in path)
    if subcommand := command.subcommand(_FILE_NAMING):
        paths += command.words[len(subcommand) :]
    for path in paths:
        if not (folder / path).is_file():
            raise VariantError(
                "file not found", place=path, remedy="correct the path of the requirements file"
            )
    files = [folder / path for path in paths]
    named = [*requirements_in_words(command), *_in_files(files, environ, REQUIREMENTS)]
    names = {normalize(requirement.name) for requirement in named}
    # The lines of files with constraints, which concern only packages that are named.
    every = [folder / path for path in named_files(command, environ) if named and "://" not in path]
    return named + [one for one in _in_files(every, environ, ALL_FILES) if normalize(one.name) in names]


def started_requirements(
    command: ToolCommand, environ: Mapping[str, str], folder: Path
) -> Iterator[Requirement]:
    """Yield the requirements of a command and of those that it starts, as far as their files exist."""
    for one in started_commands(command):
        with suppress(VariantError):  # the tool reports a missing file
            yield from named_requirements(one, environ, folder)


def _in_files(paths: Iterable[Path], environ: Mapping[str, str], options: Sequence[str]) -> list[Requirement]:
    """Return the requirements in files, and in the files that these name by some options."""
    lines = lines_of_files(paths, environ, options)
    # Options of a requirement, such as --hash, follow it.
    return _requirements(
        re.sub(r"\s--?[a-z].*", "", line.text) for line in lines if not line.text.startswith("-")
    )


def requirements_in_words(command: ToolCommand) -> list[Requirement]:
    """Return the requirements in the arguments of a command that concern this interpreter."""
    subcommand = command.subcommand(_NAMING)
    return _requirements(command.words[len(subcommand) :]) if subcommand else []


def named_locals(requirements: Iterable[Requirement]) -> set[str]:
    """Return the normalized names of packages of which requirements name a local version."""
    return {normalize(one.name) for one in requirements if "+" in str(one.specifier)}


def _requirements(texts: Iterable[str]) -> list[Requirement]:
    return [requirement for text in texts if (requirement := _requirement(text))]


def _requirement(text: str) -> Requirement | None:
    """Return a requirement that concerns this interpreter, None if it is another one, a path or a URL."""
    from packaging.requirements import Requirement

    try:
        requirement = Requirement(text)
        concerns = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    except ValueError:  # InvalidRequirement, UndefinedComparison
        return None
    return requirement if concerns and requirement.url is None else None
