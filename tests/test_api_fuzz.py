"""The functions of the public interface give a result or a VariantError, also for unchecked values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.fuzzed_wheels import refused
from helpers.made_wheels import make_wheel
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag
from packaging.version import Version

from variant_backend import api

# Values of the right types, which no reader has checked.

SPECIAL = [
    "",
    "null",
    "abi_dependency",
    "torch",
    "a",
    "b",
    "A",
    "../a",
    "a b",
    "\0",
    "1" * 5000,
    "é",
    "\ud800",
    "::",
]
texts = st.sampled_from(SPECIAL) | st.text(max_size=4)
properties = st.builds(api.Property, texts, texts, texts)
variants = st.builds(api.Variant, texts, st.frozensets(properties, max_size=3))
requirements = st.sampled_from(
    [*SPECIAL, "gpu-provider>=1", "a; " + "(" * 5000, "a" + " " * 5000 + "x", "a; variant_label == 'a'"]
)
plugins = st.tuples(st.lists(requirements, max_size=2).map(tuple), st.none() | texts, st.booleans())
values = st.lists(texts, max_size=2).map(tuple)
providers: st.SearchStrategy[api.Provider] = st.one_of(
    st.builds(api.StaticProvider, st.lists(st.tuples(texts, values), max_size=2).map(tuple), st.booleans()),
    plugins.map(lambda fields: api.PluginProvider(*fields)),
    plugins.map(lambda fields: api.BuildProvider(*fields)),
    st.builds(api.BuiltinProvider, texts),
    st.just(api.UnusableProvider(())),
)
releases = st.builds(
    api.VariantMetadata,
    st.lists(texts, max_size=3).map(tuple),
    st.dictionaries(texts, providers, max_size=2),
    st.dictionaries(texts, variants, max_size=3),
)
supported = st.dictionaries(texts, st.dictionaries(texts, values, max_size=2), max_size=3)
names = st.builds(
    api.WheelFilename, texts, texts, texts, st.sampled_from(["py3-none-any", "a.b-c-d"]), st.none() | texts
)
TAGS = [Tag("py3", "none", "any")]


def ranked(release: api.VariantMetadata, known: api.Supported, wheels: list[api.WheelFilename]) -> None:
    keys = [verdict.key for verdict in api.rank_wheels(wheels, release, known, TAGS) if verdict.key]
    for one, other in pairwise(keys):
        assert api.why_better(one, other)


@given(releases, supported, st.lists(names, max_size=4))
def test_releases_are_ranked_or_refused(
    release: api.VariantMetadata, known: api.Supported, wheels: list[api.WheelFilename]
) -> None:
    source = {api.Origin("given", ""): known}
    for call in (
        lambda: ranked(release, known, wheels),
        lambda: api.ordered_labels(release, known),
        lambda: api.supported_values(release, source, enabled=["a"]).supported,
        lambda: [api.unsupported_features(variant, release, known) for variant in release.variants.values()],
        lambda: api.abi_dependencies(release),
    ):
        refused(call)


@given(releases, releases, st.frozensets(properties, max_size=3), st.none() | texts)
def test_releases_are_combined_or_refused(
    one: api.VariantMetadata,
    other: api.VariantMetadata,
    wanted: frozenset[api.Property],
    label: str | None,
) -> None:
    for call in (
        lambda: api.merge_metadata({"one": one, "other": other}),
        lambda: api.combine_metadata({}),
        lambda: api.conflicts_with_index(one, other, "other"),
        lambda: api.WheelVariant.of(one, label, wanted),
        lambda: [api.variant_of_wheel(one.only(variant)) for variant in one.variants.values()],
        lambda: api.WheelVariant(one).variant_json(),
        lambda: api.WheelVariant(one).remarks(),
        lambda: [one.variant(name) for name in SPECIAL],
        lambda: [api.unknown_property(prop) for prop in wanted],
        lambda: [getattr(provider, "reference", "") for provider in one.providers.values()],
    ):
        refused(call)


@given(releases)
def test_written_metadata_are_read_or_refused(release: api.VariantMetadata) -> None:
    def read_again() -> None:
        data = release._replace(
            providers={
                name: release.providers[name] for name in release.namespaces if name in release.providers
            }
        ).to_json()
        again, _ = api.usable_from_json(data, "here")
        assert again.to_json() == api.usable_from_dict(json.loads(again.to_json()), "here")[0].to_json()

    refused(read_again)


@given(st.lists(properties, max_size=3), st.none() | texts, st.lists(requirements, max_size=2), texts)
def test_a_variant_for_a_backend_is_valid_or_refused(
    wanted: list[api.Property], label: str | None, requires: list[str], plain: str
) -> None:
    def use() -> None:
        variant = api.wheel_variant(None, label, wanted)
        read = api.metadata_from_json(variant.variant_json(), "variant.json")
        assert read.variants == {variant.label: variant.variant}
        variant.remarks()
        refused(lambda: api.resolve_requirements(requires, variant.variant))
        refused(lambda: variant.filename(plain))

    refused(use)
    refused(lambda: api.wheel_variant({"variants": {plain: {}}}, label, wanted))


setting_keys = st.sampled_from(["variant", "variant-label", "variant-filename", "variants", "other"]) | texts
setting_values = st.recursive(
    st.none() | st.booleans() | texts | st.sampled_from(["a::b::c", "plain", "auto", "null"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@given(st.none() | st.dictionaries(setting_keys, setting_values, max_size=3))
def test_settings_of_builds_are_read_or_refused(settings: Mapping[str, object] | None) -> None:
    refused(lambda: api.variant_of_settings(settings, None))
    refused(lambda: api.variant_of_settings(settings, {}))
    api.without_variant_settings(settings)


@given(texts | requirements, variants, st.lists(properties, max_size=2))
def test_texts_are_read_or_refused(text: str, variant: api.Variant, known: list[api.Property]) -> None:
    for call in (
        lambda: api.WheelFilename.parse(text),
        lambda: api.parse_index_filename(f"{text}-1.0-variants.json"),
        lambda: api.Property.parse(text),
        lambda: api.check_label(text),
        lambda: api.resolve_requirement(text, variant),
        lambda: api.resolve_requirement_on_machine(text, text, known),
        lambda: api.read_hardware(text),
    ):
        refused(call)


# Single cases.

FAST = frozenset({api.Property("blas", "library", "mkl")})
ATOMS = [f'os_name == "{number}"' for number in range(14)]
CLAUSES = " and ".join(f"({' or '.join(ATOMS[at % 11 : at % 11 + 3])})" for at in range(3000))
SEVERAL = api.Variant("a", frozenset(api.Property("a", "b", f"c{number}") for number in range(13)))
TESTS = " and ".join(f"'{prop}' in variant_properties" for prop in SEVERAL.properties)
CASES: dict[str, Callable[[], object]] = {
    "no parts": lambda: api.merge_metadata({}),
    "a name with a path": lambda: api.index_filename(("../a", Version("1"))),
    "a name with NUL": lambda: api.WheelFilename.parse("a-1.0-py3-none-any\0.whl"),
    "a path with NUL": lambda: api.read_wheel_metadata("\0/a-1.0-py3-none-any-x.whl"),
    "a path with a surrogate": lambda: api.read_wheel_metadata("\ud800/a-1.0-py3-none-any-x.whl"),
    "an interpreter with NUL": lambda: api.ask_plugin("a", api.PluginProvider(("a",)), "\0"),
    "a missing interpreter": lambda: api.ask_plugin("a", api.PluginProvider(("a",)), Path("missing/python")),
    "a plugin with NUL": lambda: api.ask_build_plugins({"a": api.BuildProvider(("a",), "\0")}),
    "a plugin without requirements": lambda: api.ask_build_plugins({"a": api.BuildProvider(())}),
    "two equal properties": lambda: api.wheel_variant(None, None, [*FAST, *FAST]),
    "many clauses and values": lambda: api.resolve_requirement(f"a; ({CLAUSES}) or ({TESTS})", SEVERAL),
    "many values": lambda: api.resolve_requirement(
        "a; " + " and ".join(f"({TESTS} or {atom})" for atom in ATOMS * 20), SEVERAL
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_error_is_a_variant_error(name: str) -> None:
    assert refused(CASES[name])


def test_a_decided_marker_is_resolved_in_proportional_time() -> None:
    requirement = f"a; ({CLAUSES}) or variant_label == 'b'"
    assert not refused(lambda: api.resolve_requirement(requirement, SEVERAL))


def test_many_properties_of_settings_are_read_in_proportional_time() -> None:
    settings = {"variant": [f"a::b::c{number}" for number in range(20_000)], "variant-label": "x"}
    assert not refused(lambda: api.variant_of_settings(settings, None))


INVALID: dict[str, Any] = {
    "a namespace": api.VariantMetadata(("A",), {}, {}),
    "a provider": api.VariantMetadata(("blas",), {"blas": api.UnusableProvider(())}, {}),
    "a label": api.VariantMetadata(("blas",), {}, {"../a": api.Variant("../a", FAST)}),
}


@pytest.mark.parametrize("name", INVALID)
def test_make_variant_refuses_metadata_that_readers_refuse(name: str, tmp_path: Path) -> None:
    wheel, metadata = make_wheel(tmp_path), INVALID[name]
    label = next(iter(metadata.variants), "a")
    wanted = () if metadata.variants else [api.Property(metadata.namespaces[0], "library", "mkl")]
    with pytest.raises(api.VariantError):
        api.make_variant(wheel, label, wanted, metadata=metadata)
    assert [*tmp_path.iterdir()] == [wheel]
