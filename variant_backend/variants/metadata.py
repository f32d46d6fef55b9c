"""Variant metadata: what variant.json, the index-level file and the ``[variant]`` table say.

One value, `VariantMetadata`, stands for all three. Sources: PEP 825 ("Variant metadata",
"Index-level metadata", "Metadata consistency") for version 0.1.1 of the format, the providers
draft for version 0.2.0, the building draft for the ``[variant]`` table.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from ..errors import VariantError, did_you_mean, one_of
from .abi_dependency import ABI_DEPENDENCY, REMARK, check_property
from .properties import (
    NULL_LABEL,
    NULL_VARIANT,
    Property,
    Variant,
    check_label,
    check_name,
    check_value,
    default_label,
)
from .validation import Document, join, read_json

SCHEMA_WITH_PROVIDERS = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
SCHEMA_WITHOUT_PROVIDERS = "https://variants-schema.wheelnext.dev/peps/825/v0.1.1.json"

_SECTIONS = ("default-priorities", "providers", "variants")
_SOURCES = ("static-properties", "requires", "builtin")
_SOURCES_OF_A_TABLE = ("static-properties", "requires", "build-requires", "builtin")


class StaticProvider(NamedTuple):
    """Support is listed in the metadata itself: features and values, both best first."""

    features: tuple[tuple[str, tuple[str, ...]], ...]
    optional: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the provider's table; an order that goes without saying is not written."""
        names = [name for name, _ in self.features]
        return {
            "static-properties": {name: list(values) for name, values in self.features},
            **({"feature-order": names} if len(names) > 1 else {}),
            **({"optional": True} if self.optional else {}),
        }


class PluginProvider(NamedTuple):
    """Support is told by a plugin package that is asked when the wheel is installed."""

    requires: tuple[str, ...]
    plugin_api: str | None = None
    optional: bool = False

    @property
    def reference(self) -> str:
        """The plugin's ``module`` or ``module:object``."""
        return _reference(self)

    def to_dict(self) -> dict[str, object]:
        """Return the provider's table."""
        return _plugin_table("requires", self)


class BuiltinProvider(NamedTuple):
    """Support is known to the installer. Reserved by the draft: read and kept, never made here."""

    name: str
    optional: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the provider's table."""
        return {"builtin": self.name, **({"optional": True} if self.optional else {})}


class BuildProvider(NamedTuple):
    """Support is told by a plugin package that is asked when the wheel is built.

    It stands in the ``[variant]`` table only: wheels have the plugin's answer, a `StaticProvider`.
    Until that is known, its namespace counts as one without a provider.
    """

    requires: tuple[str, ...]
    plugin_api: str | None = None
    optional: bool = False

    @property
    def reference(self) -> str:
        """The plugin's ``module`` or ``module:object``."""
        return _reference(self)

    def to_dict(self) -> dict[str, object]:
        """Return the provider's table."""
        return _plugin_table("build-requires", self)


Provider: TypeAlias = StaticProvider | PluginProvider | BuildProvider | BuiltinProvider


def _reference(provider: PluginProvider | BuildProvider) -> str:
    """Return where a plugin is; if nothing is said, its module is called as its package is."""
    if provider.plugin_api:
        return provider.plugin_api
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    return canonicalize_name(Requirement(provider.requires[0]).name).replace("-", "_")


def _plugin_table(key: str, provider: PluginProvider | BuildProvider) -> dict[str, object]:
    return {
        key: list(provider.requires),
        **({"plugin-api": provider.plugin_api} if provider.plugin_api else {}),
        **({"optional": True} if provider.optional else {}),
    }


_PLUGINS: Mapping[str, type[PluginProvider] | type[BuildProvider]] = {
    "requires": PluginProvider,
    "build-requires": BuildProvider,
}

# The provider tables that released installers know by heart, as they run no plugin. They compare
# names and plugin-api literally, and want a specifier that admits the version they know.
KNOWN_PROVIDERS: Mapping[str, PluginProvider] = {
    "nvidia": PluginProvider(
        ("nvidia-variant-provider>=0.0.1,<1",), "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
    ),
    "x86_64": PluginProvider(("x86-64-variant-provider>=0.2,<0.3",)),
    "aarch64": PluginProvider(("aarch64-variant-provider",)),
    "tpu": PluginProvider(("tpu-variant-provider",), "tpu_variant_provider.plugin:TpuVariantPlugin"),
}


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
                document.fault(place, text, rule="missing-provider")
        elif schema == SCHEMA_WITHOUT_PROVIDERS:
            if "providers" in top:
                document.fault("providers", "version 0.1.1 of the format has none", rule="unknown-key")
        elif schema is not None:
            text = f"{schema!r} is no version of the format that is known here"
            document.fault("$schema", text, rule="unknown-schema")
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
        result = _read_metadata(document, top, _SOURCES_OF_A_TABLE)
        for namespace, provider in result.providers.items():
            if isinstance(provider, BuiltinProvider):
                text = "is reserved, no installer knows it yet"
                document.fault(f"providers.{namespace}.builtin", text, rule="reserved-provider")
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

    def choose(self, label: str | None, properties: frozenset[Property]) -> Variant:
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


