"""How released installers handle variants.

Only uv reads variants, with a preview flag. It runs no plugin: it has a few built-in provider tables, and
computes their supported values itself. pip and all other installers see plain wheels only. All facts about
uv in this package were measured with `UV_VERSION`, and tests check them with the real program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ..errors import Problem, one_of
from .abi_dependency import ABI_DEPENDENCY
from .known_providers import KNOWN_PROVIDERS
from .metadata import VariantMetadata
from .properties import Variant
from .providers import BuiltinProvider, PluginProvider, UnusableProvider, never_supported
from .registry_entry import KnownByUv

# The measured release.
UV_VERSION = "0.13.9"

# Without this flag, uv sees plain wheels only, like pip.
UV_FLAG = "--preview-features wheel-variants"

# The short names of uv's --python-platform.
UV_PLATFORMS = {"linux": "manylinux_2_28_x86_64", "macos": "macosx_13_0_arm64", "windows": "win_amd64"}

# What uv compares with a provider's table, by namespace.
KNOWN_TO_UV: Mapping[str, KnownByUv] = {
    namespace: provider.uv for namespace, provider in KNOWN_PROVIDERS.items() if provider.uv
}

# uv drops a release with any other problem in its metadata. It ignores $schema. A provider whose requirements
# or plugin-api are invalid is like an unknown provider for it.
_ACCEPTED = {
    "unknown-schema",
    "schema-without-providers",
    "duplicate-entry",
    "ignored-null",
    "no-values",
    "no-properties",
    "bad-requirement",
    "bad-plugin-api",
}


def dropping_uv(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems in metadata for which uv drops the whole version, or fails."""
    return [problem for problem in problems if problem.code not in _ACCEPTED]


def uv_never_supports(metadata: VariantMetadata, namespace: str) -> Problem | None:
    """Return why uv never supports a property of a *namespace* on any machine, or None if it may.

    A plugin that runs when the wheel is built is fine: uv then reads static-properties.
    """
    place = f"providers.{namespace}"
    provider = metadata.providers.get(namespace)
    if provider is None:
        return Problem("no-provider", place, f"{namespace!r} has no provider")
    if provider.optional:
        text = f"the provider of {namespace!r} is optional, and uv cannot enable it"
        return Problem("optional-provider", place, text)
    if isinstance(provider, UnusableProvider):
        return Problem("unusable-provider", place, f"the provider of {namespace!r} is invalid")
    if isinstance(provider, BuiltinProvider):
        text = f"the provider of {namespace!r} is builtin, and uv has no such provider"
        return Problem("builtin-provider", place, text)
    if not isinstance(provider, PluginProvider):
        return None
    if namespace not in KNOWN_TO_UV:
        text = f"uv only supports its built-in providers: {one_of(KNOWN_TO_UV)}"
        return Problem("unknown-provider", place, text)
    text = _difference(namespace, provider)
    return Problem("provider-mismatch", place, text) if text else None


def uv_drops(variant: Variant) -> Iterator[Problem]:
    """Find properties of a *variant* that the format allows, but for which uv drops the whole version."""
    if ABI_DEPENDENCY in variant.namespaces():
        text = f"uv requires every namespace in default-priorities, where {ABI_DEPENDENCY!r} is not allowed"
        yield Problem("abi-dependency", f"variants.{variant.label}.{ABI_DEPENDENCY}", text)


def uv_never_selects(metadata: VariantMetadata, variant: Variant) -> list[Problem]:
    """Return why uv never selects *variant* on any machine; empty if it may."""
    namespaces = sorted(variant.namespaces() - {ABI_DEPENDENCY})
    reasons = [uv_never_supports(metadata, namespace) for namespace in namespaces]
    unlisted = [
        Problem(
            "unlisted-value",
            f"variants.{variant.label}.{namespace}.{feature}",
            f"the static-properties of {namespace!r} contain none of its values of {feature!r}",
        )
        for namespace, feature in never_supported([variant], metadata.providers).get(variant.label, ())
    ]
    return [*filter(None, reasons), *unlisted, *uv_unsupported_features(metadata, variant)]


def uv_unsupported_features(metadata: VariantMetadata, variant: Variant) -> Iterator[Problem]:
    """Yield the features for which uv's built-in providers support none of the variant's values."""
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
            f"uv's provider of {namespace!r} does not support {one_of(texts)} of {feature!r}"
            if pattern
            else f"uv's provider of {namespace!r} has no {feature!r}; it has {one_of(known.features)}"
        )
        code = "unsupported-property" if is_known else "unknown-property"
        yield Problem(code, f"variants.{variant.label}.{namespace}.{feature}", text)


def _difference(namespace: str, provider: PluginProvider) -> str:
    """Return how a provider's table differs from uv's built-in table; empty if it matches."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    known = KNOWN_TO_UV[namespace]
    requirements = [Requirement(text) for text in provider.requires]
    if [canonicalize_name(requirement.name) for requirement in requirements] != [known.package]:
        return f"uv only knows {namespace!r} with the single requirement {known.package!r}"
    (requirement,) = requirements
    if requirement.marker or requirement.extras or requirement.url:
        return f"uv only knows {namespace!r} without marker, extra or URL, not with {str(requirement)!r}"
    try:
        is_allowed = requirement.specifier.contains(known.version)
    except ValueError:  # more digits than Python converts
        is_allowed = False
    if not is_allowed:
        allowed = f"a requirement that allows {known.version}"
        return f"uv only knows {namespace!r} with {allowed}, not {str(requirement)!r}"
    if provider.plugin_api not in known.plugin_apis:
        wanted = " or ".join(
            f"plugin-api {text!r}" if text else "no plugin-api" for text in known.plugin_apis
        )
        return f"uv only knows {namespace!r} with {wanted}"
    return ""
