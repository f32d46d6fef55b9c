"""The lines of files with requirements, as pip and uv read them, also those of files that they name.

Source: `pip._internal.req.req_file` of pip 26.3.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import VariantError
from ..lowlevel.named_paths import path_named, place_of_file
from ..lowlevel.regular_files import read_regular

REQUIREMENTS = ("-r", "--requirement", "--requirements")
CONSTRAINTS = ("-c", "--constraint", "--constraints")
ALL_FILES = (
    *(*REQUIREMENTS, *CONSTRAINTS),
    *("--override", "--overrides", "-b", "--build-constraint", "--build-constraints"),
    "--with-requirements",
)
# Options in files that have a value.
_WITH_VALUE = {
    *(*ALL_FILES, "-i", "--index-url", "--pypi-url", "--extra-index-url", "--index", "-f", "--find-links"),
    *("-e", "--editable", "--no-binary", "--only-binary", "--trusted-host", "--use-feature", "--hash"),
    *("-C", "--config-settings", "--config-setting", "--global-option"),
}
# Suffixes of files that uv reads in another way.
NO_FILES = (".toml", ".py", ".cfg")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_MOST_FILES = 1000


class RequirementLine(NamedTuple):
    """A line of a file in a *folder*: *place* names file and line.

    *text* has no comment; lines that continue are joined.
    """

    place: str
    text: str
    folder: Path

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """The options of a line that has no requirement, each with its value; empty for a flag."""
        return tuple(_options(split_words(self.text))) if self.text.startswith("-") else ()


def lines_of_files(
    paths: Iterable[Path], environ: Mapping[str, str], names: Sequence[str] = ALL_FILES
) -> Iterator[RequirementLine]:
    """Yield the lines of files, and of the files that options with these *names* add, each file once.

    Files at URLs and files that cannot be read are left to the installer.
    """
    waiting = [*paths]
    read: set[Path] = set()
    while waiting and len(read) < _MOST_FILES:
        path = Path(os.path.normpath(waiting.pop(0)))
        if path in read or path.suffix in NO_FILES:
            continue
        read.add(path)
        for line in _lines(path, environ):
            yield line
            if line.text.startswith("-"):
                files = [value for name, value in line.options if name in names and value]
                waiting += filter(None, (path_named(path.parent, name) for name in files))


def _lines(path: Path, environ: Mapping[str, str]) -> Iterator[RequirementLine]:
    try:
        text = read_regular(path).decode("utf-8-sig", errors="replace")
    except (OSError, VariantError):
        return
    yield from with_variables(text, place_of_file(path), path.parent, environ)


def with_variables(
    text: str, place: str, folder: Path, environ: Mapping[str, str]
) -> Iterator[RequirementLine]:
    """Yield the lines of a file in a *folder*, in which ``${NAME}`` is the value of a variable."""
    for number, line in logical_lines(text):
        content = _VARIABLE.sub(lambda match: environ.get(match[1]) or match[0], line)
        yield RequirementLine(f"{place}:{number}", content, folder)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield the lines of a requirements file with their numbers, as pip joins them and removes comments.

    >>> [*logical_lines("six \\\n >= 1  # why\n\n# end")]
    [(1, 'six  >= 1')]
    """
    start, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            joined += line[:-1]
            continue
        if content := _COMMENT.sub("", joined if is_comment else joined + line).strip():
            yield start, content
        start, joined = 0, ""
    if joined.strip():
        yield start, joined.strip()


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option with its value: ``-r FILE``, ``-rFILE``, ``--requirement=FILE``."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):  # the value of an unknown option
            continue
        name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
        is_missing = not equals and not value and name in _WITH_VALUE
        yield name, next(rest, "") if is_missing else value.removeprefix("=")


def split_words(text: str) -> list[str]:
    """Split a text as a shell does, at spaces only if its quotes are not closed."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
