"""Requirements and constraints on a package count together, as far as they apply."""

from __future__ import annotations

import pytest
from packaging.markers import default_environment

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.joined_requests import JoinedRequests, join_requests
from variant_backend._internal.variants.requirements import PackageRequest


def joined(requests: list[str], constraints: list[str] | None = None) -> JoinedRequests:
    named, others = map(PackageRequest.parse, requests), map(PackageRequest.parse, constraints or [])
    environment = {name: str(value) for name, value in default_environment().items()}
    return join_requests([*named], [*others], environment)


def texts(requests: list[str], constraints: list[str] | None = None) -> list[str]:
    return [*map(str, joined(requests, constraints).requests)]


def test_requirements_on_the_same_package_count_together() -> None:
    assert texts(["demo>=1", "Demo<3", "demo[fast]", "other"]) == ["demo[fast]<3,>=1", "other"]
    assert texts(["demo#fast", "demo#safe", "demo#fast"]) == ["demo#fast", "demo#safe"]


def test_constraints_count_for_requested_packages_only() -> None:
    assert texts(["demo"], ["demo<2#fast", "other==1"]) == ["demo<2#fast"]
    assert [*map(str, joined(["demo"], ["other==1"]).constraints)] == ["other==1"]


def test_a_requirement_for_another_environment_is_skipped() -> None:
    never = "python_version < '3'"
    result = joined([f"demo; {never}", "other; python_version > '3'"], [f"other==1; {never}"])
    assert [*map(str, result.skipped)] == ['demo; python_version < "3"']
    assert [*map(str, result.requests)] == ["other"]
    assert result.constraints == ()


def test_a_label_may_not_contradict_a_constraint() -> None:
    with pytest.raises(VariantError, match="demo#fast: another requirement wants demo#safe; remove one"):
        joined(["demo#fast"], ["demo#safe"])


def test_a_graph_has_one_label_of_a_package() -> None:
    assert joined(["demo#fast", "other"], ["more#x*"]).labels() == {"demo": "fast", "more": "x*"}
    with pytest.raises(VariantError, match="demo: two labels are requested: fast and safe; remove one"):
        joined(["demo#fast", "demo#safe"]).labels()
