"""Alignment: packages of one environment agree on a value of a feature, such as one BLAS library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from ..errors import VariantError
from .properties import check_name

# A namespace and a feature in it.
Axis: TypeAlias = "tuple[str, str]"
# The value of each aligned feature.
Assignment: TypeAlias = "Mapping[Axis, str]"

_HINT = "write NAMESPACE or NAMESPACE::FEATURE"


class AlignedName(NamedTuple):
    """What to align: all features of a namespace, or one *feature*.

    >>> AlignedName.parse("blas :: library")
    AlignedName(namespace='blas', feature='library')
    """

    namespace: str
    feature: str | None = None

    @classmethod
    def parse(cls, text: str) -> AlignedName:
        """Read ``NAMESPACE`` or ``NAMESPACE::FEATURE``; raises VariantError."""
        parts = [part.strip() for part in text.split("::")]
        if len(parts) > 2:
            raise VariantError(f"expected at most two names, got {text!r}", remedy=_HINT)
        for name, what in zip(parts, ("namespace", "feature"), strict=False):
            check_name(name, what)
        return cls(*parts)

    def __str__(self) -> str:
        return self.namespace if self.feature is None else f"{self.namespace} :: {self.feature}"

    def covers(self, axis: Axis) -> bool:
        """Return whether a feature is to be aligned."""
        return axis[0] == self.namespace and self.feature in (None, axis[1])


def is_aligned(axis: Axis, align: Iterable[AlignedName]) -> bool:
    """Return whether one of the names covers a feature."""
    return any(name.covers(axis) for name in align)
