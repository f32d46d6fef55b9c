"""The packages that a command names: in its arguments, and in its requirements files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..lowlevel.regular_files import read_regular
from .command import ToolCommand

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
_REQUIREMENTS = ("-r", "--requirement", "--requirements")


def named_requirements(command: ToolCommand, folder: Path) -> list[Requirement]:
    """Return the requirements that a command names and that concern this interpreter, in their order.

    Paths and URLs are skipped. Raises VariantError or OSError if a requirements file cannot be read.
    """
    paths: list[str] = []
    texts: list[str] = []
    for start in _NAMING.get(command.tool, ()):
        if command.words[: len(start)] == start:
            texts += command.words[len(start) :]
            paths += (path for path in command.values(*_REQUIREMENTS) if path != "-" and "://" not in path)
    for start in _FILE_NAMING.get(command.tool, ()):
        if command.words[: len(start)] == start:
            paths += command.words[len(start) :]
    seen: set[Path] = set()
    for path in paths:
        texts += _in_file(folder / path, seen)
    return [requirement for text in texts if (requirement := _requirement(text))]


def _in_file(path: Path, seen: set[Path]) -> Iterator[str]:
    """Yield the requirements of a file, and of the files that it includes.

    Source: pip's documentation, "Requirements File Format".
    """
    if path in seen:
        return
    seen.add(path)
    text = read_regular(path).decode("utf-8", "replace")
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if included := re.fullmatch(r"(?:-r|--requirement)[\s=]*(.+)", line):
            yield from _in_file(path.parent / included[1], seen)
        elif not line.startswith("-"):
            yield re.sub(r"\s--?[a-z].*", "", line)  # options of a requirement, such as --hash


def _requirement(text: str) -> Requirement | None:
    """Return a requirement that concerns this interpreter, None if it is another one, a path or a URL."""
    from packaging.requirements import Requirement

    try:
        requirement = Requirement(text)
        concerns = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    except ValueError:  # InvalidRequirement, UndefinedComparison
        return None
    return requirement if concerns and requirement.url is None else None
