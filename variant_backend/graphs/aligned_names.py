"""The namespaces and features that a user wants to align: those that nothing in the graphs has are errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..errors import Problem, UnknownNameError, did_you_mean, one_of
from ..formats.release import Release
from ..serving.upstream import Upstream
from ..variants.alignment import AlignedName
from ..variants.known_providers import KNOWN_PROVIDERS
from .resolution import Graph


def check_aligned_names(names: Sequence[AlignedName], graphs: Iterable[Graph]) -> None:
    """Raise UnknownNameError for namespaces and features that no release of the graphs has."""
    releases = (
        release
        for graph in graphs
        for release in project_releases(graph.offer.upstream, (package.name for package in graph.packages))
    )
    if problems := unknown_aligned_names(names, releases):
        raise UnknownNameError(*problems)


def unknown_aligned_names(names: Sequence[AlignedName], releases: Iterable[Release]) -> list[Problem]:
    """Return the problems of namespaces and features that no release has.

    Namespaces of known providers may be missing, as graphs of other machines may have them.
    """
    features = _features(releases) if names else {}
    return [problem for name in names if (problem := _problem_of(name, features))]


def project_releases(upstream: Upstream, names: Iterable[str]) -> Iterator[Release]:
    """Yield all releases with variants of some projects; raises VariantError if the upstream fails."""
    for name in names:
        yield from (release for _, release in upstream.project(name).releases)


def _problem_of(name: AlignedName, features: Mapping[str, set[str]]) -> Problem | None:
    """Return what is unknown in a name, None if all is known."""
    namespace, feature = name
    if namespace not in features:
        if namespace in KNOWN_PROVIDERS:
            return None
        text = f"unknown namespace {namespace!r}{did_you_mean(namespace, [*features, *KNOWN_PROVIDERS])}"
        return Problem("error", "--align", text, f"namespaces of the packages: {one_of(sorted(features))}")
    known = features[namespace]
    if feature is None or feature in known:
        return None
    text = f"unknown feature {feature!r}{did_you_mean(feature, known)}"
    return Problem("error", "--align", text, f"features of {namespace}: {one_of(sorted(known))}")


def _features(releases: Iterable[Release]) -> dict[str, set[str]]:
    """Return the features that variants of releases have, by namespace."""
    features: dict[str, set[str]] = {}
    for release in releases:
        for variant in release.metadata.variants.values() if release.metadata else ():
            for prop in variant.properties:
                features.setdefault(prop.namespace, set()).add(prop.feature)
    return features
