"""Versions of packages that `abi_dependency` properties name, while no graph decides about them.

A property ``2.9`` of variants means any version ``2.9.*``. If several versions mean the same to
all variants, only the newest is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..variants.abi_dependency import ABI_DEPENDENCY, prefixes
from ..variants.alignment import Assignment, Axis
from ..variants.filename import escape, normalize
from .aligned_packages import AlignedPackage, Domains, VariantOption
from .rounds import GraphState

if TYPE_CHECKING:
    from packaging.version import Version


class OpenVersions(NamedTuple):
    """Which versions of other packages are possible: *of* returns those of a project, the newest first.

    Those of *fixed* packages are decided.
    """

    of: Callable[[str], Sequence[Version]]
    fixed: Container[str]

    def in_packages(self, packages: Sequence[AlignedPackage]) -> tuple[list[AlignedPackage], Domains]:
        """Return packages whose variants allow whole versions, and the versions to try.

        Variants for versions that no project has are left out, and so are packages without another variant.
        """
        versions = {
            axis: _distinct(self.of(normalize(axis[1])), own)
            for axis, own in _starts(packages)
            if normalize(axis[1]) not in self.fixed
        }
        domains = {axis: [*map(str, own)] for axis, own in versions.items() if own}
        opened = (_with_versions(package, versions) for package in packages)
        return [package for package in opened if package.options], domains


def state_of(assignment: Assignment) -> GraphState:
    """Return the state of an assignment in which versions are values of features."""
    from packaging.version import Version

    versions = {
        normalize(feature): Version(value)
        for (namespace, feature), value in assignment.items()
        if namespace == ABI_DEPENDENCY
    }
    values = {axis: value for axis, value in assignment.items() if axis[0] != ABI_DEPENDENCY}
    return GraphState(values, versions or None)


def assignment_of(state: GraphState) -> Assignment:
    """Return the assignment of a state, in which versions are values of features."""
    versions = (state.versions or {}).items()
    return {**state.assignment, **{(ABI_DEPENDENCY, escape(name)): str(own) for name, own in versions}}


def _starts(packages: Iterable[AlignedPackage]) -> Iterable[tuple[Axis, set[str]]]:
    """Return the starts of versions that options allow, by feature."""
    starts: dict[Axis, set[str]] = {}
    for package in packages:
        for option in package.options:
            for axis, values in option.values.items():
                if axis[0] == ABI_DEPENDENCY:
                    starts.setdefault(axis, set()).update(values)
    return sorted(starts.items())


def _distinct(versions: Iterable[Version], starts: set[str]) -> list[Version]:
    """Return the first of the versions with the same starts; no property expresses an epoch."""
    first: dict[frozenset[str], Version] = {}
    for version in versions:
        if not version.epoch:
            first.setdefault(frozenset(starts.intersection(prefixes(version))), version)
    return [*first.values()]


def _with_versions(package: AlignedPackage, versions: Mapping[Axis, Sequence[Version]]) -> AlignedPackage:
    def option(own: VariantOption) -> VariantOption:
        values = {axis: allowed for axis, allowed in own.values.items() if axis[0] != ABI_DEPENDENCY}
        for axis, known in versions.items():
            if axis in own.values:
                fitting = (str(one) for one in known if own.values[axis].intersection(prefixes(one)))
                values[axis] = frozenset(fitting)
        return own._replace(values=values)

    options = (own for own in map(option, package.options) if all(own.values.values()))
    return package._replace(options=tuple(options))
