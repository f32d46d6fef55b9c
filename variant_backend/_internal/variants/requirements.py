"""The packages that a command line, a file or a recipe names: requirements, optionally with a label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from .filename import name_in, normalize, version_of
from .label_pattern import PLAIN, check_wanted, is_pattern
from .properties import check_label

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

_EQUALS = ("==", "===")
_REQUEST_HINT = "write PACKAGE, PACKAGE==VERSION, PACKAGE>=VERSION or PACKAGE#LABEL"
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
            name, version = _read_exact(front)
            if separator:
                _check_exact_label(label)
        except VariantError as error:
            raise error.within(repr(text)) from None
        return cls(name, version, label if separator else None)

    @property
    def request(self) -> PackageRequest:
        """The same package as a request."""
        return PackageRequest.parse(str(self))


def names_local_version(specifiers: SpecifierSet) -> bool:
    """Return whether a specifier names one local version, such as ``==2.10.0+cu126``."""
    return any(part.operator in _EQUALS and "+" in part.version for part in specifiers)


class PackageRequest(NamedTuple):
    """A requirement on a package by its normalized *name*, optionally with the *label* that is wanted.

    *label* is a label, a pattern, or ``(plain)`` for the plain wheel; None admits any. *extras* matter for
    dependencies only. *marker* is empty if the requirement is for all environments.

    >>> str(PackageRequest.parse("Torch [opt] >= 2.9, < 3 # cuda*; os_name == 'posix'"))
    'torch[opt]<3,>=2.9#cuda*; os_name == "posix"'
    """

    name: str
    specifiers: SpecifierSet
    label: str | None = None
    extras: tuple[str, ...] = ()
    marker: str = ""

    @classmethod
    def parse(cls, text: str) -> PackageRequest:
        """Read ``PACKAGE[EXTRA]SPECIFIERS#LABEL; MARKER``; each part but the name may be missing.

        The marker may also precede ``#``. Raises VariantError if the text has another form.
        """
        front, separator, rest = text.partition("#")
        label, semicolon, marker = (part.strip() for part in rest.partition(";"))
        try:
            requirement = _read_requirement(f"{front}{semicolon}{marker}".strip(), _REQUEST_HINT)
            if separator:
                _check_wanted_label(label)
        except VariantError as error:
            raise error.within(repr(text)) from None
        extras = tuple(sorted(map(normalize, requirement.extras)))
        marker = str(requirement.marker or "")
        name = normalize(requirement.name)
        return cls(name, requirement.specifier, label if separator else None, extras, marker)

    def __str__(self) -> str:
        label = f"#{self.label}" if self.label is not None else ""
        return f"{self.in_short}{label}{f'; {self.marker}' if self.marker else ''}"

    @property
    def in_short(self) -> str:
        """The text without label and marker."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.name}{extras}{self.specifiers}"

    @property
    def requirement(self) -> str:
        """The text without label, which all installers read."""
        return str(self._replace(label=None))

    @property
    def exact_label(self) -> str | None:
        """The label if only wheels of one label are wanted, else None."""
        return None if self.label is None or self.label == PLAIN or is_pattern(self.label) else self.label

    @property
    def is_pinned(self) -> bool:
        """Whether a specifier names one version, which may be yanked or a pre-release."""
        return any(part.operator in _EQUALS and not part.version.endswith(".*") for part in self.specifiers)

    def admits(self, version: Version) -> bool:
        """Return whether the specifiers admit a version, which may be a pre-release."""
        return self.specifiers.contains(version, prereleases=True)

    @property
    def names_local(self) -> bool:
        """Whether the specifiers name one local version."""
        return names_local_version(self.specifiers)

    @property
    def names_plain_file(self) -> bool:
        """Whether it names a plain wheel by its local version, as `installed --freeze` does."""
        return self.label == PLAIN and self.names_local

    @property
    def public(self) -> PackageRequest:
        """The request for releases of which local versions are parts.

        >>> str(PackageRequest.parse("torch===2.10.0+cu126,!=2.10.0+cpu,<3").public)
        'torch<3,==2.10.0'
        """
        from packaging.specifiers import SpecifierSet

        if not any(part.operator == "===" or "+" in part.version for part in self.specifiers):
            return self
        parts = (
            _public(part.version) if part.operator in _EQUALS else str(part)
            for part in self.specifiers
            if part.operator in _EQUALS or "+" not in part.version
        )
        return self._replace(specifiers=SpecifierSet(",".join(parts)))

    @property
    def wants_early(self) -> bool:
        """Whether pre-releases are as good as other releases, since a specifier names one."""
        return self.is_pinned or bool(self.specifiers.prereleases)

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Return whether the marker is true in an environment."""
        from packaging.markers import Marker

        return not self.marker or Marker(self.marker).evaluate({**environment, "extra": ""})

    def with_constraint(self, other: PackageRequest) -> PackageRequest:
        """Return the request with the specifiers and the label of a constraint on the same package.

        Raises VariantError if both have a label, and these differ.
        """
        if self.label is not None and other.label not in (None, self.label):
            raise VariantError(f"another requirement wants {other}", place=self, remedy="remove one of them")
        label = other.label if self.label is None else self.label
        return self._replace(specifiers=self.specifiers & other.specifiers, label=label)

    def with_more(self, other: PackageRequest) -> PackageRequest:
        """Return a request for what this one and another one of the same package and label ask for."""
        extras = tuple(sorted({*self.extras, *other.extras}))
        return self._replace(specifiers=self.specifiers & other.specifiers, extras=extras)


def _public(version: str) -> str:
    """Return the specifier for a version without its local part; ``===`` also admits texts of other forms."""
    from packaging.specifiers import SpecifierSet

    specifier = f"=={version.partition('+')[0]}"
    try:
        SpecifierSet(specifier)
    except ValueError:  # InvalidSpecifier, or more digits than Python converts
        return f"==={version}"
    return specifier


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


def distinct_requirements(kept: Iterable[str], added: Iterable[str] = ()) -> list[str]:
    """Return *kept* requirements and then *added* ones; the first one of equal requirements stays.

    If a kept and an added requirement are equal, the added one stays.

    >>> distinct_requirements(["numpy >= 2", "numpy>=2", "mkl", "tbb"], ["mkl"])
    ['numpy >= 2', 'tbb', 'mkl']
    """
    kept, added = [*kept], [*added]
    identities = _identities([*kept, *added])
    wanted, others = _by_identity(added, identities), _by_identity(kept, identities)
    return [*(text for key, text in others.items() if key not in wanted), *wanted.values()]


def _by_identity(requirements: Iterable[str], identities: Mapping[str, object]) -> dict[object, str]:
    """Return the requirements without repetitions: the first one of equal requirements stays."""
    result: dict[object, str] = {}
    for text in requirements:
        result.setdefault(identities[text], text)
    return result


def _identities(requirements: Iterable[str]) -> dict[str, object]:
    """Return an identity for each requirement; equal requirements have equal identities."""
    by_project: dict[str, list[str]] = {}
    for text in dict.fromkeys(requirements):
        by_project.setdefault(name_in(text), []).append(text)
    return {
        # If a project has only one requirement, it is not parsed, because parsing takes long.
        text: text if len(texts) == 1 else _parsed(text)
        for texts in by_project.values()
        for text in texts
    }


def _parsed(requirement: str) -> object:
    """Return a parsed requirement, or its text if it is invalid, as in some old wheels."""
    from packaging.requirements import Requirement

    try:
        return Requirement(requirement)
    except (ValueError, RecursionError):  # variant markers are invalid here, too
        return requirement


def _read_exact(text: str) -> tuple[str, Version | None]:
    """Read the text before the label of a pin: a name, and at most one version."""
    from packaging.version import Version

    requirement = _read_requirement(text, _HINT)
    for part, what in ((requirement.extras, "extra"), (requirement.marker, "marker")):
        if part:
            raise VariantError(f"unexpected {what}", remedy=_HINT)
    specifiers = [(specifier.operator, specifier.version) for specifier in requirement.specifier]
    if not specifiers:
        return normalize(requirement.name), None
    if len(specifiers) > 1 or specifiers[0][0] != "==" or specifiers[0][1].endswith(".*"):
        raise VariantError(f"expected one version, got {str(requirement.specifier)!r}", remedy=_HINT)
    return normalize(requirement.name), Version(specifiers[0][1])


def _read_requirement(text: str, remedy: str) -> Requirement:
    """Read a requirement; raises VariantError for a file, a URL, or another form."""
    from packaging.requirements import Requirement

    if release := _release_of_file(text):
        raise VariantError("expected a package, got a file", remedy=f"write {release}")
    try:
        requirement = Requirement(text)
    except (ValueError, RecursionError) as error:
        remedy = _with_two_equal_signs(text) or remedy
        raise VariantError(str(error).splitlines()[0], remedy=remedy) from None
    if requirement.url:
        raise VariantError("unexpected URL", remedy=remedy)
    try:
        _check_versions(requirement.specifier)
    except ValueError as error:
        raise VariantError(str(error)) from None
    return requirement


def parse_specifiers(text: str) -> SpecifierSet:
    """Parse version specifiers; raises ValueError if they are invalid."""
    from packaging.specifiers import SpecifierSet

    specifiers = SpecifierSet(text)
    _check_versions(specifiers)
    return specifiers


def _check_versions(specifiers: SpecifierSet) -> None:
    """Parse each version, which `packaging` does later; raises ValueError for too many digits."""
    from packaging.version import Version

    for part in specifiers:
        if part.operator != "===":
            Version(part.version.removesuffix(".*"))


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
        _read_exact(remedied)
    except VariantError:
        return None
    return f"write '==': {remedied}"


def _check_exact_label(label: str) -> None:
    if not label:
        remedy = "remove '#', or write '#null' for the null variant (plain wheels have no label)"
        raise VariantError("missing label after '#'", remedy=remedy)
    check_label(label)


def _check_wanted_label(label: str) -> None:
    if not label:
        remedy = f"remove '#', or write '#null' for the null variant, or '#{PLAIN}' for the plain wheel"
        raise VariantError("missing label after '#'", remedy=remedy)
    check_wanted(label)
