"""Variant metadata: the content of variant.json, the index file and the ``[variant]`` table.

`VariantMetadata` represents all three. Sources: PEP 825 ("Variant metadata", "Index-level metadata",
"Metadata consistency") for version 0.1.1 of the format, the providers draft for version 0.2.0, and the
building draft for the ``[variant]`` table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..errors import RequestError, UnknownNameError, did_you_mean, one_of
from .abi_dependency import ABI_DEPENDENCY, check_property
from .properties import NULL_LABEL, NULL_VARIANT, Property, Variant, check_label, in_given_order
from .providers import BuildProvider, Provider

_HOST = "https://variants-schema.wheelnext.dev/"
SCHEMA_WITH_PROVIDERS = f"{_HOST}peps/850/v0.2.0.json"
SCHEMA_WITHOUT_PROVIDERS = f"{_HOST}peps/825/v0.1.1.json"
# The URLs of drafts; no standard has them. variantlib 0.2.0 and 0.2.1 write the URL of 0.0.3, and variantlib
# 0.2.2 writes the URL of 0.2.0. All three write the current keys. `legacy` upgrades the keys of older tools.
DRAFT_SCHEMAS = {
    _HOST,
    *(f"{_HOST}v{version}.json" for version in ("0.0.1", "0.0.2", "0.0.3", "0.1.0", "0.1.1", "0.2.0")),
    f"{_HOST}peps/825/v0.1.0.json",
}


class VariantMetadata(NamedTuple):
    """The variant metadata of a release, or of one wheel (PEP 825, "Variant metadata"; the providers draft).

    *namespaces* are the declared ones, with the highest priority first. *providers* say by namespace which
    values a machine supports; a namespace may have none. *variants* are the variants by label; those of a
    wheel's variant.json have one entry.

    >>> v3 = Variant.of("v3", [Property("x86_64", "level", "v3")])
    >>> metadata = VariantMetadata(("x86_64",), {}, {"v3": v3, "null": NULL_VARIANT})
    >>> metadata.only(metadata.variant("v3")).to_dict()["variants"]
    {'v3': {'x86_64': {'level': ['v3']}}}
    """

    namespaces: tuple[str, ...]
    providers: Mapping[str, Provider]
    variants: Mapping[str, Variant]

    def to_dict(self) -> dict[str, object]:
        """Return the parsed form of variant.json or of an index file.

        It has version 0.2.0 of the format if every namespace has a provider, else version 0.1.1.
        """
        complete = not self.without_provider()
        providers = {name: self.providers[name].to_dict() for name in self.namespaces if complete}
        return {
            "$schema": SCHEMA_WITH_PROVIDERS if complete else SCHEMA_WITHOUT_PROVIDERS,
            "default-priorities": {"namespace": list(self.namespaces)},
            **({"providers": providers} if complete else {}),
            "variants": {label: self.variants[label].to_dict() for label in sorted(self.variants)},
        }

    def to_json(self) -> bytes:
        """Return the content of variant.json or of an index file, in UTF-8.

        Equal values give equal bytes.
        """
        import json

        return (json.dumps(self.to_dict(), indent=2) + "\n").encode()

    def only(self, variant: Variant) -> VariantMetadata:
        """Return the metadata for the wheel of *variant*: the release's metadata with only this variant.

        Raises UnknownNameError if the namespace of a property is not declared, and VariantError if the label
        or a property is invalid.
        """
        check_label(variant.label)
        for prop in sorted(variant.properties):
            prop.check(str(prop))
            check_property(prop)
        undeclared = sorted(variant.namespaces() - {*self.namespaces, ABI_DEPENDENCY})
        if undeclared:
            raise UnknownNameError(
                *(
                    f"unknown namespace {namespace!r}{did_you_mean(namespace, self.namespaces)}"
                    for namespace in undeclared
                ),
                place=f"variant {variant.label!r}",
                remedy=f"add it to default-priorities.namespace; known namespaces: {one_of(self.namespaces)}",
            )
        return self._replace(variants={variant.label: variant})

    def variant(self, label: str) -> Variant:
        """Return the variant of *label*; the label ``null`` is always known.

        Raises UnknownNameError if the label is unknown, with the known labels and a suggestion.
        """
        if label == NULL_LABEL:
            return NULL_VARIANT
        if label not in self.variants:
            known = sorted({*self.variants, NULL_LABEL})
            raise UnknownNameError(
                f"unknown label {label!r}{did_you_mean(label, known)}",
                remedy=f"known labels: {one_of(known)}",
            )
        return self.variants[label]

    def without_provider(self) -> list[str]:
        """Return the declared namespaces for which a wheel has no provider, in their order."""
        built = self.build_providers()
        return [name for name in self.namespaces if name not in self.providers or name in built]

    def build_providers(self) -> dict[str, BuildProvider]:
        """Return by namespace the providers whose plugins run when a wheel is built."""
        return {
            name: provider for name, provider in self.providers.items() if isinstance(provider, BuildProvider)
        }


def declared_metadata(
    properties: Iterable[Property], providers: Mapping[str, Provider] | None = None, *, known: bool = True
) -> VariantMetadata:
    """Return the metadata of a release without a project file, with no variants yet.

    The namespaces of *properties*, then those of *providers*, rank in their given order, and those of a set
    of properties by name. *providers* has providers by namespace. With *known*, other namespaces get the
    providers that this package knows. The null variant uses no namespace, but the format requires one: then
    the first known namespace is declared. Raises RequestError if there is no namespace.
    """
    from .known_providers import KNOWN_PROVIDERS

    providers = providers or {}
    namespaces = dict.fromkeys([*(prop.namespace for prop in in_given_order(properties)), *providers])
    namespaces.pop(ABI_DEPENDENCY, None)
    if not namespaces and known:
        namespaces = {next(iter(KNOWN_PROVIDERS)): None}
    if not namespaces:
        raise RequestError(
            "default-priorities.namespace would be empty, and the format requires a namespace",
            remedy="declare a namespace with --pyproject, --provider or --static",
        )
    tables = {name: entry.table for name, entry in KNOWN_PROVIDERS.items()} if known else {}
    complete = {**tables, **providers}
    return VariantMetadata(
        tuple(namespaces), {name: complete[name] for name in namespaces if name in complete}, {}
    )
