"""Choose the values of a graph after each round of resolving, with what is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError, one_of
from ..machine.support import Policy
from ..serving.asked_projects import AskedProject
from ..variants.abi_dependency import ABI_DEPENDENCY
from ..variants.alignment import AlignedName
from ..variants.filename import version_of
from ..variants.namespace_support import abi_dependencies
from .abi_versions import OpenVersions, assignment_of, state_of
from .aligned_packages import AlignedPackage, Domains
from .assignment import GraphAlignment, Preference, best_alignment
from .installed_values import beside_installed, excluded_by, staying, way_out
from .next_assignment import best_besides, failed_values, values_of_named
from .package_reader import GraphRelease, PackageReader, domains_of, values_in_order
from .rounds import FailedState, GraphRound, GraphState

if TYPE_CHECKING:
    from packaging.version import Version


def with_state(policy: Policy, state: GraphState) -> Policy:
    """Return the policy for a round; values that the user assigns and versions that the user pins stay."""
    return policy._replace(
        assignment={**state.assignment, **policy.assignment},
        pinned={**(state.versions or {}), **policy.pinned},
        opens_versions=state.versions is None,
    )


def newest_asked(asked: Mapping[str, AskedProject]) -> dict[str, Version]:
    """Return the newest version of each project that installers asked for: of its files, or its releases."""
    newest: dict[str, Version] = {}
    for name, project in asked.items():
        if project.offer is None:
            continue
        usable = (offered for offered in project.offer.files if offered.file.yanked is None)
        listed = {version for offered in usable if (version := version_of(offered.file.filename))}
        known = sorted(listed or {choice.version for choice in project.offer.choices})
        if known:
            newest[name] = next((one for one in reversed(known) if not one.is_prerelease), known[-1])
    return newest


class GraphChoice(NamedTuple):
    """The state for the next round, and the alignment in it.

    *objection* is why there is no alignment without older releases, None if there is one.
    """

    state: GraphState
    alignment: GraphAlignment
    objection: VariantError | None = None


class GraphChooser(NamedTuple):
    """Chooses values for the packages that a *reader* reads; *prefer* says what counts first."""

    reader: PackageReader
    prefer: Preference

    def choice(self, done: GraphRound) -> GraphChoice:
        """Return the choice after a round; raises VariantError if there is no alignment."""
        return self._after_failure(done) if done.outcome.error else self._after_graph(done)

    def _after_graph(self, done: GraphRound) -> GraphChoice:
        versions, policy = done.outcome.versions, self.reader.policy
        reader = self.reader._replace(
            machine=staying(self.reader.machine, versions),
            policy=policy._replace(pinned={**versions, **policy.pinned}),
        )
        named = {name for known in reader.releases(versions) for name in _named(known)} - policy.pinned.keys()
        pins = {name: versions[name] for name in sorted(named & versions.keys())} if named else None
        failed = [one for one in done.failed if one.state.versions == pins]
        alignment, objection = _ForRound(reader, self.prefer, done, failed).alignment()
        state = GraphState(alignment.assignment, pins)
        return GraphChoice(state, _without_others(alignment, versions), objection)

    def _after_failure(self, done: GraphRound) -> GraphChoice:
        """Return a state for the packages that a resolver asked for; their versions are open."""
        policy = self.reader.policy
        reader = self.reader._replace(
            machine=staying(self.reader.machine, done.outcome.versions)._replace(versions={}),
            policy=policy._replace(opens_versions=True),
            align=(*self.reader.align, AlignedName(ABI_DEPENDENCY)),
        )
        opened = OpenVersions(reader.versions, policy.pinned)
        alignment, objection = _ForRound(reader, self.prefer, done, done.failed, opened).alignment()
        return GraphChoice(state_of(alignment.assignment), alignment, objection)


def _without_others(alignment: GraphAlignment, versions: Mapping[str, Version]) -> GraphAlignment:
    """Return an alignment without the packages of earlier rounds."""
    return alignment._replace(
        labels={name: label for name, label in alignment.labels.items() if name in versions},
        packages=tuple(package for package in alignment.packages if package.name in versions),
    )


def _named(known: GraphRelease) -> Sequence[str]:
    return abi_dependencies(known.release.metadata) if known.release.metadata else ()


class _ForRound(NamedTuple):
    """Aligns the packages of a round, and those of earlier rounds; there is no graph for *failed*."""

    reader: PackageReader
    prefer: Preference
    done: GraphRound
    failed: Sequence[FailedState]
    opened: OpenVersions | None = None

    def alignment(self) -> tuple[GraphAlignment, VariantError | None]:
        """Return the best alignment in which packages without a fallback keep a variant.

        Older releases count only where there is none otherwise; then the error of the releases of this round
        is returned, too. Raises it if there is no alignment. If there is a graph for none, the best one that
        has failed is returned.
        """
        errors: list[VariantError] = []
        failed: list[GraphAlignment] = []
        for releases, packages in self._attempts():
            try:
                best, is_new = self._best(releases, packages)
            except VariantError as error:
                errors.append(error)
                continue
            if is_new:
                return best, next(iter(errors), None)
            failed.append(best)
        if failed:
            return failed[0], next(iter(errors), None)
        raise errors[0]

    def _attempts(self) -> Iterator[tuple[list[GraphRelease], list[AlignedPackage]]]:
        """Yield releases and packages of all rounds; those of earlier rounds need not keep a variant."""
        reader, versions = self.reader, self.done.outcome.versions
        current = reader.releases(versions)
        earlier = reader.releases({n: v for n, v in self.done.seen.items() if n not in versions})
        own = [*map(reader.package, current)]
        others = [reader.package(known)._replace(has_fallback=True) for known in earlier]
        yield [*current, *earlier], own + others
        older = {
            known.release.name: reader.older_releases(known)
            for known, package in zip(current, own, strict=True)
            if package.options and not package.has_fallback
        }
        own = [
            reader.package_with_older(known, older[known.release.name])
            if known.release.name in older
            else package
            for known, package in zip(current, own, strict=True)
        ]
        releases = [*current, *earlier, *(release for known in older.values() for release in known)]
        yield releases, own + others
        if self.done.outcome.error:  # a resolver asks for more packages than a graph has
            yield releases, [package._replace(has_fallback=True) for package in own + others]

    def _best(
        self, releases: Sequence[GraphRelease], packages: Sequence[AlignedPackage]
    ) -> tuple[GraphAlignment, bool]:
        """Return the best alignment, and whether a graph for it is possible."""
        packages, rules = [package for package in packages if package.options], self.reader.policy.rules
        versions: Domains = {}
        if self.opened:
            packages, versions = self.opened.in_packages(packages)
        domains = domains_of(packages, releases, rules)
        supported = {axis: values_in_order(axis, releases, rules) for axis in domains}
        own = {axis: values for axis, values in domains.items() if axis[0] != ABI_DEPENDENCY}
        fitting = beside_installed(own, supported, self.reader.machine)
        names = [name for name in self.reader.align if name.namespace != ABI_DEPENDENCY]
        failed = [
            values_of_named(assignment_of(state), named, packages)
            for state, named in self.failed
            if state != GraphState()
        ]
        try:
            best = best_besides(packages, {**domains, **fitting, **versions}, self.prefer, names, failed)
            return best, failed_values(best.assignment, failed) is None
        except VariantError:
            if fitting == own:
                raise
        # It raises if the packages disagree without the installed ones.
        best_alignment(packages, {**domains, **versions}, self.prefer, names)
        raise self._excluded(packages, own, fitting)

    def _excluded(self, packages: Sequence[AlignedPackage], before: Domains, after: Domains) -> VariantError:
        """Return the error of installed packages that exclude values which packages require."""
        reasons = excluded_by(before, after, self.reader.machine)
        required = [
            package.name
            for package in packages
            if not package.has_fallback and any(before.keys() & option.values for option in package.options)
        ]
        text = f"installed packages exclude the values of {one_of(required)}: {'; '.join(reasons.values())}"
        axes = [axis for axis in before if before[axis] != after[axis]]
        return VariantError(text, place="graph", remedy=way_out(reasons, axes))
