"""Wheel filenames with a variant label (PEP 825, "Variant wheel"; the binary distribution format)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError
from .properties import check_label

if TYPE_CHECKING:
    from packaging.version import Version

# A Python tag never starts with a digit, a build tag always does, so a label can follow either.
_WHEEL = re.compile(
    r"""
    (?P<distribution>(?:(?!__)[A-Za-z0-9._])+) - (?P<version>\d[A-Za-z0-9._+!]*)
    (?: - (?P<build>\d[^-]*) )?
    - (?P<tags>[^\W\d][^-]* - [^-]+ - [^-]+)
    (?: - (?P<label>[^-]*) )?
    \.whl
    """,
    re.VERBOSE | re.ASCII,
)


class WheelFilename(NamedTuple):
    """The parts of a wheel's filename, each as it is spelled there; *build* may be empty.

    >>> WheelFilename.parse("numpy-2.3.2-cp313-cp313t-musllinux_1_2_x86_64-x86_64_v3.whl").label
    'x86_64_v3'
    """

    distribution: str
    version: str
    build: str
    tags: str
    label: str | None

    def __str__(self) -> str:
        parts = (self.distribution, self.version, self.build, self.tags, self.label)
        return "-".join(part for part in parts if part) + ".whl"

    @classmethod
    def parse(cls, filename: str) -> WheelFilename:
        """Split a filename into its parts.

        Raises VariantError when it is no wheel's name, or the label is outside the grammar.
        """
        match = _WHEEL.fullmatch(filename)
        if not match:
            raise VariantError(
                "not a wheel's name",
                place=filename,
                hint="it should read NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM[-LABEL].whl",
            )
        distribution, version, build, tags, label = match.groups()
        if label is not None:
            try:
                check_label(label)
            except VariantError as error:
                raise error.within(filename) from None
        return cls(distribution, version, build or "", tags, label)

    @property
    def stem(self) -> str:
        """Name and version: what stands in front of ``.dist-info`` inside."""
        return f"{self.distribution}-{self.version}"

    def release(self) -> tuple[str, Version]:
        """Return the normalized name and the version: what makes wheels belong to one release.

        Raises VariantError when the version is not one (PEP 440).
        """
        from packaging.version import Version

        try:
            return normalize(self.distribution), Version(self.version)
        except ValueError as error:  # InvalidVersion, or more digits than Python converts
            raise VariantError(str(error), place=self) from None


def check_project_name(name: str) -> None:
    """Check the name of a project (packaging's "Names and normalization"); raises VariantError."""
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        raise VariantError(
            f"project name {name!r} is not one",
            hint="use letters, digits, and '.', '_' or '-' between them",
        )


def index_filename(release: tuple[str, Version]) -> str:
    """Return the name of a release's index-level metadata file (PEP 825, "Index-level metadata")."""
    name, version = release
    return f"{escape(name)}-{version}-variants.json"


def parse_index_filename(filename: str) -> tuple[str, Version]:
    """Return the release that an index-level metadata file is about: the inverse of `index_filename`.

    Raises VariantError when it is no such name, or is not normalized; then the right one is said.
    """
    from packaging.version import Version

    match = re.fullmatch(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)-([^-]+)-variants\.json", filename)
    if not match:
        raise VariantError(
            "not the name of an index file",
            place=filename,
            hint="it should read NAME-VERSION-variants.json",
        )
    try:
        release = normalize(match[1]), Version(match[2])
    except ValueError as error:  # as in `WheelFilename.release`
        raise VariantError(str(error), place=filename) from None
    if filename != index_filename(release):
        raise VariantError(
            "name or version is not normalized", place=filename, hint=f"call it {index_filename(release)}"
        )
    return release


def release_of_index(filename: str) -> tuple[str, Version] | None:
    """Return the release that an index-level file is about, however it is spelled; None for another file.

    Raises VariantError when the version is not one (PEP 440).
    """
    from packaging.version import Version

    match = re.fullmatch(r"(.+)-([^-]+)-variants\.json", filename)
    try:
        return (normalize(match[1]), Version(match[2])) if match else None
    except ValueError as error:  # as in `WheelFilename.release`
        raise VariantError(str(error), place=filename) from None


def version_of(filename: str) -> Version | None:
    """Return the version of a wheel, an sdist or an index file by its name, or None for another file."""
    from packaging.utils import InvalidSdistFilename, parse_sdist_filename

    try:
        if filename.endswith(".whl"):
            return WheelFilename.parse(filename).release()[1]
        if filename.endswith(".json"):
            return parse_index_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except (VariantError, InvalidSdistFilename):
        return None


def normalize(name: str) -> str:
    """Return a project name as indexes have it (packaging's "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()  # as packaging.utils does, which takes long to import


def escape(name: str) -> str:
    """Return a project name as filenames have it: normalized, with ``_`` for ``-``."""
    return normalize(name).replace("-", "_")
