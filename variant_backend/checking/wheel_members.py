"""Check one wheel: its archive and the files of its dist-info directory.

The payload is read only on request: then its compiled modules are compared with the label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem, VariantError
from ..formats import core_metadata
from ..lowlevel.ranges import Source
from ..variants import consistency
from ..variants.filename import WheelFilename
from ..variants.metadata import VariantMetadata
from ..variants.requirements import LocalPin, local_pins
from ..wheels import soundness, upload_rules
from ..wheels.payload import payload_of
from ..wheels.reading import SIGNATURES, Wheel, check_directories, check_identity, read_archive
from .dependency_rules import Dependencies, read_dependencies
from .documents import check_metadata
from .findings import Findings
from .input_files import document_content, is_regular_file


class CheckedWheel(NamedTuple):
    """The metadata of a wheel's variant.json, the hash of each file of its payload, and its dependencies.

    They are None if variant.json, RECORD or METADATA is missing or broken. *pins* are the wheel's
    requirements on local versions.
    """

    metadata: VariantMetadata | None = None
    payload: Mapping[str, str] | None = None
    dependencies: Dependencies | None = None
    pins: Sequence[LocalPin] = ()


def check_wheel(
    findings: Findings, path: Path, source: Source, filename: WheelFilename | None, *, payload: bool
) -> CheckedWheel:
    """Check an open wheel, and return what the comparison of wheels needs.

    With *payload*, also compare the runtimes that its compiled modules link with its label and requirements.
    """
    archive = None
    with findings.noting(path, code="bad-zip"):
        archive = read_archive(source)
    if archive is None:
        return CheckedWheel()
    is_sound = False
    with findings.noting(path, code="zip-layout"):
        archive.check_layout()
        is_sound = True
    if filename is None:
        return CheckedWheel()  # the names of its directories are unknown
    wheel = Wheel(filename, archive, {entry.name: entry for entry in archive.entries}, b"")
    with findings.noting(path, code="dist-info"):
        check_directories(filename, wheel.entries)
    if not any(name.startswith(wheel.path("")) for name in wheel.entries):
        return CheckedWheel()  # no later check would find its file
    checked = _DistInfo(findings, path, wheel).check()
    if payload and is_sound:  # members that overlap could be inflated again and again
        findings.add(path, _module_problems(wheel, checked.metadata))
    return checked


def _module_problems(wheel: Wheel, metadata: VariantMetadata | None) -> list[Problem]:
    """Compare the runtimes that the modules of a wheel link with its properties and requirements."""
    from ..variants.runtimes import runtime_problems
    from ..wheels.linked_runtimes import linked_runtimes

    runtimes, problems = linked_runtimes(wheel)
    variants = metadata.variants.values() if metadata else ()
    properties = {prop for variant in variants for prop in variant.properties}
    try:
        requirements = core_metadata.requirements(wheel.read_file("METADATA"))
    except VariantError:  # reported already
        requirements = []
    return [*problems, *runtime_problems(properties, requirements, runtimes)]


class _DistInfo(NamedTuple):
    """The checks of a wheel's dist-info directory; each file is read once."""

    findings: Findings
    path: Path
    wheel: Wheel

    def check(self) -> CheckedWheel:
        """Check all files."""
        contents = {name: self.content(name) for name in ("METADATA", "WHEEL", "RECORD")}
        dependencies = self.check_core_metadata(contents["METADATA"])
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
        pins = local_pins(core_metadata.requirements(contents["METADATA"] or b""))
        payload = self.checked_payload(contents.pop("RECORD"), contents)
        return CheckedWheel(metadata, payload, dependencies, pins)

    def content(self, name: str) -> bytes | None:
        """Return the content of a file. None if it is missing or damaged."""
        with self.findings.noting(self.path, code="missing-file"):
            return self.wheel.read_file(name)
        return None

    def check_core_metadata(self, data: bytes | None) -> Dependencies | None:
        """Check METADATA, and compare it with the optional copy beside the wheel (PEP 658).

        Returns the wheel's dependencies. None if METADATA is missing or broken.
        """
        if data is None:
            return None
        with self.findings.noting(self.path, code="wrong-identity", within="METADATA"):
            check_identity(self.wheel.filename, data)
        self.findings.add(self.path, soundness.of_core_metadata(data), "METADATA")
        licenses = upload_rules.of_licenses(data, self.wheel.entries.keys(), self.wheel.path("").rstrip("/"))
        self.findings.add(self.path, [*upload_rules.of_fields(data), *licenses], "METADATA")
        copy = self.path.with_name(f"{self.path.name}.metadata")
        try:
            differs = is_regular_file(copy) and document_content(copy) != data
        except VariantError:  # an unreadable copy is reported with the page that links to it
            differs = False
        if differs:
            self.findings.note(copy, f"differs from METADATA in {self.path.name}", code="side-file")
        return read_dependencies(data)

    def checked_metadata(self, data: bytes | None) -> VariantMetadata | None:
        """Check variant.json and return its metadata. None if it is incomplete or contradictory."""
        place, filename = "variant.json", self.wheel.filename
        metadata = check_metadata(self.findings, self.path, data, place) if data is not None else None
        if metadata is None:
            if filename.label is None:
                text = "the filename has no label, but the wheel has a variant.json"
                self.findings.add(self.path, [Problem("unlabelled-variant", place, text)])
            return None
        self.findings.add(self.path, consistency.of_tags(metadata, filename.tags), place)
        problems = [*consistency.of_variant_json(metadata, filename)]
        self.findings.add(self.path, problems, place)
        is_known = all(problem.code == "unlabelled-variant" for problem in problems)
        return metadata if is_known else None

    def checked_payload(
        self, data: bytes | None, contents: Mapping[str, bytes | None]
    ) -> dict[str, str] | None:
        """Compare RECORD with the archive, and its hashes with the *contents* that were read.

        Returns the hash of each file of the payload. None if RECORD is missing or broken.
        """
        if data is None:
            return None
        wheel, place = self.wheel, self.wheel.path("RECORD")
        signatures = {wheel.path(name) for name in SIGNATURES}
        present = signatures & wheel.entries.keys()
        if present and wheel.is_variant():
            text = f"{min(present)} may sign an older RECORD"
            self.findings.note(self.path, text, code="signature")
        known = {wheel.path(name): content for name, content in contents.items() if content is not None}
        with self.findings.noting(self.path, code="bad-record", within="RECORD"):
            record = wheel.parsed_record(data)
            sizes = {name: entry.size for name, entry in wheel.entries.items() if name[-1] != "/"}
            problems = [
                *record.problems(place, sizes.keys(), signatures),
                *record.wrong_sizes(place, sizes),
                *record.wrong_hashes(place, known),
            ]
            if listed := signatures.intersection(path for path, _, _ in record.rows):
                problems.append(
                    Problem("signature-listed", place, f"RECORD lists the signature {min(listed)!r}")
                )
            placed = (Problem(problem.code, "RECORD", problem.text) for problem in problems)
            self.findings.add(self.path, placed)
            return payload_of(wheel.filename, record)
        return None
