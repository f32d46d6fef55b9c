"""Which wheel of a release is best for a system, and why (PEP 825, "Variant ordering").

A wheel is compatible if its tags fit, and if the system supports at least one value of every feature of
its variant. Compatible wheels are ordered by a key, and that key is the explanation: nothing is computed
a second time for people.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import product, zip_longest
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem
from .abi_dependency import ABI_DEPENDENCY
from .filename import WheelFilename
from .metadata import VariantMetadata
from .properties import Property, Variant
from .providers import StaticProvider

if TYPE_CHECKING:
    from packaging.tags import Tag

# What a system supports: features by namespace, and their values; features and values are best first.
Supported: TypeAlias = Mapping[str, Mapping[str, Sequence[str]]]

# The code of a wheel for another interpreter or platform.
WRONG_TAGS = "wrong-tags"

# More values than these are counted where a reason lists them.
_MOST_VALUES = 8

# It ends the list of a variant's ranks: of two lists that start alike, the longer one comes first.
_END = (math.inf,)


class FeatureRank(NamedTuple):
    """How good a system's best value of one feature is, 0 being best: by namespace, feature and value."""

    namespace: int
    feature: int
    value: int
    best: Property

    @property
    def numbers(self) -> tuple[int, int, int]:
        """The ranks alone."""
        return self.namespace, self.feature, self.value


class Key(NamedTuple):
    """What a compatible wheel is ordered by: less is better, and *build* counts the other way.

    *features* are in their own order, best first. A plain wheel has no label, and the null variant no
    features. *tag* is the place of its best tag among those of the system; *build* is the build tag.
    """

    features: tuple[FeatureRank, ...]
    label: str | None
    tag: int
    build: tuple[int, str]

    def order(self) -> tuple[object, ...]:
        """Return what is compared; wheels that are equal in it are ordered by their build tags."""
        return self.label is None, (*self.features, _END), self.label or "", self.tag


class Verdict(NamedTuple):
    """What becomes of a wheel: the key of a compatible one, or the reasons why it is out."""

    filename: WheelFilename
    key: Key | None
    reasons: tuple[Problem, ...] = ()

    @property
    def is_compatible(self) -> bool:
        """Whether the wheel can be chosen."""
        return self.key is not None


def static_support(metadata: VariantMetadata) -> Supported:
    """Return what static-properties say that a system supports: they hold for every system.

    >>> metadata = VariantMetadata(("blas",), {"blas": StaticProvider((("library", ("mkl",)),))}, {})
    >>> static_support(metadata)
    {'blas': {'library': ('mkl',)}}
    """
    return {
        namespace: dict(provider.features)
        for namespace, provider in metadata.providers.items()
        if isinstance(provider, StaticProvider) and not provider.optional
    }


def unsupported(
    variant: Variant, metadata: VariantMetadata, supported: Supported
) -> dict[tuple[str, str], Problem]:
    """Return each feature of a variant, with its namespace, of which nothing is supported, and say so.

    The variant can be chosen if there are none: it is what `rank` decides by.

    >>> variant = Variant("v3", frozenset({Property("x86_64", "level", "v3")}))
    >>> metadata = VariantMetadata(("x86_64",), {}, {"v3": variant})
    >>> unsupported(variant, metadata, {"x86_64": {"level": ["v3", "v2"]}})
    {}
    >>> unsupported(variant, metadata, {"x86_64": {"level": ["v2"]}})  # doctest: +NORMALIZE_WHITESPACE
    {('x86_64', 'level'): Problem(code='unsupported-feature', place='x86_64 :: level',
    text='of v3, nothing is supported; supported is v2', remedy=None)}
    """
    return _Ranks(metadata, supported).of_variant(variant)[1]


