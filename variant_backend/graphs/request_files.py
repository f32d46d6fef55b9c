"""The requirements files of `fetch` are those of pip, in which a requirement may name a label.

``#`` after white space starts a comment, as in pip: ``torch#cuda*`` has a label, ``torch  # cuda`` has none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.piped_input import read_input
from ..lowlevel.regular_files import read_regular
from ..variants.requirements import PackageRequest
from .requirement_lines import logical_lines

_NESTED = re.compile(r"(-[rc]\s*|--(?:requirement|constraint)(?:\s*=\s*|\s+))(.+)")
_MOST_FILES = 100
_OPTION = re.compile(r"(?:^|\s)(--?[A-Za-z][A-Za-z-]*)")
_STDIN = Path("-")
_REMEDIES = {
    **dict.fromkeys(("-i", "--index-url", "--extra-index-url"), "remove it, and use --index-url"),
    **dict.fromkeys(("-f", "--find-links"), "remove it, and use --find-links"),
    "--hash": "remove it; the hashes of the index are verified",
}


class RequestLists(NamedTuple):
    """What requirements files contain: *requests*, and *constraints* on the packages among them."""

    requests: tuple[PackageRequest, ...] = ()
    constraints: tuple[PackageRequest, ...] = ()


def read_request_files(files: Iterable[Path], constraints: Iterable[Path]) -> RequestLists:
    """Read requirements files and files of constraints, and the files that they name; ``-`` is stdin.

    Raises VariantError with every line that is neither a requirement nor names a file.
    """
    reader = _RequestReader()
    for path in files:
        reader.read(path, reader.requests.append)
    for path in constraints:
        reader.read(path, reader.constraints.append)
    if reader.problems:
        raise VariantError(*reader.problems)
    return RequestLists(tuple(reader.requests), tuple(reader.constraints))


class _RequestReader:
    """Reads files, each once as requirements and once as constraints."""

    def __init__(self) -> None:
        self.requests: list[PackageRequest] = []
        self.constraints: list[PackageRequest] = []
        self.problems: list[Problem] = []
        self._seen: set[tuple[Path, bool]] = set()

    def read(self, path: Path, add: Callable[[PackageRequest], object], place: str = "") -> None:
        """Add the requirements of a file; *place* is the line that names it."""
        key = (Path(os.path.normpath(path.absolute())), add == self.constraints.append)
        if key in self._seen:
            return
        if len(self._seen) == _MOST_FILES:
            raise VariantError(f"more than {_MOST_FILES} files", hint="join some of them")
        self._seen.add(key)
        try:
            lines = [*logical_lines(_text(path))]
        except VariantError as error:
            self.problems += (error.within(place) if place else error).problems
            return
        folder = Path() if path == _STDIN else path.parent
        for number, line in lines:
            self._read_line(line, f"{path}:{number}", folder, add)

    def _read_line(
        self, line: str, place: str, folder: Path, add: Callable[[PackageRequest], object]
    ) -> None:
        try:
            if nested := _NESTED.fullmatch(line):
                is_constraint = nested[1].startswith(("-c", "--c"))
                path = _nested_path(nested[2], folder)
                self.read(path, self.constraints.append if is_constraint else add, place)
            else:
                add(_read_request(line))
        except VariantError as error:
            self.problems += error.within(place).problems


def _nested_path(text: str, folder: Path) -> Path:
    name = text.strip().strip("\"'")
    if "://" in name:
        raise VariantError("expected a file, got a URL", hint="download it, and name the file")
    return folder / name


def _read_request(line: str) -> PackageRequest:
    """Read a requirement; raises VariantError for a line with options."""
    if option := _OPTION.search(line):
        remedy = _REMEDIES.get(option[1], "remove it")
        raise VariantError(f"unsupported option {option[1]}", hint=remedy)
    if "://" in line:  # it may contain a secret
        raise VariantError("expected a requirement, got a URL", hint="write PACKAGE==VERSION")
    return PackageRequest.parse(line)


def _text(path: Path) -> str:
    """Return the content of a file; raises VariantError."""
    name = "stdin" if path == _STDIN else str(path)
    try:
        return (read_input(None) if path == _STDIN else read_regular(path)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise VariantError("expected UTF-8", place=name, hint="save the file as UTF-8") from None
    except VariantError as error:
        raise (error.within(name) if path == _STDIN else error) from None
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=name) from None
