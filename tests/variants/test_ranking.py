"""The order of wheels, tested with hand-made cases and with general rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import pytest
from helpers.recorded_orders import RecordedOrder, recorded_orders
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import Tag
from packaging.version import Version

from variant_backend._internal.errors import Problem
from variant_backend._internal.selection.target import Target
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.metadata_reading import usable_from_dict
from variant_backend._internal.variants.properties import Property, Variant
from variant_backend._internal.variants.providers import PluginProvider, Provider, StaticProvider
from variant_backend._internal.variants.ranking import (
    WRONG_TAGS,
    Supported,
    Verdict,
    rank_wheels,
    static_support,
    supported_labels,
    unsupported_features,
    why_better,
)

ANY = [Tag("py3", "none", "any")]


def release(
    namespaces: str, features: Mapping[str, Sequence[str]], variants: Mapping[str, Sequence[str]]
) -> VariantMetadata:
    """Return metadata: features are written ``ns.feature``, properties ``ns.feature.value``."""
    providers = {
        namespace: StaticProvider(
            tuple(
                (key.split(".")[1], tuple(values))
                for key, values in features.items()
                if key.split(".")[0] == namespace
            )
        )
        for namespace in namespaces.split()
    }
    return VariantMetadata(
        tuple(namespaces.split()),
        providers,
        {
            label: Variant(label, frozenset(Property(*text.split(".", 2)) for text in texts))
            for label, texts in variants.items()
        },
    )


def wheel(label: str | None = None, tags: str = "py3-none-any", build: str = "") -> WheelFilename:
    return WheelFilename("demo", "1.0", build, tags, label)


def labels(verdicts: list[Verdict]) -> list[str | None]:
    return [verdict.filename.label for verdict in verdicts if verdict.is_compatible]


def ordered(metadata: VariantMetadata, supported: Supported | None = None) -> list[str | None]:
    """Return the compatible labels of a release with a plain wheel, best first."""
    wheels = [wheel(label) for label in [None, *metadata.variants]]
    return labels(
        rank_wheels(wheels, metadata, static_support(metadata) if supported is None else supported, ANY)
    )


@pytest.mark.parametrize(
    ("fact", "metadata", "expected"),
    [
        (
            "values rank as the provider lists them, not by their text",
            release("a", {"a.f": ["9", "10", "1.0"]}, {"x": ["a.f.10"], "y": ["a.f.9"], "z": ["a.f.1.0"]}),
            ["y", "x", "z", None],
        ),
        (
            "the best supported of several values decides",
            release("a", {"a.f": ["3", "2", "1"]}, {"x": ["a.f.1", "a.f.4"], "y": ["a.f.2", "a.f.1"]}),
            ["y", "x", None],
        ),
        (
            "the most important of several features decides",
            release("a", {"a.g": ["1", "2"], "a.f": ["1", "2"]}, {"x": ["a.g.2"], "y": ["a.f.1", "a.g.1"]}),
            ["y", "x", None],
        ),
        (
            "a namespace outranks any number of later namespaces",
            release(
                "b a c",
                {"a.f": ["1"], "b.f": ["1", "2"], "c.f": ["1"]},
                {"x": ["a.f.1", "c.f.1"], "y": ["b.f.2"]},
            ),
            ["y", "x", None],
        ),
        (
            "of two that start alike, the longer one is better",
            release(
                "a b",
                {"a.f": ["1"], "b.f": ["1"]},
                {"x": ["a.f.1"], "y": ["a.f.1", "b.f.1"], "null": []},
            ),
            ["y", "x", "null", None],
        ),
        (
            "equal variants are sorted by label",
            release("a", {"a.f": ["1"]}, {label: ["a.f.1"] for label in ("cu13", "cu12_6", "cu12.6", "cu1")}),
            ["cu1", "cu12.6", "cu12_6", "cu13", None],
        ),
        (
            "an unsupported feature excludes a variant",
            release("a", {"a.f": ["1"]}, {"x": ["a.f.1", "a.g.1"], "y": ["a.f.2"], "null": []}),
            ["null", None],
        ),
        (
            "an unknown namespace excludes a variant",
            release("a b", {"a.f": ["1"]}, {"x": ["a.f.1"], "y": ["b.f.1"]}),
            ["x", None],
        ),
    ],
    ids=lambda value: value.replace(" ", "_") if isinstance(value, str) else "",
)
def test_variants_are_sorted_as_in_the_standard(
    fact: str, metadata: VariantMetadata, expected: list[str | None]
) -> None:
    assert ordered(metadata) == expected, fact


def test_tags_and_then_build_numbers_decide_within_a_label() -> None:
    metadata = release("a", {"a.f": ["1"]}, {"x": ["a.f.1"]})
    tags = [Tag("cp311", "cp311", "linux_x86_64"), *ANY]
    wheels = [
        wheel(),
        wheel("x", build="9"),
        wheel("x", build="10b"),
        wheel("x", build="10a"),
        wheel("x"),
        wheel("x", "cp311-cp311-linux_x86_64"),
        wheel(None, "cp311-cp311-linux_x86_64"),
    ]
    names = [
        str(verdict.filename) for verdict in rank_wheels(wheels, metadata, static_support(metadata), tags)
    ]
    assert names == [
        "demo-1.0-cp311-cp311-linux_x86_64-x.whl",
        "demo-1.0-10b-py3-none-any-x.whl",
        "demo-1.0-10a-py3-none-any-x.whl",
        "demo-1.0-9-py3-none-any-x.whl",
        "demo-1.0-py3-none-any-x.whl",
        "demo-1.0-cp311-cp311-linux_x86_64.whl",
        "demo-1.0-py3-none-any.whl",
    ]


def test_the_best_tag_of_a_compressed_set_decides() -> None:
    tags = [Tag("py3", "none", "linux_x86_64"), *ANY]
    (first, second) = rank_wheels(
        [wheel(None, "py3-none-any"), wheel(None, "py2.py3-none-Linux_x86_64")], None, {}, tags
    )
    assert (first.filename.tags, first.key and first.key.tag) == ("py2.py3-none-Linux_x86_64", 0)
    assert second.key and second.key.tag == 1


def test_every_reason_that_excludes_a_wheel_is_reported() -> None:
    metadata = release("a", {"a.f": ["2", "1"]}, {"x": ["a.f.3", "a.f.4", "a.g.1"]})
    (verdict,) = rank_wheels([wheel("x", "py2-none-any")], metadata, static_support(metadata), ANY)
    assert verdict.key is None
    assert [str(reason) for reason in verdict.reasons] == [
        "a :: f: needs one of 3, 4; supported: 2, 1",
        "a :: g: needs 1; supported: none",
        "tags: py2-none-any matches neither the interpreter nor the platform",
    ]
    assert [reason.code for reason in verdict.reasons] == [
        "unsupported-feature",
        "unsupported-feature",
        WRONG_TAGS,
    ]


@pytest.mark.parametrize("label", ["x", "null"])
def test_a_label_missing_in_the_index_file_is_excluded(label: str) -> None:
    metadata = release("a", {"a.f": ["1"]}, {"y": ["a.f.1"]})
    (verdict,) = rank_wheels([wheel(label)], metadata, static_support(metadata), ANY)
    assert verdict.reasons == (
        Problem("unknown-label", "label", f"the index file does not define {label!r}"),
    )
    (verdict,) = rank_wheels([wheel(label)], None, {}, ANY)
    assert verdict.reasons == (
        Problem("unknown-label", "label", "the source has no valid index file (*-variants.json)"),
    )


def test_wheels_barred_for_other_reasons_are_excluded() -> None:
    metadata = release("a", {"a.f": ["1"]}, {"x": ["a.f.1"], "y": ["a.f.2"]})
    wheels, supported = [wheel("x"), wheel("y"), wheel()], static_support(metadata)
    yanked, old = Problem("yanked", "", "yanked"), Problem("yanked", "", "it is old")
    barred = {wheel("x"): (yanked,), wheel("y"): (yanked, old)}
    plain, *out = rank_wheels(wheels, metadata, supported, ANY, barred=barred)
    assert plain == rank_wheels(wheels, metadata, supported, ANY)[1]
    missing = Problem("unsupported-feature", "a :: f", "needs 2; supported: 1")
    assert [verdict.reasons for verdict in out] == [(yanked,), (yanked, old, missing)]


def test_the_key_has_the_best_value_of_each_feature_and_its_rank() -> None:
    metadata = release("b a", {"a.f": ["3", "2"], "b.g": ["1"]}, {"x": ["a.f.2", "a.f.3", "b.g.1"]})
    (verdict,) = rank_wheels([wheel("x")], metadata, static_support(metadata), ANY)
    assert verdict.key
    assert [(str(feature.best), feature.numbers) for feature in verdict.key.features] == [
        ("b :: g :: 1", (0, 0, 0)),
        ("a :: f :: 3", (1, 0, 0)),
    ]


def test_static_properties_of_optional_providers_are_not_used() -> None:
    features = (("f", ("1",)),)
    providers: dict[str, Provider] = {
        "a": StaticProvider(features, optional=True),
        "b": PluginProvider(("p",)),
        "c": StaticProvider(features),
    }
    assert static_support(VariantMetadata(("a", "b", "c"), providers, {})) == {"c": {"f": ("1",)}}


@pytest.mark.parametrize("order", recorded_orders(), ids=lambda order: order.name)
def test_the_order_is_the_recorded_one(order: RecordedOrder) -> None:
    metadata, _ = usable_from_dict(order.document, "a case")
    tags = Target.of("3.11", "linux_x86_64", running=Version("3.11"), tags=()).tags
    verdicts = rank_wheels(order.wheels, metadata, static_support(metadata), tags)
    assert [verdict.filename for verdict in verdicts if verdict.is_compatible] == order.expected


NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from(["1", "2", "10", "1.0"])
FEATURES = st.dictionaries(NAMES, st.lists(VALUES, unique=True, min_size=1).map(tuple), min_size=1)
PROPERTIES = st.frozensets(st.builds(Property, NAMES, NAMES, VALUES), max_size=6)


@st.composite
def releases(draw: st.DrawFn) -> VariantMetadata:
    namespaces = tuple(draw(st.permutations(["a", "b", "c"])))
    providers = {name: StaticProvider(tuple(draw(FEATURES).items())) for name in namespaces}
    found = draw(st.lists(PROPERTIES.filter(bool), max_size=8))
    variants = {f"x{number}": Variant(f"x{number}", each) for number, each in enumerate(found)}
    return VariantMetadata(namespaces, providers, variants)


TAGS = [Tag("cp311", "cp311", "linux_x86_64"), Tag("py3", "none", "linux_x86_64"), *ANY]
WHEEL_TAGS = st.sampled_from(
    ["py3-none-any", "cp311-cp311-linux_x86_64", "py2.py3-none-any.linux_x86_64", "cp312-cp312-win32"]
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[VariantMetadata, list[WheelFilename]]:
    metadata = draw(releases())
    label = st.sampled_from([None, "null", *metadata.variants])
    build = st.sampled_from(["", "1", "2", "10", "2a"])
    wheels = draw(st.lists(st.builds(wheel, label, WHEEL_TAGS, build), max_size=12, unique=True))
    return metadata, wheels


@given(cases(), st.data())
def test_the_order_of_the_input_does_not_matter(
    case: tuple[VariantMetadata, list[WheelFilename]], data: st.DataObject
) -> None:
    metadata, wheels = case
    supported = static_support(metadata)
    shuffled = data.draw(st.permutations(wheels))
    assert rank_wheels(shuffled, metadata, supported, TAGS) == rank_wheels(wheels, metadata, supported, TAGS)


@given(cases())
def test_an_additional_incompatible_wheel_changes_nothing_else(
    case: tuple[VariantMetadata, list[WheelFilename]],
) -> None:
    metadata, wheels = case
    verdicts = rank_wheels(wheels, metadata, static_support(metadata), TAGS)
    compatible = [verdict for verdict in verdicts if verdict.is_compatible]
    again = rank_wheels(
        [verdict.filename for verdict in compatible], metadata, static_support(metadata), TAGS
    )
    assert again == compatible


@given(cases())
def test_the_order_of_two_wheels_does_not_depend_on_others(
    case: tuple[VariantMetadata, list[WheelFilename]],
) -> None:
    metadata, wheels = case
    supported = static_support(metadata)
    whole = [verdict.filename for verdict in rank_wheels(wheels, metadata, supported, TAGS)]
    for first, second in pairwise(whole):
        pair = [verdict.filename for verdict in rank_wheels([second, first], metadata, supported, TAGS)]
        assert pair == [first, second]


@given(cases())
def test_the_first_different_part_of_the_key_explains_the_order(
    case: tuple[VariantMetadata, list[WheelFilename]],
) -> None:
    metadata, wheels = case
    keys = [
        verdict.key
        for verdict in rank_wheels(wheels, metadata, static_support(metadata), TAGS)
        if verdict.key
    ]
    for one, other in pairwise(keys):
        differing = [
            part for part, ours, theirs in zip(one._fields, one, other, strict=True) if ours != theirs
        ]
        said = why_better(one, other)
        if one.label is not None and other.label is None:
            assert said == "a variant comes before a plain wheel"
        elif differing[0] == "features":
            first = next(each for each in one.features if each not in other.features)
            assert str(first.best) in said
        else:
            assert differing[0] in said


@given(releases())
def test_the_supported_labels_are_those_without_an_unsupported_feature(metadata: VariantMetadata) -> None:
    supported = static_support(metadata)
    expected = [
        label
        for label, variant in metadata.variants.items()
        if not unsupported_features(variant, metadata, supported)
    ]
    assert supported_labels(metadata, supported) == expected


@given(releases())
def test_the_order_matches_a_literal_version_of_the_standard(metadata: VariantMetadata) -> None:
    supported = static_support(metadata)

    def tuples(label: str) -> list[tuple[int, int, int]]:
        """Return the position of the best value of each feature, as three numbers."""
        best: dict[tuple[str, str], tuple[int, int, int]] = {}
        for namespace, feature, value in metadata.variants[label].properties:
            values = supported[namespace].get(feature, ())
            if value in values:
                place = (
                    metadata.namespaces.index(namespace),
                    list(supported[namespace]).index(feature),
                    values.index(value),
                )
                best[namespace, feature] = min(place, best.get((namespace, feature), place))
        return sorted(best.values())

    def is_better(one: str, other: str) -> bool:
        ours, theirs = tuples(one), tuples(other)
        for place, that in zip(ours, theirs, strict=False):
            if place != that:
                return place < that
        return len(ours) > len(theirs) or (len(ours) == len(theirs) and one < other)

    found = [label for label in ordered(metadata) if label]
    assert all(is_better(one, other) for one, other in pairwise(found))
    for label in metadata.variants:
        features = {item[:2] for item in metadata.variants[label].properties}
        assert (label in found) == (len(tuples(label)) == len(features))
