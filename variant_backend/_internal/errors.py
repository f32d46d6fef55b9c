"""Problems as values, and the error class that carries them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Messages cut longer texts from outside.
MOST_SHOWN = 200

# Messages list at most this many values, and the number of the others.
_MOST_VALUES = 8

_LONGEST_COMPARED = 100
_MOST_COMPARED = 200


class Problem(NamedTuple):
    """A problem: what is wrong, where, and what cures it.

    *code* is stable and listed in docs/reference/rules.md. *place* is a file, a key in it, or both, separated
    by ``: ``; it is empty if the reader already knows it. *text* says what is wrong. *remedy* says what to
    do, or is None.

    >>> problem = Problem("bad-name", "variants.V3", "label 'V3' is invalid", "write 'v3'")
    >>> print(problem.within("demo-1.0-variants.json"))
    demo-1.0-variants.json: variants.V3: label 'V3' is invalid; write 'v3'
    """

    code: str
    place: str
    text: str
    remedy: str | None = None

    def __str__(self) -> str:
        text = f"{self.text}; {self.remedy}" if self.remedy else self.text
        return f"{self.place}: {text}" if self.place else text

    def within(self, place: object) -> Problem:
        """Return this problem with *place*, as text, put before its own place."""
        return self._replace(place=f"{place}: {self.place}" if self.place else str(place))

    def naming(self, path: str) -> Problem:
        """Return this problem with a quoted *path* for WHEEL in the command of its remedy (internal)."""
        if not self.remedy:
            return self
        return self._replace(remedy=self.remedy.replace(" WHEEL ", f" {path} "))

    def at(self, place: str, code: str | None = None) -> Problem:
        """Return this problem at *place*; its own place moves to its text (internal)."""
        text = f"{self.place}: {self.text}" if self.place else self.text
        return Problem(code or self.code, place, text, self.remedy)


class VariantError(Exception):
    """One or more problems: one error reports all problems of a document.

    *problems* are values of `Problem`, and texts, which become problems with this *code* and *place*. The
    *remedy* is that of the last problem. The attribute ``problems`` is the tuple of all. The text of the
    error has one line for each.

    >>> error = VariantError("no variant.json in it", place="demo.whl", remedy="build it again")
    >>> error.problems[0].remedy
    'build it again'
    >>> print(error.within("dist"))
    dist: demo.whl: no variant.json in it; build it again
    """

    def __init__(
        self, *problems: Problem | str, code: str = "error", place: object = "", remedy: str | None = None
    ) -> None:
        made = [Problem(code, str(place), item) if isinstance(item, str) else item for item in problems]
        if remedy:
            made[-1] = made[-1]._replace(remedy=remedy)
        self.problems: tuple[Problem, ...] = tuple(made)
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return one complete line for each problem."""
        return list(map(str, self.problems))

    def within(self, place: object) -> VariantError:
        """Return this error with *place*, as text, put before the place of every problem."""
        return type(self)(*(problem.within(place) for problem in self.problems))

    def naming(self, path: str) -> VariantError:
        """Return this error with a quoted *path* for WHEEL in the commands of its remedies (internal)."""
        return type(self)(*(problem.naming(path) for problem in self.problems))


class RequestError(VariantError):
    """The user's request is incomplete, or contradicts the project file: wrong usage.

    >>> from variant_backend.api import make_variant
    >>> try:
    ...     make_variant("demo-1.0-py3-none-any.whl")
    ... except RequestError as error:
    ...     print(error)
    no variant is requested; give a label or properties
    """


class UnknownNameError(RequestError):
    """The user named something that nothing in the run knows: wrong usage.

    >>> from variant_backend.api import VariantMetadata
    >>> try:
    ...     VariantMetadata(("x86_64",), {}, {}).variant("nul")
    ... except UnknownNameError as error:
    ...     print(error)
    unknown label 'nul' (did you mean 'null'?); known labels: null
    """


def problems_of(errors: Iterable[VariantError]) -> list[Problem]:
    """Return the problems of several errors."""
    return [problem for error in errors for problem in error.problems]


def ascii_unless_printable(text: str) -> str:
    """Return a printable text unchanged, and any other text quoted and escaped as ASCII."""
    return text if text.isprintable() else ascii(text)


def one_of(known: Iterable[str]) -> str:
    """Return the known names as a comma-separated list for a message."""
    return ", ".join(known) or "(none)"


def shortened(values: Sequence[str], most: int = _MOST_VALUES) -> str:
    """Return a list of values for a message, with only the number of those after the first *most*."""
    more = len(values) - most
    return ", ".join(values[:most]) + (f" and {more} more" if more > 0 else "")


def did_you_mean(name: str, known: Iterable[str], *, similarity: float = 0.6) -> str:
    """Return `` (did you mean 'x'?)`` for the known name nearest to *name*, or an empty text.

    Names with a lower *similarity*, from 0 to 1, are not near.
    """
    import difflib

    known = list(known)
    # Comparisons are slow, and a hostile document can cause millions of them.
    comparable = len(name) <= _LONGEST_COMPARED and len(known) <= _MOST_COMPARED
    by_lower = {text.lower(): text for text in reversed(known)} if comparable else {}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=similarity)
    return f" (did you mean {by_lower[near[0]]!r}?)" if near else ""
