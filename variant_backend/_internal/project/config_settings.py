"""The config settings of a build that say which variant its wheel becomes (PEP 517)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import Problem, RequestError, VariantError

if TYPE_CHECKING:
    from ..variants.properties import Property
    from ..variants.wheel_variant import WheelVariant

ConfigSettings = Mapping[str, object]

_VARIANT_KEYS = ("variant", "variant-label")
_FILENAME_KEY = "variant-filename"

# Instead of a label, this requests the best label for the machine.
AUTO = "auto"

# All other settings belong to the wrapped backend.
VARIANT_SETTINGS = (*_VARIANT_KEYS, _FILENAME_KEY)

# Settings of scikit-build-core since 1.0, and their equivalents here.
_SCIKIT_BUILD_CORE = {"variant-name": "variant=PROPERTY", "null-variant": "variant=null"}
# Backends without such settings. A backend in the project's own tree may call scikit-build-core.
_OTHER_BACKENDS = {
    "flit_core",
    "hatchling",
    "maturin",
    "mesonpy",
    "pdm",
    "poetry",
    "py_build_cmake",
    "setuptools",
    "uv_build",
}
_VALUES = {"variant": "LABEL", "variant-label": "LABEL", _FILENAME_KEY: "plain"}
_EXPECTED = {"variant": "a label", "variant-label": "a label", _FILENAME_KEY: "'plain'"}
_NEAR = 0.85  # "variants" and "varient" are nearer to "variant"; "variable" and "variation" are not


def check_settings(config_settings: ConfigSettings | None, backend: str | None) -> None:
    """Check that no setting for the wrapped *backend* is a misspelt setting of this package.

    *backend* has the form of ``build-backend``; it is None in a dispatching sdist. Raises VariantError with
    every such setting.
    """
    problems = []
    module = (backend or "").partition(":")[0].partition(".")[0]
    for key in config_settings or {}:
        is_known = key in VARIANT_SETTINGS or (key in _SCIKIT_BUILD_CORE and module not in _OTHER_BACKENDS)
        if not is_known and (meant := _meant(key)):
            text = f"unknown config setting {key!r} (did you mean {meant.partition('=')[0]!r}?)"
            problems.append(Problem("error", "", text, f"write -C{meant}"))
    if problems:
        raise VariantError(*problems)


def _meant(key: str) -> str | None:
    """Return the setting of which a key is a misspelling, with an example of its value, or None."""
    from difflib import get_close_matches

    name = key.lower().strip("-").replace("_", "-").replace(".", "-")
    for known in get_close_matches(name, [*_SCIKIT_BUILD_CORE, *VARIANT_SETTINGS], n=1, cutoff=_NEAR):
        return _SCIKIT_BUILD_CORE.get(known) or f"{known}={_VALUES[known]}"
    return None


def asked_variants(config_settings: ConfigSettings | None) -> dict[str, str]:
    """Return the requested labels and properties, each with the name of its setting; raises VariantError."""
    requested = dict[str, str]()
    for key in _VARIANT_KEYS:
        own = dict[str, str]()
        for text in _texts(config_settings, key):
            if text in own:
                raise VariantError(
                    f"config setting {key!r}: duplicate value {text!r}", remedy=f"write -C{key}={text} once"
                )
            own[text] = key
        requested |= own
    return requested


def only_label(labels: Collection[str]) -> str | None:
    """Return the requested label, or None if there is none; raises VariantError if there are several."""
    if len(labels) > 1:
        raise VariantError(
            f"config settings request {len(labels)} labels: {', '.join(labels)}",
            remedy="request only one",
        )
    return next(iter(labels), None)


def label_and_properties(asked: Mapping[str, str]) -> tuple[str | None, tuple[Property, ...]]:
    """Return the requested label, or None, and the requested properties, from `asked_variants`.

    Raises VariantError if a property is invalid, or if there are several labels.
    """
    from ..variants.properties import Property

    own = {text: None for text, key in asked.items() if key == "variant" and "::" in text}
    properties = tuple(map(Property.parse, own))
    return only_label([text for text in asked if text not in own]), properties


def variant_of_settings(
    config_settings: Mapping[str, object] | None, table: Mapping[str, object] | None
) -> WheelVariant | None:
    """Return the variant that config settings request from a build backend, or None (PEP 517).

    *config_settings* may be None. The settings are ``variant`` (a label, or properties
    ``NAMESPACE :: FEATURE :: VALUE``), ``variant-label`` (a label for properties) and ``variant-filename``
    (``plain`` leaves the label out of the filename). Each is a string or a list of strings. *table* is the
    ``[variant]`` table of pyproject.toml, or None. Raises VariantError if a setting is invalid or misspelt,
    RequestError if it requests ``auto``, the best label, which only `variant_backend.hooks` selects, and the
    errors of `wheel_variant`.

    >>> variant = variant_of_settings({"variant": "x86_64::level::v3", "variant-label": "v3"}, None)
    >>> variant.filename("demo-1.0-py3-none-any.whl")
    'demo-1.0-py3-none-any-v3.whl'
    """
    check_settings(config_settings, None)
    labelled = not asks_for_plain_name(config_settings)
    asked = asked_variants(config_settings)
    if not asked:
        return None
    if asked.get(AUTO) == "variant":
        text = "-Cvariant=auto: this build backend does not select the best label"
        raise RequestError(text, remedy="write -Cvariant=LABEL")
    from ..variants.wheel_variant import wheel_variant  # plain builds do not need it

    return wheel_variant(table, *label_and_properties(asked))._replace(labelled=labelled)


def asks_for_plain_name(config_settings: ConfigSettings | None) -> bool:
    """Return whether the build leaves the label out of the wheel's name.

    `make-variant` adds it later, after the wheel was repaired and tested.
    """
    texts = _texts(config_settings, _FILENAME_KEY)
    for text in texts:
        if text != "plain":
            raise VariantError(
                f"config setting {_FILENAME_KEY!r}: expected 'plain', got {text!r}",
                remedy=f"write -C{_FILENAME_KEY}=plain, or leave it out",
            )
    return bool(texts)


def without_variant_settings(config_settings: Mapping[str, object] | None) -> dict[str, object] | None:
    """Return a copy of *config_settings* without those of `variant_of_settings` (PEP 517).

    None stays None. It is a copy, because some backends change the mapping.

    >>> without_variant_settings({"variant": "mkl", "--global-option": "--quiet"})
    {'--global-option': '--quiet'}
    """
    if config_settings is None:
        return None
    return {key: value for key, value in config_settings.items() if key not in VARIANT_SETTINGS}


def _texts(config_settings: ConfigSettings | None, key: str) -> Sequence[str]:
    """Return the values of a setting: frontends give one string, or a list if it is repeated.

    An empty string is an error, because it usually comes from a variable that is not set.
    """
    value = (config_settings or {}).get(key, [])
    values: Sequence[object] = value if isinstance(value, (list, tuple)) else [value]
    texts = []
    for text in values:
        if not isinstance(text, str) or not text:
            got = "an empty string" if text == "" else repr(text)
            raise VariantError(
                f"config setting {key!r}: expected {_EXPECTED[key]}, got {got}",
                remedy=f"write -C{key}={_VALUES[key]}, or leave it out",
            )
        texts.append(text)
    return texts
