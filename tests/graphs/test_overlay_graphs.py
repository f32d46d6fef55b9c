"""Families of packages whose labels come from an overlay stay on one platform by alignment."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from helpers.graphs import graph_from
from helpers.offers import machine
from helpers.overlays import LOCAL_VERSIONS, make_locals, write_overlay

from variant_backend._internal.graphs.resolution import Graph
from variant_backend._internal.graphs.resolvers import ResolverName
from variant_backend._internal.graphs.root_requirements import Requested
from variant_backend._internal.selection.releases import Sources

FAMILY = ("torch", "torchvision", "torchaudio")
CUDA = ("cu126", "cu128", "cu130")
ALIGN = ["nvidia::cuda_version_lower_bound"]


def family(folder: Path, labels: Mapping[str, list[str]]) -> Sources:
    """Write a release of each package with some local versions, and an overlay for them."""
    for name, local in labels.items():
        requires = [] if name == "torch" else ["torch==2.10.0"]
        make_locals(folder / "w", name, "2.10.0", local, requires=dict.fromkeys(local, requires))
    text = LOCAL_VERSIONS.replace('"torchvision"', '"torchvision", "torchaudio"')
    return Sources((folder / "w",), (), write_overlay(folder / "overlay.toml", text))


def graph_of(sources: Sources, spec: str, align: list[str], resolver: ResolverName = "uv") -> Graph:
    return graph_from(sources, Requested.of(FAMILY), align, on=machine(spec), resolver=resolver)


def kept(labels: Mapping[str, list[str]], value: str) -> int:
    return sum(value in local for local in labels.values())


@pytest.mark.parametrize(("seed", "resolver"), [*((seed, "uv") for seed in range(6)), (6, "pip")])
def test_a_family_has_the_value_that_keeps_most_packages(
    tmp_path: Path, seed: int, resolver: ResolverName
) -> None:
    chance = random.Random(seed)
    labels = {name: [*chance.sample(CUDA, chance.randrange(1, 4)), "cpu"] for name in FAMILY}
    supported = CUDA[: chance.randrange(1, 4)]
    spec = f"cuda:{supported[-1][2:4]}.{supported[-1][4:]}"
    graph = graph_of(family(tmp_path, labels), spec, ALIGN, resolver)
    best = max(reversed(supported), key=lambda value: kept(labels, value))
    assert {package.name: str(package.version) for package in graph.packages} == {
        name: f"2.10.0+{best if best in local else 'cpu'}" for name, local in labels.items()
    }
    assert graph.labels == {name: best if best in local else "null" for name, local in labels.items()}


@pytest.mark.parametrize(
    ("spec", "align", "warned"),
    [
        ("cuda:13.0", [], ["torch 2.10.0+cu130 has 13.0; torchvision 2.10.0+cu128 has 12.8"]),
        ("cuda:12.8", [], []),
        ("cuda:12.6", [], ["torch 2.10.0+cu126 has 12.6; torchvision 2.10.0+cpu has none"]),
        ("cuda:13.0", ALIGN, []),
        ("cuda:12.6", ALIGN, ["torch 2.10.0+cu126 has 12.6; torchvision 2.10.0+cpu has none"]),
        ("none", [], []),
    ],
)
def test_a_family_on_several_platforms_is_a_warning(
    tmp_path: Path, spec: str, align: list[str], warned: list[str]
) -> None:
    torch, vision = ["cu126", "cu128", "cu130", "cpu"], ["cu128", "cpu"]
    sources = family(tmp_path, {"torch": torch, "torchvision": vision, "torchaudio": ["cpu"]})
    problems = graph_of(sources, spec, align).problems
    assert [problem.text.partition(": ")[2] for problem in problems] == warned
    names_option = ["--align nvidia::cuda_version_lower_bound" in str(problem) for problem in problems]
    assert names_option == [not align for _ in warned]
