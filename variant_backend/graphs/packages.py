"""The packages of a graph as alignment sees them: which variants fit a machine, with which values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..formats.release import Candidate, Release
from ..machine.support import Machine, Policy
from ..selection.evaluate import release_support, selectable_labels
from ..serving.environments import Environments
from ..serving.upstream import Upstream
from ..variants.alignment import AlignedName, Axis
from ..variants.filename import is_same_version
from ..variants.namespace_support import Support
from ..variants.properties import NULL_LABEL
from .assignment import AlignedPackage, Domains, VariantOption

if TYPE_CHECKING:
    from packaging.version import Version


class GraphRelease(NamedTuple):
    """A release with variants in a graph, and the supported values of its namespaces, without alignment."""

    release: Release
    support: Support


def graph_releases(
    versions: Mapping[str, Version], upstream: Upstream, machine: Machine, policy: Policy
) -> list[GraphRelease]:
    """Return the releases with variants among the packages of a graph, by name."""
    releases: list[GraphRelease] = []
    policy = policy._replace(assignment={})
    for name, version in sorted(versions.items()):
        for _, release in upstream.project(name).releases:
            if is_same_version(str(release.version), str(version)):
                releases.append(GraphRelease(release, release_support(release, machine, policy)[0]))
    return releases


def aligned_package(
    known: GraphRelease, policy: Policy, environments: Environments, align: Sequence[AlignedName]
) -> AlignedPackage:
    """Return a release with the variants that fit the machine and the environment, best first."""
    release, support = known
    fitting = {wheel.label for wheel in release.candidates if _fits(wheel, environments)}
    variants = release.metadata.variants if release.metadata else {}
    labels = [label for label in selectable_labels(release, support, policy) if label in fitting]
    options: list[VariantOption] = []
    for label in labels:
        if label is None or label == NULL_LABEL:
            continue
        values: dict[Axis, set[str]] = {}
        for prop in support.of_variant(variants[label]):
            if any(name.covers(prop.key) for name in align):
                values.setdefault(prop.key, set()).add(prop.value)
        options.append(VariantOption(label, {axis: frozenset(own) for axis, own in values.items()}))
    return AlignedPackage(release.name, tuple(options), None in labels or NULL_LABEL in labels)


def _fits(wheel: Candidate, environments: Environments) -> bool:
    name, requires_python = wheel.name, wheel.file.requires_python
    return not wheel.problems and any(slot.fit(name.tags, requires_python) for slot in environments.asking)


def domains_of(packages: Iterable[AlignedPackage], releases: Sequence[GraphRelease]) -> Domains:
    """Return the values that packages have for each aligned feature, in the order of the machine."""
    used: dict[Axis, set[str]] = {}
    for package in packages:
        for option in package.options:
            for axis, values in option.values.items():
                used.setdefault(axis, set()).update(values)
    ordered: dict[Axis, dict[str, None]] = {}
    for _, support in releases:
        for namespace, features in support.supported.items():
            for feature, listed in features.items():
                if (namespace, feature) in used:
                    ordered.setdefault((namespace, feature), {}).update(dict.fromkeys(listed))
    return {axis: [value for value in values if value in used[axis]] for axis, values in ordered.items()}
