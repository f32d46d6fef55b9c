"""Counts words."""

from __future__ import annotations

from collections import Counter


def words(text: str) -> Counter[str]:
    """Return how often each word is in the text."""
    return Counter(text.lower().split())
