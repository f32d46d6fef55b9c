"""What several machines have in common: the facts for one environment that all of them use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import Problem, one_of
from ..formats.hardware_file import Detected, Hardware
from ..lowlevel.terminal import escaped

_Features = Mapping[str, Sequence[str]]


def common_hardware(machines: Mapping[str, Hardware]) -> Hardware:
    """Return the values that all machines support, in the order of the first machine.

    A namespace that is missing from one machine is unknown there, and left out. *machines* are by name. If
    the machines have a feature, but no value of it in common, a warning is added.

    >>> new = Hardware({"x86_64": Detected({"level": ("v3", "v2", "v1")})})
    >>> old = Hardware({"x86_64": Detected({"level": ("v2", "v1")})})
    >>> common_hardware({"new": new, "old": old}).supported
    {'x86_64': {'level': ('v2', 'v1')}}
    """
    first, *others = machines.values()
    source = escaped(f"common to {one_of(machines)}")
    return Hardware(
        {
            name: _common_to([known, *(other.namespaces[name] for other in others)], source, name)
            for name, known in first.namespaces.items()
            if all(name in other.namespaces for other in others)
        }
    )


def _common_to(known: Sequence[Detected], source: str, namespace: str) -> Detected:
    """Return what several machines have in common in a namespace."""
    packages = dict.fromkeys(package for detected in known for package in detected.by_package)
    by_package = {
        package: _common_features([detected.by_package.get(package, detected.features) for detected in known])
        for package in packages
    }
    warnings = tuple(problem for detected in known for problem in detected.warnings)
    apart = (
        feature
        for feature in known[0].features
        if all(detected.features.get(feature) for detected in known)
        and not _values_in_all([detected.features for detected in known], feature)
    )
    least = [detected.features if detected.least is None else detected.least for detected in known]
    return Detected(
        _common_features([detected.features for detected in known]),
        source,
        by_package,
        (*warnings, *(_no_value(namespace, feature) for feature in apart)),
        _common_features(least) if any(detected.least is not None for detected in known) else None,
    )


def _no_value(namespace: str, feature: str) -> Problem:
    text = "no value in common; a variant with a value for each machine suits them all, but not these facts"
    remedy = "`variant-backend installed --machine FILE --machine FILE --find-links DIR` finds such variants"
    return Problem("warning", f"{namespace} :: {feature}", text, remedy)


def _common_features(machines: Sequence[_Features]) -> dict[str, tuple[str, ...]]:
    """Return the features with values in common, in the order of the first machine."""
    return {feature: values for feature in machines[0] if (values := _values_in_all(machines, feature))}


def _values_in_all(machines: Sequence[_Features], feature: str) -> tuple[str, ...]:
    others = [{*machine.get(feature, ())} for machine in machines[1:]]
    return tuple(value for value in machines[0][feature] if all(value in other for other in others))
