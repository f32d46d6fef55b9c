"""Asking variant provider plugins, in a process of their own (the providers draft, "Plugin API")."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from . import _ask_plugin
from .document import Document
from .errors import VariantError, did_you_mean, one_of
from .metadata import BuildProvider, PluginProvider, Provider, StaticProvider
from .properties import Variant, check_name, check_value

# A plugin reads a few files or loads a driver. Seconds.
_TIME_LIMIT = 60

_SUPPORTED, _ALL = "get_supported_configs", "get_all_configs"


class _Feature(NamedTuple):
    """One feature that a plugin knows: its values, and whether a variant may have several of them."""

    values: tuple[str, ...]
    several: bool


class _Answer(NamedTuple):
    features: dict[str, _Feature]
    all_compatible: bool


def ask_for_static(namespace: str, provider: BuildProvider) -> StaticProvider:
    """Return what a plugin that is asked at build time lists, as a list in the metadata.

    The plugin must be installed beside this package. Raises VariantError when it is not, fails, or its
    answer is none.
    """
    answer = _ask(namespace, provider, _SUPPORTED)
    place = _place(namespace, provider)
    if not answer.all_compatible:
        raise VariantError(
            f"{place}: all_properties_compatible is not true, so its answer holds for this machine only",
            hint="a plugin that looks at the machine goes into requires, and is asked by installers",
        )
    if not answer.features:
        raise VariantError(f"{place}: {_SUPPORTED}() lists no feature", hint="use another release of it")
    return StaticProvider(
        tuple((name, feature.values) for name, feature in answer.features.items()), provider.optional
    )


def validate(variant: Variant, providers: Mapping[str, Provider]) -> None:
    """Check that the plugins know the properties of a variant, and allow as many values as it has.

    The plugins must be installed beside this package. Raises VariantError with every fault found.
    """
    issues: list[str] = []
    for namespace, features in variant.to_dict().items():
        provider = providers.get(namespace)
        if isinstance(provider, (PluginProvider, BuildProvider)):
            try:
                answer = _ask(namespace, provider, _ALL)
            except VariantError as error:
                issues += error.lines()
            else:
                issues += _faults(f"variants.{variant.label}.{namespace}", features, answer)
    if issues:
        raise VariantError(*issues)


def _faults(place: str, features: Mapping[str, list[str]], answer: _Answer) -> list[str]:
    """Return what a plugin has against the properties that a variant has in its namespace."""
    faults = []
    for name, values in features.items():
        at_feature = f"{place}.{name}"
        if name not in answer.features:
            known = answer.features
            faults.append(
                f"{at_feature}: no such feature{did_you_mean(name, known)}; known are {one_of(known)}"
            )
            continue
        feature = answer.features[name]
        for value in values:
            if value not in feature.values:
                suggestion = did_you_mean(value, feature.values)
                faults.append(
                    f"{at_feature}: no such value {value!r}{suggestion}; known are {one_of(feature.values)}"
                )
        if len(values) > 1 and not feature.several:
            faults.append(
                f"{at_feature}: {one_of(values)}: this feature has one value in a variant; choose one"
            )
    return faults


def _place(namespace: str, provider: PluginProvider | BuildProvider) -> str:
    return f"providers.{namespace}: plugin {provider.reference!r}"


def _ask(namespace: str, provider: PluginProvider | BuildProvider, method: str) -> _Answer:
    """Ask a plugin, and check what it answers."""
    place = _place(namespace, provider)
    command = [sys.executable, str(Path(_ask_plugin.__file__)), provider.reference, method]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=_TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise VariantError(f"{place}: no answer within {_TIME_LIMIT} seconds") from None
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise VariantError(f"{place}: ended with exit code {done.returncode} and no answer") from None
    if "error" in told:
        is_missing = told["error"].startswith("ModuleNotFoundError")
        hint = f"it comes with {' and '.join(provider.requires)}; install that for the build"
        raise VariantError(f"{place}: {told['error']}", hint=hint if is_missing else None)
    return _read_answer(told, namespace, method, place)


def _read_answer(told: Mapping[str, object], namespace: str, method: str, place: str) -> _Answer:
    """Check what a plugin answered; raises VariantError with every fault found."""
    document = Document()
    own = told["namespace"]
    if own is not None and own != namespace:
        document.fault("namespace", f"is {own!r}, so it goes to providers.{own}")
    features: dict[str, _Feature] = {}
    configs = told["configs"]
    for index, config in enumerate(configs if isinstance(configs, list) else []):
        at = f"{method}()[{index}]"
        name = document.string(config["name"], f"{at}.name")
        values = document.strings(config["values"], f"{at}.values", check_value)
        several = document.boolean(config["multi_value"], f"{at}.multi_value")
        if name is not None and document.passes(f"{at}.name", lambda text: check_name(text, "feature"), name):
            if name in features:
                document.fault(f"{at}.name", f"{name!r} is there twice")
            features[name] = _Feature(values, several)
    document.check(place)
    return _Answer(features, told["all_properties_compatible"] is True)
