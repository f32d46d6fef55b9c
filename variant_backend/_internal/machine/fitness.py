"""Whether machines support installed variants, and which values these require of a machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..errors import Problem
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.providers import StaticProvider
from ..variants.ranking import Supported, unsupported_features
from ..variants.words import in_words
from .installed import Installed
from .support import Machine, Policy, support_without_plugins

# Only so many sets of values of a feature are compared with each other: a hostile folder may have thousands.
_MOST_COMPARED = 200


class Fitness(NamedTuple):
    """Whether a machine supports an installed variant: None if that is unknown.

    *reasons* say why it is not supported. *unknown* are the namespaces of its properties whose supported
    values are unknown.
    """

    supported: bool | None = None
    reasons: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """Whether the machine supports the variant, in words."""
        return {True: "supported", False: "not supported", None: "unknown"}[self.supported]

    def to_dict(self) -> dict[str, object]:
        """Return the keys of the JSON object."""
        return {
            "supported": self.supported,
            "reasons": list(map(str, self.reasons)),
            "unknown": list(self.unknown),
        }


class RequiredValues(NamedTuple):
    """A machine must support one of these *values* of a feature; *variants* require it, such as ``demo 1.0``.

    *words* is the meaning of the values, None if it is unknown. *devices* are the known devices that support
    one of them.
    """

    namespace: str
    feature: str
    values: tuple[str, ...]
    variants: tuple[str, ...]

    @property
    def words(self) -> str | None:
        """The meaning of the values, None if one of them is unknown."""
        known = KNOWN_PROVIDERS.get(self.namespace)
        if known and self.devices:
            return f"{known.devices[self.feature].words} {', '.join(self.devices)}"
        return in_words(self.namespace, self.feature, self.values) or None

    @property
    def devices(self) -> tuple[str, ...]:
        """The known devices that support one of the values, empty if they are unknown."""
        known = KNOWN_PROVIDERS.get(self.namespace)
        devices = known.devices.get(self.feature) if known else None
        return devices.supporting(self.values) if devices else ()


def fitness(installed: Installed, machine: Machine, given: Supported) -> Fitness:
    """Return whether a machine supports an installed variant; the user's *given* values come first.

    An optional namespace counts, because the variant was installed with it. No plugin runs.
    """
    metadata, variant = installed.inspection.metadata, installed.inspection.variant
    if metadata is None or variant is None or installed.inspection.problems:
        return Fitness()
    policy = Policy(given=given, enabled=metadata.namespaces)
    known = support_without_plugins(metadata, machine, policy).supported
    missing = unsupported_features(variant, metadata, known)
    reasons = tuple(reason for (namespace, _), reason in missing.items() if namespace in known)
    unknown = tuple(dict.fromkeys(namespace for namespace, _ in missing if namespace not in known))
    return Fitness(False if reasons else None if unknown else True, reasons, unknown)


def joint_fitness(parts: Iterable[Fitness]) -> Fitness:
    """Return whether all machines support all variants, with the reasons of every one."""
    parts = [*parts]
    verdicts = [part.supported for part in parts]
    return Fitness(
        False if False in verdicts else None if None in verdicts else True,
        tuple(dict.fromkeys(reason for part in parts for reason in part.reasons)),
        tuple(dict.fromkeys(namespace for part in parts for namespace in part.unknown)),
    )


def required_values(installed: Iterable[Installed]) -> list[RequiredValues]:
    """Return the values that a machine must support for all installed variants, by namespace and feature.

    A machine fits if it supports one value of each row. Values that others imply are left out: a driver for
    CUDA 12.8 also supports 12.6. Static-properties hold on every machine, and ``abi_dependency`` is about
    other packages, so neither is required of a machine.
    """
    by_feature: dict[tuple[str, str], dict[tuple[str, ...], dict[str, None]]] = {}
    for namespace, feature, values, variant in _declared(installed):
        groups = by_feature.setdefault((namespace, feature), {})
        groups.setdefault(_lowest(namespace, feature, values), {})[variant] = None
    return [
        RequiredValues(*key, values, tuple(groups[values]))
        for key, groups in sorted(by_feature.items())
        for values in _strictest(*key, [*groups])
    ]


def _declared(installed: Iterable[Installed]) -> Iterator[tuple[str, str, Sequence[str], str]]:
    """Yield each feature that a variant requires of a machine: namespace, feature, values, variant."""
    for inspection in (variant.inspection for variant in installed):
        metadata, variant = inspection.metadata, inspection.variant
        if metadata is None or variant is None or inspection.problems:
            continue
        for namespace, features in variant.to_dict().items():
            is_static = isinstance(metadata.providers.get(namespace), StaticProvider)
            if not is_static and namespace != ABI_DEPENDENCY:
                for feature, values in features.items():
                    yield namespace, feature, values, f"{inspection.name} {inspection.version}"


def _positions(namespace: str, feature: str, values: Iterable[str]) -> Mapping[str, tuple[int, ...]]:
    """Return the lowest position in each chain of values; a value outside a chain is a chain by itself."""
    known = KNOWN_PROVIDERS.get(namespace)
    lowest: dict[str, tuple[int, ...]] = {}
    for value in values:
        chain, position = (known.chain(feature, value) if known and known.chain else None) or (value, ())
        lowest[chain] = min(lowest.get(chain, position), position)
    return lowest


def _lowest(namespace: str, feature: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return the values without those that imply another one."""
    lowest = _positions(namespace, feature, values)
    kept: dict[str, str] = {}
    for value in values:
        ((chain, position),) = _positions(namespace, feature, [value]).items()
        if position == lowest[chain]:
            kept.setdefault(chain, value)
    return tuple(kept.values())


def _strictest(namespace: str, feature: str, groups: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the groups of values that no other group implies."""
    places = {group: _positions(namespace, feature, group) for group in groups}
    highest: dict[str, tuple[str, ...]] = {}
    for group, positions in places.items():
        if len(positions) == 1:
            ((chain, position),) = positions.items()
            if chain not in highest or position > places[highest[chain]][chain]:
                highest[chain] = group
    best = {*highest.values()}
    kept = [group for group in groups if len(places[group]) > 1 or group in best]
    if len(kept) > _MOST_COMPARED:
        return kept
    strictest: list[tuple[str, ...]] = []
    for group in kept:
        if not any(_implies(places[other], places[group]) for other in strictest):
            strictest = [other for other in strictest if not _implies(places[group], places[other])]
            strictest.append(group)
    return strictest


def _implies(one: Mapping[str, tuple[int, ...]], other: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether each machine that supports a value of *one* group supports a value of the *other*."""
    return all(chain in other and other[chain] <= position for chain, position in one.items())