def rank(
    wheels: Iterable[WheelFilename],
    metadata: VariantMetadata | None,
    supported: Supported,
    tags: Sequence[Tag],
    *,
    barred: Mapping[WheelFilename, Sequence[Problem]] = {},
) -> list[Verdict]:
    """Return a verdict on every wheel of one release, the best wheel first, and incompatible ones last.

    *metadata* is what the index-level file says, None without one. *supported* is what the system
    supports, and *tags* are those of its interpreter, best first. *barred* has reasons why wheels are out
    that have nothing to do with variants. The result does not depend on the order of the wheels.

    >>> from packaging.tags import Tag
    >>> blas = {"blas": StaticProvider((("library", ("mkl", "openblas")),))}
    >>> variants = {
    ...     library: Variant(library, frozenset({Property("blas", "library", library)}))
    ...     for library in ("mkl", "openblas")
    ... }
    >>> metadata = VariantMetadata(("blas",), blas, variants)
    >>> names = ["demo-1-py3-none-any.whl", *(f"demo-1-py3-none-any-{label}.whl" for label in variants)]
    >>> wheels = [WheelFilename.parse(name) for name in names]
    >>> verdicts = rank(wheels, metadata, {"blas": {"library": ["openblas"]}}, [Tag("py3", "none", "any")])
    >>> [(verdict.filename.label, *map(str, verdict.reasons)) for verdict in verdicts]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('openblas',), (None,),
     ('mkl', 'blas :: library: of mkl, nothing is supported; supported is openblas')]
    """
    places = {(tag.interpreter, tag.abi, tag.platform): place for place, tag in reversed([*enumerate(tags)])}
    place = cache(partial(_place, places))
    ranked = _Ranks(metadata, supported)
    verdicts = [_verdict(wheel, ranked, place(wheel.tags), barred.get(wheel, ())) for wheel in wheels]
    verdicts.sort(key=lambda verdict: (*verdict.filename[:-1], verdict.filename.label or ""))
    compatible = [(verdict.key, verdict) for verdict in verdicts if verdict.key]
    compatible.sort(key=lambda pair: pair[0].build, reverse=True)
    compatible.sort(key=lambda pair: pair[0].order())
    return [*(verdict for _, verdict in compatible), *(verdict for verdict in verdicts if not verdict.key)]


def why_better(one: Key, other: Key) -> str:
    """Say what makes the wheel with *one* key better than that with the *other*: the first part that differs.

    >>> v3, v2 = (FeatureRank(0, 0, 0, Property("cpu", "level", "v3")),), ()
    >>> why_better(Key(v3, "v3", 0, (-1, "")), Key(v2, "null", 0, (-1, "")))
    'it has cpu :: level :: v3, and the other has no more features'
    """
    if (one.label is None) != (other.label is None):
        return "a variant comes before a plain wheel"
    for ours, theirs in zip_longest(one.features, other.features):
        if ours is None or theirs is None:
            return f"it has {(ours or theirs).best}, and the other has no more features"
        if ours != theirs:
            return f"{ours.best} ranks before {theirs.best}: {_first_difference(ours, theirs)}"
    if one.label != other.label:
        return f"all features rank alike, and label {one.label!r} comes before {other.label!r}"
    if one.tag != other.tag:
        return "its best tag comes before that of the other"
    return "its build number is higher" if one.build != other.build else "nothing: they rank alike"


def _first_difference(ours: FeatureRank, theirs: FeatureRank) -> str:
    if ours.namespace != theirs.namespace:
        return f"namespace {ours.best.namespace} stands first in default-priorities"
    what = f"feature {ours.best.feature}" if ours.feature != theirs.feature else f"value {ours.best.value}"
    return f"{what} stands first in what is supported"


def shortened(values: Sequence[str]) -> str:
    """Return values in their order for people; of very many, the last are counted."""
    more = len(values) - _MOST_VALUES
    return ", ".join(values[:_MOST_VALUES]) + (f" and {more} more" if more > 0 else "")


