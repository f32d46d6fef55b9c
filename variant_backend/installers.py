"""What released installers make of variants.

uv is the only one that reads them, behind a preview flag; what stands here was measured with uv 0.13.8,
and tests ask the real program. It runs no plugin: it knows a few provider tables by heart, and computes
their answers itself. pip and all others see plain wheels only.
"""

from __future__ import annotations

from typing import NamedTuple

from .errors import one_of
from .metadata import ABI_DEPENDENCY, BuiltinProvider, PluginProvider, VariantMetadata
from .properties import Variant


class _Known(NamedTuple):
    """A provider that uv knows: its package, what plugin-api may say, and a version to be admitted."""

    package: str
    plugin_apis: tuple[str | None, ...]
    version: str | None = None


_KNOWN_TO_UV = {
    "nvidia": _Known(
        "nvidia-variant-provider", ("nvidia_variant_provider.plugin:NvidiaVariantPlugin",), "0.0.1"
    ),
    "x86_64": _Known("x86-64-variant-provider", (None, "x86_64_variant_provider")),
    "aarch64": _Known("aarch64-variant-provider", (None, "aarch64_variant_provider")),
    "tpu": _Known("tpu-variant-provider", ("tpu_variant_provider.plugin:TpuVariantPlugin",)),
}


def uv_never_supports(metadata: VariantMetadata, namespace: str) -> str | None:
    """Return why uv supports no property of a *namespace* on any system, or None where it may."""
    provider = metadata.providers.get(namespace)
    if provider is None:
        return f"nothing says where support for {namespace!r} comes from"
    if provider.optional:
        return f"the provider of {namespace!r} is optional, and uv has no way to turn it on"
    if isinstance(provider, BuiltinProvider):
        return f"the provider of {namespace!r} is builtin, and uv has none"
    if isinstance(provider, PluginProvider):
        return _unknown_plugin(namespace, provider)
    return None


def uv_never_chooses(metadata: VariantMetadata, variant: Variant) -> list[str]:
    """Return why uv chooses *variant* on no system, a line for each reason; none where it may."""
    reasons = [uv_never_supports(metadata, namespace) for namespace in _own(variant)]
    missing = [
        f"the static-properties of {namespace!r} list none of the values of {feature!r} that it has"
        for namespace, feature in metadata.never_supported(variant)
    ]
    return [*filter(None, reasons), *missing]


def _own(variant: Variant) -> list[str]:
    return sorted(variant.namespaces() - {ABI_DEPENDENCY})


def _unknown_plugin(namespace: str, provider: PluginProvider) -> str | None:
    """Return in what a provider's table differs from the one that uv knows, or None."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    known = _KNOWN_TO_UV.get(namespace)
    if known is None:
        return f"uv knows the providers of {one_of(_KNOWN_TO_UV)} by heart, and asks no other"
    requirements = [Requirement(text) for text in provider.requires]
    names = [canonicalize_name(requirement.name) for requirement in requirements]
    if names != [known.package]:
        return f"uv knows {namespace!r} with the one requirement {known.package!r} only"
    (requirement,) = requirements
    if requirement.marker or (known.version and known.version not in requirement.specifier):
        wanted = f" that admits {known.version}" if known.version else ""
        return f"uv knows {namespace!r} with a requirement{wanted} and has no marker, not {requirement}"
    if provider.plugin_api not in known.plugin_apis:
        wanted = " or ".join(text or "no plugin-api" for text in known.plugin_apis)
        return f"uv knows {namespace!r} with {wanted}"
    return None
