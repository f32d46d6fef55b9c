"""Counts bits."""

from ._bits import count

__all__ = ["count"]
