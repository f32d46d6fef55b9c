from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.markers import (
    check_dependency,
    mentions_variant,
    resolve_requirement,
    resolve_requirement_on_machine,
)
from variant_backend._internal.variants.properties import NULL_VARIANT, Property, Variant

CUDA = Variant.of(
    "cu128",
    frozenset(
        [
            Property("nvidia", "cuda", "12.8"),
            Property("nvidia", "sm_arch", "90"),
            Property("nvidia", "sm_arch", "120"),
            Property("blas", "library", "mkl"),
        ]
    ),
)

DECIDED = [
    ("'nvidia' in variant_namespaces", True),
    ("'amd' in variant_namespaces", False),
    ("'amd' not in variant_namespaces", True),
    ("'nvidia::sm_arch' in variant_features", True),
    ("'nvidia  ::gfx' in variant_features", False),
    ("'nvidia :: cuda::12.8' in variant_properties", True),
    ("'nvidia :: cuda :: 12.8' not in variant_properties", False),
    ("'nvidia :: cuda :: 12.6' in variant_properties", False),
    ("'nvidia :: sm_arch :: 80' in variant_properties", False),
    ("variant_label == 'cu128'", True),
    ("'cu128' == variant_label", True),
    ("variant_label != 'cu128'", False),
    ('variant_label == ""', False),
    ("variant_label in 'cu126 cu128'", True),
    ("'cu12' in variant_label", True),
    ("'cu13' not in variant_label", True),
]


@pytest.mark.parametrize(("test", "holds"), DECIDED)
def test_comparisons_that_a_wheel_can_decide_are_decided(test: str, holds: bool) -> None:
    assert resolve_requirement(f"triton==3.6.0; {test}", CUDA) == ("triton==3.6.0" if holds else None)
    expected = 'triton==3.6.0; platform_system == "Linux"'
    for marker in (f"platform_system=='Linux' and {test}", f"({test})and(platform_system == 'Linux')"):
        assert resolve_requirement(f"triton==3.6.0; {marker}", CUDA) == (expected if holds else None)
    marker = f"platform_system=='Linux'   or {test}"
    assert resolve_requirement(f"triton==3.6.0; {marker}", CUDA) == ("triton==3.6.0" if holds else expected)


@pytest.mark.parametrize("test", [test for test, _ in DECIDED])
def test_the_null_variant_has_a_label_and_no_property(test: str) -> None:
    assert resolve_requirement(f"a; {test}", NULL_VARIANT) == (
        "a" if "not in" in test or "!=" in test else None
    )
    assert resolve_requirement("a; variant_label == 'null'", NULL_VARIANT) == "a"


def test_the_remaining_marker_is_in_normal_form() -> None:
    nested = "('nvidia' in variant_namespaces and (os_name=='nt' or extra=='x' or sys.platform == 'linux'))"
    marker = f"((os_name == 'nt')) or {nested} and 'blas' in variant_namespaces"
    resolved = 'Some_Name[b]<2,>=1; os_name == "nt" or extra == "x" or sys_platform == "linux"'
    assert resolve_requirement(f"Some_Name [b] >=1 ,<2 ; {marker}", CUDA) == resolved
    other = "(os_name == 'nt' or os_name=='posix') and extra == 'x'"
    assert (
        resolve_requirement(f"a;{other}", CUDA)
        == 'a; (os_name == "nt" or os_name == "posix") and extra == "x"'
    )


def test_a_url_keeps_its_semicolon() -> None:
    url = "a @ https://example.org/a;b.whl"
    assert resolve_requirement(f"{url} ; 'amd' in variant_namespaces", CUDA) is None
    assert resolve_requirement(f"{url} ; 'blas' in variant_namespaces", CUDA) == url
    assert resolve_requirement(f"{url} ; os_name == 'nt'", CUDA) == f'{url} ; os_name == "nt"'


UNDECIDED = "'nvidia::sm_arch::120' in variant_properties"


