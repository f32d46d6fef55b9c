"""What released installers make of variants.

uv is the only one that reads them, behind a preview flag; what stands here was measured with uv 0.13.8,
and tests ask the real program. It runs no plugin: it knows a few provider tables by heart, and computes
their answers itself. pip and all others see plain wheels only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..errors import Problem, one_of
from .abi_dependency import ABI_DEPENDENCY
from .known_providers import KNOWN_PROVIDERS
from .metadata import VariantMetadata
from .properties import Variant
from .providers import BuiltinProvider, PluginProvider

# uv drops a release with any other fault in its metadata; it does not look at $schema.
ACCEPTED_BY_UV = {"unknown-schema"}


def uv_never_supports(metadata: VariantMetadata, namespace: str) -> str | None:
    """Return why uv supports no property of a *namespace* on any system, or None where it may."""
    reason = uv_reason(metadata, namespace)
    return reason.text if reason else None


def uv_reason(metadata: VariantMetadata, namespace: str) -> Problem | None:
    """Return what `uv_never_supports` does, with a code.

    A plugin that is asked when the wheel is built gives a list, and that is what uv gets.
    """
    provider = metadata.providers.get(namespace)
    if provider is None:
        return Problem("no-provider", "", f"nothing says where support for {namespace!r} comes from")
    if provider.optional:
        text = f"the provider of {namespace!r} is optional, and uv has no way to turn it on"
        return Problem("optional-provider", "", text)
    if isinstance(provider, BuiltinProvider):
        return Problem("builtin-provider", "", f"the provider of {namespace!r} is builtin, and uv has none")
    if not isinstance(provider, PluginProvider):
        return None
    if namespace not in KNOWN_PROVIDERS:
        text = f"uv knows the providers of {one_of(KNOWN_PROVIDERS)} by heart, and asks no other"
        return Problem("unknown-provider", "", text)
    text = _difference(namespace, provider)
    return Problem("provider-mismatch", "", text) if text else None


def uv_drops(variant: Variant) -> Iterator[Problem]:
    """Find because of what in a *variant* uv drops the whole version, though the format allows it."""
    if ABI_DEPENDENCY in variant.namespaces():
        text = f"{ABI_DEPENDENCY!r} stands in no default-priorities, and uv asks for every namespace there"
        yield Problem("abi-dependency", f"variants.{variant.label}.{ABI_DEPENDENCY}", text)


def uv_never_chooses(metadata: VariantMetadata, variant: Variant) -> list[str]:
    """Return why uv chooses *variant* on no system, a line for each reason; none where it may."""
    reasons = [uv_never_supports(metadata, namespace) for namespace in _own(variant)]
    missing = [
        f"the static-properties of {namespace!r} list none of the values of {feature!r} that it has"
        for namespace, feature in metadata.never_supported(variant)
    ]
    unsupported = [reason.text for _, reason in uv_unsupported_features(metadata, variant)]
    return [*filter(None, reasons), *missing, *unsupported]


def uv_unsupported_features(metadata: VariantMetadata, variant: Variant) -> Iterator[tuple[str, Problem]]:
    """Yield each ``NAMESPACE.FEATURE`` of which uv's own providers support none of the variant's values."""
    values: dict[tuple[str, str], list[str]] = {}
    for prop in sorted(variant.properties):
        values.setdefault(prop[:2], []).append(prop.value)
    for (namespace, feature), own in values.items():
        known = KNOWN_PROVIDERS.get(namespace)
        if (
            not known
            or not known.features
            or not isinstance(metadata.providers.get(namespace), PluginProvider)
        ):
            continue
        pattern = known.features.get(feature)
        if pattern and any(re.fullmatch(pattern, value) for value in own):
            continue
        its = any(re.fullmatch(known.others, f"{feature} :: {value}") for value in own)
        text = (
            f"uv's provider of {namespace!r} supports no {one_of(own)} of {feature!r}"
            if pattern
            else f"uv's provider of {namespace!r} has no {feature!r}, but {one_of(known.features)}"
        )
        yield (
            f"{namespace}.{feature}",
            Problem("unsupported-property" if its else "unknown-property", "", text),
        )


def _own(variant: Variant) -> list[str]:
    return sorted(variant.namespaces() - {ABI_DEPENDENCY})


def _difference(namespace: str, provider: PluginProvider) -> str:
    """Return in what a provider's table differs from the one that uv knows; nothing if it does not."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    known = KNOWN_PROVIDERS[namespace]
    requirements = [Requirement(text) for text in provider.requires]
    if [canonicalize_name(requirement.name) for requirement in requirements] != [known.package]:
        return f"uv knows {namespace!r} with the one requirement {known.package!r} only"
    (requirement,) = requirements
    if requirement.marker or requirement.extras or requirement.url:
        return f"uv knows {namespace!r} with no marker, no extra and no URL, not with {str(requirement)!r}"
    if not requirement.specifier.contains(known.version):
        return (
            f"uv knows {namespace!r} with a requirement that admits {known.version}, not {str(requirement)!r}"
        )
    if provider.plugin_api not in known.plugin_apis:
        wanted = " or ".join(
            f"plugin-api {text!r}" if text else "no plugin-api" for text in known.plugin_apis
        )
        return f"uv knows {namespace!r} with {wanted}"
    return ""
