"""What is wrong with wheels, index files, project files, and with releases as a whole.

Nothing that a file holds raises here: it is found. Of wheels, the central directory, the local headers
and the files of dist-info are read, never the payload.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .checked_files import CheckedFiles
from .comparison import compare_files
from .findings import Finding, Findings


def find_problems(paths: Iterable[Path]) -> list[Finding]:
    """Return everything found in wheels, JSON documents, project files and folders of them.

    Of a folder, what a release consists of is read, and the folder is taken for the whole release; so are
    the folders of projects in a package index, ``simple/``, that lies in it.
    """
    findings = Findings()
    files = CheckedFiles(findings)
    for path in dict.fromkeys(paths):
        files.check(path)
    compare_files(files)
    return [*findings]
