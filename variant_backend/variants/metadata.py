"""Variant metadata: what variant.json, the index-level file and the ``[variant]`` table say.

One value, `VariantMetadata`, stands for all three. Sources: PEP 825 ("Variant metadata",
"Index-level metadata", "Metadata consistency") for version 0.1.1 of the format, the providers
draft for version 0.2.0, the building draft for the ``[variant]`` table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..errors import VariantError, did_you_mean, one_of
from .abi_dependency import ABI_DEPENDENCY, check_property
from .properties import NULL_LABEL, NULL_VARIANT, Property, Variant
from .providers import BuildProvider, Provider

SCHEMA_WITH_PROVIDERS = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
SCHEMA_WITHOUT_PROVIDERS = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"


class VariantMetadata(NamedTuple):
    """The variants of a release, the order of their namespaces, and where support comes from."""

    namespaces: tuple[str, ...]
    providers: Mapping[str, Provider]
    variants: Mapping[str, Variant]

    def to_dict(self) -> dict[str, object]:
        """Return the document: version 0.2.0 of the format if every namespace has a provider, else 0.1.1."""
        complete = not self.without_provider()
        providers = {name: self.providers[name].to_dict() for name in self.namespaces if complete}
        return {
            "$schema": SCHEMA_WITH_PROVIDERS if complete else SCHEMA_WITHOUT_PROVIDERS,
            "default-priorities": {"namespace": list(self.namespaces)},
            **({"providers": providers} if complete else {}),
            "variants": {label: self.variants[label].to_dict() for label in sorted(self.variants)},
        }

    def to_json(self) -> bytes:
        """Return the document as a file's content: the same bytes for the same value."""
        import json

        return (json.dumps(self.to_dict(), indent=2) + "\n").encode()

    def only(self, variant: Variant) -> VariantMetadata:
        """Return what the wheel of *variant* carries: all of the release, but this variant alone.

        Raises VariantError when a property's namespace is not declared, or one of ``abi_dependency`` is
        not valid.
        """
        for prop in sorted(variant.properties):
            check_property(prop)
        undeclared = sorted(variant.namespaces() - {*self.namespaces, ABI_DEPENDENCY})
        if undeclared:
            raise VariantError(
                *(
                    f"namespace {namespace!r} is not declared{did_you_mean(namespace, self.namespaces)}"
                    for namespace in undeclared
                ),
                place=f"variant {variant.label!r}",
                hint=f"default-priorities.namespace must list it, and has {one_of(self.namespaces)}",
            )
        return self._replace(variants={variant.label: variant})

    def variant(self, label: str) -> Variant:
        """Return the variant that *label* stands for; ``null`` need not be defined.

        Raises VariantError, which lists the known labels and suggests the nearest.
        """
        if label == NULL_LABEL:
            return NULL_VARIANT
        if label not in self.variants:
            known = sorted({*self.variants, NULL_LABEL})
            raise VariantError(
                f"unknown label {label!r}{did_you_mean(label, known)}", hint=f"known labels: {one_of(known)}"
            )
        return self.variants[label]

    def without_provider(self) -> list[str]:
        """Return the declared namespaces for which nothing says where support comes from."""
        asked = self.build_providers()
        return [name for name in self.namespaces if name not in self.providers or name in asked]

    def build_providers(self) -> dict[str, BuildProvider]:
        """Return the providers that are asked when a wheel is built, by namespace."""
        return {
            name: provider for name, provider in self.providers.items() if isinstance(provider, BuildProvider)
        }


def declare(
    properties: Iterable[Property], providers: Mapping[str, Provider] | None = None, *, known: bool = True
) -> VariantMetadata:
    """Return the metadata of a release without a project file: its namespaces rank as they come.

    With *known*, the namespaces that released installers know get the provider they know. The null
    variant alone uses no namespace, but one must be declared: then it is the first known one.
    Raises VariantError when there is none.
    """
    from .known_providers import KNOWN_PROVIDERS

    providers = providers or {}
    namespaces = dict.fromkeys([*(prop.namespace for prop in properties), *providers])
    namespaces.pop(ABI_DEPENDENCY, None)
    if not namespaces and known:
        namespaces = {next(iter(KNOWN_PROVIDERS)): None}
    if not namespaces:
        raise VariantError(
            "default-priorities.namespace would be empty, and the format asks for one at least",
            hint="declare the namespaces of the release with --pyproject, --provider or --static",
        )
    tables = {name: entry.table for name, entry in KNOWN_PROVIDERS.items()} if known else {}
    complete = {**tables, **providers}
    return VariantMetadata(
        tuple(namespaces), {name: complete[name] for name in namespaces if name in complete}, {}
    )
