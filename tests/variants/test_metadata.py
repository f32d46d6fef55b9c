from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from helpers.strategies import releases
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.merging import merge_metadata
from variant_backend._internal.variants.metadata import (
    DRAFT_SCHEMAS,
    SCHEMA_WITH_PROVIDERS,
    SCHEMA_WITHOUT_PROVIDERS,
    VariantMetadata,
    declared_metadata,
)
from variant_backend._internal.variants.metadata_reading import (
    metadata_from_dict,
    metadata_from_json,
    metadata_from_table,
)
from variant_backend._internal.variants.properties import NULL_VARIANT, Property, Variant
from variant_backend._internal.variants.providers import PluginProvider, StaticProvider
from variant_backend._internal.variants.wheel_metadata import remarks_on, select_variant


@given(releases())
def test_reading_written_metadata_gives_the_same_metadata(release: VariantMetadata) -> None:
    written = metadata_from_json(release.to_json(), "file")
    complete = not release.without_provider()
    assert written.namespaces == release.namespaces
    assert written.variants == release.variants
    assert written.providers == (release.providers if complete else {})
    assert written.to_json() == release.to_json()


@given(releases())
def test_version_0_2_0_is_written_if_every_namespace_has_a_provider(
    release: VariantMetadata,
) -> None:
    document = json.loads(release.to_json())
    complete = set(release.namespaces) == set(release.providers)
    assert document["$schema"] == (SCHEMA_WITH_PROVIDERS if complete else SCHEMA_WITHOUT_PROVIDERS)
    assert ("providers" in document) == complete
    # The null variant needs no provider.
    unknown = not complete and any(variant.properties for variant in release.variants.values())
    assert any("no installer can select" in remark for remark in remarks_on(release)) == unknown


def test_a_variant_with_unlisted_static_values_gets_a_warning() -> None:
    one, two, other = (Property("a", feature, value) for feature, value in ("f1", "f2", "g1"))
    release = VariantMetadata(("a",), {"a": StaticProvider((("f", ("1", "3")),))}, {})
    assert remarks_on(release.only(Variant("x", frozenset([one, two])))) == []
    for properties, feature in ((frozenset([two]), "f"), (frozenset([one, other]), "g")):
        (remark,) = remarks_on(release.only(Variant("x", properties)))
        assert "variant 'x' can never be selected" in remark and f"'{feature}'" in remark


@given(releases(), st.randoms())
def test_wheels_of_a_release_combine_to_the_release_in_any_order(
    release: VariantMetadata, random: Any
) -> None:
    parts = [(f"w{number}", release.only(each)) for number, each in enumerate(release.variants.values())]
    random.shuffle(parts)
    assert merge_metadata(dict(parts)) == release


@given(releases(), st.integers(1, 2))
def test_the_longer_of_two_namespace_lists_is_used(release: VariantMetadata, length: int) -> None:
    kept = release.namespaces[:length]
    shorter = VariantMetadata(
        kept, {name: p for name, p in release.providers.items() if name in kept}, {"null": NULL_VARIANT}
    )
    for parts in ({"x": shorter, "y": release}, {"x": release, "y": shorter}):
        assert merge_metadata(parts) == release


@given(st.lists(releases(), min_size=2, max_size=3))
def test_merging_is_symmetric_in_its_result_and_in_its_conflicts(parts: list[VariantMetadata]) -> None:
    named = {f"w{number}": part for number, part in enumerate(parts)}
    results = []
    for order in itertools.permutations(named):
        try:
            results.append(merge_metadata({name: named[name] for name in order}).to_json())
        except VariantError as error:
            results.append("\n".join(sorted(error.lines())).encode())
    assert len(set(results)) == 1


def test_a_conflict_names_both_parts_and_the_place() -> None:
    ours = VariantMetadata(
        ("a", "b"),
        {"a": StaticProvider((("f", ("1", "2")),)), "b": PluginProvider(("p",))},
        {"x": Variant("x", frozenset([Property("a", "f", "1")]))},
    )
    theirs = VariantMetadata(
        ("b", "a"),
        {"a": StaticProvider((("f", ("2", "1")),)), "b": PluginProvider(("p",), optional=True)},
        {"x": Variant("x", frozenset([Property("a", "f", "2")]))},
    )
    with pytest.raises(VariantError) as caught:
        merge_metadata({"one.whl": ours, "two.whl": theirs})
    text = str(caught.value)
    assert text.count("one.whl and two.whl: ") == 4
    for place in (
        "default-priorities.namespace",
        "providers.a.static-properties.f",
        "providers.b.optional",
        "variants.x.a.f",
    ):
        assert f": {place}: " in text


