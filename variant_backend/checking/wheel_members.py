"""Check one wheel: its archive and the files of its dist-info directory, never its payload."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.ranges import Source
from ..variants import consistency
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..wheels.examination import Examined, examine
from ..wheels.payload import payload_of
from ..wheels.reading import read_archive
from .documents import check_metadata
from .findings import Findings
from .input_files import document_content, is_regular_file


class CheckedWheel(NamedTuple):
    """The metadata of a wheel's variant.json, and the hash of each file of its payload.

    They are None if variant.json or RECORD is missing or broken.
    """

    metadata: VariantMetadata | None = None
    payload: Mapping[str, str] | None = None


def check_wheel(
    findings: Findings, path: Path, source: Source, filename: WheelFilename | None
) -> CheckedWheel:
    """Check an open wheel, and return what the comparison of wheels needs."""
    archive = None
    with findings.noting(path, code="bad-zip"):
        archive = read_archive(source)
    if archive is None:
        return CheckedWheel()
    if filename is None:  # the names of its directories are unknown
        with findings.noting(path, code="zip-layout"):
            archive.check_layout()
        return CheckedWheel()
    examined = examine(filename, archive)
    findings.add(path, examined.problems)
    return _Members(findings, path, examined).check()


class _Members(NamedTuple):
    """The checks of an examined wheel's variant.json, and of the copy of its METADATA."""

    findings: Findings
    path: Path
    examined: Examined

    def check(self) -> CheckedWheel:
        """Check all of them."""
        wheel, contents, record, _ = self.examined
        self.check_copy(contents.get("METADATA"))
        metadata = None
        if wheel.is_variant():
            metadata = self.checked_metadata(contents.get("variant.json"))
            if present := wheel.signatures():
                text = f"{wheel.path(present[0])} may sign an older RECORD"
                self.findings.note(self.path, text, code="signature")
        elif wheel.filename.label is not None and contents:
            text = f"{wheel.path('variant.json')} is missing"
            self.findings.note(self.path, text, code="missing-variant-json")
        return CheckedWheel(metadata, payload_of(wheel.filename, record) if record else None)

    def check_copy(self, data: bytes | None) -> None:
        """Compare METADATA with the optional copy beside the wheel (PEP 658)."""
        if data is None:
            return
        copy = self.path.with_name(f"{self.path.name}.metadata")
        try:
            differs = is_regular_file(copy) and document_content(copy) != data
        except VariantError:  # an unreadable copy is reported with the page that links to it
            differs = False
        if differs:
            self.findings.note(copy, f"differs from METADATA in {self.path.name}", code="side-file")

    def checked_metadata(self, data: bytes | None) -> VariantMetadata | None:
        """Check variant.json and return its metadata. None if it is incomplete or contradictory."""
        place, filename = "variant.json", self.examined.wheel.filename
        metadata = check_metadata(self.findings, self.path, data, place) if data is not None else None
        if metadata is None:
            if filename.label is None:
                text = "the filename has no label, but the wheel has a variant.json"
                self.findings.add(self.path, [Problem("unlabelled-variant", place, text)])
            return None
        problems = [*consistency.of_variant_json(metadata, filename)]
        self.findings.add(self.path, problems, place)
        is_known = all(problem.code == "unlabelled-variant" for problem in problems)
        return metadata if is_known else None
