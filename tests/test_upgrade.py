"""Old variant metadata become current: what is carried over, what changes, what has no successor."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend.errors import VariantError
from variant_backend.metadata import KNOWN_PROVIDERS, SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS
from variant_backend.old_metadata import Upgraded, upgrade_document, upgrade_table

HOST = "https://variants-schema.wheelnext.dev/"
NVIDIA_API = "nvidia_variant_provider.plugin:NvidiaVariantPlugin"

# A release of each old form, with what each of its keys can say. `blas` has no plugin.
OLD_NVIDIA = {
    "requires": ["nvidia-variant-provider>=0.0.2,<1"],
    "plugin-api": NVIDIA_API,
    "enable-if": "platform_system == 'Linux'",
}
GRAPHCORE = {"requires": ["graphcore-variant-provider"], "enable-if": "platform_machine == 'x86_64'"}
VARIANTS: dict[str, Any] = {
    "cuda13": {"nvidia": {"cuda_version_lower_bound": ["13.0"]}},
    "cuda12": {"nvidia": {"sm_arch": ["90_real", "80_real"], "cuda_version_lower_bound": ["12.0"]}},
    "ipu": {"graphcore": {"generation": ["2"]}},
    "mkl": {"blas": {"library": ["mkl"], "threads": ["many"]}},
    "openblas": {"blas": {"library": ["openblas"]}},
}
FIRST: dict[str, Any] = {
    "$schema": HOST,
    "default-priorities": {"namespace": ["nvidia"]},
    "providers": {"nvidia": {**OLD_NVIDIA, "requires": ["nvidia-variant-provider>=0.0.1,<1.0.0"]}},
    "variants": {"00000000": {}, "cuda13": VARIANTS["cuda13"], "c0ffee00": VARIANTS["cuda12"]},
}
SECOND: dict[str, Any] = {
    "$schema": f"{HOST}v0.0.2.json",
    "default-priorities": {
        "namespace": ["nvidia", "graphcore", "blas"],
        "feature": {"blas": ["threads", "library"]},
        "property": {
            "nvidia": {"sm_arch": ["90_real"]},
            "blas": {"library": ["mkl", "openblas"], "threads": ["many", "one"]},
        },
    },
    "providers": {
        "nvidia": {**OLD_NVIDIA, "plugin-use": "all"},
        "graphcore": GRAPHCORE,
        "blas": {"plugin-use": "none", "requires": []},
    },
    "variants": {"null": {}, **VARIANTS},
}
THIRD: dict[str, Any] = {
    "$schema": f"{HOST}v0.0.3.json",
    "default-priorities": {
        "namespace": ["nvidia", "graphcore", "blas"],
        "feature": {"blas": ["threads", "nonesuch", "library"], "nvidia": ["sm_arch"]},
        "property": {"blas": {"library": ["mkl", "accelerate"]}},
    },
    "providers": {
        "nvidia": {**OLD_NVIDIA, "install-time": True, "optional": False},
        "graphcore": GRAPHCORE,
        "blas": {"install-time": False, "requires": ["blas-lapack-variant-provider"]},
    },
    "static-properties": {"blas": {"library": ["openblas", "mkl"], "threads": ["many", "one"]}},
    "variants": {"null": {}, **VARIANTS},
}
WITHOUT_PROVIDERS: dict[str, Any] = {
    "$schema": f"{HOST}peps/825/v0.1.0.json",
    "default-priorities": {"namespace": ["blas"]},
    "variants": {"openblas": VARIANTS["openblas"]},
}
WITH_PROVIDERS: dict[str, Any] = {
    "$schema": f"{HOST}v0.2.0.json",
    "default-priorities": {"namespace": ["nvidia"]},
    "providers": {"nvidia": {"requires": ["nvidia-variant-provider"], "plugin-api": NVIDIA_API}},
    "variants": {"cuda13": VARIANTS["cuda13"]},
}
FORMS = {
    "0.0": FIRST,
    "0.0.2": SECOND,
    "0.0.3": THIRD,
    "0.1.0": WITHOUT_PROVIDERS,
    "0.2.0": WITH_PROVIDERS,
}
BLAS = {
    "static-properties": {"threads": ["many", "one"], "library": ["mkl", "openblas"]},
    "feature-order": ["threads", "library"],
}


def upgraded(document: Mapping[str, Any]) -> Upgraded:
    return upgrade_document(document, "here")


def changed(document: Mapping[str, Any], *path: str, value: Any) -> dict[str, Any]:
    """Return a document with another value at one place."""
    result = table = copy.deepcopy(dict(document))
    for key in path[:-1]:
        table = table.setdefault(key, {})
    table[path[-1]] = value
    return result


def places(lines: tuple[str, ...]) -> set[str]:
    return {line.partition(": ")[0] for line in lines}


@pytest.mark.parametrize("form", FORMS)
def test_every_old_form_comes_out_in_the_current_one_and_a_second_time_there_is_nothing_to_do(
    form: str,
) -> None:
    once = upgraded(FORMS[form])
    assert not once.is_current
    wanted = SCHEMA_WITHOUT_PROVIDERS if form == "0.1.0" else SCHEMA_WITH_PROVIDERS
    assert once.document["$schema"] == once.metadata.to_dict()["$schema"] == wanted
    again = upgraded(once.document)
    assert again.is_current and again.document == once.document
    written = json.loads(once.metadata.to_json())
    assert upgraded(written).is_current and upgraded(written).metadata == once.metadata


def test_the_oldest_form_changes_its_null_label_and_loses_its_condition() -> None:
    result = upgraded(FIRST)
    assert list(result.metadata.variants) == ["null", "cuda13", "c0ffee00"]
    assert result.document["providers"]["nvidia"] == {
        "requires": ["nvidia-variant-provider>=0.0.1,<1.0.0"],
        "plugin-api": NVIDIA_API,
    }
    assert places(result.carried) == {"$schema", "variants.00000000"}
    assert result.changed == ()
    assert result.dropped == (
        "providers.nvidia.enable-if: platform_system == 'Linux' has no successor; the namespace counts on"
        " every platform, and the wheels' platform tags decide",
    )
    assert result.unservable() == ()


def test_priorities_of_values_become_the_static_properties_of_a_namespace_without_a_plugin() -> None:
    result = upgraded(SECOND)
    assert result.document["providers"]["blas"] == BLAS
    assert places(result.carried) == {
        "$schema",
        "providers.nvidia.plugin-use",
        "providers.blas.plugin-use",
        "providers.blas.requires",
        "default-priorities.property.blas",
        "default-priorities.feature.blas",
    }
    assert places(result.dropped) == {
        "providers.nvidia.enable-if",
        "providers.graphcore.enable-if",
        "default-priorities.property.nvidia",
    }


def test_static_properties_are_ordered_by_the_priorities_that_once_overrode_them() -> None:
    result = upgraded(THIRD)
    assert result.document["providers"]["blas"] == BLAS
    assert "static-properties" not in result.document
    assert result.document["default-priorities"] == {"namespace": ["nvidia", "graphcore", "blas"]}
    assert places(result.dropped) == {
        "providers.nvidia.enable-if",
        "providers.graphcore.enable-if",
        "providers.blas.requires",
        "default-priorities.feature.blas",  # names a feature that is not there
        "default-priorities.property.blas.library",  # names a value that is not supported
        "default-priorities.feature.nvidia",
    }


def test_a_known_provider_under_other_requirements_becomes_the_one_that_installers_know() -> None:
    result = upgraded(SECOND)
    assert result.document["providers"]["nvidia"] == KNOWN_PROVIDERS["nvidia"].to_dict()
    assert result.changed == (
        "providers.nvidia.requires: nvidia-variant-provider>=0.0.2,<1 becomes"
        " nvidia-variant-provider>=0.0.1,<1: released installers know no other",
    )
    old = {"requires": ["x86-64-variant-provider"], "plugin-api": "x86_64.plugin:Plugin", "optional": True}
    table = {"default-priorities": {"namespace": ["x86_64"]}, "providers": {"x86_64": old}}
    other = upgrade_table(table, "here")
    assert other.document["providers"]["x86_64"] == {
        "requires": ["x86-64-variant-provider>=0.2,<0.3"],
        "optional": True,
    }
    assert places(other.changed) == {"providers.x86_64.requires", "providers.x86_64.plugin-api"}


def test_another_package_for_a_known_namespace_is_nobody_elses_to_change() -> None:
    other = changed(SECOND, "providers", "nvidia", "requires", value=["my-nvidia-provider"])
    result = upgraded(other)
    assert result.document["providers"]["nvidia"]["requires"] == ["my-nvidia-provider"]
    assert result.changed == ()
    assert any(line.startswith("cuda13, cuda12 (by nvidia): ") for line in result.unservable())


def test_labels_that_no_released_installer_can_choose_are_named_with_the_reason() -> None:
    (line,) = upgraded(SECOND).unservable()
    assert line.startswith("ipu (by graphcore): uv knows the providers of nvidia,")
    lonely = upgraded(changed(SECOND, "variants", "sunk", value={"blas": {"library": ["atlas"]}}))
    assert (
        lonely.unservable()[1] == "sunk: the static-properties of 'blas' list none of its values of 'library'"
    )
    optional = upgraded(changed(THIRD, "providers", "blas", "optional", value=True))
    assert optional.unservable()[1].startswith("mkl, openblas (by blas): the provider of 'blas' is optional")
    (line,) = upgraded(
        changed(FIRST, "variants", "pinned", value={"abi_dependency": {"pip": ["26"]}})
    ).unservable()
    assert line.startswith("pinned (by abi_dependency): uv drops a whole release")


def test_a_namespace_without_plugin_and_values_leaves_a_document_no_provider_at_all() -> None:
    old = changed(SECOND, "default-priorities", "property", value={})
    result = upgraded(old)
    assert result.document["$schema"] == SCHEMA_WITHOUT_PROVIDERS
    assert "providers" not in result.document
    assert result.metadata.variants == upgraded(SECOND).metadata.variants
    assert {"providers.blas", "providers", "default-priorities.feature.blas"} <= places(result.dropped)
    assert len(result.unservable()) == 3
    assert upgraded(result.document).is_current


def test_a_table_keeps_its_other_providers_when_one_says_nothing() -> None:
    table = {key: SECOND[key] for key in ("default-priorities", "providers", "variants")}
    del table["default-priorities"], table["variants"]
    table["default-priorities"] = {"namespace": ["nvidia", "graphcore", "blas"]}
    result = upgrade_table(table, "here")
    assert set(result.document["providers"]) == {"nvidia", "graphcore"}
    assert places(result.dropped) >= {"providers.blas"}
    assert len(result.unservable()) == 2  # graphcore and blas


def test_a_plugin_that_is_asked_when_building_stays_in_a_table() -> None:
    provider = {"requires": ["blas-lapack-variant-provider"], "install-time": False}
    table = {"default-priorities": {"namespace": ["blas"]}, "providers": {"blas": provider}}
    result = upgrade_table(table, "here")
    assert result.document["providers"]["blas"] == {"build-requires": ["blas-lapack-variant-provider"]}
    assert result.unservable() == ()


def test_an_order_that_was_never_given_is_pointed_out() -> None:
    result = upgraded(changed(SECOND, "default-priorities", "feature", value={}))
    assert result.document["providers"]["blas"]["feature-order"] == ["library", "threads"]
    assert any(line.startswith("providers.blas.feature-order: library, threads") for line in result.changed)


@pytest.mark.parametrize("document", [upgraded(each).document for each in FORMS.values()])
def test_what_is_current_comes_back_as_it_is(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    result = upgraded(document)
    assert (result.carried, result.changed, result.dropped) == ((), (), ())
    assert result.document == document == before


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        ([], ["here: a table is needed"]),
        ({}, ["$schema: missing", "default-priorities: missing", "variants: missing"]),
        (
            changed(FIRST, "$schema", value="https://example.org/x"),
            ["$schema: 'https://example.org/x' is no"],
        ),
        (changed(FIRST, "$schema", value=[]), ["$schema: [] is no"]),
        (
            changed(THIRD, "static-properties", value={"blas": {"library": ["MKL"], "threads": 3}}),
            ["static-properties.blas.library[0]: value 'MKL'", "static-properties.blas.threads: a list"],
        ),
        (changed(THIRD, "static-properties", value=3), ["static-properties: a table is needed"]),
        (changed(SECOND, "default-priorities", value=3), ["default-priorities: a table is needed"]),
        (
            changed(SECOND, "default-priorities", "feature", value=["x"]),
            ["default-priorities.feature: a table"],
        ),
        (changed(SECOND, "providers", value=[]), ["providers: a table is needed"]),
        (changed(SECOND, "providers", "blas", value="x"), ["providers.blas: a table is needed"]),
        (
            changed(SECOND, "providers", "blas", "plugin-use", value="some"),
            ["plugin-use: 'some' is not known"],
        ),
        (changed(THIRD, "providers", "blas", "install-time", value="no"), ["install-time: true or false"]),
        (changed(FIRST, "providers", "nvidia", "enable-if", value=[[]]), ["enable-if: a string is needed"]),
        (
            changed(FIRST, "providers", "nvidia", value={"requirs": ["x"]}),
            ["providers.nvidia.requirs: unknown key"],
        ),
        (
            changed(FIRST, "default-priorities", "namespace", value=[["x"], "nvidia"]),
            ["namespace[0]: a string"],
        ),
        (changed(FIRST, "variants", "x", value={}), ["variants.x: label 'x' without properties"]),
        (
            changed(FIRST, "variants", "null", value={"nvidia": {"f": ["1"]}}),
            ["label 'null' with properties"],
        ),
        (
            changed(FIRST, "variants", "x", value={"other": {"f": ["1"]}}),
            ["x.other: not in default-priorities"],
        ),
        (changed(FIRST, "extra", value=1), ["extra: unknown key"]),
    ],
)
def test_what_is_beyond_repair_is_said_with_all_faults_at_once(document: Any, faults: list[str]) -> None:
    with pytest.raises(VariantError) as caught:
        upgraded(document)
    text = "\n".join(caught.value.issues)
    assert all(fault in text for fault in faults), text
    assert all(issue.startswith("here: ") for issue in caught.value.issues)


names = st.sampled_from(["nvidia", "blas", "x86_64", "abi_dependency", "Bad-Name"])
words = st.sampled_from(["a", "b", "1.0", "Bad"])
junk = st.one_of(st.none(), st.booleans(), st.integers(), words, st.lists(words, max_size=2), st.just({}))
lists = st.lists(words, max_size=3)
features = st.dictionaries(st.sampled_from(["f", "g"]), lists | junk, max_size=2)
requirements = st.sampled_from(
    [
        "nvidia-variant-provider",
        "nvidia-variant-provider>=0.0.2",
        "x86-64-variant-provider>=0.9",
        "other",
        "!",
    ]
)
provider = st.fixed_dictionaries(
    {},
    optional={
        "requires": st.lists(requirements, max_size=2) | junk,
        "plugin-api": st.sampled_from([NVIDIA_API, "m:o", None, "no reference"]) | junk,
        "enable-if": st.just("os_name == 'nt'") | junk,
        "install-time": st.booleans() | junk,
        "plugin-use": st.sampled_from(["none", "build", "all"]) | junk,
        "optional": st.booleans() | junk,
        "static-properties": features | junk,
        "feature-order": lists | junk,
        "build-requires": st.lists(requirements, max_size=2),
        "builtin": words,
        "unknown": junk,
    },
)
documents = st.fixed_dictionaries(
    {
        "default-priorities": st.fixed_dictionaries(
            {},
            optional={
                "namespace": st.lists(names, max_size=3) | junk,
                "feature": st.dictionaries(names, lists | junk, max_size=2) | junk,
                "property": st.dictionaries(names, features | junk, max_size=2) | junk,
            },
        )
    },
    optional={
        "$schema": st.sampled_from(
            [*(each["$schema"] for each in FORMS.values()), SCHEMA_WITH_PROVIDERS, SCHEMA_WITHOUT_PROVIDERS]
        )
        | junk,
        "providers": st.dictionaries(names, provider | junk, max_size=3) | junk,
        "static-properties": st.dictionaries(names, features | junk, max_size=2) | junk,
        "variants": st.dictionaries(
            st.sampled_from(["null", "00000000", "x", "Y"]),
            st.dictionaries(names, features, max_size=2),
            max_size=2,
        )
        | junk,
    },
)


@given(documents, st.booleans())
def test_what_comes_out_is_current_whatever_comes_in(document: dict[str, Any], is_table: bool) -> None:
    upgrade = upgrade_table if is_table else upgrade_document
    before = copy.deepcopy(document)
    try:
        once = upgrade(document, "here")
    except VariantError:
        assert document == before
        return
    assert document == before
    assert once.is_current == (once.document == document)
    again = upgrade(once.document, "here")
    assert again.is_current and again == once._replace(carried=(), changed=(), dropped=())
