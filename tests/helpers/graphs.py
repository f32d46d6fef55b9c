"""Whole graphs of made releases, resolved by uv through the offer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from helpers.ecosystem import MadeRelease, write_releases
from helpers.offers import machine
from variant_backend.graphs.resolution import Graph, GraphRequest, Wishes, resolved_graph
from variant_backend.graphs.resolvers import resolved_by_uv
from variant_backend.graphs.root_requirements import Requested
from variant_backend.machine.support import Machine, Policy
from variant_backend.selection.releases import Sources
from variant_backend.selection.target import running_target
from variant_backend.serving.running_offer import running_offer
from variant_backend.variants.alignment import AlignedName

BLAS = "blas :: library :: {}"
OPENMP = "openmp :: runtime :: {}"


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
    on, policy, target = on or machine("x86_64:v3"), policy or Policy(), running_target()
    wishes = Wishes(tuple(map(AlignedName.parse, align)))
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_offer(Sources.of([str(folder)], []), on, policy) as offer,
    ):
        listed = Path(scratch, "constraints.txt")
        listed.write_text("\n".join(constraints))
        requested = Requested.of(tuple(requirements), constraints=(listed,))
        return resolved_graph(offer, on, policy, target, GraphRequest(requested, wishes, resolved_by_uv))


def made(folder: Path, *releases: MadeRelease) -> Path:
    """Write releases into a folder, and return it."""
    write_releases(folder, releases)
    return folder


def names_and_labels(graph: Graph) -> Mapping[str, str | None]:
    """Return the label of each package of a graph, with its version."""
    return {f"{package.name} {package.version}": package.label for package in graph.packages}
