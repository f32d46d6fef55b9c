"""Who says what a system supports: for each namespace of a release, the first that has a say decides it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .abi_dependency import ABI_DEPENDENCY, prefixes
from .filename import escape, normalize
from .metadata import VariantMetadata
from .providers import StaticProvider
from .ranking import Supported

if TYPE_CHECKING:
    from packaging.version import Version


class Origin(NamedTuple):
    """Where it is known from what is supported of a namespace: the kind of source, and a text for people."""

    kind: str
    text: str

    def __str__(self) -> str:
        return self.text

    def with_more(self, text: str) -> Origin:
        """Return the same kind of origin with more text."""
        return Origin(self.kind, f"{self.text}{text}")


STATIC = Origin("static", "static-properties")
DISABLED = Origin("disabled", "disabled")
NOT_ENABLED = Origin("optional", "optional, and not enabled")
UNKNOWN = Origin("unknown", "nobody says")

_Value = TypeVar("_Value")


class Lazy(Mapping[str, _Value]):
    """A mapping that is computed when it is first looked into."""

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
    """What a system supports of a release's namespaces, and by *origins* where each of them has it from."""

    supported: Supported
    origins: Mapping[str, Origin]


def support(
    metadata: VariantMetadata,
    sources: Mapping[Origin, Supported],
    *,
    disabled: Collection[str] = (),
    enabled: Collection[str] = (),
) -> Support:
    """Return what a system supports of the namespaces that *metadata* declare.

    Nothing of a *disabled* one, nor of one whose provider is optional, unless it is *enabled*. Where
    static-properties are, they alone count. Of the *sources* by their origins, the first
    that knows a namespace counts for it: what the user gave, what was detected, what plugins answered.

    >>> blas = StaticProvider((("library", ("mkl", "openblas")),))
    >>> metadata = VariantMetadata(("nvidia", "blas"), {"blas": blas}, {})
    >>> given = {"nvidia": {"sm_arch": ["90_real"]}, "blas": {}}
    >>> known = support(metadata, {Origin("given", "--supported"): given})
    >>> known.supported
    {'nvidia': {'sm_arch': ['90_real']}, 'blas': {'library': ('mkl', 'openblas')}}
    >>> [origin.kind for origin in known.origins.values()]
    ['given', 'static']
    """
    supported: dict[str, Mapping[str, Sequence[str]]] = {}
    origins: dict[str, Origin] = {}
    for namespace in metadata.namespaces:
        provider = metadata.providers.get(namespace)
        if namespace in disabled:
            origins[namespace] = DISABLED
        elif provider is not None and provider.optional and namespace not in enabled:
            origins[namespace] = NOT_ENABLED
        elif isinstance(provider, StaticProvider):
            origins[namespace], supported[namespace] = STATIC, dict(provider.features)
        else:
            origin = next((name for name, known in sources.items() if namespace in known), UNKNOWN)
            origins[namespace] = origin
            if origin in sources:
                supported[namespace] = sources[origin][namespace]
    return Support(supported, origins)


def abi_dependencies(metadata: VariantMetadata) -> list[str]:
    """Return the packages that variants name in ``abi_dependency``, by normalized name, sorted."""
    variants = metadata.variants.values()
    properties = (item for variant in variants for item in variant.properties)
    return sorted({normalize(item.feature) for item in properties if item.namespace == ABI_DEPENDENCY})


def abi_support(versions: Mapping[str, Version]) -> Mapping[str, tuple[str, ...]]:
    """Return what is supported of ``abi_dependency`` where packages have these versions, by normalized name.

    A value ``2.9`` stands for ``==2.9.*`` (PEP 817, "ABI Dependency Variant Namespace"), so every leading
    part of a version is supported, the most specific one first.

    >>> from packaging.version import Version
    >>> abi_support({"torch": Version("2.10.1"), "typing-extensions": Version("4.15")})
    {'torch': ('2.10.1', '2.10', '2'), 'typing_extensions': ('4.15.0', '4.15', '4')}
    """
    # A version with an epoch fits no value.
    return {escape(name): () if version.epoch else prefixes(version) for name, version in versions.items()}
