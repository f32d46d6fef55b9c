"""The findings of `check`: problems, each with its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.shell_words import quoted
from ..lowlevel.urls import is_http
from .codes import RULES
from .input_files import folder_of, release_folder

_UPGRADES = " --in-place FILE`"  # the end of a remedy for one file
_REMEDY_OF_URL = "correct the URL, or the server"


class Finding(NamedTuple):
    """A file and a problem in it; the code of the problem is a key of `RULES`."""

    file: str
    problem: Problem

    @classmethod
    def of(cls, file: str, problem: Problem) -> Finding:
        """Return a finding of a file, a path or a URL.

        A problem without a remedy gets the remedy of its rule. Its commands name the file and its folder, but
        no URL, because they read and write files of this machine.
        """
        remedy = problem.remedy or RULES[problem.code].remedy
        if is_http(file):
            if problem.code == "unreadable" and not problem.remedy:
                remedy = _REMEDY_OF_URL
            elif not problem.remedy:
                remedy = remedy.replace(" DIR`", f" DIR`, where DIR is the folder at {folder_of(file)}")
            return cls(file, problem._replace(remedy=remedy))
        if not problem.remedy and " DIR`" in remedy:
            remedy = remedy.replace(" DIR`", f" {release_folder(file)}`")
        remedy = remedy.replace(_UPGRADES, f" --in-place {quoted(file)}`")
        return cls(file, problem._replace(remedy=remedy).naming(quoted(file)))

    @property
    def severity(self) -> str:
        """The severity: `ERROR` or `WARNING`."""
        return RULES[self.problem.code].severity

    @property
    def general_problem(self) -> Problem:
        """The problem without the name of the file in its remedy: equal problems of files are equal."""
        name, remedy = quoted(self.file), self.problem.remedy or ""
        remedy = remedy.replace(f" {name} ", " WHEEL ").replace(f" --in-place {name}`", _UPGRADES)
        return self.problem._replace(remedy=remedy)

    def to_dict(self) -> dict[str, str | None]:
        """Return the finding as JSON data."""
        code, place, text, remedy = self.problem
        return {
            "code": code,
            "severity": self.severity,
            "file": self.file,
            "place": place,
            "message": text,
            "remedy": remedy,
        }


def grouped(findings: Iterable[Finding]) -> list[tuple[Finding, list[str]]]:
    """Return the findings with all files of each: equal problems of several files are one finding.

    Then its remedy has the word WHEEL or FILE instead of one file. Problems are in the order of their
    first files.
    """
    groups: dict[Problem, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.general_problem, []).append(finding)
    return [
        (
            first._replace(problem=problem) if others else first,
            [first.file, *(other.file for other in others)],
        )
        for problem, (first, *others) in groups.items()
    ]


class Findings:
    """The findings of a run, without duplicates, in the order of their discovery."""

    def __init__(self) -> None:
        self._findings: dict[Finding, None] = {}

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings)

    def add(self, path: object, problems: Iterable[Problem], within: str = "") -> None:
        """Add problems of a file, or of a file *within* it."""
        for problem in problems:
            self._findings.setdefault(Finding.of(str(path), problem.within(within) if within else problem))

    def note(self, path: object, text: str, *, code: str) -> None:
        """Add one problem of a whole file."""
        self.add(path, [Problem(code, "", text)])

    @contextmanager
    def noting(self, path: object, *, code: str, within: str = "") -> Iterator[None]:
        """Turn a VariantError into findings with this code; drop its place, which repeats the file."""
        try:
            yield
        except VariantError as error:
            placeless = [Problem(code, "", problem.text, problem.remedy) for problem in error.problems]
            self.add(path, placeless, within)
