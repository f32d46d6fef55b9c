"""The packages of a graph as alignment sees them: which variants fit a machine, with which values.

The values are in the order of the machine. For namespaces, features and values alike, the preferences of the
user's policy come first. Then the best position in any release of the graph decides, then the name. So the
order does not depend on the order of packages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..errors import VariantError
from ..formats.release import Candidate, Release
from ..machine.installed import aligned
from ..machine.support import Machine, Policy
from ..selection.evaluate import release_support, selectable_labels
from ..serving.environments import Environments
from ..serving.offer import UpstreamProject
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.alignment import AlignedName, Axis, is_aligned
from ..variants.filename import version_of
from ..variants.label_pattern import PLAIN
from ..variants.namespace_support import Support
from ..variants.policy import Rules
from ..variants.properties import NULL_LABEL
from .aligned_packages import AlignedPackage, Domains, VariantOption

if TYPE_CHECKING:
    from packaging.version import Version


class GraphRelease(NamedTuple):
    """A release with variants, and the supported values of its namespaces, without alignment."""

    release: Release
    support: Support


class ProjectReader(Protocol):
    """What has projects with their releases, such as `Upstream`."""

    def project(self, name: str, /) -> UpstreamProject:
        """Return a project; raises VariantError if it is missing."""


class PackageReader(NamedTuple):
    """Reads packages of an upstream as a machine with a *policy* sees them in its environments.

    *align* are the features that packages share.
    """

    upstream: ProjectReader
    machine: Machine
    policy: Policy
    environments: Environments
    align: Sequence[AlignedName]

    def releases(self, versions: Mapping[str, Version]) -> list[GraphRelease]:
        """Return the releases with variants among versions of packages, by name."""
        return [
            self._supported(release)
            for name, version in sorted(versions.items())
            for _, release in self._project(name).releases
            if release.has_version(str(version))
        ]

    def older_releases(self, known: GraphRelease) -> list[GraphRelease]:
        """Return the older releases with variants of the same project, the newest first."""
        newest = known.release.version
        return [
            self._supported(release)
            for _, release in self._project(known.release.name).releases
            if release.version < newest and not release.version.is_prerelease
        ]

    def package(self, known: GraphRelease) -> AlignedPackage:
        """Return a package with the variants that fit, best first."""
        return AlignedPackage(known.release.name, tuple(self._options(known)), self._has_fallback(known))

    def package_with_older(self, known: GraphRelease, older: Sequence[GraphRelease]) -> AlignedPackage:
        """Return a package in which *older* releases count: their variants come last."""
        package = self.package(known)
        options = (option for release in older for option in self._options(release))
        has_fallback = self._has_older_plain_wheel(known.release) or any(map(self._has_fallback, older))
        return AlignedPackage(
            package.name, (*package.options, *options), package.has_fallback or has_fallback
        )

    def versions(self, name: str) -> list[Version]:
        """Return the versions of a project, the newest first, without prereleases if there are others."""
        files = self._project(name).files
        known = {version for file in files if (version := version_of(file.filename)) and file.yanked is None}
        final = {version for version in known if not version.is_prerelease}
        return sorted(final or known, reverse=True)

    def _project(self, name: str) -> UpstreamProject:
        """Return a project, without files if the upstream lacks it: it comes from a URL, or is installed."""
        with suppress(VariantError):
            return self.upstream.project(name)
        return UpstreamProject(name, ())

    def _supported(self, release: Release) -> GraphRelease:
        """Return a release with its support; if no source knows a namespace, installed variants do."""
        known, _ = release_support(release, self.machine, self.policy)
        installed = aligned(known, self.align, self.machine.installed).supported
        return GraphRelease(release, known._replace(supported={**installed, **known.supported}))

    def _fits(self, wheel: Candidate) -> bool:
        tags, requires_python = wheel.name.tags, wheel.file.requires_python
        return not wheel.problems and any(
            slot.fit(tags, requires_python) for slot in self.environments.asking
        )

    def _labels(self, known: GraphRelease) -> Iterator[str]:
        fitting = {wheel.label for wheel in known.release.candidates if self._fits(wheel)}
        labels = selectable_labels(known.release, known.support, self.policy)
        return (label for label in labels if label is not None and label in fitting)

    def _options(self, known: GraphRelease) -> Iterator[VariantOption]:
        variants = known.release.metadata.variants if known.release.metadata else {}
        for label in self._labels(known):
            values: dict[Axis, set[str]] = {}
            for prop in known.support.of_variant(variants[label]):
                if is_aligned(prop.key, self.align):
                    values.setdefault(prop.key, set()).add(prop.value)
            if label != NULL_LABEL:
                yield VariantOption(label, {axis: frozenset(own) for axis, own in values.items()})

    def _has_fallback(self, known: GraphRelease) -> bool:
        plain = (wheel for wheel in known.release.candidates if wheel.label is None)
        has_plain = self._admits_plain(known.release.name) and any(map(self._fits, plain))
        return has_plain or NULL_LABEL in self._labels(known)

    def _admits_plain(self, name: str) -> bool:
        """Return whether the user wants no label of a package."""
        return self.policy.labels.get(name, PLAIN) == PLAIN

    def _has_older_plain_wheel(self, newest: Release) -> bool:
        """Return whether any older release has a plain wheel that fits, also one without variants."""
        if not self._admits_plain(newest.name):
            return False
        for file in self._project(newest.name).files:
            wheel = Candidate.of(file)
            if wheel and wheel.label is None and file.yanked is None and self._fits(wheel):
                version = version_of(file.filename)
                if version is not None and version < newest.version and not version.is_prerelease:
                    return True
        return False


def domains_of(packages: Iterable[AlignedPackage], releases: Sequence[GraphRelease], rules: Rules) -> Domains:
    """Return the values that packages have for each aligned feature, in the order of the machine."""
    used: dict[Axis, set[str]] = {}
    for package in packages:
        for option in package.options:
            for axis, values in option.values.items():
                used.setdefault(axis, set()).update(values)
    axes = axes_in_order(used, releases, rules)
    return {
        axis: [value for value in values_in_order(axis, releases, rules) if value in used[axis]]
        for axis in axes
    }


def axes_in_order(axes: Iterable[Axis], releases: Sequence[GraphRelease], rules: Rules) -> list[Axis]:
    """Return features by the priority of their namespace, then by their own."""
    namespaces, features = dict[str, int](), dict[Axis, int]()
    for release, support in releases:
        known = [*(release.metadata.namespaces if release.metadata else ()), ABI_DEPENDENCY]
        for place, namespace in enumerate(dict.fromkeys(known)):
            namespaces[namespace] = min(place, namespaces.get(namespace, place))
            for inner, feature in enumerate(support.supported.get(namespace, ())):
                axis = namespace, feature
                features[axis] = min(inner, features.get(axis, inner))

    def key(axis: Axis) -> tuple[object, ...]:
        first = _preferred_place(rules, (), axis[0]), namespaces.get(axis[0], len(namespaces)), axis[0]
        return *first, _preferred_place(rules, axis[:1], axis[1]), features.get(axis, len(features)), axis[1]

    return sorted(axes, key=key)


def values_in_order(axis: Axis, releases: Sequence[GraphRelease], rules: Rules) -> list[str]:
    """Return all supported values of a feature, best first."""
    namespace, feature = axis
    places: dict[str, int] = {}
    for _, support in releases:
        for place, value in enumerate(support.supported.get(namespace, {}).get(feature, ())):
            places[value] = min(place, places.get(value, place))
    return sorted(places, key=lambda value: (_preferred_place(rules, axis, value), places[value], value))


def _preferred_place(rules: Rules, before: tuple[str, ...], name: str) -> int:
    """Return the position of a name among the preferences of a policy, the last one if it has none."""
    named = [rule.parts for rule in rules.prefer]
    wanted = (*before, name)
    return named.index(wanted) if wanted in named else len(named)
