"""The requirements files that a user names are those of pip, in which a requirement may name a label.

``#`` after white space starts a comment, as in pip: ``torch#cuda*`` has a label, ``torch  # cuda`` has none.
Each file is read once, also if it is stdin or another pipe.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..errors import Problem, VariantError
from ..lowlevel.named_paths import path_named, place_of_file
from ..lowlevel.piped_input import read_input
from ..lowlevel.regular_files import read_regular
from ..lowlevel.urls import shown_url
from ..variants.requirements import PackageRequest
from .requirement_lines import CONSTRAINTS, NO_FILES, REQUIREMENTS, RequirementLine, with_variables

_MOST_FILES = 100
_OPTION = re.compile(r"(?:^|\s)(--?[A-Za-z][A-Za-z-]*)")
_STDIN = Path("-")
_REMEDIES = {
    **dict.fromkeys(("-i", "--index-url", "--extra-index-url"), "remove it, and use --index-url"),
    **dict.fromkeys(("-f", "--find-links"), "remove it, and use --find-links"),
    "--hash": "remove it; the hashes of the index are verified",
}

# Uses a line of a file with requirements, or of one with constraints if True; raises VariantError.
UseLine: TypeAlias = Callable[[RequirementLine, bool], object]


class RequestLists(NamedTuple):
    """What requirements files contain: *requests*, and *constraints* on the packages among them."""

    requests: tuple[PackageRequest, ...] = ()
    constraints: tuple[PackageRequest, ...] = ()


def read_request_files(files: Iterable[Path], constraints: Iterable[Path]) -> RequestLists:
    """Read requirements files and files of constraints, and the files that they name; ``-`` is stdin.

    Raises VariantError with every line that is neither a requirement nor names a file.
    """
    lists: tuple[list[PackageRequest], list[PackageRequest]] = ([], [])

    def use(line: RequirementLine, is_constraint: bool) -> None:
        try:
            lists[is_constraint].append(_read_request(line.text))
        except VariantError as error:
            raise error.within(line.place) from None

    if problems := problems_of_files(files, constraints, use):
        raise VariantError(*problems)
    return RequestLists(*map(tuple, lists))


def problems_of_files(files: Iterable[Path], constraints: Iterable[Path], use: UseLine) -> list[Problem]:
    """Call *use* for each line of files, and of the files that these name; return all problems.

    Files that a file of constraints names are constraints, too, as in uv.
    """
    reader = _FileReader(use)
    for path in files:
        reader.read(path, is_constraint=False)
    for path in constraints:
        reader.read(path, is_constraint=True)
    return reader.problems


class _FileReader:
    """Reads files, each once as requirements and once as constraints."""

    def __init__(self, use: UseLine) -> None:
        self._use = use
        self._contents: dict[Path, str] = {}
        self._seen: set[tuple[Path, bool]] = set()
        self.problems: list[Problem] = []

    def read(self, path: Path, *, is_constraint: bool, place: str = "") -> None:
        """Use the lines of a file; *place* is the line that names it."""
        key = Path(os.path.normpath(path.absolute())) if path != _STDIN else path
        if (key, is_constraint) in self._seen:
            return
        if len(self._seen) == _MOST_FILES:
            text = f"more than {_MOST_FILES} files"
            raise VariantError(text, place=place, remedy="join some of them")
        self._seen.add((key, is_constraint))
        try:
            if key not in self._contents:
                self._contents[key] = _text(path)
        except VariantError as error:
            self.problems += (error.within(place) if place else error).problems
            return
        folder = Path() if path == _STDIN else path.parent
        for line in with_variables(self._contents[key], _place(path), folder, os.environ):
            try:
                self._read_line(line, is_constraint=is_constraint)
            except VariantError as error:
                self.problems += error.problems

    def _read_line(self, line: RequirementLine, *, is_constraint: bool) -> None:
        nested = [option for option in line.options if option[0] in (*REQUIREMENTS, *CONSTRAINTS)]
        if not nested:
            self._use(line, is_constraint)
            return
        ((name, text), *others) = line.options
        if not text:
            raise VariantError(f"{name}: missing file", place=line.place, remedy=f"write {name} FILE")
        if others:
            remedy = "write each option in a line of its own"
            raise VariantError(f"more than one option with {nested[0][0]}", place=line.place, remedy=remedy)
        path = path_named(line.folder, text)
        if path is None:
            text = f"{name} {shown_url(text)}: expected a file, got a URL"
            raise VariantError(text, place=line.place, remedy="download it, and name the file")
        self.read(path, is_constraint=is_constraint or name in CONSTRAINTS, place=line.place)


def _read_request(line: str) -> PackageRequest:
    """Read a requirement; raises VariantError for a line with options."""
    if option := _OPTION.search(line):
        remedy = _REMEDIES.get(option[1], "remove it")
        raise VariantError(f"unsupported option {option[1]}", remedy=remedy)
    if "://" in line:  # it may contain a secret
        raise VariantError("expected a requirement, got a URL", remedy="write PACKAGE==VERSION")
    return PackageRequest.parse(line)


def _place(path: Path) -> str:
    return "stdin" if path == _STDIN else place_of_file(path)


def _text(path: Path) -> str:
    """Return the content of a file; raises VariantError."""
    if path.suffix in NO_FILES:
        remedy = "write one requirement a line into a file with suffix .txt"
        raise VariantError("expected a file with requirements", place=_place(path), remedy=remedy)
    try:
        text = _content(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise VariantError("expected UTF-8", place=_place(path), remedy="save the file as UTF-8") from None
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=_place(path)) from None
    if text.lstrip().startswith(("{", "[")):
        remedy = "write one requirement a line, as `variant-backend installed --freeze` does"
        raise VariantError("expected requirements, got JSON or TOML", place=_place(path), remedy=remedy)
    return text


def _content(path: Path) -> bytes:
    if path != _STDIN and not path.is_fifo():
        return read_regular(path)
    try:
        return read_input(None if path == _STDIN else path)
    except VariantError as error:
        raise error.within(_place(path)) from None
