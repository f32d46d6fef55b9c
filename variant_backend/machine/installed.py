"""What is installed as a variant, whether a system supports it, and where installed variants disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, VariantError, one_of
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.namespace_support import DISABLED, NOT_ENABLED, Support, abi_dependencies, abi_support
from ..variants.ranking import Supported, static_support, unsupported
from ..wheels.inspection import Inspection, inspect_installed_variants

if TYPE_CHECKING:
    from packaging.version import Version


class Installed(NamedTuple):
    """An installed variant, and whether a system supports it: None is for what nobody knows.

    *reasons* are those against it. *unknown* are the namespaces of its properties of which nothing is said.
    """

    path: Path
    inspection: Inspection
    supported: bool | None
    reasons: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()


class Disagreement(NamedTuple):
    """A feature of which several installed variants have no value in common: their values, by name."""

    namespace: str
    feature: str
    values: dict[str, tuple[str, ...]]

    def __str__(self) -> str:
        texts = (f"{name} has {one_of(values)}" for name, values in self.values.items())
        return f"{self.namespace} :: {self.feature}: no value in common: {'; '.join(texts)}"


def installed_variants(
    supported: Supported, paths: Sequence[Path] = (), versions: Mapping[str, Version] | None = None
) -> tuple[list[Installed], list[VariantError]]:
    """Return what is installed as a variant, and what is wrong with those that cannot be read.

    *supported* is what the system supports; a namespace that it lacks is unknown, unless the variant's own
    static-properties list it. *paths* are folders like site-packages, or else where this interpreter looks.
    *versions* are those of what is installed, by normalized name; without them, abi_dependency is unknown.
    """
    results: list[Installed] = []
    faults: list[VariantError] = []
    for path, inspection in inspect_installed_variants(paths):
        if isinstance(inspection, VariantError):
            faults.append(inspection)
        else:
            results.append(_judged(path, inspection, supported, versions))
            if inspection.problems:
                faults.append(VariantError(*inspection.problems).within(inspection.target))
    return results, faults


def _judged(
    path: Path, inspection: Inspection, supported: Supported, versions: Mapping[str, Version] | None
) -> Installed:
    """Say whether a system supports an installed variant."""
    metadata, variant = inspection.metadata, inspection.variant
    if metadata is None or variant is None or inspection.problems:
        return Installed(path, inspection, None)
    known = {**supported, **static_support(metadata)}
    if versions is not None and ABI_DEPENDENCY in variant.namespaces():
        used = {name: versions[name] for name in abi_dependencies(metadata) if name in versions}
        known.setdefault(ABI_DEPENDENCY, abi_support(used))
    missing = unsupported(variant, metadata, known)
    reasons = tuple(reason for (namespace, _), reason in missing.items() if namespace in known)
    unknown = tuple(dict.fromkeys(namespace for namespace, _ in missing if namespace not in known))
    return Installed(path, inspection, False if reasons else None if unknown else True, reasons, unknown)


def disagreements(installed: Iterable[Installed], namespace: str) -> list[Disagreement]:
    """Return the features of a namespace of which the variants that have it share no value."""
    return [
        Disagreement(namespace, feature, values)
        for feature, values in sorted(_values_by_name(installed, namespace).items())
        if not _common(values)
    ]


def aligned(known: Support, namespace: str, installed: Sequence[Installed]) -> Support:
    """Return what is supported if what is installed fixes a namespace, and name that in its origin.

    Of each feature that installed variants have, only the values remain that all of them have: none if they
    disagree. If nobody says what is supported, it is these values. Otherwise nothing is added. Where nothing
    is to be fixed, *found* itself is returned.
    """
    users = _values_by_name(installed, namespace)
    origin = known.origins.get(namespace)
    if not users or origin is None or origin in (DISABLED, NOT_ENABLED):
        return known
    common = {feature: _common(values) for feature, values in users.items()}
    if namespace in known.supported:
        features = {
            feature: tuple(value for value in values if value in common.get(feature, values))
            for feature, values in known.supported[namespace].items()
        }
    else:
        features = {feature: tuple(sorted(values)) for feature, values in sorted(common.items())}
    names = one_of(dict.fromkeys(name for values in users.values() for name in values))
    return Support(
        {**known.supported, namespace: features},
        {**known.origins, namespace: origin.with_more(f"; aligned with what is installed of {names}")},
    )


def _values_by_name(installed: Iterable[Installed], namespace: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the features that installed variants have in a namespace: the values of each, by name."""
    users: dict[str, dict[str, tuple[str, ...]]] = {}
    for installed_variant in installed:
        variant = installed_variant.inspection.variant
        for feature, values in (variant.to_dict().get(namespace, {}) if variant else {}).items():
            users.setdefault(feature, {})[installed_variant.inspection.name] = tuple(values)
    return users


def _common(values: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the values that all have."""
    return set.intersection(*map(set, values.values()))
