"""What released installers make of variants.

uv is the only one that reads them, behind a preview flag. It runs no plugin: it knows a few provider tables
by heart, and computes their answers itself. pip and all others see plain wheels only. What this package says
of uv, here and elsewhere, was measured with `UV_VERSION`, and tests ask the real program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..errors import Problem, one_of
from .abi_dependency import ABI_DEPENDENCY
from .known_providers import KNOWN_PROVIDERS
from .metadata import VariantMetadata
from .properties import Variant
from .providers import BuiltinProvider, PluginProvider, never_supported
from .registry_entry import KnownByUv

# The release that was measured.
UV_VERSION = "0.13.9"

# Without it, uv sees plain wheels only, as pip does.
UV_FLAG = "--preview-features wheel-variants"

# What its --python-platform takes short names for.
UV_PLATFORMS = {"linux": "manylinux_2_28_x86_64", "macos": "macosx_13_0_arm64", "windows": "win_amd64"}

# What uv compares with the table of a provider, by namespace.
KNOWN_TO_UV: Mapping[str, KnownByUv] = {
    namespace: provider.uv for namespace, provider in KNOWN_PROVIDERS.items() if provider.uv
}

# uv drops a release with any other fault in its metadata; it does not look at $schema.
ACCEPTED_BY_UV = {"unknown-schema"}


def uv_never_supports(metadata: VariantMetadata, namespace: str) -> Problem | None:
    """Return why uv supports no property of a *namespace* on any system, or None where it may.

    A plugin that is asked when the wheel is built gives a list, and that is what uv gets.
    """
    place = f"providers.{namespace}"
    provider = metadata.providers.get(namespace)
    if provider is None:
        return Problem("no-provider", place, f"nothing says where support for {namespace!r} comes from")
    if provider.optional:
        text = f"the provider of {namespace!r} is optional, and uv has no way to turn it on"
        return Problem("optional-provider", place, text)
    if isinstance(provider, BuiltinProvider):
        text = f"the provider of {namespace!r} is builtin, and uv has none"
        return Problem("builtin-provider", place, text)
    if not isinstance(provider, PluginProvider):
        return None
    if namespace not in KNOWN_TO_UV:
        text = f"uv knows the providers of {one_of(KNOWN_TO_UV)} by heart, and asks no other"
        return Problem("unknown-provider", place, text)
    text = _difference(namespace, provider)
    return Problem("provider-mismatch", place, text) if text else None


def uv_drops(variant: Variant) -> Iterator[Problem]:
    """Find because of what in a *variant* uv drops the whole version, though the format allows it."""
    if ABI_DEPENDENCY in variant.namespaces():
        text = f"{ABI_DEPENDENCY!r} stands in no default-priorities, and uv asks for every namespace there"
        yield Problem("abi-dependency", f"variants.{variant.label}.{ABI_DEPENDENCY}", text)


def uv_never_chooses(metadata: VariantMetadata, variant: Variant) -> list[Problem]:
    """Return why uv chooses *variant* on no system, or nothing where it may."""
    namespaces = sorted(variant.namespaces() - {ABI_DEPENDENCY})
    reasons = [uv_never_supports(metadata, namespace) for namespace in namespaces]
    unlisted = [
        Problem(
            "unlisted-value",
            f"variants.{variant.label}.{namespace}.{feature}",
            f"the static-properties of {namespace!r} list none of the values of {feature!r} that it has",
        )
        for namespace, feature in never_supported(variant, metadata.providers)
    ]
    return [*filter(None, reasons), *unlisted, *uv_unsupported_features(metadata, variant)]


def uv_unsupported_features(metadata: VariantMetadata, variant: Variant) -> Iterator[Problem]:
    """Yield the features of which uv's own providers support none of the variant's values."""
    values: dict[tuple[str, str], list[str]] = {}
    for prop in sorted(variant.properties):
        values.setdefault(prop.key, []).append(prop.value)
    for (namespace, feature), texts in values.items():
        known = KNOWN_TO_UV.get(namespace)
        if (
            not known
            or not known.features
            or not isinstance(metadata.providers.get(namespace), PluginProvider)
        ):
            continue
        pattern = known.features.get(feature)
        if pattern and any(re.fullmatch(pattern, value) for value in texts):
            continue
        is_known = any(re.fullmatch(known.others, f"{feature} :: {value}") for value in texts)
        text = (
            f"uv's provider of {namespace!r} supports no {one_of(texts)} of {feature!r}"
            if pattern
            else f"uv's provider of {namespace!r} has no {feature!r}, but {one_of(known.features)}"
        )
        code = "unsupported-property" if is_known else "unknown-property"
        yield Problem(code, f"variants.{variant.label}.{namespace}.{feature}", text)


def _difference(namespace: str, provider: PluginProvider) -> str:
    """Return in what a provider's table differs from the one that uv knows; nothing if it does not."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    known = KNOWN_TO_UV[namespace]
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
