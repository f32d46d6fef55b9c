"""METADATA of wheels without files: they require another project at the same version, and hand extras on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from ..errors import VariantError
from ..variants.filename import check_project_name, name_in
from ..variants.requirements import parse_specifiers
from . import core_metadata


class RequiredProject(NamedTuple):
    """The project that a wheel without files requires, and what METADATA of its wheels says.

    *extras* are spelled as there: pip before 23.3 knows no other spelling. *requires_python* may be invalid.
    """

    name: str
    extras: tuple[str, ...] = ()
    requires_python: str | None = None

    @classmethod
    def of_metadata(cls, data: bytes) -> RequiredProject:
        """Read METADATA; extras with invalid names are left out. Raises VariantError if Name is missing."""
        return cls(
            core_metadata.read_field(data, "Name"),
            tuple(dict.fromkeys(filter(_is_extra, core_metadata.all_values(data, "Provides-Extra")))),
            core_metadata.find_field(data, "Requires-Python"),
        )

    def fields(self, version: str) -> Iterator[tuple[str, str]]:
        """Yield the fields of METADATA that require the project at a version."""
        yield from (("Requires-Python", text) for text in _specifiers(self.requires_python))
        yield "Requires-Dist", f"{self.name}=={version}"
        for extra in self.extras:
            yield "Provides-Extra", extra
            yield "Requires-Dist", f'{self.name}[{extra}]=={version} ; extra == "{extra}"'

    def metadata(self, name: str, version: str, summary: str, *more: tuple[str, str]) -> bytes:
        """Return METADATA of the wheel of a project and a version, with *more* fields."""
        head = [("Metadata-Version", "2.1"), ("Name", name), ("Version", version), ("Summary", summary)]
        return core_metadata.with_fields(b"", [*head, *more, *self.fields(version)])


def required_names(data: bytes, *, always: bool = False) -> set[str]:
    """Return the normalized names of required projects; with *always*, not those that only extras require."""
    return names_in(core_metadata.requirements(data), always=always)


def names_in(requirements: Iterable[str], *, always: bool = False) -> set[str]:
    """Return the normalized names in requirements; with *always*, not those that only extras require."""
    names = set()
    for requirement in requirements:
        text, _, marker = requirement.partition(";")
        if not (always and re.search(r"\bextra\b", marker)):
            names.add(name_in(text))
    return names - {""}


def _is_extra(text: str) -> bool:
    try:
        check_project_name(text)
    except VariantError:
        return False
    return True


def _specifiers(requires_python: str | None) -> Iterator[str]:
    """Yield a value of Requires-Python on one line, if all readers understand it."""
    text = " ".join((requires_python or "").split())
    with suppress(ValueError):
        if parse_specifiers(text):
            yield text
