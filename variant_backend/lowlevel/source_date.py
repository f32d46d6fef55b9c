"""SOURCE_DATE_EPOCH: the time that reproducible builds give to what they write."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import VariantError


def source_date_epoch(environ: Mapping[str, str]) -> int | None:
    """Return SOURCE_DATE_EPOCH of an environment, in seconds since 1970, or None without one.

    Raises VariantError when it is not a number.
    """
    text = environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise VariantError(f"SOURCE_DATE_EPOCH is {text!r}, not a number of seconds") from None
