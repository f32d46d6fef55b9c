"""How released installers handle variants.

Only uv reads variants, with a preview flag. It runs no plugin: it has a few built-in provider tables, and
computes their supported values itself. pip and all other installers see plain wheels only. All facts about
uv in this package were measured with `UV_VERSION`, and tests check them with the real program.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ..errors import Problem, one_of
from .abi_dependency import ABI_DEPENDENCY
from .filename import WheelFilename
from .known_providers import KNOWN_PROVIDERS, requires_known_plugin
from .metadata import VariantMetadata
from .properties import Variant
from .providers import BuiltinProvider, PluginProvider, UnusableProvider, never_supported
from .registry_entry import Features, KnownByUv, KnownProvider

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

_LARGEST_BUILD = str(2**64 - 1)

# uv drops a release with any other problem in its metadata. It ignores $schema. A provider whose requirements
# or plugin-api are invalid is like an unknown provider for it.
_ACCEPTED = {
    "unknown-schema",
    "schema-without-providers",
    "duplicate-entry",
    "ignored-null",
    "no-values",
    "no-properties",
    "reserved-namespace",
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


def uv_ignores(wheel: WheelFilename) -> Problem | None:
    """Return why uv ignores a wheel because of its build number or tags, or None; pip reads more of them."""
    digits = wheel.build[: len(wheel.build) - len(wheel.build.lstrip("0123456789"))].lstrip("0")
    if (len(digits), digits) > (len(_LARGEST_BUILD), _LARGEST_BUILD):
        return Problem("bad-name", "build number", f"uv reads none above {_LARGEST_BUILD}")
    parts = [part.split(".") for part in wheel.tags.split("-")]
    texts = [*wheel.build.replace(".", ""), *(tag for part in parts for tag in part)]
    if not all(re.fullmatch(r"\w+", text, re.ASCII) for text in texts):
        return Problem("bad-name", "filename", "uv reads only ASCII letters, digits, '_' and '.' in it")
    if any(all(tag != tag.lower() for tag in part) for part in parts):
        return Problem("bad-name", "tags", f"uv knows no tag with capital letters, as in {wheel.tags}")
    return None


def uv_drops(metadata: VariantMetadata, variant: Variant) -> Iterator[Problem]:
    """Find properties of a *variant* that the format allows, but for which uv drops the whole version."""
    if ABI_DEPENDENCY in variant.namespaces() - {*metadata.namespaces}:
        text = f"uv requires every namespace in default-priorities, where {ABI_DEPENDENCY!r} is reserved"
        yield Problem("abi-dependency", f"variants.{variant.label}.{ABI_DEPENDENCY}", text)


def uv_never_selects(metadata: VariantMetadata, variant: Variant) -> list[Problem]:
    """Return why uv never selects *variant* on any machine; empty if it may."""
    return never_selected_by_uv(metadata, [variant]).get(variant.label, [])


def never_selected_by_uv(
    metadata: VariantMetadata, variants: Collection[Variant]
) -> dict[str, list[Problem]]:
    """Return the labels that uv never selects on any machine, each with the reasons."""
    used = sorted({name for variant in variants for name in variant.namespaces()} & {*metadata.namespaces})
    unsupported = {namespace: uv_never_supports(metadata, namespace) for namespace in used}
    unlisted = never_supported(variants, metadata.providers)
    result = {}
    for variant in variants:
        problems = [
            *filter(None, (unsupported.get(namespace) for namespace in sorted(variant.namespaces()))),
            *(_unlisted_value(variant, *key) for key in unlisted.get(variant.label, ())),
            *uv_unsupported_features(metadata, variant),
        ]
        if problems:
            result[variant.label] = problems
    return result


def _unlisted_value(variant: Variant, namespace: str, feature: str) -> Problem:
    """Return the problem that static-properties contain none of a variant's values of a feature."""
    place = f"variants.{variant.label}.{namespace}.{feature}"
    text = f"the static-properties of {namespace!r} contain none of its values of {feature!r}"
    return Problem("unlisted-value", place, text)


def uv_unsupported_features(metadata: VariantMetadata, variant: Variant) -> Iterator[Problem]:
    """Yield the features for which uv's built-in providers list none of the variant's values on any machine.

    The problem is an error unless only uv lacks the values: then the provider's plugin lists them.
    """
    values: dict[tuple[str, str], list[str]] = {}
    for prop in sorted(variant.properties):
        values.setdefault(prop.key, []).append(prop.value)
    for (namespace, feature), texts in values.items():
        known = KNOWN_TO_UV.get(namespace)
        if not known:
            continue
        listed = known.features()
        is_listed = not {*texts}.isdisjoint(listed.get(feature, ()))
        if not is_listed and requires_known_plugin(namespace, metadata.providers.get(namespace)):
            place = f"variants.{variant.label}.{namespace}.{feature}"
            yield _unlisted(KNOWN_PROVIDERS[namespace], listed, feature, texts)._replace(place=place)


def _unlisted(provider: KnownProvider, listed: Features, feature: str, texts: Sequence[str]) -> Problem:
    """Return the problem that uv lists none of the values *texts* of a feature on any machine."""
    if feature not in listed:
        has = f"has no {feature!r}; it has {one_of(listed)}"
        if feature in provider.switches and "on" in texts:
            return Problem("unsupported-property", "", f"uv's provider {has}")
        return Problem("unknown-property", "", f"the provider {has}")
    form = provider.open_values.get(feature)
    if form and not form.listed and any(re.fullmatch(form.pattern, text) for text in texts):
        text = f"uv's provider lists only {one_of(listed[feature])} of {feature!r}"
        return Problem("unsupported-property", "", text)
    values = form.listed if form and form.listed else one_of(listed[feature])
    text = f"no machine supports {one_of(texts)} of {feature!r}; the provider lists {values}"
    return Problem("unknown-property", "", text)


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