def declare(
    properties: Iterable[Property], providers: Mapping[str, Provider] | None = None, *, known: bool = True
) -> VariantMetadata:
    """Return the metadata of a release without a project file: its namespaces rank as they come.

    With *known*, the namespaces that released installers know get the provider they know. The null
    variant alone uses no namespace, but one must be declared: then it is the first known one.
    Raises VariantError when there is none.
    """
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
    complete = {**(KNOWN_PROVIDERS if known else {}), **providers}
    return VariantMetadata(
        tuple(namespaces), {name: complete[name] for name in namespaces if name in complete}, {}
    )


def read_provider(entry: object, where: str) -> Provider:
    """Read one entry of ``providers``; raises VariantError with every fault found."""
    document = Document()
    provider = _read_provider(document, entry, "")
    document.check(where)
    assert provider, "what is no provider has a fault"
    return provider


class Conflict(NamedTuple):
    """Two parts of one release that say different things at one place."""

    first: str
    second: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.first} and {self.second}: {self.place}: {self.text}"


def merge(parts: Mapping[str, VariantMetadata]) -> VariantMetadata:
    """Combine the metadata of one release's wheels; the keys say where each part was read.

    The result does not depend on the order (PEP 825, "Metadata consistency").
    Raises VariantError with every conflict, each naming both parts and the place.
    """
    result, conflicts = combine(parts)
    if conflicts:
        raise VariantError(*map(str, conflicts), hint="make all wheels of a release from one [variant] table")
    return result


def combine(parts: Mapping[str, VariantMetadata]) -> tuple[VariantMetadata, list[Conflict]]:
    """Return what `merge` does, and the conflicts; of what is in conflict, the first by name is taken."""
    names = sorted(parts)
    longest = max(names, key=lambda name: len(parts[name].namespaces))
    namespaces = parts[longest].namespaces
    conflicts: list[Conflict] = []
    providers: dict[str, tuple[str, Provider]] = {}
    variants: dict[str, tuple[str, Variant]] = {}
    for name in names:
        part = parts[name]
        if namespaces[: len(part.namespaces)] != part.namespaces:
            text = f"of {one_of(namespaces)} and {one_of(part.namespaces)}, neither starts with the other"
            conflicts.append(Conflict(longest, name, "default-priorities.namespace", text))
        conflicts += _combine(providers, part.providers, name, "providers")
        conflicts += _combine(variants, part.variants, name, "variants")
    result = VariantMetadata(
        namespaces,
        {namespace: providers[namespace][1] for namespace in namespaces if namespace in providers},
        {label: variants[label][1] for label in sorted(variants)},
    )
    return result, conflicts


class _Table(Protocol):
    def to_dict(self) -> Mapping[str, object]: ...


_T = TypeVar("_T", bound=_Table)


def _combine(
    known: dict[str, tuple[str, _T]], new: Mapping[str, _T], name: str, place: str
) -> list[Conflict]:
    """Add the *new* entries to the *known* ones; return each place where they differ."""
    conflicts = []
    for key, value in new.items():
        first, known_value = known.setdefault(key, (name, value))
        for path, ours, theirs in _differences(known_value.to_dict(), value.to_dict(), f"{place}.{key}"):
            text = f"{ours} and {theirs} differ"
            if f".{ABI_DEPENDENCY}." in path:
                text = f"built with {ours} and with {theirs}, which takes two labels"
            conflicts.append(Conflict(first, name, path, text))
    return conflicts


def _differences(ours: object, theirs: object, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield the deepest places in which two documents differ, with what stands there."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in dict.fromkeys([*ours, *theirs]):
            yield from _differences(ours.get(key), theirs.get(key), join(path, key))
    elif ours != theirs:
        yield path, _shown(ours), _shown(theirs)


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value)


