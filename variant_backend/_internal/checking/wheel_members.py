"""Check one wheel: its archive and the files of its dist-info directory.

The payload is read only on request: then its compiled modules are compared with the label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import Problem
from ..formats import core_metadata
from ..formats.release import Location
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
from .input_files import name_of


class OpenWheel(NamedTuple):
    """An open wheel: its path or URL, its name, None if that is invalid, and its content.

    *copy* is the copy of its METADATA beside it (PEP 658), None if there is none or it cannot be read. The
    headers in front of all members are read only of a wheel on this machine.
    """

    location: Location
    filename: WheelFilename | None
    source: Source
    copy: bytes | None = None


class CheckedWheel(NamedTuple):
    """The metadata of a wheel's variant.json, the hash of each file of its payload, and its dependencies.

    They are None if variant.json, RECORD or METADATA is missing or broken. *pins* are the wheel's
    requirements on local versions.
    """

    metadata: VariantMetadata | None = None
    payload: Mapping[str, str] | None = None
    dependencies: Dependencies | None = None
    pins: Sequence[LocalPin] = ()


def check_wheel(findings: Findings, wheel: OpenWheel, *, payload: bool) -> CheckedWheel:
    """Check an open wheel, and return what the comparison of wheels needs.

    With *payload*, also compare the runtimes that its compiled modules link with its label and requirements.
    """
    location, filename, is_local = wheel.location, wheel.filename, isinstance(wheel.location, Path)
    archive = None
    with findings.noting(location, code="bad-zip"):
        archive = read_archive(wheel.source)
    if archive is None:
        return CheckedWheel()
    if filename is None:  # the names of its directories are unknown
        with findings.noting(location, code="zip-layout"):
            if is_local:
                archive.check_layout()
        return CheckedWheel()
    examined = examine(filename, archive, layout=is_local)
    findings.add(location, examined.problems)
    checked = _Members(findings, wheel, examined).check()
    # Members that overlap could be inflated again and again.
    if payload and all(problem.code != "zip-layout" for problem in examined.problems):
        findings.add(location, _module_problems(examined, checked.metadata))
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
    opened: OpenWheel
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
                self.findings.note(self.opened.location, text, code="signature")
        elif wheel.filename.label is not None and contents:
            text = f"{wheel.path('variant.json')} is missing"
            self.findings.note(self.opened.location, text, code="missing-variant-json")
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
        self.findings.add(self.opened.location, [*upload_rules.of_fields(data), *licenses], "METADATA")
        location, _, _, copy = self.opened
        if copy not in (None, data):
            text = f"differs from METADATA in {name_of(location)}"
            self.findings.note(f"{location}.metadata", text, code="side-file")
        return read_dependencies(data)

    def checked_metadata(self, data: bytes | None) -> VariantMetadata | None:
        """Check variant.json and return its metadata. None if it is incomplete or contradictory."""
        place, filename = "variant.json", self.examined.wheel.filename
        metadata = (
            check_metadata(self.findings, self.opened.location, data, place) if data is not None else None
        )
        if metadata is None:
            if filename.label is None:
                text = "the filename has no label, but the wheel has a variant.json"
                self.findings.add(self.opened.location, [Problem("unlabelled-variant", place, text)])
            return None
        self.findings.add(self.opened.location, consistency.of_tags(metadata, filename.tags), place)
        problems = [*consistency.of_variant_json(metadata, filename)]
        self.findings.add(self.opened.location, problems, place)
        is_known = all(problem.code == "unlabelled-variant" for problem in problems)
        return metadata if is_known else None
