"""The reference of the Python API is complete, and its headings are unique."""

from __future__ import annotations

from helpers.api_reference import GROUPS, api_parts

from variant_backend import api


def test_each_public_name_is_in_one_group() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(api.__all__)


def test_no_two_headings_of_the_api_have_the_same_anchor() -> None:
    headings = [part.lstrip("# ").lower() for part in api_parts() if part.startswith("#")]
    assert sorted(headings) == sorted({*headings})
