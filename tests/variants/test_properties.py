from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.properties import (
    NULL_VARIANT,
    Property,
    Variant,
    check_label,
    default_label,
)

names = st.text("abcxyz019_", min_size=1, max_size=6)
values = st.text("abcxyz019_.", min_size=1, max_size=6)
properties = st.builds(Property, names, names, values)
spaces = st.sampled_from(["", " ", "  ", "\t"])


@given(properties)
def test_parsing_a_printed_property_gives_the_same_property(prop: Property) -> None:
    assert Property.parse(str(prop)) == prop


@given(properties, spaces, spaces)
def test_spaces_around_the_colons_are_optional(prop: Property, before: str, after: str) -> None:
    separator = f"{before}::{after}"
    text = f"{before}{prop.namespace}{separator}{prop.feature}{separator}{prop.value}{after}"
    assert Property.parse(text) == prop


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Nvidia::cuda::12", "'N' at position 1"),
        ("nvidia::cuda-version::12", "'-' at position 5"),
        ("nvidia::cuda::12+1", "'+' at position 3"),
        ("nvidia::cu da::12", "' ' at position 3"),
        ("nvi.dia::cuda::12", "'.' at position 4"),
        ("nvidia::cuda::é", "'é' at position 1"),
        ("nvidia::cuda::", "value is empty"),
        ("nvidia::cuda", "got 2"),
        ("nvidia::cuda::12::13", "got 4"),
    ],
)
def test_an_invalid_property_is_refused_with_the_invalid_character(text: str, shown: str) -> None:
    with pytest.raises(VariantError) as caught:
        Property.parse(text)
    assert shown in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("label", ["", "Cu12", "cu-12", "cu 12", "cu12\n", "cu+12", "é"])
def test_an_invalid_label_is_refused(label: str) -> None:
    with pytest.raises(VariantError):
        check_label(label)


@given(values)
def test_a_valid_label_can_have_any_length(label: str) -> None:
    check_label(label * 20)


def test_only_the_null_label_has_no_properties() -> None:
    assert NULL_VARIANT.properties == frozenset()
    with pytest.raises(VariantError, match="null"):
        Variant.of("null", frozenset([Property("a", "b", "c")]))
    with pytest.raises(VariantError, match="has no properties"):
        Variant.of("x", frozenset())


@given(st.frozensets(properties, min_size=1, max_size=4))
def test_the_default_label_is_a_hash_of_the_sorted_properties(
    properties: frozenset[Property],
) -> None:
    lines = sorted(f"{p.namespace} :: {p.feature} :: {p.value}" for p in properties)
    text = "".join(line + "\n" for line in lines)
    label = default_label(properties)
    assert label == hashlib.sha256(text.encode()).hexdigest()[:8]
    check_label(label)
