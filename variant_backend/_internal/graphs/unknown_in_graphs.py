"""Errors for what a user names and nothing in a graph has: labels, and namespaces and features to align."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..errors import Problem, UnknownNameError, VariantError, did_you_mean, one_of
from ..formats.release import Release
from ..machine.support import Policy
from ..selection.resolve import unknown_label
from ..serving.upstream import Upstream
from ..variants.alignment import AlignedName
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.label_pattern import PLAIN, is_wanted
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


def check_wanted_labels(policy: Policy, upstream: Upstream) -> None:
    """Raise UnknownNameError if no release of a project has a label that the user wants.

    A project that the upstream lacks is left to the resolver, like a plain wheel.
    """
    for name, wanted in sorted(policy.labels.items()):
        labels = _labels_of(name, upstream) if wanted != PLAIN else None
        if labels is not None and not any(is_wanted(label, wanted) for label in labels):
            raise unknown_label(wanted, labels, f"{name}#{wanted}")


def _labels_of(name: str, upstream: Upstream) -> set[str | None] | None:
    """Return the labels of a project, None if the upstream lacks it or fails."""
    try:
        releases = upstream.project(name).releases
    except VariantError:
        return None
    wheels = (wheel for _, release in releases for wheel in release.candidates)
    return {wheel.label for wheel in wheels if not wheel.problems}
