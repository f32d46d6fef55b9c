"""The reference of the Python API is complete, and its headings are unique."""

from __future__ import annotations

import re

from helpers.api_reference import GROUPS, api_parts

from variant_backend import api


def test_each_public_name_is_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(api.__all__)


def test_no_two_headings_of_the_api_have_the_same_anchor() -> None:
    headings = [part.lstrip("# ").lower() for part in api_parts() if part.startswith("#")]
    assert sorted(headings) == sorted({*headings})


def test_signatures_name_only_public_types() -> None:
    signatures = "\n".join(part for part in api_parts() if part.startswith("```") and ">>>" not in part)
    types = {*re.findall(r"(?<![\w\"])[A-Z][A-Za-z]+\b", signatures)}
    builtin = {
        "Collection",
        "Exception",
        "False",
        "Iterable",
        "Mapping",
        "NamedTuple",
        "None",
        "Sequence",
        "True",
    }
    explained = {"Path", "PathLike", "Tag", "Version"}  # in the introduction
    assert types - {*api.__all__} <= builtin | explained


def test_internal_fields_parameters_and_methods_are_left_out() -> None:
    text = "\n".join(api_parts())
    assert "by_overlay" not in text  # a field of WheelFilename
    assert "name_order" not in text  # a parameter of rank_wheels
    assert "Problem.at" not in text
