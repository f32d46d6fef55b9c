"""What `check` finds: problems, each with the file that has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ..errors import Problem, VariantError
from .codes import RULES


class Finding(NamedTuple):
    """A file, and a problem in it, whose code is one of `RULES`."""

    file: str
    problem: Problem

    @classmethod
    def of(cls, file: str, problem: Problem) -> Finding:
        """Return a file with a problem, which gets the remedy of its rule if it has none."""
        remedy = problem.remedy or RULES[problem.code].remedy
        return cls(file, Problem(problem.code, problem.place, problem.text, remedy))

    @property
    def severity(self) -> str:
        """How bad it is: `ERROR` or `WARNING`."""
        return RULES[self.problem.code].severity

    def to_dict(self) -> dict[str, str | None]:
        """Return the finding for machines."""
        code, place, text, remedy = self.problem
        return {
            "code": code,
            "severity": self.severity,
            "file": self.file,
            "place": place,
            "message": text,
            "remedy": remedy,
        }


class Findings:
    """What is wrong with files, each thing once, in the order in which it was noted."""

    def __init__(self) -> None:
        self._findings: dict[Finding, None] = {}

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._findings)

    def add(self, path: object, problems: Iterable[Problem], within: str = "") -> None:
        """Note what is wrong with a file, or with a file *within* it."""
        for problem in problems:
            self._findings.setdefault(Finding.of(str(path), problem.within(within) if within else problem))

    def note(self, path: object, text: str, *, code: str) -> None:
        """Note one problem of a file as a whole."""
        self.add(path, [Problem(code, "", text)])

    @contextmanager
    def noting(self, path: object, *, code: str, within: str = "") -> Iterator[None]:
        """Note a VariantError with this code; the place that it names is the file's, and left out."""
        try:
            yield
        except VariantError as error:
            placeless = [Problem(code, "", problem.text, problem.remedy) for problem in error.problems]
            self.add(path, placeless, within)
