"""Which systems the tags of wheels cover."""

from __future__ import annotations

import pytest

from variant_backend._internal.variants.tag_coverage import covers, single_tags


@pytest.mark.parametrize("tags", ["", "py3", "py3-none", "py3-none-any-more"])
def test_malformed_tags_cover_nothing_and_need_nothing(tags: str) -> None:
    assert single_tags(tags) == []
    assert not covers([tags], "py3-none-any")
    assert covers([tags, "py3-none-any"], "py3-none-any")


def test_a_python_version_may_have_many_digits() -> None:
    long = f"py3{'9' * 5000}-none-any"
    assert not covers([long], "py3-none-any")
    assert not covers(["cp310-abi3-any"], long)
    assert covers([long], long)
