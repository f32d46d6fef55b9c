"""Find problems in wheels, index files, project files and whole releases.

An error in the content of a file becomes a finding, not an exception. `check` reads only the central
directory, the local headers and the dist-info files of a wheel, and its payload only on request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..formats.release import Location
from .checked_files import KINDS, PROJECT_FILE, CheckedFiles, ReleaseFiles
from .codes import BY_DEFAULT, ERROR, WARNING
from .comparison import compare_files
from .findings import Finding, Findings
from .input_files import name_of


class Report(NamedTuple):
    """The findings of a run, the kind of each checked file, by its path or URL, and the checked releases."""

    findings: Sequence[Finding]
    checked: Mapping[Location, str]
    releases: Sequence[ReleaseFiles]


def check_files(
    paths: Iterable[Location], codes: Collection[str] = BY_DEFAULT, *, payload: bool = False
) -> Report:
    """Check wheels, JSON documents, project files, folders and URLs by the rules with these *codes*.

    A folder is checked as a whole release: its release files, and the project folders of a package index
    (``simple/``) in it. With *payload*, the import tables of compiled modules in wheels are read.
    """
    findings = Findings()
    files = CheckedFiles(findings, payload=payload)
    for path in dict.fromkeys(paths):
        if isinstance(path, Path):
            files.check(path)
        else:
            from .served_files import check_url

            check_url(files, path)
    compare_files(files)
    selected = [finding for finding in findings if finding.problem.code in codes]
    return Report(selected, files.kinds, [*files.releases.values()])


def find_problems(paths: Iterable[Location], *, payload: bool = False) -> list[Finding]:
    """Return the findings in wheels, JSON documents, project files and folders, by the default rules."""
    return [*check_files(paths, payload=payload).findings]


def numbers_by_kind(checked: Mapping[Location, str]) -> dict[str, int]:
    """Return the number of checked files of each kind, as JSON data."""
    numbers = Counter(checked.values())
    return {kind.replace(" ", "-").lower(): numbers[kind] for kind in KINDS if numbers[kind]}


def summary(report: Report) -> str:
    """Return one line: the checked files, and the number of errors and warnings."""
    findings, checked, _ = report
    severities = Counter(finding.severity for finding in findings)
    counts = [_count(severities[name], name) for name in (ERROR, WARNING) if severities[name]]
    numbers = Counter(checked.values())
    parts = [_count(numbers[kind], kind) for kind in KINDS if numbers[kind] and kind != PROJECT_FILE]
    projects = [name_of(path) for path, kind in checked.items() if kind == PROJECT_FILE]
    parts += projects if len(projects) == 1 else [_count(len(projects), PROJECT_FILE)] if projects else []
    return f"{', '.join(parts) or 'no files checked'}: {', '.join(counts) or 'no problems'}"


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
