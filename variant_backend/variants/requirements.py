"""The packages that a command line or a recipe names: a name, optionally a version and a variant's label."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from .filename import normalize, version_of
from .properties import check_label

if TYPE_CHECKING:
    from packaging.version import Version

_EQUALS = ("==", "===")
_HINT = "write PACKAGE, PACKAGE==VERSION, PACKAGE#LABEL or PACKAGE==VERSION#LABEL"


class Pin(NamedTuple):
    """A package by its normalized *name*; None as *version* or *label* admits any.

    >>> str(Pin.parse("Torch == 2.10 #cu128"))
    'torch==2.10#cu128'
    """

    name: str
    version: Version | None = None
    label: str | None = None

    def __str__(self) -> str:
        version = f"=={self.version}" if self.version is not None else ""
        return f"{self.name}{version}{f'#{self.label}' if self.label is not None else ''}"

    @classmethod
    def parse(cls, text: str) -> Pin:
        """Read ``PACKAGE[==VERSION][#LABEL]``; white space between the parts is ignored.

        Raises VariantError if the text has another form.
        """
        front, separator, label = (part.strip() for part in text.partition("#"))
        try:
            name, version = _read_front(front)
            if separator:
                _check_label(label)
        except VariantError as error:
            raise error.within(repr(text)) from None
        return cls(name, version, label if separator else None)


class LocalPin(NamedTuple):
    """A requirement that only one local version of a project satisfies; *name* is normalized."""

    requirement: str
    name: str
    version: Version


def local_pins(requirements: Iterable[str]) -> list[LocalPin]:
    """Return the requirements on local versions, such as ``torch==2.10.0+cpu``; invalid ones are ignored."""
    texts = [text for text in requirements if "+" in text.partition(";")[0]]
    if not texts:
        return []  # the modules below take long to import
    from packaging.requirements import Requirement
    from packaging.version import Version

    pins = []
    for text in texts:
        try:
            requirement = Requirement(text)
            versions = [Version(part.version) for part in requirement.specifier if part.operator in _EQUALS]
        except (ValueError, RecursionError):  # InvalidRequirement and InvalidVersion, too
            continue
        pins += [
            LocalPin(text, normalize(requirement.name), version) for version in versions if version.local
        ]
    return pins


def _read_front(text: str) -> tuple[str, Version | None]:
    """Read the text before the label: a name, and at most one version."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    if release := _release_of_file(text):
        raise VariantError("expected a package, got a file", hint=f"write {release}")
    try:
        requirement = Requirement(text)
    except (ValueError, RecursionError) as error:
        raise VariantError(str(error).splitlines()[0], hint=_with_two_equal_signs(text) or _HINT) from None
    for part, what in (
        (requirement.url, "URL"),
        (requirement.extras, "extra"),
        (requirement.marker, "marker"),
    ):
        if part:
            raise VariantError(f"unexpected {what}", hint=_HINT)
    specifiers = [(specifier.operator, specifier.version) for specifier in requirement.specifier]
    if not specifiers:
        return normalize(requirement.name), None
    if len(specifiers) > 1 or specifiers[0][0] != "==" or specifiers[0][1].endswith(".*"):
        raise VariantError(f"expected one version, got {str(requirement.specifier)!r}", hint=_HINT)
    try:
        return normalize(requirement.name), Version(specifiers[0][1])
    except ValueError as error:  # more digits than Python converts
        raise VariantError(str(error)) from None


def _release_of_file(path: str) -> Pin | None:
    """Return the release of a wheel or an sdist by its filename, None for other texts."""
    filename = path.replace("\\", "/").rpartition("/")[2]
    name, version = re.match(r"(.+?)-\d", filename), version_of(filename)
    return Pin(normalize(name[1]), version) if name and version else None


def _with_two_equal_signs(text: str) -> str | None:
    """Return the remedy for ``PACKAGE=VERSION``, None for other texts."""
    if text.count("=") != 1:
        return None
    remedied = text.replace("=", "==")
    try:
        _read_front(remedied)
    except VariantError:
        return None
    return f"write '==': {remedied}"


def _check_label(label: str) -> None:
    if not label:
        hint = "remove '#', or write '#null' for the null variant (plain wheels have no label)"
        raise VariantError("missing label after '#'", hint=hint)
    check_label(label)
