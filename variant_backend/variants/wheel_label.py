"""The label of one wheel: its variant.json has exactly one, which is the filename's (PEP 825)."""

from __future__ import annotations

from collections.abc import Collection

from ..errors import Problem, VariantError
from .metadata import VariantMetadata
from .properties import Variant


def label_problem(labels: Collection[str], expected: str | None) -> Problem | None:
    """Return what is wrong with the labels of a wheel's variant.json, or None.

    *expected* is the label of the filename, None if it has none.
    """
    if len(labels) != 1:
        return Problem("one-label", "variants", f"{len(labels)} labels, and exactly one is needed")
    (label,) = labels
    if expected not in (None, label):
        text = f"label {label!r}, but the filename says {expected!r}"
        return Problem("label-mismatch", "variants", text)
    return None


def variant_of_wheel(metadata: VariantMetadata) -> Variant:
    """Return the variant that a wheel with this metadata is; raises VariantError unless it has one label."""
    if problem := label_problem(metadata.variants, None):
        raise VariantError(problem)
    return next(iter(metadata.variants.values()))
