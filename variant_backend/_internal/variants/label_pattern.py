"""Which label a request wants: one label, the labels that match a pattern, or no label at all."""

from __future__ import annotations

from fnmatch import fnmatchcase

from .properties import check_label_pattern

# A request names the plain wheel like this.
PLAIN = "(plain)"


def is_pattern(wanted: str) -> bool:
    """Return whether a wanted label is a pattern, such as ``cuda*``."""
    return "*" in wanted or "?" in wanted


def check_wanted(wanted: str) -> None:
    """Raise VariantError unless a text is a label, a pattern or ``(plain)``."""
    if wanted != PLAIN:
        check_label_pattern(wanted)


def is_wanted(label: str | None, wanted: str) -> bool:
    """Return whether a label, None for a plain wheel, is the wanted one.

    >>> [is_wanted(label, "cuda*") for label in ("cuda12.8", "null", None)]
    [True, False, False]
    """
    if label is None or wanted == PLAIN:
        return label is None and wanted == PLAIN
    return fnmatchcase(label, wanted)
