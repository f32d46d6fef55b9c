"""What properties mean, in words for people: "NVIDIA driver for CUDA 12.8 or newer"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, takewhile

from .known_providers import KNOWN_PROVIDERS
from .properties import Property

# For whom a null variant is, and a plain wheel.
FOR_EVERY_MACHINE, FOR_ALL_INSTALLERS = "every machine", "all installers: not a variant"
# A phrase keeps the details in parentheses of at most so many values, and names at most so many values.
_MOST_DETAILED, _MOST_NAMED = 3, 8


def in_words(namespace: str, feature: str, values: Iterable[str]) -> str:
    """Return what a machine must have to support one of the values, or an empty text if that is unknown.

    >>> in_words("nvidia", "cuda_version_lower_bound", ["12.8"])
    'NVIDIA driver for CUDA 12.8 or newer'
    >>> in_words("nvidia", "sm_arch", ["90_real", "80_real"])
    'machine code for NVIDIA GPUs of compute capability 8.0 (A100) or 9.0 (H100)'
    >>> in_words("nvidia", "sm_arch", ["70_real", "75_real", "80_real", "90_real", "90_virtual"])
    ... # doctest: +NORMALIZE_WHITESPACE
    'machine code for NVIDIA GPUs of compute capability 7.0, 7.5, 8.0 or 9.0 (V100 to H100); PTX for NVIDIA
    GPUs of compute capability 9.0 (H100)'
    >>> in_words("blas", "library", ["mkl"])
    ''
    """
    if not (provider := KNOWN_PROVIDERS.get(namespace)):
        return ""
    phrases = [provider.describe(feature, value) for value in sorted({*values}, key=by_number)]
    known = [phrase for phrase in phrases if phrase]
    if len(known) < len(phrases):
        return ""
    kinds: dict[str, list[str]] = {}
    for phrase in dict.fromkeys(known):  # phrases about the same kind of thing start with the same word
        kinds.setdefault(phrase.partition(" ")[0], []).append(phrase)
    return "; ".join(map(_joined, kinds.values()))


def properties_in_words(properties: Iterable[Property]) -> Iterator[str]:
    """Return what each feature of a variant means, without unknown features.

    >>> [*properties_in_words([Property("tpu", "present", "true"), Property("blas", "library", "mkl")])]
    ['machines with a Google TPU']
    """
    return (words for _, words in _each_in_words(properties) if words)


def all_in_words(properties: Iterable[Property]) -> Iterator[str]:
    """Return what each feature of a variant means, or else its values.

    >>> [*all_in_words([Property("tpu", "present", "true"), Property("blas", "library", "mkl")])]
    ['blas :: library :: mkl', 'machines with a Google TPU']
    """
    return (words or values for values, words in _each_in_words(properties))


def _each_in_words(properties: Iterable[Property]) -> Iterator[tuple[str, str]]:
    """Yield the values of each feature, and what they mean; the second text is empty if that is unknown."""
    for (namespace, feature), members in groupby(sorted(properties), key=lambda prop: prop.key):
        values = [prop.value for prop in members]
        yield f"{namespace} :: {feature} :: {' or '.join(values)}", in_words(namespace, feature, values)


def by_number(value: str) -> list[tuple[int, str]]:
    """Return a sort key that sorts the value 90 before 100, and the hexadecimal gfx906 before gfx90a."""
    pattern = r"((?<=gfx)\w+|\d+)|(\D+)"
    return [(len(number), number or text) for number, text in re.findall(pattern, value)]


def _joined(phrases: Sequence[str]) -> str:
    """Return one phrase for several that start with the same words."""
    if len(phrases) == 1:
        return phrases[0]
    columns = zip(*(phrase.split()[:-1] for phrase in phrases), strict=False)
    start = [column[0] for column in takewhile(lambda column: len({*column}) == 1, columns)]
    ends = [" ".join(phrase.split()[len(start) :]) for phrase in phrases]
    if len(ends) > _MOST_DETAILED:
        ends = _without_details(ends)
    return " ".join([*start, ends[0] if len(ends) == 1 else f"{', '.join(ends[:-1])} or {ends[-1]}"])


def _without_details(ends: Sequence[str]) -> list[str]:
    """Return the ends of phrases with only the first and the last text in parentheses, and not too many."""
    names = [re.sub(r" \([^()]*\)$", "", end) for end in ends]
    first, last = (re.search(r" \(([^()]*)\)$", end) for end in (ends[0], ends[-1]))
    span = f" ({first[1]} to {last[1]})" if first and last else ""
    if len(names) > _MOST_NAMED:
        return [f"{', '.join(names[:2])}, ... {names[-1]}, {len(names)} in all{span}"]
    return [*names[:-1], f"{names[-1]}{span}"]
