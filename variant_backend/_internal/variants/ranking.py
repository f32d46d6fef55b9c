"""Rank the wheels of a release for a machine, with reasons (PEP 825, "Variant ordering").

A wheel is compatible if its tags match, and if the machine supports at least one value of every feature of
its variant. Compatible wheels are sorted by a key. Explanations read the same key, so they cannot differ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import product, zip_longest
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..errors import Problem, shortened
from .abi_dependency import ABI_DEPENDENCY
from .filename import WheelFilename
from .metadata import VariantMetadata
from .properties import Property, Variant
from .providers import StaticProvider
from .tag_order import Order, tag_order

if TYPE_CHECKING:
    from packaging.tags import Tag

# Supported values by namespace and feature; features and values are best first.
Supported: TypeAlias = Mapping[str, Mapping[str, Sequence[str]]]

# The problem code of a wheel for another interpreter or platform.
WRONG_TAGS = "wrong-tags"

# Python converts no number with more than 4300 digits.
_MOST_DIGITS = 4000

# Ends the ranks of a variant, so that the longer of two lists with the same start sorts first.
_END = (math.inf,)


class FeatureRank(NamedTuple):
    """The ranks of a feature of a variant (PEP 825, "Variant ordering"); 0 is best.

    *namespace* is the position of the namespace in the release's list. *feature* is the position of the
    feature in the namespace's supported features, and *value* that of the best value in the feature's
    supported values. *best* is the property with this value.

    >>> rank = FeatureRank(0, 0, 1, Property("x86_64", "level", "v2"))
    >>> rank.numbers
    (0, 0, 1)
    """

    namespace: int
    feature: int
    value: int
    best: Property

    @property
    def numbers(self) -> tuple[int, int, int]:
        """The three ranks: namespace, feature and value."""
        return self.namespace, self.feature, self.value


class WheelKey(NamedTuple):
    """The sort key of a compatible wheel (PEP 825, "Variant ordering"). `rank_wheels` returns it in verdicts.

    *features* are the ranks of the variant's features, best first; the null variant has none. *label* is None
    for a plain wheel, which ranks after all variants. *tag* is the position of the wheel's best tag in the
    environment's tags. *build* is the number of the build tag and the rest of it; it is ``(-1, "")`` without
    one. Lower ranks, labels and tags are better, but higher build tags.

    If all else is equal, *name* (internal) decides: the higher one of variants, the lower one of plain
    wheels.

    >>> v3 = FeatureRank(0, 0, 0, Property("x86_64", "level", "v3"))
    >>> key = WheelKey((v3,), "v3", tag=0, build=(-1, ""))
    >>> key.features[0].best.value
    'v3'
    """

    features: tuple[FeatureRank, ...]
    label: str | None
    tag: int
    build: tuple[int, str]
    name: Order = ()

    def order(self) -> tuple[object, ...]:
        """Return the part before build tags and names, for comparisons (internal)."""
        return self.label is None, (*self.features, _END), self.label or "", self.tag


class Verdict(NamedTuple):
    """The result of `rank_wheels` for one wheel.

    *filename* is the name of the wheel. *key* is None if the wheel is excluded. Then *reasons* has all
    problems that exclude it.

    >>> name = WheelFilename.parse("demo-1.0-py3-none-any-v3.whl")
    >>> Verdict(name, None, (Problem("unknown-label", "label", "not in the index file"),)).is_compatible
    False
    """

    filename: WheelFilename
    key: WheelKey | None
    reasons: tuple[Problem, ...] = ()

    @property
    def is_compatible(self) -> bool:
        """Whether the wheel can be selected."""
        return self.key is not None


def static_support(metadata: VariantMetadata) -> Supported:
    """Return the values that static-properties declare, without those of optional providers."""
    return {
        namespace: dict(provider.features)
        for namespace, provider in metadata.providers.items()
        if isinstance(provider, StaticProvider) and not provider.optional
    }


def unsupported_features(
    variant: Variant, metadata: VariantMetadata, supported: Supported
) -> dict[tuple[str, str], Problem]:
    """Return the unsupported features of a *variant* by namespace and feature, each with a problem.

    The variant can be selected if there are none (PEP 825, "Variant ordering"). *metadata* is that of the
    release: values of namespaces that it does not declare are unsupported. *supported* has the values of the
    machine. `rank_wheels` uses the same test.

    >>> variant = Variant.of("v3", [Property("x86_64", "level", "v3")])
    >>> metadata = VariantMetadata(("x86_64",), {}, {"v3": variant})
    >>> unsupported_features(variant, metadata, {"x86_64": {"level": ["v3", "v2"]}})
    {}
    >>> v2 = {"x86_64": {"level": ["v2"]}}
    >>> unsupported_features(variant, metadata, v2)  # doctest: +NORMALIZE_WHITESPACE
    {('x86_64', 'level'): Problem(code='unsupported-feature', place='x86_64 :: level',
    text='needs v3; supported: v2; v3 means processors with AVX2, BMI2 and FMA (x86-64-v3: Haswell, Zen and
    most newer ones)', remedy=None)}
    """
    return _Ranks(metadata, supported).of_variant(variant)[1]


def supported_labels(metadata: VariantMetadata, supported: Supported) -> list[str]:
    """Return the labels of the variants that can be selected, in the order of *metadata*."""
    ranks = _Ranks(metadata, supported)
    return [label for label, variant in metadata.variants.items() if not ranks.of_variant(variant)[1]]


def ordered_labels(metadata: VariantMetadata, supported: Supported) -> list[str]:
    """Return the labels of the variants that can be selected, best first (PEP 825, "Variant ordering").

    *metadata* and *supported* are those of `rank_wheels`, which has the same order.

    >>> from variant_backend.api import NULL_VARIANT
    >>> labels = ("openblas", "mkl")
    >>> variants = {label: Variant.of(label, [Property("blas", "library", label)]) for label in labels}
    >>> variants["null"] = NULL_VARIANT
    >>> metadata = VariantMetadata(("blas",), {}, variants)
    >>> ordered_labels(metadata, {"blas": {"library": ["mkl", "openblas"]}})
    ['mkl', 'openblas', 'null']
    """
    ranks = _Ranks(metadata, supported)
    features = {label: ranks.of(label) for label in metadata.variants}
    fitting = [label for label, (_, reasons) in features.items() if not reasons]
    return sorted(fitting, key=lambda label: ((*features[label][0], _END), label))


def rank_wheels(
    wheels: Iterable[WheelFilename],
    metadata: VariantMetadata | None,
    supported: Supported,
    tags: Sequence[Tag],
    *,
    barred: Mapping[WheelFilename, Sequence[Problem]] = {},
    name_order: Callable[[WheelFilename], Order] = tag_order,
) -> list[Verdict]:
    """Return a verdict on every wheel of one release: the best wheel first, incompatible wheels last.

    *wheels* are the names. Their order does not change the result (PEP 825, "Variant ordering"). *metadata*
    is the content of the index file; if it is None, all variants are excluded. *supported* has the
    machine's values by namespace and feature, and *tags* the environment's tags; all are best first. *barred*
    has other reasons that exclude wheels, by name, such as a required Python version.

    If all else is equal, *name_order* (internal) decides; it is the order of uv.

    >>> from packaging.tags import Tag
    >>> blas = {"blas": StaticProvider((("library", ("mkl", "openblas")),))}
    >>> variants = {
    ...     library: Variant.of(library, [Property("blas", "library", library)])
    ...     for library in ("mkl", "openblas")
    ... }
    >>> metadata = VariantMetadata(("blas",), blas, variants)
    >>> names = ["demo-1-py3-none-any.whl", *(f"demo-1-py3-none-any-{label}.whl" for label in variants)]
    >>> wheels = [WheelFilename.parse(name) for name in names]
    >>> supported = {"blas": {"library": ["openblas"]}}
    >>> verdicts = rank_wheels(wheels, metadata, supported, [Tag("py3", "none", "any")])
    >>> [(verdict.filename.label, *map(str, verdict.reasons)) for verdict in verdicts]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('openblas',), (None,),
     ('mkl', 'blas :: library: needs mkl; supported: openblas')]
    """
    places, ranked = TagPlaces(tags), _Ranks(metadata, supported)
    verdicts = [
        _verdict(wheel, ranked, places.of(wheel.tags), barred.get(wheel, ()), name_order) for wheel in wheels
    ]
    verdicts.sort(key=lambda verdict: (*verdict.filename[:4], verdict.filename.label or ""))
    return [*_sorted(verdicts), *(verdict for verdict in verdicts if not verdict.key)]


def why_better(better: WheelKey, other: WheelKey, *, preferred: Collection[str] = ()) -> str:
    """Return why the wheel with the *better* key ranks before the wheel with the *other* one.

    It is a text for people: the first difference (PEP 825, "Variant ordering"). *preferred* are namespaces
    whose priority the user has chosen.

    >>> v3 = FeatureRank(0, 0, 0, Property("cpu", "level", "v3"))
    >>> why_better(WheelKey((v3,), "v3", 0, (-1, "")), WheelKey((), "null", 0, (-1, "")))
    'it has cpu :: level :: v3, and the other wheel has no more features'
    """
    if (better.label is None) != (other.label is None):
        return "a variant comes before a plain wheel"
    for first, second in zip_longest(better.features, other.features):
        if first is None or second is None:
            return f"it has {(first or second).best}, and the other wheel has no more features"
        if first != second:
            return f"{first.best} ranks before {second.best}: {_first_difference(first, second, preferred)}"
    if better.label != other.label:
        return f"all features rank equally, and label {better.label!r} sorts before {other.label!r}"
    if better.tag != other.tag:
        return "its best tag ranks before the best tag of the other wheel"
    if better.build != other.build:
        return "its build number is higher"
    side = "after" if better.label is not None else "before"
    return f"all else is equal, and its name sorts {side} the name of the other wheel"


def why_label_better(
    metadata: VariantMetadata, supported: Supported, better: str, other: str, preferred: Collection[str]
) -> str:
    """Return why the *better* label ranks before the *other*, as `why_better` compares their wheels.

    The machine with the *supported* values can use both.
    """
    ranks = _Ranks(metadata, supported)
    first, second = (WheelKey(ranks.of(label)[0], label, 0, (-1, "")) for label in (better, other))
    return why_better(first, second, preferred=preferred)


def _first_difference(one: FeatureRank, other: FeatureRank, preferred: Collection[str]) -> str:
    if one.namespace != other.namespace:
        if one.best.namespace in preferred:
            return f"namespace {one.best.namespace} is preferred by policy"
        return f"namespace {one.best.namespace} is listed first in default-priorities"
    if one.feature != other.feature:
        return f"feature {one.best.feature} is listed first in the supported features"
    return f"value {one.best.value} is listed first in the supported values"


def _sorted(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return the compatible wheels, best first."""
    pairs = [(verdict.key, verdict) for verdict in verdicts if verdict.key]
    pairs.sort(key=lambda pair: pair[0].name)
    pairs = [pair for pair in pairs if pair[0].label is None] + [
        pair for pair in reversed(pairs) if pair[0].label is not None
    ]
    pairs.sort(key=lambda pair: pair[0].build, reverse=True)
    pairs.sort(key=lambda pair: pair[0].order())
    return [verdict for _, verdict in pairs]


