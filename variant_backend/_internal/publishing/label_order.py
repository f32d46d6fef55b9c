"""The usual order of labels for people: best first, without asking a machine."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.metadata import VariantMetadata
from ..variants.providers import StaticProvider
from ..variants.ranking import ordered_labels


def labels_best_first(metadata: VariantMetadata) -> list[str]:
    """Return the labels as a machine ranks them that supports all of their values.

    The order of static properties is that of their provider. Otherwise, higher values rank first.

    >>> from variant_backend._internal.variants.properties import Property, Variant
    >>> variants = {
    ...     label: Variant.of(label, [Property("nvidia", "cuda_version_lower_bound", version)])
    ...     for label, version in {"old": "9.2", "new": "13.0"}.items()
    ... }
    >>> labels_best_first(VariantMetadata(("nvidia",), {}, variants))
    ['new', 'old']
    """
    used: dict[str, dict[str, set[str]]] = {}
    for variant in metadata.variants.values():
        for prop in variant.properties:
            used.setdefault(prop.namespace, {}).setdefault(prop.feature, set()).add(prop.value)
    supported = {
        namespace: _ordered(_listed(metadata, namespace), features) for namespace, features in used.items()
    }
    return ordered_labels(metadata, supported)


def _listed(metadata: VariantMetadata, namespace: str) -> Mapping[str, Sequence[str]]:
    """Return the features of a namespace in their order, with the values whose order is known."""
    provider = metadata.providers.get(namespace)
    if isinstance(provider, StaticProvider):
        return dict(provider.features)
    known = KNOWN_PROVIDERS.get(namespace)
    return dict.fromkeys(known.features(), ()) if known else {}


def _ordered(
    listed: Mapping[str, Sequence[str]], used: Mapping[str, Collection[str]]
) -> Mapping[str, Sequence[str]]:
    """Return all features with all values: the *listed* ones, then the others."""
    ordered = {feature: [*values] for feature, values in listed.items()}
    for feature in sorted(used):
        others = {*used[feature]}.difference(listed.get(feature, ()))
        ordered.setdefault(feature, []).extend(sorted(others, key=_by_number, reverse=True))
    return ordered


def _by_number(value: str) -> list[tuple[int, str]]:
    """Return a sort key that sorts the value 90 before 100."""
    return [(len(number), number or text) for number, text in re.findall(r"(\d+)|(\D+)", value)]
