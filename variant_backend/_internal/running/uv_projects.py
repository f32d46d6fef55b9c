"""The project files whose ``[tool.uv.sources]`` a command of uv uses.

uv obeys those of each project that it builds, of the root of its workspace, and of the projects that these
name by path. Source: measured with uv 0.13.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..formats.toml_read import value_at
from ..graphs.requirement_lines import lines_of_files
from ..lowlevel.named_paths import path_named
from .command import ToolCommand
from .found_files import file_above, text_of, toml_of
from .requirement_files import named_files

_PROJECT = "pyproject.toml"
# What may be before a path in a requirement.
_BEFORE_PATH = re.compile(r"((-e|--editable)[\s=]*)?([\w.-]+\s*(\[[^\]]*\])?\s*@\s*)?(file://(localhost)?)?")
_EDITABLE = ("-e", "--editable", "--with-editable")
_WITH = ("--from", "--with", "-w")


def files_of_uv(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> list[Path]:
    """Return the project files of a command of uv in a folder, each once."""
    return with_connected([*_named(command, folder, environ)])


def with_connected(paths: Iterable[Path]) -> list[Path]:
    """Return project files, the root of the workspace of each, and the projects that their sources name."""
    waiting = [*paths]
    files: dict[Path, None] = {}
    while waiting:
        path = Path(os.path.abspath(waiting.pop(0)))  # noqa: PTH100  # Path.resolve follows links
        if path not in files and path.is_file():
            files[path] = None
            waiting += _connected(path)
    return [*files]


def _connected(path: Path) -> Iterator[Path]:
    root = _workspace_root(path)
    yield from [root] if root else []
    sources = value_at(toml_of(text_of(path)), "tool", "uv", "sources")
    for listed in sources.values() if isinstance(sources, dict) else ():
        for table in listed if isinstance(listed, list) else [listed]:
            if isinstance(other := value_at(table, "path"), str):
                yield path.parent / other / _PROJECT
            if root and value_at(table, "workspace"):
                yield from _members(root)


def _workspace_root(path: Path) -> Path | None:
    above = (one for folder in path.parents if "workspace" in text_of(one := folder / _PROJECT))
    return next((one for one in above if value_at(toml_of(text_of(one)), "tool", "uv", "workspace")), None)


def _members(root: Path) -> Iterator[Path]:
    patterns = value_at(toml_of(text_of(root)), "tool", "uv", "workspace", "members")
    for pattern in patterns if isinstance(patterns, list) else ():
        if isinstance(pattern, str) and pattern and not Path(pattern).is_absolute():
            yield from root.parent.glob(f"{pattern.rstrip('/')}/{_PROJECT}")


def _named(command: ToolCommand, folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the project files that a command names, or finds."""
    files = [*filter(None, (path_named(folder, name) for name in named_files(command, environ)))]
    yield from (path for path in files if path.name == _PROJECT)
    texts = [text for value in command.values(*_WITH) for text in value.split(",")]
    texts += [f"-e {text}" for value in command.values(*_EDITABLE) for text in value.split(",")]
    if command.words[:1] in [("pip",), ("tool",)]:
        texts += command.words[2:]
    for text in [*texts, *(line.text for line in lines_of_files(files, environ))]:
        for place in {folder, *(path.parent for path in files)}:
            if path := _folder_in(text, place):
                yield path / _PROJECT
    for group in command.values("--group"):
        yield folder / (group.rpartition(":")[0] or _PROJECT)
    if command.words[:1] in [("run",), ("sync",), ("build",)] and not command.values("--no-project"):
        path = file_above(folder.joinpath(*command.words[1:2]), _PROJECT)
        yield from [path] if path else []
        if path and command.values("--package", "--all-packages"):
            yield from _members(_workspace_root(path) or path)


def _folder_in(text: str, folder: Path) -> Path | None:
    """Return the folder that a requirement names, None if it names none."""
    match = _BEFORE_PATH.match(text)
    name = re.split(r"[\[;#]", text[match.end() if match else 0 :])[0].strip()
    is_path = name and ((match and match[1]) or re.search(r"^\.|[/\\]", name))
    return path if is_path and "://" not in name and (path := folder / name).is_dir() else None