def _verdict(
    filename: WheelFilename,
    ranked: _Ranks,
    tag: int | None,
    barred: Sequence[Problem],
    name_order: Callable[[WheelFilename], Order],
) -> Verdict:
    features, reasons = ranked.of(filename.label)
    reasons = (*barred, *reasons)
    if tag is None:
        reasons = (
            *reasons,
            Problem(WRONG_TAGS, "tags", f"{filename.tags} matches neither the interpreter nor the platform"),
        )
    if reasons or tag is None:
        return Verdict(filename, None, reasons)
    build = build_order(filename.build)
    return Verdict(filename, WheelKey(features, filename.label, tag, build, name_order(filename)))


class TagPlaces:
    """The positions of an environment's *tags*, best first."""

    def __init__(self, tags: Sequence[Tag]) -> None:
        self._places = {
            (tag.interpreter, tag.abi, tag.platform): place for place, tag in reversed([*enumerate(tags)])
        }
        self._known: dict[str, int | None] = {}

    def of(self, text: str) -> int | None:
        """Return the position of a wheel's best tag, None if none matches; tags may be compressed sets."""
        if text not in self._known:
            parts = [part.lower().split(".") for part in text.split("-")]
            fitting = (self._places.get((python, abi, platform)) for python, abi, platform in product(*parts))
            self._known[text] = min((place for place in fitting if place is not None), default=None)
        return self._known[text]


