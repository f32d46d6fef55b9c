"""The rules of a policy narrow and reorder supported values, and never add one."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.namespace_support import UNKNOWN, Origin, Support
from variant_backend._internal.variants.policy import (
    NO_RULES,
    PolicyRule,
    Rules,
    at_most,
    governed,
    read_policy,
)
from variant_backend._internal.variants.validation import Document

NAMES = ("aa", "bb", "cc")
VALUES = ("v3", "v2", "v1", "other")
HERE = Origin("hardware", "here")

texts = st.builds(
    lambda names, length: " :: ".join(names[:length]),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(VALUES)),
    st.integers(1, 3),
)
listed = st.lists(texts.map(PolicyRule.parse), max_size=4, unique=True).map(tuple)
limits = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(VALUES)).map(PolicyRule)
policies = st.builds(
    Rules,
    listed,
    st.lists(limits, max_size=3, unique=True).map(tuple),
    listed,
    st.sampled_from([(), (), (), ("a.toml",)]),
)
features = st.dictionaries(
    st.sampled_from(NAMES),
    st.permutations(VALUES).flatmap(lambda order: st.integers(0, 4).map(lambda n: tuple(order[:n]))),
)
supports = st.builds(
    lambda supported, unknown: Support(
        supported, {name: HERE if name in supported else UNKNOWN for name in [*supported, *unknown]}
    ),
    st.dictionaries(st.sampled_from(NAMES), features),
    st.sets(st.sampled_from(NAMES)),
)


def values(known: Support) -> set[tuple[str, str, str]]:
    return {
        (namespace, feature, value)
        for namespace, own in known.supported.items()
        for feature, each in own.items()
        for value in each
    }


@given(supports)
def test_an_empty_policy_changes_nothing(known: Support) -> None:
    assert governed(known, NO_RULES) is known
    assert governed(known, Rules(plain={"demo": "a.toml"})).supported == known.supported


@given(supports, policies)
def test_rules_never_add_a_supported_value(known: Support, rules: Rules) -> None:
    assert values(governed(known, rules)) <= values(known)


@given(supports, listed)
def test_preferences_only_reorder(known: Support, prefer: tuple[PolicyRule, ...]) -> None:
    assert values(governed(known, Rules(prefer=prefer))) == values(known)


@given(supports, st.lists(policies, max_size=3))
def test_the_order_of_files_does_not_matter_for_limits_and_exclusions(
    known: Support, files: list[Rules]
) -> None:
    files = [rules._replace(prefer=()) for rules in files]
    results = []
    for order in itertools.permutations(files):
        combined = NO_RULES
        for rules in order:
            combined = combined.and_nearer(rules)
        results.append(governed(known, combined).supported)
    assert all(result == results[0] for result in results)


@given(supports, policies, policies)
def test_a_nearer_file_never_allows_what_another_forbids(known: Support, one: Rules, two: Rules) -> None:
    both = values(governed(known, one.and_nearer(two)))
    assert both == values(governed(known, one)) & values(governed(known, two))


def rules_of(*, prefer: str = "", limit: str = "", exclude: str = "") -> Rules:
    def read(texts: str) -> tuple[PolicyRule, ...]:
        return tuple(PolicyRule.parse(text.strip(), "a.toml") for text in texts.split(",") if text)

    return Rules(read(prefer), read(limit), read(exclude))


def test_the_preferences_of_the_nearer_file_come_first() -> None:
    combined = rules_of(prefer="amd, nvidia").and_nearer(rules_of(prefer="nvidia, intel"))
    assert [*map(str, combined.prefer)] == ["nvidia", "intel", "amd"]
    assert combined.in_order(["tpu", "amd", "nvidia"]) == ("nvidia", "amd", "tpu")


def test_origins_name_the_rules_with_an_effect() -> None:
    known = Support({"x86_64": {"level": ("v4", "v3"), "avx2": ("on",)}}, {"x86_64": HERE})
    rules = rules_of(
        limit="x86_64 :: level :: v3, nvidia :: sm_arch :: 90_real",
        exclude="x86_64 :: avx2, tpu",
        prefer="x86_64 :: avx2, x86_64",
    )
    result = governed(known, rules)
    assert result.supported == {"x86_64": {"avx2": (), "level": ("v3",)}}
    assert str(result.origins["x86_64"]) == (
        "here; limited by policy: x86_64 :: level :: v3 (a.toml);"
        " excluded by policy: x86_64 :: avx2 (a.toml);"
        " preferred by policy: x86_64 :: avx2 (a.toml); preferred by policy: x86_64 (a.toml)"
    )
    nothing = governed(known, rules_of(exclude="x86_64"))
    assert nothing.supported == {"x86_64": {}}
    assert str(nothing.origins["x86_64"]) == "excluded by policy: x86_64 (a.toml)"


@pytest.mark.parametrize(
    ("supported", "limit", "kept"),
    [
        ("v4 v3 v2", "v3", "v3 v2"),
        ("v2 v1", "v3", "v2 v1"),  # the machine supports less
        ("12.6 12.5 12", "12.10", "12.6 12.5 12"),
        ("13.0 12.9", "12.8", ""),
        ("90_real 90_virtual", "100_real", "90_real 90_virtual"),
        ("100_real 100_virtual", "90_real", ""),
        ("mkl openblas", "blis", ""),
        (f"{'9' * 5000} 1", f"{'9' * 5001}", f"{'9' * 5000} 1"),
    ],
)
def test_a_limit_keeps_its_value_and_those_below(supported: str, limit: str, kept: str) -> None:
    assert at_most(supported.split(), limit) == kept.split()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"prefr": []}, "policy.prefr: unknown key 'prefr' (did you mean 'prefer'?)"),
        (
            {"limit": ["x86_64 :: level"]},
            "policy.limit[0]: 'x86_64 :: level': missing value; write NAMESPACE",
        ),
        ({"limit": ["x86_64 :: level :: v9"]}, "policy.limit[0]: unknown value 'v9' of x86_64 :: level"),
        ({"exclude": ["x86_64 :: lvel"]}, "unknown feature 'lvel' of x86_64 (did you mean 'level'?)"),
        ({"prefer": ["a :: b :: c :: d"]}, "expected at most three names separated by '::', got 4"),
        ({"prefer": ["a ::"]}, "policy.prefer[0]: feature is empty"),
        ({"prefer": "nvidia"}, "policy.prefer: expected a list of strings, got a string"),
        ({"prefer": ["tpu", "tpu"]}, "policy.prefer[1]: duplicate value 'tpu'"),
        ({"exclude": [{}]}, "policy.exclude[0]: expected a string, got a table"),
        ({"null-only": "yes"}, "policy.null-only: expected true or false, got a string"),
        ({"plain": ["-"]}, "policy.plain[0]: invalid project name '-'"),
        ([], "policy: expected a table, got an empty list"),
    ],
)
def test_an_invalid_policy_is_an_error_with_its_place(table: object, said: str) -> None:
    document = Document()
    read_policy(document, table, "policy", "a.toml")
    with pytest.raises(VariantError, match=re.escape(said)):
        document.check()


@pytest.mark.parametrize("key", ["null-only", "plain"])
def test_a_project_may_only_prefer_limit_and_exclude(key: str) -> None:
    document = Document()
    read_policy(document, {key: True, "prefer": ["tpu"]}, "policy", "pyproject.toml", is_project=True)
    (problem,) = document.all_problems()
    assert str(problem) == (
        f"policy.{key}: a project's own file may only have prefer, limit, exclude, as it comes from others;"
        " move the key to your configuration file"
    )