@pytest.mark.parametrize(
    "marker",
    [
        UNDECIDED,
        f"os_name == 'nt' and {UNDECIDED}",
        f"{UNDECIDED} or os_name == 'nt'",
        UNDECIDED.replace(" in ", " not in "),
        f"{UNDECIDED} and 'nvidia::sm_arch::90' in variant_properties",
    ],
)
def test_an_undecidable_value_is_refused_with_two_remedies(marker: str) -> None:
    with pytest.raises(VariantError) as error:
        resolve_requirement(f"a; {marker}", CUDA)
    (line,) = error.value.lines()
    assert repr(f"a; {marker}") in line
    assert "nvidia :: sm_arch :: 120" in line
    assert "test variant_label or variant_features instead, or define one label for each value" in line


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        (f"{UNDECIDED} or 'nvidia' in variant_namespaces", "a"),
        (f"{UNDECIDED} and 'amd' in variant_namespaces", None),
        # A machine supports at least one of them, or it could not install the wheel.
        (f"{UNDECIDED} or 'nvidia::sm_arch::90' in variant_properties", "a"),
        (f"{UNDECIDED} or {UNDECIDED.replace(' in ', ' not in ')}", "a"),
        (f"({UNDECIDED} or os_name == 'nt') and os_name == 'nt' and 'amd' in variant_namespaces", None),
        (f"({UNDECIDED} and os_name == 'nt') or os_name == 'nt'", 'a; os_name == "nt"'),
    ],
)
def test_a_marker_that_does_not_depend_on_the_undecided_value_is_decided(
    marker: str, expected: str | None
) -> None:
    assert resolve_requirement(f"a; {marker}", CUDA) == expected


@pytest.mark.parametrize(
    ("requirement", "message"),
    [
        ("a; variant_lable == 'x'", "unknown marker 'variant_lable' (did you mean 'variant_label'?)"),
        ("a; 'x' in variant_namespace", "did you mean 'variant_namespaces'?"),
        ("a; variant_namespaces == 'nvidia'", "is a set; write 'nvidia' in variant_namespaces"),
        ("a; variant_namespaces in 'nvidia'", "is a set; write 'nvidia' in variant_namespaces"),
        ("a; 'nvidia' == variant_namespaces", "is a set"),
        ("a; 'nvidia' in variant_features", "; write 'NAMESPACE :: FEATURE'"),
        ("a; 'nvidia::x' in variant_namespaces", "; write 'NAMESPACE'"),
        ("a; 'NVIDIA' in variant_namespaces", "character 'N'"),
        ("a; 'a::b::c d' in variant_properties", "character ' '"),
        ("a; variant_label >= 'cu12'", "invalid operator '>=' for a label; compare with == or !="),
        ("a; variant_label == os_name", "compared with a quoted string"),
        ("a; variant_label == 'x' or", "expected a marker name or a quoted string, got the end"),
        ("a; (variant_label == 'x'", "expected ')', got the end"),
        ("a; variant_label == 'x')", "expected 'and' or 'or', got )"),
        ("a; variant_label", "expected a comparison such as '==', got the end"),
        ("a; variant_label == x", "compared with a quoted string"),
        ("a; os_nam == 'nt' and variant_label == 'x'", "os_nam"),
        ("a; variant_label == 'x' & os_name == 'nt'", "invalid syntax \"& os_name == 'nt'\""),
        ("a =>1; variant_label == 'x'", "requirement \"a =>1; variant_label == 'x'\": "),
        ("", "requirement ''"),
    ],
)
def test_an_invalid_marker_is_reported_with_its_place(requirement: str, message: str) -> None:
    with pytest.raises(VariantError) as error:
        check_dependency(requirement)
    (line,) = error.value.lines()
    assert line.startswith(f"requirement {requirement!r}: ")
    assert message in line


def test_a_marker_with_too_many_nested_brackets_is_refused() -> None:
    with pytest.raises(VariantError, match="more than 50 nested brackets"):
        check_dependency(f"a; {'(' * 100_000}variant_label == 'x'")
    nested = f"{'(' * 50}variant_label == 'cu128'{')' * 50}"
    assert resolve_requirement(f"a; {nested} and {nested}", CUDA) == "a"


