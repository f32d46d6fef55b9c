"""The file ``variants.toml`` of a dispatching sdist by requirement: which distribution has which variant.

It lists the wheels of one release as a machine would select them, without URLs and hashes: the installer
downloads the distribution that the built wheel requires. Each wheel names that distribution, and the extras
of its METADATA.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from ..errors import Problem, VariantError
from ..variants.filename import check_project_name, normalize
from ..variants.metadata_reading import usable_from_dict
from ..variants.validation import Document
from . import core_metadata
from .release import Candidate, File, Release
from .required_project import RequiredProject
from .toml_read import read_toml

VARIANTS_FILE = "variants.toml"
_VARIANTS = "variants-json"
_KEYS = ("name", "version", "wheels", _VARIANTS)
_WHEEL_KEYS = ("filename", "distribution", "requires-python", "extras")


class Requirable(NamedTuple):
    """A wheel that can be selected, and the *distribution* that has its variant, with its *extras*."""

    wheel: Candidate
    distribution: str
    extras: tuple[str, ...] = ()

    def metadata(self, common: bytes, version: Version) -> bytes:
        """Return METADATA of the empty wheel; *common* has the fields of all wheels of the release."""
        project = RequiredProject(self.distribution, self.extras, self.wheel.file.requires_python)
        other = core_metadata.without_fields(common, _OWN_FIELDS)
        return core_metadata.with_fields(other, project.fields(str(version)))


# The empty wheel has other values of these fields than the variant wheels, or none.
_OWN_FIELDS = (
    "Requires-Dist",
    "Requires-Python",
    "Provides-Extra",
    "License-File",
    "Import-Name",
    "Import-Namespace",
)


class RequirableRelease(NamedTuple):
    """A release whose variants have distributions of their own."""

    release: Release
    wheels: tuple[Requirable, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the content of the file."""
        metadata = self.release.metadata
        return {
            "name": self.release.name,
            "version": str(self.release.version),
            "wheels": [_entry(item) for item in self.wheels],
            **({_VARIANTS: metadata.to_dict()} if metadata else {}),
        }

    def selected(self, wheel: Candidate) -> Requirable:
        """Return the entry of a selected wheel."""
        return next(item for item in self.wheels if item.wheel.name == wheel.name)


def _entry(item: Requirable) -> dict[str, object]:
    python = item.wheel.file.requires_python
    return {
        "filename": str(item.wheel.name),
        "distribution": item.distribution,
        **({"requires-python": python} if python else {}),
        **({"extras": list(item.extras)} if item.extras else {}),
    }


def read_requirable(path: Path) -> RequirableRelease:
    """Read the file; raises VariantError with all its problems."""
    document = Document()
    table = document.table(read_toml(path), "", _KEYS)
    name = document.string(table.get("name"), "name") or ""
    version = _version(document, document.string(table.get("version"), "version") or "")
    entries = table.get("wheels")
    if not isinstance(entries, list) or not entries:
        document.note("wheels", "expected a list of wheels")
        entries = []
    wheels = [*_wheels(document, entries)]
    document.check(path)
    metadata, problems = usable_from_dict(table.get(_VARIANTS), f"{path}: {_VARIANTS}")
    candidates = tuple(item.wheel for item in wheels)
    release = Release(normalize(name), version, candidates, metadata, problems)
    if problems := tuple(_problems(release, path)):
        raise VariantError(*problems, remedy="do not use this sdist")
    return RequirableRelease(release, tuple(wheels))


def _version(document: Document, text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        document.note("version", str(error))
        return Version("0")


def _wheels(document: Document, entries: Sequence[object]) -> Iterator[Requirable]:
    """Yield the valid wheels, and note the problems of the others."""
    for number, entry in enumerate(entries):
        place = f"wheels[{number}]"
        table = document.table(entry, place, _WHEEL_KEYS)
        wheel = _candidate(document, table, place)
        distribution = document.string(table.get("distribution"), f"{place}.distribution")
        extras = document.strings(table.get("extras", []), f"{place}.extras", check_project_name, least=0)
        is_valid = distribution and document.passes(f"{place}.distribution", check_project_name, distribution)
        if wheel and distribution and is_valid:
            yield Requirable(wheel, distribution, tuple(extras))


def _candidate(document: Document, table: Mapping[str, object], place: str) -> Candidate | None:
    """Return the wheel of an entry; None if its filename is invalid."""
    filename = document.string(table.get("filename"), f"{place}.filename")
    python = table.get("requires-python")
    if python is not None:
        python = document.string(python, f"{place}.requires-python")
        if python is not None and not python.isprintable():
            document.note(f"{place}.requires-python", "invalid characters")
    wheel = Candidate.of(unlocated_file(filename or "", python))
    if wheel is None or wheel.problems:
        document.note(f"{place}.filename", "expected the filename of a wheel")
        return None
    return wheel


def unlocated_file(filename: str, requires_python: str | None) -> File:
    """Return a file that nothing downloads: it has no location."""
    return File(filename, "", {}, requires_python=requires_python)


def _problems(release: Release, path: Path) -> Iterator[Problem]:
    """Yield the problems of the variants, and of wheels that are not of the release or have no label."""
    yield from release.problems
    known = release.metadata.variants if release.metadata else {}
    for wheel in release.candidates:
        place = f"{path}: {wheel.file.filename!a}"
        if wheel.name.release() != (release.name, release.version):
            yield Problem("error", place, "a wheel of another release")
        if wheel.label not in known:
            yield Problem("error", place, "the file does not define its label")