def _read_metadata(
    document: Document, top: dict[str, object], sources: Sequence[str] = _SOURCES
) -> VariantMetadata:
    """Read what variant.json, the index-level file and the ``[variant]`` table share."""
    place = "default-priorities"
    priorities = document.table(top.get(place, {}), place, ("namespace",))
    namespaces: tuple[str, ...] = ()
    if place in top:
        namespaces = document.strings(
            priorities.get("namespace"), f"{place}.namespace", check_namespace, rule="bad-name"
        )

    known = frozenset(namespaces)  # there may be many

    def declared(namespace: str, place: str) -> bool:
        if not known or namespace in known:  # a missing list is one fault, not many
            return True
        text = f"not in default-priorities.namespace{did_you_mean(namespace, namespaces)}"
        document.fault(place, text, rule="undeclared-namespace")
        return False

    providers: dict[str, Provider] = {}
    for namespace, entry in document.table(top.get("providers", {}), "providers").items():
        provider = _read_provider(document, entry, f"providers.{namespace}", sources)
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
    faults = len(document.faults)
    properties: set[Property] = set()
    document.passes(place, check_label, label, "bad-name")
    for namespace, features in document.table(value, place).items():
        at_namespace = f"{place}.{namespace}"
        document.passes(at_namespace, lambda text: check_name(text, "namespace"), namespace, "bad-name")
        entries = document.table(features, at_namespace)
        if not entries and features == {}:
            document.fault(at_namespace, "lists no feature", rule="empty-list")
        for feature, values in _read_features(document, entries, at_namespace):
            properties.update(Property(namespace, feature, text) for text in values)
    if len(document.faults) > faults:
        return None
    try:
        return Variant.of(label, frozenset(properties))
    except VariantError as error:
        document.fault(place, *error.issues, rule="null-variant", hint=error.hint)
        return None


def _read_features(
    document: Document, table: dict[str, object], place: str
) -> list[tuple[str, tuple[str, ...]]]:
    """Read ``{feature: [values]}``, in the table's order; a bad name is noted, and left out."""
    return [
        (feature, document.strings(values, f"{place}.{feature}", check_value, rule="bad-name"))
        for feature, values in table.items()
        if document.passes(
            f"{place}.{feature}", lambda text: check_name(text, "feature"), feature, "bad-name"
        )
    ]


def _read_provider(
    document: Document, value: object, place: str, sources: Sequence[str] = _SOURCES
) -> Provider | None:
    """Read one entry of ``providers``: exactly one source of support, and what belongs to it."""
    entry = document.table(value, place, (*sources, "optional", "plugin-api", "feature-order"))
    if not isinstance(value, dict):
        return None
    given = [key for key in sources if key in entry]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        text = f"exactly one of {one_of(sources)} is needed, found {found}"
        document.fault(place, text, rule="provider-source")
        return None
    (source,) = given
    plugins = [key for key in _PLUGINS if key in sources]
    for key, its in (("plugin-api", plugins), ("feature-order", ["static-properties"])):
        if key in entry and source not in its:
            document.fault(join(place, key), f"goes with {' or '.join(its)} only", rule="provider-source")
    optional = document.boolean(entry.get("optional", False), join(place, "optional"))
    if source in _PLUGINS:
        from .markers import check_requirement  # many builds read no requirement

        requires = document.strings(
            entry[source], join(place, source), check_requirement, rule="bad-requirement"
        )
        plugin_api = _read_plugin_api(document, entry, join(place, "plugin-api"))
        return _PLUGINS[source](requires, plugin_api, optional)
    if "static-properties" in entry:
        return StaticProvider(read_ordered_features(document, entry, place, "static-properties"), optional)
    return BuiltinProvider(document.string(entry["builtin"], join(place, "builtin")) or "", optional)


def _read_plugin_api(document: Document, entry: dict[str, object], place: str) -> str | None:
    if "plugin-api" not in entry:
        return None
    text = document.string(entry["plugin-api"], place)
    return text if text is not None and document.passes(place, check_object_reference, text) else None


def read_ordered_features(
    document: Document, entry: dict[str, object], place: str, key: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read the features under *key* of a table, in the order that its ``feature-order`` gives."""
    at_features, at_order = join(place, key), join(place, "feature-order")
    table = document.table(entry[key], at_features)
    features = dict(_read_features(document, table, at_features))
    if "feature-order" not in entry:
        if len(table) > 1:
            document.fault(at_order, "missing: it ranks two or more features", rule="feature-order")
        return tuple(features.items())
    order = document.strings(
        entry["feature-order"], at_order, lambda text: check_name(text, "feature"), rule="bad-name"
    )
    if set(order) != set(features):
        text = f"names {one_of(order)}, but the features are {one_of(features)}"
        document.fault(at_order, text, rule="feature-order")
        return ()
    return tuple((feature, features[feature]) for feature in order)


def check_object_reference(text: str) -> None:
    """Check a plugin's ``module`` or ``module:object.path``; raises VariantError."""
    if not all(part.isidentifier() for part in text.replace(":", ".", 1).split(".")):
        raise VariantError(f"{text!r} is no object reference", hint="write MODULE or MODULE:OBJECT")
