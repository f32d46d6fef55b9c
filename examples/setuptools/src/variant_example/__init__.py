"""Find out which variant of this package is installed."""

from __future__ import annotations

import json
from importlib.metadata import distribution


def label() -> str | None:
    """Return the label of the installed variant, or None if a plain wheel is installed."""
    text = distribution("variant-example-setuptools").read_text("variant.json")
    return next(iter(json.loads(text)["variants"])) if text else None
