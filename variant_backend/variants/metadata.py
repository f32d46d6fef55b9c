"""Variant metadata: what variant.json, the index-level file and the ``[variant]`` table say.

One value, `VariantMetadata`, stands for all three. Sources: PEP 825 ("Variant metadata",
"Index-level metadata", "Metadata consistency") for version 0.1.1 of the format, the providers
draft for version 0.2.0, the building draft for the ``[variant]`` table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ..errors import Problem, VariantError, did_you_mean, one_of
from .abi_dependency import ABI_DEPENDENCY, REMARK, check_property
from .properties import NULL_LABEL, NULL_VARIANT, Property, Variant, check_label, check_name, default_label
from .providers import (
    SOURCES,
    SOURCES_OF_A_TABLE,
    BuildProvider,
    BuiltinProvider,
    Provider,
    StaticProvider,
    read_features,
    read_provider_table,
)
from .validation import Document, read_json

SCHEMA_WITH_PROVIDERS = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
SCHEMA_WITHOUT_PROVIDERS = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"

_SECTIONS = ("default-priorities", "providers", "variants")


class VariantMetadata(NamedTuple):
    """The variants of a release, the order of their namespaces, and where support comes from."""

    namespaces: tuple[str, ...]
    providers: Mapping[str, Provider]
    variants: Mapping[str, Variant]

    @classmethod
    def from_json(cls, data: bytes, where: str) -> VariantMetadata:
        """Read the content of variant.json or of an index-level file; errors as in `from_dict`."""
        document = Document()
        try:
            result = cls.read(document, read_json(document, data))
        except VariantError as error:
            raise error.within(where) from None
        document.check(where)
        return result

    @classmethod
    def from_dict(cls, data: object, where: str) -> VariantMetadata:
        """Read the parsed form of variant.json or of an index-level file.

        Raises VariantError with every fault found, each behind *where*.
        """
        document = Document()
        result = cls.read(document, data)
        document.check(where)
        return result

    @classmethod
    def read(cls, document: Document, data: object) -> VariantMetadata:
        """Read what `from_dict` reads; faults are left in the *document*, what they concern is left out."""
        top = document.table(data, "", ("$schema", *_SECTIONS), ("$schema", "default-priorities", "variants"))
        result = _read_metadata(document, top)
        schema = document.string(top["$schema"], "$schema") if "$schema" in top else None
        if schema == SCHEMA_WITH_PROVIDERS:
            listed = document.table(top.get("providers", {}), "providers")
            for namespace in [name for name in result.namespaces if name not in listed]:
                place, text = f"providers.{namespace}", "missing: every declared namespace needs one"
                document.note(place, text, code="missing-provider")
        elif schema == SCHEMA_WITHOUT_PROVIDERS:
            if "providers" in top:
                document.note("providers", "version 0.1.1 of the format has none", code="unknown-key")
        elif schema is not None:
            text = f"{schema!r} is no version of the format that is known here"
            document.note("$schema", text, code="unknown-schema")
        return result

    @classmethod
    def from_table(cls, data: object, where: str) -> VariantMetadata:
        """Read the ``[variant]`` table of a project file, which need not have every provider.

        Raises VariantError with every fault found, each behind *where*.
        """
        document = Document()
        result = cls.read_table(document, data)
        document.check(where)
        return result

    @classmethod
    def read_table(cls, document: Document, data: object) -> VariantMetadata:
        """Read what `from_table` reads; faults are left in the *document*, what they concern is left out."""
        top = document.table(data, "", _SECTIONS, ("default-priorities",))
        result = _read_metadata(document, top, SOURCES_OF_A_TABLE)
        for namespace, provider in result.providers.items():
            if isinstance(provider, BuiltinProvider):
                text = "is reserved, no installer knows it yet"
                document.note(f"providers.{namespace}.builtin", text, code="reserved-provider")
        return result

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
                    f"variant {variant.label!r}: namespace {namespace!r} is not declared"
                    f"{did_you_mean(namespace, self.namespaces)}"
                    for namespace in undeclared
                ),
                hint=f"default-priorities.namespace must list it, and has {one_of(self.namespaces)}",
            )
        return self._replace(variants={variant.label: variant})

    def lacking(self, answered: VariantMetadata) -> str | None:
        """Say what is left out of the `answered` metadata of a wheel, or None if that is nothing."""
        (label,) = answered.variants
        left_out = [name for name in self.namespaces if name not in answered.namespaces]
        if not left_out:
            missing = answered.build_providers()
            return f"{one_of(missing)}: no provider is written for variant {label!r}" if missing else None
        text = f"{one_of(left_out)} is left out, as variant {label!r} does not use it"
        if self.namespaces[: len(answered.namespaces)] == answered.namespaces:
            return text
        return f"{text}; the index cannot combine this wheel with those that have it in front of others"

    def label_of(self, properties: frozenset[Property]) -> str | None:
        """Return the label that stands for exactly these properties, if one does."""
        return next((label for label, each in self.variants.items() if each.properties == properties), None)

    def variant(self, label: str) -> Variant:
        """Return the variant that *label* stands for; ``null`` need not be defined.

        Raises VariantError, which lists the known labels and suggests the nearest.
        """
        if label == NULL_LABEL:
            return NULL_VARIANT
        if label not in self.variants:
            known = sorted({*self.variants, NULL_LABEL})
            raise VariantError(
                f"label {label!r} is not defined in [variant.variants]{did_you_mean(label, known)}",
                hint=f"known are {one_of(known)}",
            )
        return self.variants[label]

    def without_provider(self) -> list[str]:
        """Return the declared namespaces for which nothing says where support comes from."""
        known = {name for name, each in self.providers.items() if not isinstance(each, BuildProvider)}
        return [namespace for namespace in self.namespaces if namespace not in known]

    def build_providers(self) -> dict[str, BuildProvider]:
        """Return the providers that are asked when a wheel is built, by namespace."""
        return {name: each for name, each in self.providers.items() if isinstance(each, BuildProvider)}

    def answered(self, answers: Mapping[str, StaticProvider], used: Collection[str]) -> VariantMetadata:
        """Return the metadata with what plugins *answered* when the wheel was built, by namespace.

        A namespace without an answer is left out, with all that rank behind it: so the list still goes
        with those of the release's other wheels. If namespaces that the wheel has *used* are among them,
        just the one without an answer is left out. Raises VariantError when that is one of the used ones.
        """
        missing = self.build_providers().keys() - answers
        if unanswered := sorted(missing & set(used)):
            raise VariantError(
                f"providers.{unanswered[0]}.build-requires: this plugin has not been asked",
                hint="it is asked when the variant is built (-Cvariant=LABEL); else write static-properties",
            )
        used = {*used} - {ABI_DEPENDENCY}
        cut = next((place for place, name in enumerate(self.namespaces) if name in missing), None)
        namespaces = self.namespaces[:cut]
        if not used <= set(namespaces):
            namespaces = tuple(name for name in self.namespaces if name not in missing)
        providers = {**self.providers, **answers}
        return self._replace(
            # The format wants one namespace at least; it may stand there without a provider.
            namespaces=namespaces or self.namespaces,
            providers={name: each for name, each in providers.items() if name in namespaces},
        )

    def select(self, label: str | None, properties: frozenset[Property]) -> Variant:
        """Return the variant asked for by a label, by properties, or by properties under a label.

        Properties without a label get the one that is defined for them, else a hash. What a wheel was
        built with (``abi_dependency``) may be given besides what the label is defined with.
        Raises VariantError when the label is unknown, or defined with other properties.
        """
        if not properties:
            return self.variant(NULL_LABEL if label is None else label)
        if label is None:
            label = self.label_of(properties) or default_label(properties)
        variant = Variant.of(label, properties)
        defined = self.variants.get(variant.label, variant)
        added = {prop for prop in properties - defined.properties if prop.namespace == ABI_DEPENDENCY}
        twice = {prop[:2] for prop in added} & {prop[:2] for prop in defined.properties}
        alone = all(prop.namespace == ABI_DEPENDENCY for prop in properties)
        if twice or not (alone or properties - added == defined.properties):
            raise VariantError(
                f"label {variant.label!r} is defined in [variant.variants] with other properties:"
                f" {one_of(map(str, sorted(defined.properties)))}",
                hint="choose another label, or leave the properties out",
            )
        return Variant.of(variant.label, defined.properties | added)

    def never_supported(self, variant: Variant) -> list[tuple[str, str]]:
        """Return namespace and feature where a static provider lists no value that the variant has."""
        # Only the providers of its own namespaces are looked at: there may be many others.
        static = {
            (namespace, feature): set(values)
            for namespace in variant.namespaces()
            if isinstance(provider := self.providers.get(namespace), StaticProvider)
            for feature, values in provider.features
        }
        features = {
            (prop.namespace, prop.feature)
            for prop in variant.properties
            if isinstance(self.providers.get(prop.namespace), StaticProvider)
        }
        supported = {
            (prop.namespace, prop.feature)
            for prop in variant.properties
            if prop.value in static.get((prop.namespace, prop.feature), ())
        }
        return sorted(features - supported)

    def remarks(self) -> list[str]:
        """Return what a maintainer should be told about wheels with this metadata, ready to print."""
        remarks = []
        # The null variant is chosen without any; and plugins that are asked in a build give an answer there.
        used = any(variant.properties for variant in self.variants.values())
        asked = self.build_providers()
        if missing := [name for name in self.without_provider() if used and name not in asked]:
            remarks.append(
                "warning: no installer can choose this variant, as nothing says where support for"
                f" {one_of(missing)} comes from; add [variant.providers.{missing[0]}] to pyproject.toml,"
                " or give make-variant --static or --provider"
            )
        for label, variant in self.variants.items():
            for namespace, feature in self.never_supported(variant):
                remarks.append(
                    f"warning: variant {label!r} can never be chosen, as the static-properties of"
                    f" {namespace!r} list none of its values of {feature!r}"
                )
        if any(ABI_DEPENDENCY in variant.namespaces() for variant in self.variants.values()):
            remarks.append(REMARK)
        if any(label == default_label(each.properties) for label, each in self.variants.items()):
            remarks.append(
                "hint: this label is a hash; a readable one is better: --label, or -Cvariant-label"
            )
        return remarks


def label_problem(labels: Collection[str], expected: str | None) -> Problem | None:
    """Return what is wrong with the labels of a wheel's variant.json, or None.

    *expected* is the label of the filename, None if it has none.
    """
    if len(labels) != 1:
        return Problem("one-label", "variants", f"{len(labels)} labels, and exactly one is needed")
    (label,) = labels
    if expected not in (None, label):
        text = f"label {label!r}, but the filename says {expected!r}"
        return Problem("label-mismatch", "variants", text)
    return None


def variant_of_wheel(metadata: VariantMetadata) -> Variant:
    """Return the variant that a wheel with this metadata is; raises VariantError unless it has one label."""
    if problem := label_problem(metadata.variants, None):
        raise VariantError(problem)
    return next(iter(metadata.variants.values()))


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
    tables = {name: each.table for name, each in KNOWN_PROVIDERS.items()} if known else {}
    complete = {**tables, **providers}
    return VariantMetadata(
        tuple(namespaces), {name: complete[name] for name in namespaces if name in complete}, {}
    )


def _read_metadata(
    document: Document, top: dict[str, object], sources: Sequence[str] = SOURCES
) -> VariantMetadata:
    """Read what variant.json, the index-level file and the ``[variant]`` table share."""
    place = "default-priorities"
    priorities = document.table(top.get(place, {}), place, ("namespace",))
    namespaces: tuple[str, ...] = ()
    if place in top:
        namespaces = document.strings(
            priorities.get("namespace"), f"{place}.namespace", check_namespace, code="bad-name"
        )

    known = frozenset(namespaces)  # there may be many

    def declared(namespace: str, place: str) -> bool:
        if not known or namespace in known:  # a missing list is one fault, not many
            return True
        text = f"not in default-priorities.namespace{did_you_mean(namespace, namespaces)}"
        document.note(place, text, code="undeclared-namespace")
        return False

    providers: dict[str, Provider] = {}
    for namespace, entry in document.table(top.get("providers", {}), "providers").items():
        provider = read_provider_table(document, entry, f"providers.{namespace}", sources)
        if declared(namespace, f"providers.{namespace}") and provider:
            providers[namespace] = provider
    variants: dict[str, Variant] = {}
    for label, entry in document.table(top.get("variants", {}), "variants").items():
        if variant := _read_variant(document, label, entry):
            variants[label] = variant
            for namespace in sorted(variant.namespaces() - {ABI_DEPENDENCY}):
                declared(namespace, f"variants.{label}.{namespace}")
    return VariantMetadata(namespaces, providers, variants)


def check_namespace(text: str) -> None:
    """Check a namespace that has a provider; raises VariantError."""
    check_name(text, "namespace")
    if text == ABI_DEPENDENCY:
        raise VariantError(f"namespace {text!r} is reserved and has no priority")


def _read_variant(document: Document, label: str, value: object) -> Variant | None:
    """Read one entry of ``variants``."""
    place = f"variants.{label}"
    faults = len(document.problems)
    properties: set[Property] = set()
    document.passes(place, check_label, label, "bad-name")
    for namespace, features in document.table(value, place).items():
        at_namespace = f"{place}.{namespace}"
        document.passes(at_namespace, lambda text: check_name(text, "namespace"), namespace, "bad-name")
        entries = document.table(features, at_namespace)
        if not entries and features == {}:
            document.note(at_namespace, "lists no feature", code="empty-list")
        for feature, values in read_features(document, entries, at_namespace):
            properties.update(Property(namespace, feature, text) for text in values)
    if len(document.problems) > faults:
        return None
    try:
        return Variant.of(label, frozenset(properties))
    except VariantError as error:
        document.add(error.problems[0].at(place, "null-variant"))
        return None
