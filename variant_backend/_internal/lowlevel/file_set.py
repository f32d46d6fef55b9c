"""Compare a set of files with existing files, and write all of them or none."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from .regular_files import LARGEST, read_regular
from .terminal import print_detail
from .workspace import folder_error, move_new, move_over, workspace


class Output(NamedTuple):
    """A file to be written: its path inside a *folder*, and its content.

    *is_ours* returns whether an existing file with a content may be replaced; *remedy* is the remedy if it
    may not. *compare* may describe how an existing content differs; if it returns None, the first different
    line is described.
    """

    folder: Path
    name: str
    content: bytes
    is_ours: Callable[[bytes], bool] = lambda _: True
    remedy: str = "move it away, or use another folder (--output)"
    compare: Callable[[bytes], str | None] = lambda _: None

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self.folder / self.name

    def difference(self) -> str | None:
        """Return how the existing file differs, or None if it has this content.

        Raises VariantError if the existing file was not written by variant-backend, or cannot be read.
        """
        try:
            present = read_regular(self.path, max(LARGEST, len(self.content)))
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            refuse_folder(self.path)
            raise VariantError(str(error.strerror), place=self.path) from None
        if present == self.content:
            return None
        if not self.is_ours(present):
            raise VariantError(
                "already exists, and was not written by variant-backend",
                place=self.path,
                remedy=self.remedy,
            )
        return self.compare(present) or _first_difference(present, self.content)


def differences(outputs: Iterable[Output]) -> dict[Path, str]:
    """Return the difference of each file that is missing or differs, by path.

    Raises VariantError with every file that must not be replaced.
    """
    outputs = list(outputs)
    _check_folders(dict.fromkeys(output.folder for output in outputs))
    result: dict[Path, str] = {}
    problems: list[Problem] = []
    for output in outputs:
        try:
            if difference := output.difference():
                result[output.path] = difference
        except VariantError as error:
            problems += error.problems
    if problems:
        raise VariantError(*problems)
    return result


def _check_folders(folders: Iterable[Path]) -> None:
    """Check that each path is a folder, or does not exist; raises VariantError with every problem."""
    problems: list[Problem] = []
    for folder in folders:
        try:
            if not stat.S_ISDIR(folder.stat().st_mode):
                raise NotADirectoryError
        except FileNotFoundError:
            pass
        except OSError as error:
            problems += folder_error(folder, error).problems
    if problems:
        raise VariantError(*problems)


def write_all_files(outputs: Iterable[Output]) -> None:
    """Write the files in their order; they get their names when all are complete.

    A file that appears meanwhile is replaced only if it is ours. Then, some files may be written already.
    Raises VariantError if a file cannot be written.
    """
    outputs = list(outputs)
    moves: list[tuple[Path, Output]] = []
    try:
        with ExitStack() as stack:
            folders = dict.fromkeys(output.folder for output in outputs)
            scratch = {folder: stack.enter_context(workspace(folder)) for folder in folders}
            for number, output in enumerate(outputs):
                part = scratch[output.folder] / str(number)
                part.write_bytes(output.content)
                moves.append((part, output))
            for parent in dict.fromkeys(output.path.parent for output in outputs):
                _make_folder(parent)
            for output in outputs:
                refuse_folder(output.path)
            for part, output in moves:
                _move(part, output)
                print_detail(f"write {output.path}")
    except OSError as error:
        place = error.filename2 or error.filename
        raise VariantError(error.strerror or str(error), place=place) from None


def _move(part: Path, output: Output) -> None:
    """Give a file its name; raises VariantError if a file that is not ours has it."""
    try:
        move_new(part, output.path)
    except FileExistsError:
        output.difference()
        move_over(part, output.path)


def update(outputs: Iterable[Output]) -> None:
    """Write the files if one of them is missing or differs.

    Raises VariantError as `differences` and `write_all_files` do.
    """
    outputs = list(outputs)
    if differences(outputs):
        write_all_files(outputs)


def refuse_folder(path: Path) -> None:
    """Raise VariantError if a folder is in the place of a file."""
    if path.is_dir():
        raise VariantError("expected a file, got a folder", place=path, remedy="use another path")


def _make_folder(folder: Path) -> None:
    """Create a folder; raises VariantError if it is not writable, before any file is moved."""
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise VariantError("Permission denied", place=folder, remedy="use a writable folder")


def _first_difference(present: bytes, wanted: bytes) -> str:
    """Return the number of the first line in which two files differ, and both lines."""
    lines, wanted_lines = present.splitlines(), wanted.splitlines()
    if lines == wanted_lines:
        return "differs in its line ends"
    same = min(len(lines), len(wanted_lines))
    at = next((number for number in range(same) if lines[number] != wanted_lines[number]), same)
    here, should = _line_at(lines, at), _line_at(wanted_lines, at)
    return f"differs from line {at + 1}: expected {should}, got {here}"


def _line_at(lines: list[bytes], at: int) -> str:
    return repr(lines[at].decode("utf-8", "replace").strip()[:60]) if at < len(lines) else "nothing"
