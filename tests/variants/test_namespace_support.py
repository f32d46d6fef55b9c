from __future__ import annotations

import pytest

from variant_backend._internal.variants.abi_dependency import ABI_DEPENDENCY
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.namespace_support import (
    DISABLED,
    NOT_ENABLED,
    STATIC,
    UNKNOWN,
    Origin,
    Support,
    supported_values,
)
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.providers import PluginProvider, Provider, StaticProvider
from variant_backend._internal.variants.ranking import Supported

PLUGIN = PluginProvider(("a-provider",))
GIVEN: Supported = {"a": {"f": ["1"]}}
DETECTED: Supported = {"a": {"f": ["2"]}, "b": {"g": ["3"]}}
USER, MACHINE = Origin("given", "--supported"), Origin("hardware", "detected")
SOURCES = {USER: GIVEN, MACHINE: DETECTED}


def release(*providers: Provider) -> VariantMetadata:
    names = ("a", "b")[: len(providers)]
    return VariantMetadata(names, dict(zip(names, providers, strict=True)), {})


def test_the_first_source_that_knows_a_namespace_decides_it() -> None:
    known = supported_values(release(PLUGIN, PLUGIN), SOURCES)
    assert known == Support({**DETECTED, **GIVEN}, {"a": USER, "b": MACHINE})


def test_a_source_with_an_empty_namespace_decides_it() -> None:
    known = supported_values(release(PLUGIN), {USER: {"a": {}}, MACHINE: DETECTED})
    assert known == Support({"a": {}}, {"a": USER})


def test_static_properties_win_over_all_sources() -> None:
    static = StaticProvider((("f", ("9",)),))
    assert supported_values(release(static), SOURCES) == Support({"a": {"f": ("9",)}}, {"a": STATIC})


@pytest.mark.parametrize("provider", [PLUGIN, StaticProvider((("f", ("9",)),))])
def test_a_disabled_namespace_has_no_supported_values(provider: Provider) -> None:
    assert supported_values(release(provider), SOURCES, disabled=["a"]) == Support({}, {"a": DISABLED})
    assert supported_values(release(provider), SOURCES, disabled=["a"], enabled=["a"]).supported == {}


OPTIONAL_PLUGIN = PluginProvider(("a-provider",), optional=True)
OPTIONAL_STATIC = StaticProvider((("f", ("9",)),), optional=True)


@pytest.mark.parametrize(("provider", "origin"), [(OPTIONAL_PLUGIN, USER), (OPTIONAL_STATIC, STATIC)])
def test_an_optional_provider_is_used_only_if_enabled(provider: Provider, origin: Origin) -> None:
    assert supported_values(release(provider), SOURCES) == Support({}, {"a": NOT_ENABLED})
    assert supported_values(release(provider), SOURCES, enabled=["a"]).origins == {"a": origin}


def test_an_unknown_namespace_has_no_supported_values() -> None:
    metadata = VariantMetadata(("c",), {}, {})
    assert supported_values(metadata, SOURCES) == Support({}, {"c": UNKNOWN})


def test_undeclared_namespaces_of_sources_are_ignored() -> None:
    assert supported_values(release(PLUGIN), SOURCES).supported == GIVEN


BUILT = Variant("built", frozenset({Property(ABI_DEPENDENCY, "torch", "2.9")}))
INSTALLED: Supported = {ABI_DEPENDENCY: {"torch": ("2.9.1", "2.9", "2")}}


def test_versions_of_packages_come_from_the_first_source_that_has_them() -> None:
    metadata = release(PLUGIN)._replace(variants={"built": BUILT})
    known = supported_values(metadata, {USER: GIVEN, MACHINE: INSTALLED})
    assert known == Support({**GIVEN, **INSTALLED}, {"a": USER, ABI_DEPENDENCY: MACHINE})
    assert supported_values(metadata, SOURCES).origins[ABI_DEPENDENCY] == UNKNOWN
    disabled = supported_values(metadata, {MACHINE: INSTALLED}, disabled=[ABI_DEPENDENCY])
    assert disabled.origins[ABI_DEPENDENCY] == DISABLED


def test_versions_of_packages_are_ignored_if_no_variant_needs_them() -> None:
    assert supported_values(release(PLUGIN), {USER: {**GIVEN, **INSTALLED}}) == Support(GIVEN, {"a": USER})


def test_a_declared_provider_of_abi_dependency_is_ignored() -> None:
    static = StaticProvider((("torch", ("1",)),))
    metadata = VariantMetadata((ABI_DEPENDENCY,), {ABI_DEPENDENCY: static}, {"built": BUILT})
    assert supported_values(metadata, {MACHINE: INSTALLED}) == Support(INSTALLED, {ABI_DEPENDENCY: MACHINE})
