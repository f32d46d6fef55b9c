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
from ..wheels import upload_rules
from ..wheels.examination import Examined, examine
from ..wheels.payload import payload_of
from ..wheels.reading import read_archive
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
    if filename is None:  # the names of its directories are unknown
        with findings.noting(path, code="zip-layout"):
            archive.check_layout()
        return CheckedWheel()
    examined = examine(filename, archive)
    findings.add(path, examined.problems)
    checked = _Members(findings, path, examined).check()
    # Members that overlap could be inflated again and again.
    if payload and all(problem.code != "zip-layout" for problem in examined.problems):
        findings.add(path, _module_problems(examined, checked.metadata))
    return checked


def _module_problems(examined: Examined, metadata: VariantMetadata | None) -> list[Problem]:
    """Compare the runtimes that the modules of a wheel link with its properties and requirements."""
    from ..variants.runtimes import runtime_problems
    from ..wheels.linked_runtimes import linked_runtimes

    runtimes, problems = linked_runtimes(examined.wheel)
    variants = metadata.variants.values() if metadata else ()
    properties = {prop for variant in variants for prop in variant.properties}
    requirements = core_metadata.requirements(examined.wheel.core_metadata)
    return [*problems, *runtime_problems(properties, requirements, runtimes)]


class _Members(NamedTuple):
    """The checks of an examined wheel's variant.json, and of the copy of its METADATA."""

    findings: Findings
    path: Path
    examined: Examined

    def check(self) -> CheckedWheel:
        """Run all checks, and return what the comparison of wheels needs."""
        wheel, contents, record, _ = self.examined
        dependencies = self.check_core_metadata(contents.get("METADATA"))
        metadata = None
        if wheel.is_variant():
            metadata = self.checked_metadata(contents.get("variant.json"))
            if present := wheel.signatures():
                text = f"{wheel.path(present[0])} may sign an older RECORD"
                self.findings.note(self.path, text, code="signature")
        elif wheel.filename.label is not None and contents:
            text = f"{wheel.path('variant.json')} is missing"
            self.findings.note(self.path, text, code="missing-variant-json")
        pins = local_pins(core_metadata.requirements(wheel.core_metadata))
        payload = payload_of(wheel.filename, record) if record else None
        return CheckedWheel(metadata, payload, dependencies, pins)

    def check_core_metadata(self, data: bytes | None) -> Dependencies | None:
        """Check what public indexes refuse in METADATA, and the optional copy beside the wheel (PEP 658).

        Returns the wheel's dependencies. None if METADATA is missing or broken.
        """
        if data is None:
            return None
        wheel = self.examined.wheel
        licenses = upload_rules.of_licenses(data, wheel.entries.keys(), wheel.path("").rstrip("/"))
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
        place, filename = "variant.json", self.examined.wheel.filename
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