def _verdict(filename: WheelFilename, ranked: _Ranks, tag: int | None, barred: Sequence[Problem]) -> Verdict:
    features, reasons = ranked.of(filename.label)
    reasons = (*barred, *reasons)
    if tag is None:
        reasons = (
            *reasons,
            Problem(WRONG_TAGS, "tags", f"{filename.tags} fits neither interpreter nor platform"),
        )
    if reasons or tag is None:
        return Verdict(filename, None, reasons)
    return Verdict(filename, Key(features, filename.label, tag, _build(filename.build)))


def _place(places: Mapping[tuple[str, str, str], int], text: str) -> int | None:
    """Return the place of the best of a wheel's tags, which may be compressed sets; None if none fits."""
    parts = [part.lower().split(".") for part in text.split("-")]
    fitting = (places.get((python, abi, platform)) for python, abi, platform in product(*parts))
    return min((place for place in fitting if place is not None), default=None)


def _build(text: str) -> tuple[int, str]:
    """Return a build tag as it is compared: by its number, then by the rest; one without comes first."""
    match = re.match(r"\d+", text) if text else None
    return (int(match[0]), text[match.end() :]) if match else (-1, "")


class _Ranks:
    """The ranks of a release's variants on one system; those of a label are computed once."""

    def __init__(self, metadata: VariantMetadata | None, supported: Supported) -> None:
        self._metadata = metadata
        self._supported = supported
        namespaces = metadata.namespaces if metadata else ()
        # All that is supported, best first; what has no priority ranks last.
        self._ranks = [
            FeatureRank(first, second, third, Property(namespace, feature, value))
            for first, namespace in enumerate([*namespaces, ABI_DEPENDENCY])
            for second, (feature, values) in enumerate(supported.get(namespace, {}).items())
            for third, value in enumerate(values)
        ]
        self._places = {rank.best: place for place, rank in enumerate(self._ranks)}
        self._known: dict[str, tuple[tuple[FeatureRank, ...], tuple[Problem, ...]]] = {}

    def of(self, label: str | None) -> tuple[tuple[FeatureRank, ...], tuple[Problem, ...]]:
        """Return the ranks of a label's features, in order, and the reasons why it cannot be chosen."""
        if label is None:
            return (), ()
        if label not in self._known:
            self._known[label] = self._of(label)
        return self._known[label]

    def _of(self, label: str) -> tuple[tuple[FeatureRank, ...], tuple[Problem, ...]]:
        if self._metadata is None:
            return (), (Problem("unknown-label", "label", "no index file says what it means"),)
        variant = self._metadata.variants.get(label)
        if variant is None:
            return (), (Problem("unknown-label", "label", f"the index file has no {label!r}"),)
        best, missing = self.of_variant(variant)
        return best, tuple(missing.values())

    def of_variant(self, variant: Variant) -> tuple[tuple[FeatureRank, ...], dict[tuple[str, str], Problem]]:
        """Return the ranks of the features that are supported, and the reasons why the others are not."""
        places = [place for place in map(self._places.get, variant.properties) if place is not None]
        places.sort()
        best: list[FeatureRank] = []
        for place in places:
            feature_rank = self._ranks[place]
            if not best or feature_rank.best.key != best[-1].best.key:  # the first of a feature is the best
                best.append(feature_rank)
        missing: dict[tuple[str, str], Problem] = {}
        if len(places) < len(variant.properties):
            features = {prop.key for prop in variant.properties} - {first.best.key for first in best}
            missing = {feature: self._reason(variant, *feature) for feature in sorted(features)}
        return tuple(best), missing

    def _reason(self, variant: Variant, namespace: str, feature: str) -> Problem:
        """Say why no value of a variant's feature is supported."""
        own = sorted(prop.value for prop in variant.properties if prop.key == (namespace, feature))
        values = self._supported.get(namespace, {}).get(feature, ())
        text = f"of {shortened(own)}, nothing is supported; supported is {shortened(values) or 'nothing'}"
        return Problem("unsupported-feature", f"{namespace} :: {feature}", text)
