"""Read METADATA as uv does, and find what it refuses. Source: metadata_resolver.rs of uv; measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import VariantError
from ..formats.metadata_readers import read_by_uv
from ..variants.filename import check_project_name, normalize
from ..variants.uv_specifiers import check_versions, parsed_by_uv, python_below_bound, uv_specifiers

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.version import Version

_VARIANT_MARKER = re.compile(r"\bvariant_(label|namespaces|features|properties)\b")


class OtherNameError(VariantError):
    """METADATA has the name of another project."""


class OtherVersionError(VariantError):
    """METADATA has another version; uv compares it only when it installs the wheel."""


def check_uv_metadata(data: bytes, release: tuple[str, Version], python: Version) -> None:
    """Raise VariantError if uv refuses METADATA for a release, or if it excludes the version of Python.

    Raises OtherNameError and OtherVersionError, with which uv fails.
    """
    fields = read_by_uv(data)
    name, version = _identity(fields)
    for text in fields["Requires-Dist"]:
        parsed_by_uv("Requires-Dist", text, _requirement)
    requires_python = fields["Requires-Python"][0] if fields["Requires-Python"] else None
    if requires_python is not None:
        parsed_by_uv("Requires-Python", requires_python, uv_specifiers)
    _check_name(name, release[0])
    if problem := python_below_bound(requires_python, python):
        raise VariantError(problem)
    _check_version(version, release[1])


def check_uv_identity(data: bytes, release: tuple[str, Version]) -> None:
    """Raise VariantError unless METADATA has the name and the version of a release."""
    name, version = _identity(read_by_uv(data))
    _check_name(name, release[0])
    _check_version(version, release[1])


def _check_name(name: str, expected: str) -> None:
    if normalize(name) != expected:
        raise OtherNameError(f"expected {expected!r}, got {name!r}", place="METADATA: Name")


def _check_version(version: Version, expected: Version) -> None:
    if version != expected:
        text = f"expected {str(expected)!r}, got {str(version)!r}"
        raise OtherVersionError(text, place="METADATA: Version")


def _identity(fields: dict[str, list[str]]) -> tuple[str, Version]:
    """Return Name and Version; raises VariantError."""
    from packaging.version import Version

    for field in ("Name", "Version"):
        if not fields[field]:
            raise VariantError(f"field {field} is missing", place="METADATA")
    name = fields["Name"][0]
    check_project_name(name)
    return name, parsed_by_uv("Version", fields["Version"][0], Version)


def _requirement(text: str) -> Requirement:
    """Parse a requirement; raises ValueError."""
    from packaging.requirements import Requirement

    requirement = Requirement(text)
    if requirement.marker and _VARIANT_MARKER.search(str(requirement.marker)):
        raise ValueError("marker of variants")
    if requirement.url is not None and not urlsplit(requirement.url).scheme:
        raise ValueError("relative URL")
    check_versions(requirement.specifier)
    return requirement
