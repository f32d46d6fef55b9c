"""A whole graph is resolved by uv's own resolver, with one value for each aligned feature."""

from __future__ import annotations

from pathlib import Path

from helpers.ecosystem import MACHINES
from helpers.offers import machine

from variant_backend.graphs.resolution import Wishes, resolved_graph
from variant_backend.graphs.resolvers import Requested, resolved_by_uv
from variant_backend.machine.support import Policy
from variant_backend.selection.releases import Sources
from variant_backend.selection.target import running_target
from variant_backend.serving.running_offer import running_offer
from variant_backend.variants.alignment import AlignedName


def test_all_packages_of_a_graph_share_the_aligned_value(ecosystem: Path) -> None:
    here, policy, target = machine(MACHINES["gpu12"]), Policy(), running_target()
    wishes = Wishes((AlignedName("nvidia"), AlignedName.parse("blas::library")))
    with running_offer(Sources.of([str(ecosystem)], []), here, policy) as offer:
        graph = resolved_graph(
            offer,
            here,
            policy,
            target,
            wishes,
            lambda place: resolved_by_uv(Requested(("scispeech", "scitune")), place, target),
        )
    labels = {package.name: package.label for package in graph.packages if package.label}
    assert graph.alignment.assignment[("blas", "library")] == "mkl"
    assert graph.alignment.assignment[("nvidia", "cuda_version_lower_bound")] == "12.8"
    assert (labels["scialg"], labels["scitorch"], labels["scivision"]) == ("mkl", "cuda12.8", "cuda12.8")
