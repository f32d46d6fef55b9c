"""Write a run of `check` for the summary page of a CI service, as HTML that Markdown can contain.

Sources: CommonMark 0.31, section 4.6: Markdown leaves HTML unchanged up to an empty line. GitHub's "Workflow
commands for GitHub Actions": the summary of a step has at most 1 MiB.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from ..errors import shortened
from ..formats.html_writing import Child, Html, block, element
from ..lowlevel.terminal import escaped
from ..variants.properties import NULL_LABEL
from ..variants.words import FOR_ALL_INSTALLERS, FOR_EVERY_MACHINE, all_in_words
from .findings import grouped
from .input_files import name_of
from .run import Report, summary

# Each of the two tables has at most so many bytes, because of the limit of 1 MiB.
_MOST_BYTES = 500_000
# A text has at most so many characters.
_LONGEST = 600
# A row names at most so many files with the same problem.
_MOST_FILES = 3


def summary_html(report: Report) -> str:
    """Return the problems and the wheels of a run as tables, without an empty line in them."""
    problems = [
        (finding.severity, element("code", finding.problem.code), _code(shortened(files, _MOST_FILES)), text)
        for finding, files in grouped(report.findings)
        for text in [_code(str(finding.problem))]
    ]
    parts = [
        element("h3", f"variant-backend check: {_shown(summary(report))}"),
        *_table(("severity", "rule", "files", "problem"), problems),
        *_table(("wheel", "label", "for"), [*_wheels(report)]),
    ]
    return str(Html(Html.joined("\n", parts), "\n"))


def _wheels(report: Report) -> Iterator[tuple[Child, ...]]:
    """Yield the name of each wheel, its label, and which machines it is for."""
    for release in report.releases:
        for location, filename in release.wheels.items():
            metadata = release.metadata.get(location)
            variant = metadata.variants.get(filename.label or "") if metadata else None
            meaning = "; ".join(all_in_words(variant.properties)) if variant else "unknown"
            if filename.label in (None, NULL_LABEL):
                meaning = FOR_EVERY_MACHINE if filename.label else FOR_ALL_INSTALLERS
            label = _code(filename.label) if filename.label else ""
            yield _code(name_of(location)), label, _shown(meaning)


def _table(titles: Sequence[str], rows: Sequence[Sequence[Child]]) -> Iterator[Html]:
    """Yield a table, and the number of rows that it leaves out; without rows, yield nothing."""
    lines = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    sizes = accumulate(len(str(line).encode(errors="replace")) for line in lines)
    shown = sum(size <= _MOST_BYTES for size in sizes)
    if lines:
        yield block("table", element("tr", *(element("th", title) for title in titles)), *lines[:shown])
    if more := len(lines) - shown:
        yield element("p", f"and {more} more")


def _code(text: str) -> Html:
    """Return a text from outside as code, in which GitHub makes no links to users and issues."""
    return element("code", _shown(text))


def _shown(text: str) -> str:
    """Return a text from outside on one line, and cut a long one."""
    text = escaped(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
