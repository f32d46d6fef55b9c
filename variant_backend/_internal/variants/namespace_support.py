"""Find the supported values of each namespace of a release: the first source that knows them decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .abi_dependency import ABI_DEPENDENCY, is_prefix, prefixes
from .alignment import Assignment
from .filename import escape, normalize
from .metadata import VariantMetadata
from .properties import Property, Variant
from .providers import StaticProvider, UnusableProvider
from .ranking import Supported

if TYPE_CHECKING:
    from packaging.version import Version


class Origin(NamedTuple):
    """Where the supported values of a namespace come from.

    *kind* is a word for programs. `supported_values` uses ``static``, ``disabled``, ``optional`` (it is not
    enabled), ``unusable`` (its provider is invalid) and ``unknown`` (no source knows it). Callers use others
    for their own sources, such as ``failed`` if a plugin fails. *text* is for people.

    >>> str(Origin("given", "--supported"))
    '--supported'
    """

    kind: str
    text: str

    def __str__(self) -> str:
        return self.text

    def with_more(self, text: str) -> Origin:
        """Return this origin with more *text* (internal)."""
        return Origin(self.kind, f"{self.text}{text}")


STATIC = Origin("static", "static-properties")
DISABLED = Origin("disabled", "disabled")
NOT_ENABLED = Origin("optional", "optional and not enabled")
UNUSABLE = Origin("unusable", "its provider is invalid")
UNKNOWN = Origin("unknown", "unknown")
FAILED = Origin("failed", "its plugin failed")

_Value = TypeVar("_Value")


class Lazy(Mapping[str, _Value]):
    """A mapping that is computed at its first use."""

    def __init__(self, compute: Callable[[], Mapping[str, _Value]]) -> None:
        self._compute = compute

    @cached_property
    def _content(self) -> Mapping[str, _Value]:
        return self._compute()

    def __getitem__(self, key: str) -> _Value:
        return self._content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


class Support(NamedTuple):
    """The supported values of a release's namespaces.

    *supported* has the values by namespace and feature, both best first; a namespace without known values is
    missing. *origins* says by namespace where they come from, or why there are none.

    >>> known = Support({"x86_64": {"level": ["v3", "v2"]}}, {"x86_64": Origin("given", "--supported")})
    >>> known.of_variant(Variant.of("v3", [Property("x86_64", "level", "v3")]))
    [Property(namespace='x86_64', feature='level', value='v3')]
    """

    supported: Supported
    origins: Mapping[str, Origin]

    def of_variant(self, variant: Variant) -> list[Property]:
        """Return the supported properties of a *variant*, which `resolve_requirement_on_machine` takes."""
        known = self.supported
        return [
            item
            for item in variant.properties
            if item.value in known.get(item.namespace, {}).get(item.feature, ())
        ]


def supported_values(
    metadata: VariantMetadata,
    sources: Mapping[Origin, Supported],
    *,
    disabled: Collection[str] = (),
    enabled: Collection[str] = (),
) -> Support:
    """Return the supported values of the namespaces that *metadata* declares (the providers draft).

    Namespaces in *disabled*, optional ones that are not in *enabled*, and those with an invalid provider have
    no values. If a namespace has static-properties, only these are used. Otherwise the first of the *sources*
    that knows the namespace is used: the user's values, detected values, or answers of plugins. *sources* has
    supported values by their origin; if it is empty, only static-properties are supported. If variants have
    properties of ``abi_dependency``, this namespace is known, too, and `abi_support` has its values.

    >>> blas = StaticProvider((("library", ("mkl", "openblas")),))
    >>> metadata = VariantMetadata(("nvidia", "blas"), {"blas": blas}, {})
    >>> given = {"nvidia": {"sm_arch": ["90_real"]}, "blas": {}}
    >>> known = supported_values(metadata, {Origin("given", "--supported"): given})
    >>> known.supported
    {'nvidia': {'sm_arch': ['90_real']}, 'blas': {'library': ('mkl', 'openblas')}}
    >>> [origin.kind for origin in known.origins.values()]
    ['given', 'static']
    >>> installed = {"abi_dependency": {"torch": ["2.10.1", "2.10", "2"]}}
    >>> torch2 = Variant.of("torch2", [Property("abi_dependency", "torch", "2")])
    >>> built = metadata._replace(variants={"torch2": torch2})
    >>> known = supported_values(built, {Origin("versions", "installed packages"): installed})
    >>> known.supported["abi_dependency"]
    {'torch': ['2.10.1', '2.10', '2']}
    """
    supported: dict[str, Mapping[str, Sequence[str]]] = {}
    origins: dict[str, Origin] = {}
    reserved = [ABI_DEPENDENCY] if abi_dependencies(metadata) else []
    for namespace in dict.fromkeys([*metadata.namespaces, *reserved]):
        # Some documents of variantlib have a provider of the reserved namespace.
        provider = metadata.providers.get(namespace) if namespace not in reserved else None
        if namespace in disabled:
            origins[namespace] = DISABLED
        elif provider is not None and provider.optional and namespace not in enabled:
            origins[namespace] = NOT_ENABLED
        elif isinstance(provider, UnusableProvider):
            origins[namespace] = UNUSABLE
        elif isinstance(provider, StaticProvider):
            origins[namespace], supported[namespace] = STATIC, dict(provider.features)
        else:
            origin = next((name for name, known in sources.items() if namespace in known), UNKNOWN)
            origins[namespace] = origin
            if origin in sources:
                supported[namespace] = sources[origin][namespace]
    return Support(supported, origins)


def assigned(known: Support, assignment: Assignment) -> Support:
    """Return the supported values, of each aligned feature only the assigned one.

    If no source knows a namespace, an assigned value is supported: installed variants have it, or the user
    names it.
    """
    supported, origins = dict(known.supported), dict(known.origins)
    unknown = {name for name, origin in origins.items() if origin.kind == UNKNOWN.kind} - supported.keys()
    for (namespace, feature), value in assignment.items():
        features = supported.get(namespace, {})
        if feature in features or namespace in unknown:
            kept = (value,) if value in features.get(feature, (value,)) else ()
            supported[namespace] = {**features, feature: kept}
            origins[namespace] = origins[namespace].with_more(f"; aligned: {feature} {value}")
    return Support(supported, origins)


def abi_dependencies(metadata: VariantMetadata) -> list[str]:
    """Return the names of the packages that variants name in ``abi_dependency``, normalized and sorted.

    *metadata* is that of a release (PEP 817, "ABI Dependency Variant Namespace"). `abi_support` needs the
    versions of these packages.

    >>> torch = Variant.of("torch2", [Property("abi_dependency", "torch", "2.10")])
    >>> abi_dependencies(VariantMetadata(("x86_64",), {}, {"torch2": torch}))
    ['torch']
    """
    variants = metadata.variants.values()
    properties = (item for variant in variants for item in variant.properties)
    return sorted({normalize(item.feature) for item in properties if item.namespace == ABI_DEPENDENCY})


def abi_support(versions: Mapping[str, Version]) -> Mapping[str, tuple[str, ...]]:
    """Return the supported values of ``abi_dependency`` for packages with these versions.

    The keys of *versions* are normalized names, those of the result have ``_`` for ``-``. A value ``2.9``
    means ``==2.9.*`` (PEP 817, "ABI Dependency Variant Namespace"), so every leading part of a version is
    supported, the most specific part first. A version with an epoch has no values.

    >>> from packaging.version import Version
    >>> abi_support({"torch": Version("2.10.1"), "typing-extensions": Version("4.15")})
    {'torch': ('2.10.1', '2.10', '2'), 'typing_extensions': ('4.15.0', '4.15', '4')}
    """
    # A version with an epoch matches no value.
    return {escape(name): () if version.epoch else prefixes(version) for name, version in versions.items()}


def open_abi_support(metadata: VariantMetadata, names: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the values of ``abi_dependency`` that variants have for packages, the newest versions first.

    >>> variants = {
    ...     label: Variant.of(label, [Property("abi_dependency", "torch", value)])
    ...     for label, value in {"old": "2.9", "new": "2.10"}.items()
    ... }
    >>> open_abi_support(VariantMetadata(("abi_dependency",), {}, variants), ["torch"])
    {'torch': ('2.10', '2.9')}
    """
    values: dict[str, set[str]] = {escape(name): set() for name in names}
    for variant in metadata.variants.values():
        for item in variant.properties:
            if item.namespace == ABI_DEPENDENCY and item.feature in values and is_prefix(item.value):
                values[item.feature].add(item.value)
    return {
        name: tuple(sorted(own, key=lambda value: [*map(int, value.split("."))], reverse=True))
        for name, own in values.items()
    }