GOOD: dict[str, Any] = {
    "$schema": SCHEMA_WITH_PROVIDERS,
    "default-priorities": {"namespace": ["a"]},
    "providers": {"a": {"static-properties": {"f": ["2", "1"]}}},
    "variants": {"x": {"a": {"f": ["2"]}}, "null": {}},
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


@pytest.mark.parametrize(
    ("document", "messages"),
    [
        ([], ["expected a table, got an empty list"]),
        ({}, ["$schema: missing", "default-priorities: missing", "variants: missing"]),
        (changed(**{"$schema": "https://x/v9.json"}), ["$schema: unknown schema 'https://x/v9.json'"]),
        (changed(**{"enable-if": 1}), ["enable-if: unknown key 'enable-if'"]),
        (changed(provider={}), ["provider: unknown key 'provider' (did you mean 'providers'?)"]),
        (
            changed(**{"default-priorities": {"namespace": []}}),
            ["namespace: expected a list of at least one string"],
        ),
        (
            changed(**{"default-priorities": {"namespace": ["a", "a"]}}),
            ["namespace[1]: duplicate value 'a'"],
        ),
        (
            changed(**{"default-priorities": {"namespace": ["a"], "feature": {}}}),
            ["default-priorities.feature: unknown key 'feature'"],
        ),
        (changed(**{"default-priorities": {"namespace": ["a", "b"]}}), ["providers.b: missing"]),
        (
            changed(
                **{"default-priorities": {"namespace": ["a", "abi_dependency"]}},
                providers={**GOOD["providers"], "abi_dependency": {"builtin": "abi_dependency"}},
            ),
            ["default-priorities.namespace: namespace 'abi_dependency' is reserved"],
        ),
        (
            changed(variants={"x": {"aa": {"f": ["2"]}}}),
            ["variants.x.aa: not in default-priorities.namespace (did"],
        ),
        (
            changed(variants={"X": {"a": {"f": ["2"]}}}),
            ["variants.X: label 'X': character 'X' at position 1"],
        ),
        (
            changed(variants={"x": {"a": {"f": []}}}),
            ["variants.x.a.f: expected a list of at least one string"],
        ),
        (changed(variants={"x": {"a": {"f": ["2", "2"]}}}), ["variants.x.a.f[1]: duplicate value '2'"]),
        (changed(variants={"x": {"a": {"f": ["+"]}}}), ["variants.x.a.f[0]: value '+': character '+'"]),
        (changed(variants={"x": {"a": {"f": [2]}}}), ["variants.x.a.f[0]: expected a string, got a number"]),
        (changed(variants={"x": {"a": {"F": ["2"]}}}), ["variants.x.a.F: feature 'F': character 'F'"]),
        (changed(variants={"x": {"a": {}}}), ["variants.x.a: no features", "variants.x: no properties"]),
        (changed(variants={"x": {}}), ["variants.x: no properties"]),
        (
            changed(variants={"null": {"a": {"f": ["2"]}}}),
            ["variants.null: label 'null' cannot have properties"],
        ),
        (changed(providers={"a": {}}), ["providers.a: expected exactly one of", "got none"]),
        (changed(providers={"a": {"builtin": "x", "requires": ["y"]}}), ["got requires and builtin"]),
        (
            changed(providers={"a": {"requires": []}}),
            ["providers.a.requires: expected a list of at least one string"],
        ),
        (changed(providers={"a": {"requires": ["!"]}}), ["providers.a.requires[0]: requirement '!': "]),
        (
            changed(providers={"a": {"requires": ["x"], "plugin-api": "x y"}}),
            ["providers.a.plugin-api: invalid object reference 'x y'"],
        ),
        (
            changed(providers={"a": {"static-properties": {"f": ["1"]}, "plugin-api": "x"}}),
            ["providers.a.plugin-api: only allowed with requires"],
        ),
        (
            changed(providers={"a": {"static-properties": {"f": ["1"], "g": ["1"]}}}),
            ["providers.a.feature-order: missing"],
        ),
        (
            changed(providers={"a": {"static-properties": {"f": ["1"], "g": ["1"]}, "feature-order": ["f"]}}),
            ["providers.a.feature-order: expected the features f, g, got f"],
        ),
        (
            changed(providers={"a": {"builtin": "x", "optional": 1}}),
            ["providers.a.optional: expected true or false"],
        ),
        (
            changed(providers={**GOOD["providers"], "b": {"builtin": "x"}}),
            ["providers.b: not in default-priorities"],
        ),
        (
            changed(**{"$schema": SCHEMA_WITHOUT_PROVIDERS}),
            ["providers: not allowed in version 0.1.1 of the format"],
        ),
    ],
)
def test_a_broken_document_is_refused_with_the_place_of_each_problem(
    document: Any, messages: list[str]
) -> None:
    with pytest.raises(VariantError) as caught:
        metadata_from_dict(document, "variant.json")
    for message in messages:
        assert message in str(caught.value)
    assert all(line.startswith("variant.json: ") for line in caught.value.lines())


@pytest.mark.parametrize("schema", sorted(DRAFT_SCHEMAS))
def test_a_draft_is_read_like_the_current_format(schema: str) -> None:
    draft = {"$schema": schema}
    assert metadata_from_dict(changed(**draft), "variant.json") == metadata_from_dict(GOOD, "variant.json")
    few = changed(**draft, **{"default-priorities": {"namespace": ["a", "b"]}})
    with pytest.raises(VariantError, match=r"providers\.b: missing"):
        metadata_from_dict(few, "variant.json")
    del few["providers"]
    assert metadata_from_dict(few, "variant.json").without_provider() == ["a", "b"]


def test_a_key_of_an_older_draft_needs_an_upgrade() -> None:
    old = changed(**{"$schema": "https://x/v9.json", "static-properties": {}})
    draft = changed(**{"$schema": next(iter(DRAFT_SCHEMAS)), "static-properties": {}})
    for document, remedy in ((old, "update variant-backend"), (draft, "variant-backend upgrade --in-place")):
        with pytest.raises(VariantError) as caught:
            metadata_from_dict(document, "variant.json")
        assert ["unknown key" in line or remedy in line for line in caught.value.lines()] == [True, True]


def test_a_provider_may_support_nothing() -> None:
    providers: dict[str, Any] = {"a": {"static-properties": {}}}
    metadata = metadata_from_dict(changed(providers=providers, variants={"null": {}}), "variant.json")
    assert metadata.providers == {"a": StaticProvider(())}
    assert metadata.to_dict()["providers"] == providers


def test_an_invalid_value_of_a_provider_is_one_problem() -> None:
    document = changed(providers={"a": {"static-properties": {"f": ["A"]}}})
    with pytest.raises(VariantError) as caught:
        metadata_from_dict(document, "variant.json")
    assert len(caught.value.lines()) == 1


def test_all_problems_of_a_document_are_reported_at_once() -> None:
    document = changed(variants={"X": {}, "y": {"b": {"f": ["-"]}}}, providers={"a": {}}, extra=1)
    with pytest.raises(VariantError) as caught:
        metadata_from_dict(document, "variant.json")
    places = [line.split(": ")[1] for line in caught.value.lines()]
    assert places == ["extra", "variants.X", "variants.y.b.f[0]", "providers.a"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xef\xbb\xbf{}", "invalid JSON"),
        (b"\xff", "invalid JSON"),
        (b"{", "invalid JSON"),
        (b"[" * 100_000, "invalid JSON"),
        (b'{"variants": {}, "variants": {}}', "duplicate key 'variants'"),
        (b'{"variants": {"x": {}, "x": {}}}', "variants: duplicate entry 'x'"),
    ],
)
def test_invalid_json_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(VariantError, match=message):
        metadata_from_json(data, "variant.json")


