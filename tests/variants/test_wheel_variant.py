"""A build backend of others gets the variant of a wheel from pyproject.toml, a label and properties."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from variant_backend.api import (
    Property,
    RequestError,
    StaticProvider,
    UnknownNameError,
    VariantError,
    WheelVariant,
    metadata_from_json,
    resolve_requirements,
    variant_of_settings,
    wheel_variant,
    without_variant_settings,
)

TABLE: dict[str, object] = {
    "default-priorities": {"namespace": ["gpu", "blas"]},
    "providers": {
        "gpu": {"static-properties": {"family": ["new", "old"]}},
        "blas": {"build-requires": ["blas-provider>=1"], "plugin-api": "blas_provider:Plugin"},
    },
    "variants": {
        "new": {"gpu": {"family": ["new"]}},
        "mkl": {"blas": {"library": ["mkl"]}},
    },
}
NEW = Property("gpu", "family", "new")
ANSWERS = {"blas": StaticProvider((("library", ("mkl", "openblas")),))}


def message(call: Callable[[], object], kind: type[VariantError] = VariantError) -> str:
    with pytest.raises(kind) as failure:
        call()
    return str(failure.value)


def test_a_label_has_the_properties_of_the_table() -> None:
    wheel = wheel_variant(TABLE, "new", ())
    assert (wheel.label, wheel.properties) == ("new", (NEW,))
    assert wheel.filename("demo-1.0-1-py3-none-any.whl") == "demo-1.0-1-py3-none-any-new.whl"


def test_properties_get_the_label_of_the_table() -> None:
    assert wheel_variant(TABLE, None, [NEW]).label == "new"


def test_the_null_variant_needs_no_table() -> None:
    wheel = wheel_variant(None, "null", ())
    assert wheel.properties == ()
    assert wheel.filename("demo-1.0-py3-none-any.whl") == "demo-1.0-py3-none-any-null.whl"


def test_the_filename_may_stay_plain() -> None:
    name = "demo-1.0-py3-none-any.whl"
    assert wheel_variant(TABLE, "new", ())._replace(labelled=False).filename(name) == name
    wheel = variant_of_settings({"variant": "new", "variant-filename": "plain"}, TABLE)
    assert wheel is not None
    assert (wheel.filename(name), wheel.label) == (name, "new")


def test_the_document_has_the_answers_of_plugins() -> None:
    wheel = wheel_variant(TABLE, "mkl", ())
    assert wheel.build_requires() == ["blas-provider>=1"]
    metadata = metadata_from_json(wheel.variant_json(ANSWERS), "variant.json")
    assert metadata.providers["blas"] == ANSWERS["blas"]
    assert [*metadata.variants] == ["mkl"]
    assert "this plugin has not run" in message(wheel.variant_json)


def test_an_unused_plugin_need_not_run() -> None:
    document = json.loads(wheel_variant(TABLE, "new", ()).variant_json())
    assert document["default-priorities"] == {"namespace": ["gpu"]}


def test_only_variant_markers_are_decided() -> None:
    required = ["Numpy >= 2", "mkl; variant_label == 'mkl'", "mkl; 'blas' in variant_namespaces", "z; extra"]
    mkl, new = (wheel_variant(TABLE, label, ()).variant for label in ("mkl", "new"))
    assert resolve_requirements(required, mkl) == ["Numpy >= 2", "mkl", "z; extra"]
    assert resolve_requirements(required, new) == ["Numpy >= 2", "z; extra"]
    assert resolve_requirements([*required, "old; variant_label == ''"], None) == [
        "Numpy >= 2",
        "z; extra",
        "old",
    ]


def test_remarks_name_unknown_properties() -> None:
    (remark,) = wheel_variant(None, "v9", [Property("x86_64", "level", "v9")]).remarks()
    assert "unknown value 'v9' of x86_64 :: level" in remark
    assert wheel_variant(TABLE, "mkl", ()).remarks() == []


def test_remarks_name_values_that_no_plugin_lists() -> None:
    atlas = wheel_variant(TABLE, "atlas", [Property("blas", "library", "atlas")])
    assert atlas.remarks() == []
    assert atlas.remarks(ANSWERS)[0].startswith("variant 'atlas' can never be selected")


def test_an_unknown_label_is_an_error_with_the_known_ones() -> None:
    expected = "unknown label 'neww' (did you mean 'new'?); known labels: mkl, new, null"
    assert message(lambda: wheel_variant(TABLE, "neww", ()), UnknownNameError) == expected


def test_a_label_without_a_table_is_an_error() -> None:
    expected = "pyproject.toml: missing table [variant], so no label is defined"
    assert message(lambda: wheel_variant(None, "new", ())).startswith(expected)


def test_all_problems_of_the_table_are_reported() -> None:
    table: dict[str, object] = {"default-priorities": {"namespace": ["A"]}, "variants": {"x y": {}}}
    with pytest.raises(VariantError) as failure:
        wheel_variant(table, "null", ())
    places = [problem.place for problem in failure.value.problems]
    assert places == [
        "pyproject.toml: [variant]: default-priorities.namespace[0]",
        "pyproject.toml: [variant]: variants.x y",
    ]


@pytest.mark.parametrize(
    ("prop", "expected"),
    [
        (Property("GPU", "family", "new"), "namespace 'GPU': character 'G' at position 1"),
        (Property("gpu", "fam-ily", "new"), "feature 'fam-ily': character '-' at position 4"),
        (Property("gpu", "family", ""), "value is empty"),
    ],
)
def test_an_invalid_property_is_an_error(prop: Property, expected: str) -> None:
    start = f"property {str(prop)!r}: {expected}"
    assert message(lambda: wheel_variant(TABLE, "other", [prop])).startswith(start)
    assert message(lambda: wheel_variant(None, "other", [prop])).startswith(start)


def test_a_request_for_nothing_or_twice_the_same_is_an_error() -> None:
    nothing = "no variant is requested; give a label or properties"
    assert message(lambda: wheel_variant(TABLE, None, ()), RequestError) == nothing
    assert message(lambda: wheel_variant(None, None, ()), RequestError) == nothing
    assert message(lambda: wheel_variant(TABLE, None, [NEW, NEW]), RequestError) == (
        "duplicate property 'gpu :: family :: new'; give it once"
    )
    assert "invalid wheel filename" in message(lambda: wheel_variant(TABLE, "new", ()).filename("demo.zip"))


@pytest.mark.parametrize(
    "settings",
    [
        {"variant": "new"},
        {"variant-label": ["new"]},
        {"variant": ["gpu::family::new"]},
        {"variant": "gpu :: family :: new", "variant-label": "new", "other": "setting"},
    ],
)
def test_settings_are_strings_or_lists(settings: dict[str, object]) -> None:
    assert variant_of_settings(settings, TABLE) == wheel_variant(TABLE, "new", ())


@pytest.mark.parametrize("settings", [None, {}, {"other": "setting"}, {"variant-filename": "plain"}])
def test_without_a_request_there_is_no_variant(settings: dict[str, object] | None) -> None:
    assert variant_of_settings(settings, TABLE) is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"variants": "new"}, "unknown config setting 'variants' (did you mean 'variant'?)"),
        ({"variant": ""}, "config setting 'variant': expected a label, got an empty string"),
        ({"variant": ["new", "mkl"]}, "config settings request 2 labels: new, mkl"),
        ({"variant": "a::b"}, "property 'a::b': expected three parts"),
        ({"variant": "other::a::b"}, "variant 'b61c272d': unknown namespace 'other'"),
        ({"variant": "new", "variant-filename": "x"}, "config setting 'variant-filename': expected 'plain'"),
        ({"variant": "auto"}, "-Cvariant=auto: this build backend does not select the best label"),
        ({"variant-label": "auto"}, "unknown label 'auto'"),
    ],
)
def test_a_wrong_setting_is_an_error(settings: dict[str, object], expected: str) -> None:
    assert message(lambda: variant_of_settings(settings, TABLE)).startswith(expected)


def test_other_settings_remain_for_the_backend() -> None:
    settings = {"variant": "new", "variant-label": "new", "variant-filename": "plain", "other": ["setting"]}
    assert without_variant_settings(settings) == {"other": ["setting"]}
    assert without_variant_settings(None) is None


def test_a_release_that_is_read_elsewhere_gives_the_same_variant() -> None:
    wheel = wheel_variant(TABLE, "new", ())
    assert WheelVariant.of(wheel.metadata, "new", ()) == wheel


def test_namespaces_without_a_table_keep_the_order_of_the_properties() -> None:
    blas, gpu = Property("blas", "library", "mkl"), NEW
    orders = [wheel_variant(None, "x", given).metadata.namespaces for given in ([gpu, blas], {gpu, blas})]
    assert orders == [("gpu", "blas"), ("blas", "gpu")]
