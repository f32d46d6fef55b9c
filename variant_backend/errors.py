"""The one error family: something that was given cannot be used, or a file cannot be written."""

from __future__ import annotations

from collections.abc import Iterable

# More of a text that comes from outside is not shown.
MOST_SHOWN = 200

_LONGEST_COMPARED = 100
_MOST_COMPARED = 100


class VariantError(Exception):
    """One or more faults, each a line that names the place and the fault; *hint* is the remedy for all.

    A document with several faults is reported whole: every fault is an issue of one error.
    """

    def __init__(self, *issues: str, hint: str | None = None) -> None:
        super().__init__(*issues)
        self.issues = issues
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return one complete line for each fault; the remedy stands on the last."""
        *others, last = self.issues
        return [*others, f"{last}; {self.hint}" if self.hint else last]

    def within(self, place: object) -> VariantError:
        """Return the same error with *place* in front of every fault."""
        return type(self)(*(f"{place}: {issue}" for issue in self.issues), hint=self.hint)


def lines_of(errors: Iterable[VariantError]) -> list[str]:
    """Return the lines of several errors."""
    return [line for error in errors for line in error.lines()]


def ascii_unless_printable(text: str) -> str:
    """Return a text as it is, or in quotes and in ASCII if it has something that a terminal would obey."""
    return text if text.isprintable() else ascii(text)


def one_of(known: Iterable[str]) -> str:
    """Return the known names in reading order, for the end of a message."""
    return ", ".join(known) or "(none)"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the known name nearest to *name*, or nothing."""
    import difflib

    known = list(known)
    # A comparison takes long, and a hostile document may ask for millions of them.
    comparable = len(name) <= _LONGEST_COMPARED and len(known) <= _MOST_COMPARED
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5) if comparable else ()
    return f" (did you mean {near[0]!r}?)" if near else ""
