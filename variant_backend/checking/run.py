"""Find problems in wheels, index files, project files and whole releases.

The content of a file never raises here: it becomes a finding. Only the central directory, the local headers
and the dist-info files of a wheel are read, never its payload.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .checked_files import CheckedFiles
from .comparison import compare_files
from .findings import Finding, Findings


def find_problems(paths: Iterable[Path]) -> list[Finding]:
    """Return all findings in wheels, JSON documents, project files and folders.

    A folder is checked as a whole release: its release files, and the project folders of a package index
    (``simple/``) in it.
    """
    findings = Findings()
    files = CheckedFiles(findings)
    for path in dict.fromkeys(paths):
        files.check(path)
    compare_files(files)
    return [*findings]
