"""SOURCE_DATE_EPOCH: the time that reproducible builds give to the files that they write."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import VariantError


def source_date_epoch(environ: Mapping[str, str]) -> int | None:
    """Return SOURCE_DATE_EPOCH of an environment, in seconds since 1970; None if it is not set.

    Raises VariantError if it is not a number.
    """
    text = environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise VariantError(
            f"expected a number of seconds, got {text!r}",
            place="SOURCE_DATE_EPOCH",
            remedy="set it to the seconds since 1970, such as 1700000000",
        ) from None