def build_order(text: str) -> tuple[int, str]:
    """Return a build tag for comparison: its number, then the rest; no build tag sorts first."""
    match = re.match(r"\d+", text, re.ASCII)
    return (int(match[0].lstrip("0")[:_MOST_DIGITS] or 0), text[match.end() :]) if match else (-1, "")


class _Ranks:
    """The ranks of a release's variants on one machine, computed once for each label."""

    def __init__(self, metadata: VariantMetadata | None, supported: Supported) -> None:
        self._metadata = metadata
        self._supported = supported
        namespaces = metadata.namespaces if metadata else ()
        # All supported values, best first; namespaces without a priority rank last.
        self._ranks = [
            FeatureRank(first, second, third, Property(namespace, feature, value))
            for first, namespace in enumerate(dict.fromkeys([*namespaces, ABI_DEPENDENCY]))
            for second, (feature, values) in enumerate(supported.get(namespace, {}).items())
            for third, value in enumerate(values)
        ]
        self._places = {rank.best: place for place, rank in enumerate(self._ranks)}
        self._known: dict[str, tuple[tuple[FeatureRank, ...], tuple[Problem, ...]]] = {}

    def of(self, label: str | None) -> tuple[tuple[FeatureRank, ...], tuple[Problem, ...]]:
        """Return the ranks of a label's features, best first, and the reasons that exclude the label."""
        if label is None:
            return (), ()
        if label not in self._known:
            self._known[label] = self._of(label)
        return self._known[label]

    def _of(self, label: str) -> tuple[tuple[FeatureRank, ...], tuple[Problem, ...]]:
        if self._metadata is None:
            return (), (
                Problem("unknown-label", "label", "the source has no valid index file (*-variants.json)"),
            )
        variant = self._metadata.variants.get(label)
        if variant is None:
            return (), (Problem("unknown-label", "label", f"the index file does not define {label!r}"),)
        best, missing = self.of_variant(variant)
        return best, tuple(missing.values())

    def of_variant(self, variant: Variant) -> tuple[tuple[FeatureRank, ...], dict[tuple[str, str], Problem]]:
        """Return the ranks of the supported features, and the problems of the unsupported features."""
        places = [place for place in map(self._places.get, variant.properties) if place is not None]
        places.sort()
        best: list[FeatureRank] = []
        for place in places:
            feature_rank = self._ranks[place]
            if (
                not best or feature_rank.best.key != best[-1].best.key
            ):  # the first value of a feature is the best
                best.append(feature_rank)
        missing: dict[tuple[str, str], Problem] = {}
        if len(places) < len(variant.properties):
            values: dict[tuple[str, str], list[str]] = {}
            for prop in sorted(variant.properties):
                values.setdefault(prop.key, []).append(prop.value)
            for first in best:
                del values[first.best.key]
            missing = {feature: self._reason(*feature, own) for feature, own in values.items()}
        return tuple(best), missing

    def _reason(self, namespace: str, feature: str, own: Sequence[str]) -> Problem:
        """Return the problem of a feature: the machine supports none of the variant's values (*own*)."""
        values = self._supported.get(namespace, {}).get(feature, ())
        needed = f"one of {shortened(own)}" if len(own) > 1 else own[0]
        text = f"needs {needed}; supported: {shortened(values) or 'none'}"
        if words := _meaning(namespace, feature, own):
            text += f"; {f'{own[0]} means' if len(own) == 1 else 'the needed values mean'} {words}"
        return Problem("unsupported-feature", f"{namespace} :: {feature}", text)


def _meaning(namespace: str, feature: str, values: Sequence[str]) -> str:
    """Return what values mean, in words; an empty text if a vendored copy lacks the words of providers."""
    try:
        from .words import in_words  # builds import this module
    except ModuleNotFoundError:
        return ""
    return in_words(namespace, feature, values)
