"""Check one sdist: whether it can be unpacked, and whether its PKG-INFO agrees with its filename."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MOST_SHOWN, Problem, VariantError
from ..formats import core_metadata
from ..lowlevel.ranges import opened_whole
from ..lowlevel.tarball import read_member
from ..variants.filename import is_same_version, normalize
from .findings import Findings

if TYPE_CHECKING:
    from packaging.version import Version

_PKG_INFO = "PKG-INFO"


def check_sdist(findings: Findings, path: Path, name: str, version: Version) -> None:
    """Check the sdist of a release: its normalized *name* and its *version* are those of the filename.

    All of it is decompressed, up to a limit: otherwise a truncated file would not show. Raises VariantError
    if the file cannot be opened.
    """
    with opened_whole(path) as file, findings.noting(path, code="bad-sdist"):
        content = read_member(file, _PKG_INFO, to_end=True)
        findings.add(path, _of_identity(content, name, version))


def _of_identity(content: bytes, name: str, version: Version) -> Iterator[Problem]:
    """Compare PKG-INFO with the filename; raises VariantError if a field is missing."""
    for field, expected in (("Name", name), ("Version", str(version))):
        try:
            value = core_metadata.read_field(content, field)
        except VariantError as error:
            raise VariantError(*(f"{_PKG_INFO}: {problem.text}" for problem in error.problems)) from None
        agrees = normalize(value) == name if field == "Name" else is_same_version(value, expected)
        if not agrees:
            text = f"expected {expected!r} from the filename, got {value[:MOST_SHOWN]!r}"
            yield Problem("sdist-identity", f"{_PKG_INFO}: {field}", text)
