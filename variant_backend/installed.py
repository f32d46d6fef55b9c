"""What is installed as a variant, whether a system supports it, and where installed variants disagree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from .errors import VariantError, one_of
from .inspection import Inspection, inspect_installed_variants
from .selection import Supported, static_support, unsupported


class Installed(NamedTuple):
    """An installed variant, and whether a system supports it: None is for what nobody knows.

    *reasons* are those against it. *unknown* are the namespaces of its properties of which nothing is said.
    """

    path: Path
    inspection: Inspection
    supported: bool | None
    reasons: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class Disagreement(NamedTuple):
    """A feature of which several installed variants have no value in common: their values, by name."""

    namespace: str
    feature: str
    values: dict[str, tuple[str, ...]]

    def __str__(self) -> str:
        each = "; ".join(f"{name} has {one_of(values)}" for name, values in self.values.items())
        return f"{self.namespace} :: {self.feature}: no value in common: {each}"


def installed_variants(
    supported: Supported, paths: Sequence[Path] = ()
) -> tuple[list[Installed], list[VariantError]]:
    """Return what is installed as a variant, and what is wrong with those that cannot be read.

    *supported* is what the system supports; a namespace that it lacks is unknown, unless the variant's own
    static-properties list it. *paths* are folders like site-packages, or else where this interpreter looks.
    """
    results: list[Installed] = []
    faults: list[VariantError] = []
    for path, found in inspect_installed_variants(paths):
        if isinstance(found, VariantError):
            faults.append(found)
        else:
            results.append(_judged(path, found, supported))
            if found.faults:
                faults.append(VariantError(*found.faults).within(found.target))
    return results, faults


def _judged(path: Path, found: Inspection, supported: Supported) -> Installed:
    """Say whether a system supports an installed variant."""
    if found.metadata is None or found.variant is None or found.faults:
        return Installed(path, found, None)
    known = {**supported, **static_support(found.metadata)}
    missing = unsupported(found.variant, found.metadata, known)
    reasons = tuple(reason for (namespace, _), reason in missing.items() if namespace in known)
    unknown = tuple(dict.fromkeys(namespace for namespace, _ in missing if namespace not in known))
    return Installed(path, found, False if reasons else None if unknown else True, reasons, unknown)


def disagreements(installed: Iterable[Installed], namespace: str) -> list[Disagreement]:
    """Return the features of a namespace of which the variants that have it share no value."""
    users: dict[str, dict[str, tuple[str, ...]]] = {}
    for each in installed:
        variant = each.inspection.variant
        for feature, values in (variant.to_dict().get(namespace, {}) if variant else {}).items():
            users.setdefault(feature, {})[each.inspection.name] = tuple(values)
    return [
        Disagreement(namespace, feature, values)
        for feature, values in sorted(users.items())
        if not set.intersection(*map(set, values.values()))
    ]
