"""METADATA of a wheel that requires a release of another project, and hands its extras on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from ..errors import VariantError
from ..formats import core_metadata
from ..variants.filename import WheelFilename, check_project_name, normalize


class JointMetadata(NamedTuple):
    """What METADATA of the *member* says: its extras, its Requires-Python, what it always requires."""

    member: str
    extras: tuple[str, ...]
    requires_python: str | None
    required: frozenset[str]

    def metadata(self, name: WheelFilename, requires_python: str | None) -> bytes:
        """Return METADATA of the wheel with a name, which requires the member at the same version."""
        lines = [
            "Metadata-Version: 2.1",
            f"Name: {normalize(name.distribution)}",
            f"Version: {name.version}",
            f"Summary: Requires {self.member}=={name.version}, which an overlay selects",
            *(f"Requires-Python: {text}" for text in _specifiers(requires_python)),
            *requiring_fields(self.member, name.version, self.extras),
        ]
        return "".join(f"{line}\n" for line in lines).encode()


def requiring_fields(project: str, version: str, extras: Iterable[str]) -> Iterator[str]:
    """Yield the lines of METADATA that require a version of a project, and hand its extras on."""
    yield f"Requires-Dist: {project}=={version}"
    for extra in extras:
        yield f"Provides-Extra: {extra}"
        yield f'Requires-Dist: {project}[{extra}]=={version} ; extra == "{extra}"'


def joint_metadata(data: bytes, member: str) -> JointMetadata:
    """Read METADATA of a project with the normalized name *member*; raises VariantError if it is another."""
    name = core_metadata.read_field(data, "Name")
    if normalize(name) != member:
        raise VariantError(f"expected METADATA of {member}, got that of {name!r}")
    return JointMetadata(
        member,
        tuple(dict.fromkeys(filter(_is_extra, core_metadata.all_values(data, "Provides-Extra")))),
        core_metadata.find_field(data, "Requires-Python"),
        frozenset(map(normalize, filter(None, map(_always, core_metadata.requirements(data))))),
    )


def _always(requirement: str) -> str:
    """Return the name of a requirement, empty if only an extra has it."""
    text, _, marker = requirement.partition(";")
    match = re.match(r"\s*([A-Za-z0-9._-]+)", text)
    return match[1] if match and not re.search(r"\bextra\b", marker) else ""


def _is_extra(text: str) -> bool:
    try:
        check_project_name(text)
    except VariantError:
        return False
    return True


def _specifiers(requires_python: str | None) -> Iterator[str]:
    """Yield a value of Requires-Python on one line, if all readers understand it."""
    from packaging.specifiers import SpecifierSet

    text = " ".join((requires_python or "").split())
    with suppress(ValueError):  # InvalidSpecifier, or more digits than Python converts
        if SpecifierSet(text):
            yield text
