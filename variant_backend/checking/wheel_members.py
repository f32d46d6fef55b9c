"""Checking one wheel: its archive, and the files of its dist-info directory, but never the payload."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..lowlevel.ranges import Source
from ..variants import consistency
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..wheels import soundness
from ..wheels.reading import SIGNATURES, Wheel, check_directories, check_identity, read_archive
from .documents import check_metadata
from .findings import Findings
from .input_files import document_content, is_regular_file


def check_wheel(
    findings: Findings, path: Path, source: Source, filename: WheelFilename | None
) -> VariantMetadata | None:
    """Check an open wheel; return what its variant.json says, or None without a faultless one."""
    archive = None
    with findings.noting(path, code="bad-zip"):
        archive = read_archive(source)
    if archive is None:
        return None
    with findings.noting(path, code="zip-layout"):
        archive.check_layout()
    if filename is None:
        return None  # nobody knows how its directories are called
    wheel = Wheel(filename, archive, {entry.name: entry for entry in archive.entries}, b"")
    with findings.noting(path, code="dist-info"):
        check_directories(filename, wheel.entries)
    if not any(name.startswith(wheel.path("")) for name in wheel.entries):
        return None  # nothing that follows could be found
    return _DistInfo(findings, path, wheel).check()


class _DistInfo(NamedTuple):
    """The dist-info directory of a wheel: each file is read once, and what is wrong is noted."""

    findings: Findings
    path: Path
    wheel: Wheel

    def check(self) -> VariantMetadata | None:
        """Check all files; return what variant.json says, or None without a faultless one."""
        contents = {name: self.content(name) for name in ("METADATA", "WHEEL", "RECORD")}
        self.check_core_metadata(contents["METADATA"])
        if (data := contents["WHEEL"]) is not None:
            self.findings.add(self.path, soundness.of_wheel_file(data), "WHEEL")
        if self.wheel.path("entry_points.txt") in self.wheel.entries:
            contents["entry_points.txt"] = data = self.content("entry_points.txt")
            self.findings.add(self.path, soundness.of_entry_points(data or b""), "entry_points.txt")
        folder = f"{self.wheel.filename.stem}.data"
        self.findings.add(self.path, soundness.of_data_folders(self.wheel.entries, folder))
        metadata = None
        if self.wheel.is_variant():
            contents["variant.json"] = data = self.content("variant.json")
            metadata = self.checked_metadata(data)
        elif self.wheel.filename.label is not None:
            text = f"{self.wheel.path('variant.json')} is missing"
            self.findings.note(self.path, text, code="missing-variant-json")
        self.check_record(contents.pop("RECORD"), contents)
        return metadata

    def content(self, name: str) -> bytes | None:
        """Return the content of a file, or None after noting that it is missing or damaged."""
        with self.findings.noting(self.path, code="missing-file"):
            return self.wheel.read_file(name)
        return None

    def check_core_metadata(self, data: bytes | None) -> None:
        """Check METADATA, and compare it with the copy of it that may lie beside the wheel (PEP 658)."""
        if data is None:
            return
        with self.findings.noting(self.path, code="wrong-identity", within="METADATA"):
            check_identity(self.wheel.filename, data)
        self.findings.add(self.path, soundness.of_core_metadata(data), "METADATA")
        copy = self.path.with_name(f"{self.path.name}.metadata")
        try:
            differs = is_regular_file(copy) and document_content(copy) != data
        except VariantError:  # whoever asks for it says so
            differs = False
        if differs:
            self.findings.note(copy, f"differs from METADATA in {self.path.name}", code="side-file")

    def checked_metadata(self, data: bytes | None) -> VariantMetadata | None:
        """Return what variant.json says, or None after noting why it is not known."""
        place, filename = "variant.json", self.wheel.filename
        metadata = check_metadata(self.findings, self.path, data, place) if data is not None else None
        if metadata is None:
            if filename.label is None:
                text = "a plain name, and a variant.json inside"
                self.findings.add(self.path, [Problem("unlabelled-variant", place, text)])
            return None
        problems = [*consistency.of_variant_json(metadata, filename)]
        self.findings.add(self.path, problems, place)
        is_known = all(problem.code == "unlabelled-variant" for problem in problems)
        return metadata if is_known else None

    def check_record(self, data: bytes | None, contents: Mapping[str, bytes | None]) -> None:
        """Compare RECORD with the archive, and its hashes with those *contents* that were read."""
        if data is None:
            return
        wheel, place = self.wheel, self.wheel.path("RECORD")
        signatures = {wheel.path(name) for name in SIGNATURES}
        present = signatures & wheel.entries.keys()
        if present and wheel.is_variant():
            text = f"{min(present)} signs a RECORD, maybe an older one"
            self.findings.note(self.path, text, code="signature")
        known = {wheel.path(name): content for name, content in contents.items() if content is not None}
        with self.findings.noting(self.path, code="bad-record", within="RECORD"):
            record = wheel.parsed_record(data)
            sizes = {name: entry.size for name, entry in wheel.entries.items() if name[-1] != "/"}
            problems = [
                *record.faults(place, sizes.keys(), signatures),
                *record.wrong_sizes(place, sizes),
                *record.wrong_hashes(place, known),
            ]
            if listed := signatures.intersection(path for path, _, _ in record.rows):
                problems.append(Problem("signature-listed", place, f"a row for {min(listed)!r}"))
            placed = (Problem(problem.code, "RECORD", problem.text) for problem in problems)
            self.findings.add(self.path, placed)
