"""The registry of built-in providers: one entry for each namespace.

The facts of a provider are in its module `provider_NAME`, and its detector is in a module of `machine`.
uv may not know a provider of this registry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..errors import Problem, did_you_mean, one_of
from .properties import Property, Variant
from .provider_aarch64 import AARCH64
from .provider_amd import AMD
from .provider_ascend import ASCEND
from .provider_intel import INTEL
from .provider_nvidia import NVIDIA
from .provider_tpu import TPU
from .provider_x86_64 import X86_64
from .providers import PluginProvider, Provider, required_packages
from .registry_entry import KnownProvider

# The first namespace is declared if a null variant needs one.
KNOWN_PROVIDERS: Mapping[str, KnownProvider] = {
    "nvidia": NVIDIA,
    "x86_64": X86_64,
    "aarch64": AARCH64,
    "tpu": TPU,
    "amd": AMD,
    "ascend": ASCEND,
    "intel": INTEL,
}
# The namespaces of devices that compute beside the processor, which any processor may have.
ACCELERATORS = frozenset(name for name, provider in KNOWN_PROVIDERS.items() if not provider.machines)


def requires_known_plugin(namespace: str, provider: object) -> bool:
    """Return whether a *provider* runs the known plugin of a *namespace*, whatever its version."""
    known = KNOWN_PROVIDERS.get(namespace)
    if known is None or not isinstance(provider, PluginProvider):
        return False
    return not {*required_packages(provider)}.isdisjoint(required_packages(known.table))


def has_known_plugin(namespace: str, providers: Mapping[str, Provider]) -> bool:
    """Return whether a namespace is known, and *providers* have its known plugin or no provider for it."""
    provider = providers.get(namespace)
    if namespace not in KNOWN_PROVIDERS or provider is None:
        return namespace in KNOWN_PROVIDERS
    return requires_known_plugin(namespace, provider)


def unknown_property(prop: Property) -> Problem | None:
    """Return why no provider of a known namespace can report a property, with a suggestion.

    None if the provider can report *prop*, or if the namespace is unknown. A problem is a warning: a later
    version of the provider may know the value.

    >>> print(unknown_property(Property.parse("x86_64 :: level :: v9")))
    property 'x86_64 :: level :: v9': unknown value 'v9' of x86_64 :: level; known values: v1, v2, v3, v4
    """
    place = f"property {str(prop)!r}"
    if problem := unknown_feature(prop.namespace, prop.feature):
        return problem._replace(place=place)
    if not (provider := KNOWN_PROVIDERS.get(prop.namespace)):
        return None
    if form := provider.open_values.get(prop.feature):
        is_known = bool(re.fullmatch(form.pattern, prop.value))
        remedy = f"write a value such as {' or '.join(form.examples)}"
    else:
        values = provider.values(prop.feature)
        is_known = prop.value in values
        remedy = f"known values: {one_of(values)}"
    text = f"unknown value {prop.value!r} of {prop.namespace} :: {prop.feature}"
    return None if is_known else Problem("unknown-property", place, text, remedy)


def unknown_properties(variants: Iterable[Variant], providers: Mapping[str, Provider]) -> list[str]:
    """Return a warning for each property that the known plugin of its namespace does not report.

    Namespaces with static properties or with another plugin are not checked.
    """
    properties = (prop for variant in variants for prop in sorted(variant.properties))
    problems = (unknown_property(prop) for prop in properties if has_known_plugin(prop.namespace, providers))
    return [str(problem) for problem in problems if problem]


def unknown_feature(namespace: str, feature: str) -> Problem | None:
    """Return the problem that the provider of a known namespace lacks a feature, with a suggestion.

    None if the provider has the feature, or if the namespace is unknown.
    """
    provider = KNOWN_PROVIDERS.get(namespace)
    features = provider.features() if provider else ()
    switches = provider.switches if provider else ()
    if not provider or feature in features or feature in switches:
        return None
    text = f"unknown feature {feature!r} of {namespace}{did_you_mean(feature, [*features, *switches])}"
    more = f" and {len(switches)} more such as {switches[0]}" if switches else ""
    return Problem(
        "unknown-property", f"{namespace} :: {feature}", text, f"known features: {one_of(features)}{more}"
    )


def suggested_namespace(name: str, declared: Iterable[str] = ()) -> str:
    """Return `` (did you mean 'x86_64'?)`` for the nearest known or declared namespace, or an empty text."""
    known = dict.fromkeys([*declared, *KNOWN_PROVIDERS])
    return "" if name in known else did_you_mean(name, known)


def forcing_variables(supported: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, str]:
    """Return the variables that force the same support in uv on another machine, if uv has such variables.

    >>> nvidia = {"cuda_version_lower_bound": ["12.8", "12.7"], "sm_arch": ["90_real"]}
    >>> forcing_variables({"nvidia": nvidia})  # doctest: +NORMALIZE_WHITESPACE
    {'NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION': '12.8',
     'NV_VARIANT_PROVIDER_FORCE_SM_ARCH': '9.0'}
    """
    return {
        variable: value
        for namespace, provider in KNOWN_PROVIDERS.items()
        if provider.uv and provider.forcing and namespace in supported
        for variable, value in provider.forcing(supported[namespace]).items()
    }
