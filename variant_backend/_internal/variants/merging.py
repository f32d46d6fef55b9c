"""Combine the variant metadata of one release's wheels (PEP 825, "Metadata consistency")."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from ..errors import Problem, VariantError, shortened
from .abi_dependency import ABI_DEPENDENCY
from .metadata import VariantMetadata
from .properties import Variant
from .providers import Provider
from .validation import join


class Conflict(NamedTuple):
    """Two parts of one release that differ at one place (PEP 825, "Metadata consistency").

    *first* and *second* are the names of the parts; an index file has an empty name. *problem* has the
    place in both, and both values.

    >>> index = VariantMetadata(("x86_64", "blas"), {}, {})
    >>> [conflict] = conflicts_with_index(index, VariantMetadata(("blas",), {}, {}), "demo.whl")
    >>> conflict.second, conflict.problem.place
    ('demo.whl', 'default-priorities.namespace')
    """

    first: str
    second: str
    problem: Problem

    @classmethod
    def between(cls, first: str, second: str, place: str, text: str) -> Conflict:
        """Return the conflict at *place* between two named parts (internal)."""
        return cls(first, second, Problem("wheels-differ", place, text))


def merge_metadata(parts: Mapping[str, VariantMetadata]) -> VariantMetadata:
    """Return the metadata of a release, from the metadata of all its wheels.

    The result is the content of the index file. *parts* has the metadata of at least one wheel, by the name
    that problems show. Its order does not change the result (PEP 825, "Metadata consistency"). Raises
    VariantError if there is no part, or with all conflicts; each names both parts and the place.

    >>> from variant_backend.api import Property
    >>> release = VariantMetadata(("x86_64",), {}, {})
    >>> v3 = Variant.of("v3", [Property("x86_64", "level", "v3")])
    >>> v2 = Variant.of("v2", [Property("x86_64", "level", "v2")])
    >>> merged = merge_metadata({"demo-v3.whl": release.only(v3), "demo-v2.whl": release.only(v2)})
    >>> list(merged.variants)
    ['v2', 'v3']
    """
    result, conflicts = combine_metadata(parts)
    if conflicts:
        problems = (problem.within(f"{first} and {second}") for first, second, problem in conflicts)
        raise VariantError(*problems, remedy="build all wheels of a release from one [variant] table")
    return result


def combine_metadata(parts: Mapping[str, VariantMetadata]) -> tuple[VariantMetadata, list[Conflict]]:
    """Return the result of `merge_metadata`, and the conflicts (PEP 825, "Metadata consistency").

    *parts* are those of `merge_metadata`. If parts differ, the first one by name decides, but the longest
    list of namespaces is used. Raises VariantError if there is no part.

    >>> parts = {"a": VariantMetadata(("x86_64",), {}, {}), "b": VariantMetadata(("blas", "x86_64"), {}, {})}
    >>> metadata, conflicts = combine_metadata(parts)
    >>> metadata.namespaces
    ('blas', 'x86_64')
    >>> [(conflict.first, conflict.second) for conflict in conflicts]
    [('b', 'a')]
    """
    if not parts:
        raise VariantError("no metadata to combine", remedy="give the metadata of at least one wheel")
    names = sorted(parts)
    longest = max(names, key=lambda name: len(parts[name].namespaces))
    namespaces = parts[longest].namespaces
    conflicts: list[Conflict] = []
    providers: dict[str, tuple[str, Provider]] = {}
    variants: dict[str, tuple[str, Variant]] = {}
    for name in names:
        part = parts[name]
        if text := _different_order(namespaces, part.namespaces):
            conflicts.append(Conflict.between(longest, name, "default-priorities.namespace", text))
        conflicts += _combine(providers, part.providers, name, "providers")
        conflicts += _combine(variants, part.variants, name, "variants")
    result = VariantMetadata(
        namespaces,
        {namespace: providers[namespace][1] for namespace in namespaces if namespace in providers},
        {label: variants[label][1] for label in sorted(variants)},
    )
    return result, conflicts


def conflicts_with_index(index: VariantMetadata, part: VariantMetadata, name: str) -> list[Conflict]:
    """Return the conflicts between an index file and one wheel (PEP 825, "Metadata consistency").

    *index* is the metadata of the file, and *part* that of the wheel, which conflicts call *name*. Only the
    entries of the part are compared: an index file has those of all wheels.

    >>> index = VariantMetadata(("x86_64", "blas"), {}, {})
    >>> conflicts_with_index(index, VariantMetadata(("x86_64",), {}, {}), "demo.whl")
    []
    >>> [conflict] = conflicts_with_index(index, VariantMetadata(("blas",), {}, {}), "other.whl")
    >>> conflict.problem.text
    'one list must be the start of the other: [x86_64, blas], [blas]'
    """
    conflicts: list[Conflict] = []
    shorter, longer = sorted((part.namespaces, index.namespaces), key=len)
    if text := _different_order(longer, shorter):
        conflicts.append(Conflict.between("", name, "default-priorities.namespace", text))
    providers = {key: ("", index.providers[key]) for key in part.providers if key in index.providers}
    variants = {key: ("", index.variants[key]) for key in part.variants if key in index.variants}
    conflicts += _combine(providers, part.providers, name, "providers")
    conflicts += _combine(variants, part.variants, name, "variants")
    return conflicts


def _different_order(longer: Sequence[str], shorter: Sequence[str]) -> str:
    """Return how the *shorter* list of namespaces differs from the start of the *longer*; empty if equal."""
    start = longer[: len(shorter)]
    if start == shorter:
        return ""
    pairs = enumerate(zip(start, shorter, strict=True))
    cut = max(0, next(position for position, (one, other) in pairs if one != other) - 3)
    lists = [f"[{'..., ' if cut else ''}{shortened(names[cut:])}]" for names in (longer, shorter)]
    return f"one list must be the start of the other: {', '.join(lists)}"


class _Table(Protocol):
    def to_dict(self) -> Mapping[str, object]: ...


_T = TypeVar("_T", bound=_Table)


def _combine(
    known: dict[str, tuple[str, _T]], new: Mapping[str, _T], name: str, place: str
) -> list[Conflict]:
    """Add the *new* entries to the *known* ones, and return a conflict for each different entry."""
    conflicts = []
    for key, value in new.items():
        first, known_value = known.setdefault(key, (name, value))
        if value == known_value and type(value) is type(known_value):
            continue
        for path, one, other in _differences(known_value.to_dict(), value.to_dict(), f"{place}.{key}"):
            text = f"{one} differs from {other}"
            if f".{ABI_DEPENDENCY}." in path:
                text = f"built with {one} and with {other}; use a label for each"
            conflicts.append(Conflict.between(first, name, path, text))
    return conflicts


def _differences(one: object, other: object, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield the deepest places where two documents differ, with both values."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            yield from _differences(one.get(key), other.get(key), join(path, key))
    elif one != other:
        yield path, _as_json(one), _as_json(other)


def _as_json(value: object) -> str:
    return "nothing" if value is None else json.dumps(value)
