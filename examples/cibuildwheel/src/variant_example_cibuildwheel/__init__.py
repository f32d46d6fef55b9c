"""Measures information, in C that is compiled for several levels of processors."""

from ._entropy import compiled_for, entropy

__all__ = ["compiled_for", "entropy"]