def test_a_marker_with_too_many_undecided_values_is_refused() -> None:
    variant = Variant.of("x", frozenset(Property("a", "b", f"v{number}") for number in range(30)))
    tests = " or ".join(f"'a::b::v{number}' in variant_properties" for number in range(20))
    with pytest.raises(VariantError, match="cannot be resolved for variant 'x': it tests a :: b :: v0, and"):
        resolve_requirement(f"a; {tests}", variant)


# Random markers on random machines: the reduced marker has the same result as the whole marker.

ENVIRONMENTS = [
    {"os_name": os_name, "python_version": version, "extra": extra}
    for os_name in ("nt", "posix")
    for version in ("3.9", "3.13")
    for extra in ("", "x")
]
PLAIN = [
    "os_name == 'nt'",
    "python_version >= '3.10'",
    "'nt' == os_name",
    "extra == 'x'",
    "os_name in 'nt os2'",
]
items = st.sampled_from([f"{n} :: {f} :: {v}" for n in "ab" for f in "fg" for v in "12"])
variants = st.sets(items, min_size=1).map(
    lambda texts: Variant.of("a1", frozenset(map(Property.parse, texts)))
)


@st.composite
def variant_tests(draw: st.DrawFn) -> str:
    item = draw(items)
    operator = draw(st.sampled_from(["in", "not in"]))
    parts = item.split(" :: ")
    count, name = draw(
        st.sampled_from([(1, "variant_namespaces"), (2, "variant_features"), (3, "variant_properties")])
    )
    space = draw(st.sampled_from(["::", " :: ", "::  "]))
    label = draw(st.sampled_from(["variant_label == 'a1'", "variant_label != 'a1'", "'b' in variant_label"]))
    return draw(st.sampled_from([label, f"'{space.join(parts[:count])}' {operator} {name}"]))


trees = st.recursive(
    st.sampled_from(PLAIN) | variant_tests(),
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    max_leaves=8,
)


def text_of(tree: Any) -> str:
    if isinstance(tree, str):
        return tree
    operator, parts = tree
    return "(" + f" {operator} ".join(map(text_of, parts)) + ")"


def powerset(items: Sequence[Any]) -> list[tuple[Any, ...]]:
    return [subset for size in range(len(items) + 1) for subset in combinations(items, size)]


def meaning(tree: Any, label: str, supported: set[str], environment: dict[str, Any]) -> bool:
    """Evaluate a marker by PEP 825, independently of the tested code.

    The environment may have the results of the other comparisons.
    """
    if isinstance(tree, str) and tree in environment:
        return bool(environment[tree])
    if not isinstance(tree, str):
        operator, parts = tree
        results = [meaning(part, label, supported, environment) for part in parts]
        return all(results) if operator == "and" else any(results)
    if "variant_" not in tree:
        return Marker(tree).evaluate(environment)
    names = {
        "variant_label": label,
        "variant_properties": supported,
        "variant_features": {item.rpartition(" :: ")[0] for item in supported},
        "variant_namespaces": {item.partition(" :: ")[0] for item in supported},
    }
    return bool(eval(re.sub(r"\s*::\s*", " :: ", tree), {}, names))


@given(tree=trees, variant=variants, data=st.data())
def test_resolving_keeps_the_meaning_on_every_machine_that_can_use_the_wheel(
    tree: object, variant: Variant, data: st.DataObject
) -> None:
    try:
        resolved = resolve_requirement(f"a; {text_of(tree)}", variant)
    except VariantError:
        return  # the next test covers this case
    features = {(item.namespace, item.feature): item for item in variant.properties}
    supported = data.draw(st.sets(st.sampled_from(sorted(variant.properties))))
    supported |= {item for feature, item in features.items() if feature not in {it[:2] for it in supported}}
    check_meaning(resolved, tree, variant.label, supported)


