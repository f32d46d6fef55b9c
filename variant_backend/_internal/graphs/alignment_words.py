"""Features, values and names in the sentences that people read about alignment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..errors import shortened
from ..variants.alignment import Axis

_MOST_NAMES = 8


def axis_words(axis: Axis) -> str:
    """Return a feature as people write it.

    >>> axis_words(("blas", "library"))
    'blas :: library'
    """
    return " :: ".join(axis)


def values_words(values: Mapping[Axis, Iterable[str]]) -> str:
    """Return values of some features for a sentence; those of a single one without its name.

    >>> values_words({("blas", "library"): ["mkl", "openblas"]})
    'mkl or openblas'
    >>> values_words({("blas", "library"): ["mkl"], ("openmp", "runtime"): ["gomp", "iomp"]})
    'blas :: library :: mkl with openmp :: runtime :: gomp, iomp'
    """
    if len(values) == 1:
        return either_words(sorted(*values.values()))
    return property_words(values) or "these values"


def property_words(values: Mapping[Axis, Iterable[str]]) -> str:
    """Return values of some features, with the names of all features.

    >>> property_words({("blas", "library"): ["mkl", "openblas"]})
    'blas :: library :: mkl, openblas'
    """
    return " with ".join(f"{axis_words(axis)} :: {', '.join(sorted(own))}" for axis, own in values.items())


def names_words(names: Sequence[str]) -> str:
    """Return a list of names for a sentence.

    >>> names_words(["a", "b", "c"])
    'a, b and c'
    """
    if len(names) > _MOST_NAMES:
        return shortened(names)
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def either_words(texts: Iterable[str]) -> str:
    """Return alternatives for a sentence, each once.

    >>> either_words(["a", "b", "a"])
    'a or b'
    """
    distinct = [*dict.fromkeys(texts)]
    return shortened(distinct) if len(distinct) > _MOST_NAMES else " or ".join(distinct)
