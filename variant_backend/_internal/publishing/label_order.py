"""The usual order of labels for people: best first, without asking a machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.metadata import VariantMetadata
from ..variants.providers import StaticProvider
from ..variants.ranking import ordered_labels
from ..variants.words import by_number


def labels_best_first(metadata: VariantMetadata) -> list[str]:
    """Return the labels as a machine ranks them that supports all of their values.

    The order of static properties is that of their provider. Otherwise, higher values rank first.

    >>> from variant_backend._internal.variants.properties import Property, Variant
    >>> variants = {
    ...     label: Variant.of(label, [Property("amd", "gfx_arch", model)])
    ...     for label, model in {"old": "gfx906", "new": "gfx90a"}.items()
    ... }
    >>> labels_best_first(VariantMetadata(("amd",), {}, variants))
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
        ordered.setdefault(feature, []).extend(sorted(others, key=by_number, reverse=True))
    return ordered