def check_meaning(resolved: str | None, tree: object, label: str, supported: set[Property]) -> None:
    for environment in ENVIRONMENTS:
        expected = meaning(tree, label, set(map(str, supported)), environment)
        if resolved is None:
            assert not expected
            continue
        requirement = Requirement(resolved)
        assert str(requirement) == resolved
        assert not mentions_variant(resolved)
        assert (requirement.marker is None or requirement.marker.evaluate(environment)) == expected


@given(tree=trees, label=st.sampled_from(["a1", "b", "null", ""]), supported=st.sets(items))
def test_every_variant_marker_is_decided_for_one_machine(
    tree: object, label: str, supported: set[str]
) -> None:
    properties = set(map(Property.parse, supported))
    check_meaning(
        resolve_requirement_on_machine(f"a; {text_of(tree)}", label, properties), tree, label, properties
    )


@given(tree=trees, variant=variants)
def test_only_markers_that_differ_between_machines_are_undecided(tree: object, variant: Variant) -> None:
    try:
        resolve_requirement(f"a; {text_of(tree)}", variant)
    except VariantError:
        features = {item[:2] for item in variant.properties}
        systems = [
            set(map(str, subset))
            for subset in powerset(sorted(variant.properties))
            if {item[:2] for item in subset} == features
        ]
        environments = [{text: text in true for text in PLAIN} for true in powerset(PLAIN)]
        tables = {
            tuple(meaning(tree, variant.label, supported, values) for values in environments)
            for supported in systems
        }
        assert len(tables) > 1


@given(tree=trees, variant=variants)
def test_resolving_twice_changes_nothing(tree: object, variant: Variant) -> None:
    try:
        once = resolve_requirement(f"a; {text_of(tree)}", variant)
    except VariantError:
        return
    assert once is None or resolve_requirement(once, variant) == once


# Simple requirements, which are parsed without packaging.

spaces = st.sampled_from(["", "", " ", "\t", "\n"])
releases = st.sampled_from(
    ["1", "1.0", "01.2", "2.13.0", "20260101", "1.*", "1rc1", "1!2", "1+cu", "v1", "٣"]
)
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~=", "===", "=", "<>"])
specifiers = st.lists(st.tuples(spaces, operators, spaces, releases, spaces).map("".join), max_size=3)
projects = st.sampled_from(
    ["a", "A.b_c-d", "a1", "_a", "a_", "a-", "1", "é", "or", "a[x]", "a @ https://a/b"]
)
requirements = st.tuples(spaces, projects, spaces, specifiers.map(",".join), spaces).map("".join)
variables = st.sampled_from(["os_name", "python_version", "platform_machine", "extra", "os.name", "nothing"])
texts = st.sampled_from(["nt", "3.9", "", "a b", "x-1.0+2", "a,b", "Foo_Bar", "é", "*"])
comparisons = st.builds(
    lambda variable, operator, text, quote: f"{variable} {operator} {quote}{text}{quote}",
    variables,
    operators | st.sampled_from(["in", "not in"]),
    texts,
    st.sampled_from(["'", '"']),
)


def in_normal_form(requirement: str) -> str | None:
    """Return a requirement as packaging writes it, or None if it is invalid."""
    try:
        return str(Requirement(requirement))
    except InvalidRequirement:
        return None


def resolved(requirement: str) -> str | None:
    """Return a requirement as resolved for the null variant, or None if it is invalid."""
    try:
        return resolve_requirement(requirement, NULL_VARIANT)
    except VariantError:
        return None


@given(requirements)
def test_a_requirement_has_the_normal_form_of_packaging(requirement: str) -> None:
    assert resolved(requirement) == in_normal_form(requirement)


@given(comparisons)
def test_a_comparison_has_the_normal_form_of_packaging(comparison: str) -> None:
    both = f"a>=1; {comparison} and ({comparison} or os_name!='java')"
    assert resolved(f"a>=1; {comparison}") == in_normal_form(f"a>=1; {comparison}")
    assert resolved(both) == in_normal_form(both)
