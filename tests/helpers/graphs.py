"""Whole graphs of made releases, resolved through the offer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from helpers.ecosystem import MadeRelease, write_releases
from helpers.offers import machine
from variant_backend._internal.graphs.resolution import Graph, GraphRequest, Wishes, resolved_graph
from variant_backend._internal.graphs.resolvers import ResolverName, resolver_named
from variant_backend._internal.graphs.root_requirements import Requested
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.selection.target import Target, running_target
from variant_backend._internal.serving.running_offer import running_offer
from variant_backend._internal.variants.alignment import AlignedName

BLAS = "blas :: library :: {}"
OPENMP = "openmp :: runtime :: {}"


def graph_from(
    source: Path | str | Sources,
    requested: Requested,
    align: Iterable[str] = (),
    *,
    resolver: ResolverName = "uv",
    on: Machine | None = None,
    policy: Policy | None = None,
    target: Target | None = None,
) -> Graph:
    """Return the graph of requirements for packages in a folder, an index, or any sources.

    Raises VariantError.
    """
    if isinstance(source, Sources):
        sources = source
    else:
        sources = Sources.of([], [source]) if isinstance(source, str) else Sources.of([str(source)], [])
    on, policy, target = on or Machine(), policy or Policy(), target or running_target()
    wishes = Wishes(tuple(map(AlignedName.parse, align)))
    request = GraphRequest(requested, wishes, resolver_named(resolver))
    with running_offer(sources, on, policy) as offer:
        return resolved_graph(offer, on, policy, target, request)


def graph_in(
    folder: Path,
    requirements: Sequence[str],
    align: Iterable[str] = (),
    *,
    on: Machine | None = None,
    policy: Policy | None = None,
    constraints: Sequence[str] = (),
) -> Graph:
    """Return the graph of requirements for packages in a folder; raises VariantError."""
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch, "constraints.txt")
        listed.write_text("\n".join(constraints))
        requested = Requested.of(tuple(requirements), constraints=(listed,))
        return graph_from(folder, requested, align, on=on or machine("x86_64:v3"), policy=policy)


def made(folder: Path, *releases: MadeRelease) -> Path:
    """Write releases into a folder, and return it."""
    write_releases(folder, releases)
    return folder


def names_and_labels(graph: Graph) -> Mapping[str, str | None]:
    """Return the label of each package of a graph, with its version."""
    return {f"{package.name} {package.version}": package.label for package in graph.packages}
