"""Wheel filenames with a variant label (PEP 825, "Variant wheel"; the binary distribution format)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import VariantError
from .properties import check_label

if TYPE_CHECKING:
    from packaging.version import Version

_SHAPE = "NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM[-LABEL].whl"


@dataclass(frozen=True, slots=True)
class WheelFilename:
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
        parts = [self.distribution, self.version, self.build, self.tags, self.label]
        return "-".join(part for part in parts if part) + ".whl"

    @classmethod
    def parse(cls, filename: str) -> WheelFilename:
        """Split a filename; the label is split off first, the rest is checked by ``packaging``.

        Raises VariantError when it is no wheel's name, or the label is outside the grammar.
        """
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename

        parts = filename.removesuffix(".whl").split("-")
        if not filename.endswith(".whl") or len(parts) not in (5, 6, 7):
            raise VariantError(f"{filename}: not a wheel's name", hint=f"it should read {_SHAPE}")
        # A Python tag never starts with a digit, a build tag always does.
        has_build = len(parts) == 7 or (len(parts) == 6 and parts[2][:1].isdecimal())
        plain_length = 5 + has_build
        label = parts[plain_length] if len(parts) > plain_length else None
        plain = "-".join(parts[:plain_length]) + ".whl"
        try:
            parse_wheel_filename(plain)
        except InvalidWheelFilename as error:
            raise VariantError(f"{filename}: {error}", hint=f"it should read {_SHAPE}") from None
        if parts[plain_length - 3][:1].isdecimal():
            raise VariantError(
                f"{filename}: the Python tag {parts[plain_length - 3]!r} starts with a digit",
                hint=f"it should read {_SHAPE}",
            )
        if label is not None:
            try:
                check_label(label)
            except VariantError as error:
                raise error.within(filename) from None
        return cls(
            distribution=parts[0],
            version=parts[1],
            build=parts[2] if has_build else "",
            tags="-".join(parts[plain_length - 3 : plain_length]),
            label=label,
        )

    @property
    def stem(self) -> str:
        """Name and version: what stands in front of ``.dist-info`` inside."""
        return f"{self.distribution}-{self.version}"

    @property
    def release(self) -> tuple[str, Version]:
        """The normalized name and the version: what makes wheels belong to one release."""
        from packaging.utils import canonicalize_name
        from packaging.version import Version

        return canonicalize_name(self.distribution), Version(self.version)


def index_filename(release: tuple[str, Version]) -> str:
    """Return the name of a release's index-level metadata file (PEP 825, "Index-level metadata")."""
    name, version = release
    return f"{escape(name)}-{version}-variants.json"


def escape(name: str) -> str:
    """Return a project name as filenames have it: normalized, with ``_`` for ``-``."""
    return re.sub(r"[-_.]+", "_", name).lower()