def test_abi_dependency_needs_neither_a_provider_nor_a_priority() -> None:
    document = changed(variants={"x": {"abi_dependency": {"torch": ["2.9"]}, "a": {"f": ["2"]}}})
    release = metadata_from_dict(document, "file")
    assert Property("abi_dependency", "torch", "2.9") in release.variants["x"].properties
    assert release.to_dict() == document


def test_the_project_table_needs_no_schema_and_may_lack_providers() -> None:
    release = metadata_from_table({"default-priorities": {"namespace": ["a", "b"]}}, "[variant]")
    assert release.without_provider() == ["a", "b"]


def test_the_project_table_cannot_name_a_builtin_provider() -> None:
    table = {"default-priorities": {"namespace": ["a"]}, "providers": {"a": {"builtin": "x"}}}
    with pytest.raises(VariantError, match="reserved"):
        metadata_from_table(table, "[variant]")


def test_a_label_is_found_by_its_properties_or_becomes_a_hash() -> None:
    release = metadata_from_dict(GOOD, "file")
    two, one = (frozenset([Property("a", "f", value)]) for value in "21")
    assert select_variant(release, None, two).label == "x"
    assert select_variant(release, "y", two).label == "y"
    assert len(select_variant(release, None, one).label) == 8
    assert select_variant(release, "x", frozenset()).properties == two
    assert select_variant(release, "null", frozenset()) == NULL_VARIANT
    with pytest.raises(VariantError, match=r"defined in \[variant.variants\] with other properties"):
        select_variant(release, "x", one)
    with pytest.raises(VariantError, match="known labels: null, x"):
        select_variant(release, "z", frozenset())
    assert remarks_on(release) == []
    assert (
        "is a hash; set a readable label" in remarks_on(release.only(select_variant(release, None, one)))[-1]
    )
    for properties in (frozenset[Property](), one):
        with pytest.raises(VariantError, match=r"(unknown label ''|label is empty)"):
            select_variant(release, "", properties)


def test_declared_namespaces_keep_their_order_and_get_known_providers() -> None:
    given_properties = [Property.parse(text) for text in ("x86_64::level::v3", "nvidia::cuda::12")]
    release = declared_metadata(given_properties, {"other": PluginProvider(("p",))})
    assert release.namespaces == ("x86_64", "nvidia", "other")
    assert release.without_provider() == []
    assert declared_metadata(given_properties, known=False).without_provider() == ["x86_64", "nvidia"]
    assert declared_metadata([]).namespaces == ("nvidia",)
    with pytest.raises(VariantError, match="would be empty"):
        declared_metadata([], known=False)
    with pytest.raises(VariantError, match=r"unknown namespace 'nvidja'.*did you mean 'nvidia'"):
        release.only(Variant("z", frozenset([Property("nvidja", "a", "b")])))
