"""Wheel filenames with a variant label (PEP 825, "Variant wheel"; the binary distribution format)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .errors import VariantError
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
        found = _WHEEL.fullmatch(filename)
        if not found:
            raise VariantError(
                f"{filename}: not a wheel's name",
                hint="it should read NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM[-LABEL].whl",
            )
        result = cls(**{part: text or "" for part, text in found.groupdict().items()})
        if found["label"] is None:
            return result._replace(label=None)
        try:
            check_label(found["label"])
        except VariantError as error:
            raise error.within(filename) from None
        return result

    @property
    def stem(self) -> str:
        """Name and version: what stands in front of ``.dist-info`` inside."""
        return f"{self.distribution}-{self.version}"

    def release(self) -> tuple[str, Version]:
        """Return the normalized name and the version: what makes wheels belong to one release.

        Raises VariantError when the version is not one (PEP 440).
        """
        from packaging.utils import canonicalize_name
        from packaging.version import Version

        try:
            return canonicalize_name(self.distribution), Version(self.version)
        except ValueError as error:  # InvalidVersion, or more digits than Python converts
            raise VariantError(f"{self}: {error}") from None


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


def escape(name: str) -> str:
    """Return a project name as filenames have it: normalized, with ``_`` for ``-``."""
    return re.sub(r"[-_.]+", "_", name).lower()
