"""The config settings of a build that say which variant its wheel becomes (PEP 517)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..errors import VariantError

ConfigSettings = Mapping[str, Any]

_VARIANT_KEYS = ("variant", "variant-label")
_FILENAME_KEY = "variant-filename"

# All other settings are the wrapped backend's.
VARIANT_SETTINGS = (*_VARIANT_KEYS, _FILENAME_KEY)


def asked_variants(config_settings: ConfigSettings | None) -> dict[str, str]:
    """Return the labels and properties that are asked for, each with the setting that has it.

    Raises VariantError.
    """
    return {text: key for key in _VARIANT_KEYS for text in _texts(config_settings, key)}


def only_label(labels: Collection[str]) -> str | None:
    """Return the label that is asked for, None without one; raises VariantError if there are several."""
    if len(labels) > 1:
        raise VariantError(
            f"config settings ask for {len(labels)} labels: {', '.join(labels)}", hint="ask for one"
        )
    return next(iter(labels), None)


def is_labelled(config_settings: ConfigSettings | None) -> bool:
    """Tell whether the label goes into the wheel's name now, or later, when it is repaired and tested."""
    texts = _texts(config_settings, _FILENAME_KEY)
    for text in texts:
        if text != "plain":
            raise VariantError(
                f"config setting {_FILENAME_KEY!r} is {text!r}", hint=f"write {_FILENAME_KEY}=plain"
            )
    return not texts


def backend_settings(config_settings: ConfigSettings | None) -> dict[str, Any] | None:
    """Return the settings for the wrapped backend: a copy, as some backends change what they get."""
    if config_settings is None:
        return None
    return {key: value for key, value in config_settings.items() if key not in VARIANT_SETTINGS}


def _texts(config_settings: ConfigSettings | None, key: str) -> Sequence[str]:
    """Return the values of a setting: frontends give one string, or a list when it is repeated.

    An empty one is mostly a variable that is not set. It asks for something, and nobody knows for what: so it
    is refused, as is all that is no string.
    """
    value = (config_settings or {}).get(key, [])
    values = value if isinstance(value, (list, tuple)) else [value]
    for text in values:
        if not isinstance(text, str) or not text:
            raise VariantError(
                f"config setting {key!r} is {text!r}", hint=f"write {key}=VALUE, or leave it out"
            )
    return values
