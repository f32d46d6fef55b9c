"""Requires-Python is read as uv reads it; `test_uv_sources` compares with real uv."""

from __future__ import annotations

import pytest
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.variants.uv_specifiers import lower_bound, python_below_bound

PYTHON = Version("3.11.7")

# What uv reads as a lower bound above Python 3.11.7: versions have their release segment only.
EXCLUDING = [
    *(">=3.12", ">3.11.7", ">3.11.7rc1", ">=3.11.8rc1", "==3.12.*", "===3.12", "~=3.11.8", ">=4.dev0"),
    *("<3.12,>=3.11.8", "!=3.11.*,>=3.11", "!=3.11.7,>=3.11.7", ">3.11.7.post1"),
]
ALLOWING = [
    *("<3", ">=3.12,<3", "!=3.11.*", "==3.8.*", ">=1!3", ">=3.11.7rc1", ">3.11", "~=3.8.0", "===3.11", ""),
    *(">=3.8,!=3.11.*", "<=3.8", ">=3.11.7.post1", "==3.11.7"),
]


def test_uv_uses_the_lower_bound_of_requires_python() -> None:
    assert [text for text in ALLOWING + EXCLUDING if python_below_bound(text, PYTHON)] == EXCLUDING


@pytest.mark.parametrize("text", ["1" * 100_000, "1." * 100_000, "1.1" * 100_000 + "*"])
def test_a_long_text_is_refused_at_once(text: str) -> None:
    with pytest.raises(VariantError, match="uv cannot parse"):
        lower_bound(f">={text}")
