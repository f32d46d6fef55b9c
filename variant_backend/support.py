"""Who says what a system supports: for each namespace of a release, the first that has a say decides it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from .metadata import StaticProvider, VariantMetadata
from .selection import Supported

STATIC = "static-properties"
DISABLED = "disabled"
NOT_ENABLED = "optional, and not enabled"
UNKNOWN = "nobody says"


class Support(NamedTuple):
    """What a system supports of a release's namespaces, and by *origins* where each of them has it from."""

    supported: Supported
    origins: Mapping[str, str]


def support(
    metadata: VariantMetadata,
    sources: Mapping[str, Supported],
    *,
    disabled: Collection[str] = (),
    enabled: Collection[str] = (),
) -> Support:
    """Return what a system supports of the namespaces that *metadata* declare.

    Nothing of a *disabled* one, nor of one whose provider is optional, unless it is *enabled*. Where
    static-properties are, they alone count. Of the *sources*, whose keys say what they are, the first
    that knows a namespace counts for it: what the user gave, what was detected, what plugins answered.

    >>> blas = StaticProvider((("library", ("mkl", "openblas")),))
    >>> metadata = VariantMetadata(("nvidia", "blas"), {"blas": blas}, {})
    >>> found = support(metadata, {"given": {"nvidia": {"sm_arch": ["90_real"]}}, "detected": {"blas": {}}})
    >>> found.supported
    {'nvidia': {'sm_arch': ['90_real']}, 'blas': {'library': ('mkl', 'openblas')}}
    >>> found.origins
    {'nvidia': 'given', 'blas': 'static-properties'}
    """
    supported: dict[str, Mapping[str, Sequence[str]]] = {}
    origins: dict[str, str] = {}
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
