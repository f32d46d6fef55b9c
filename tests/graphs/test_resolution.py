"""A whole graph is resolved by uv's own resolver, with one value for each aligned feature."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from helpers.ecosystem import MACHINES, Labels, MadeRelease
from helpers.graphs import BLAS, OPENMP, graph_in, made, names_and_labels
from helpers.offers import CUDA, machine
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.support import Policy

MKL: Labels = {"mkl": [BLAS.format("mkl")]}
OPENBLAS: Labels = {"openblas": [BLAS.format("openblas")]}
PLAIN: Labels = {None: []}
CUDA_13: Labels = {"cu13": [CUDA.format("13.0")]}
CUDA_12: Labels = {"cu12": [CUDA.format("12.8")]}
GPU = machine(MACHINES["gpu13"])
TORCH = "abi_dependency :: torchy :: {}"
BUILT_WITH: Labels = {"t210": [TORCH.format("2.10")], "t29": [TORCH.format("2.9")]}


def torchy(folder: Path, *others: MadeRelease) -> Path:
    """Write two versions of torchy, and packages that are built with them."""
    return made(folder, *(MadeRelease("torchy", version) for version in ("2.9.1", "2.10.0")), *others)


def test_all_packages_of_a_graph_share_the_aligned_value(ecosystem: Path) -> None:
    graph = graph_in(
        ecosystem, ["scispeech", "scitune"], ["nvidia", "blas::library"], on=machine(MACHINES["gpu12"])
    )
    labels = {package.name: package.label for package in graph.packages if package.label}
    assert graph.alignment.assignment[("blas", "library")] == "mkl"
    assert graph.alignment.assignment[("nvidia", "cuda_version_lower_bound")] == "12.8"
    assert (labels["scialg"], labels["scitorch"], labels["scivision"]) == ("mkl", "cuda12.8", "cuda12.8")


def test_an_oscillating_graph_settles_for_every_order_of_requirements(tmp_path: Path) -> None:
    # Each value of solver requires a package that has only the other value.
    needed: Labels = {"mkl": ["for-mkl"], "openblas": ["for-openblas"]}
    folder = made(
        tmp_path,
        MadeRelease("solver", "1", labels={**MKL, **OPENBLAS, **PLAIN}, by_label=needed),
        MadeRelease("for_mkl", "1", labels={**OPENBLAS, **PLAIN}),
        MadeRelease("for_openblas", "1", labels={**MKL, **PLAIN}),
        MadeRelease("other", "1", labels={**OPENBLAS, **PLAIN}),
    )
    for order in permutations(["solver", "other"]):
        graph = graph_in(folder, order, ["blas"])
        assert graph.alignment.assignment == {("blas", "library"): "openblas"}
        assert names_and_labels(graph) == {
            "for-openblas 1": None,
            "other 1": "openblas",
            "solver 1": "openblas",
        }
    assert names_and_labels(graph_in(folder, ["solver"], ["blas"])) == {"for-mkl 1": None, "solver 1": "mkl"}


def test_versions_that_depend_on_values_and_values_on_versions_are_an_error(tmp_path: Path) -> None:
    # The version that a value requires has the other value.
    needed: Labels = {"mkl": ["one==1", "two==1"], "openblas": ["one==2", "two==2"]}
    folder = made(
        tmp_path,
        MadeRelease("solver", "1", labels={**MKL, **OPENBLAS, **PLAIN}, by_label=needed),
        *(MadeRelease(name, "1", labels={**OPENBLAS, **PLAIN}) for name in ("one", "two")),
        *(MadeRelease(name, "2", labels={**MKL, **PLAIN}) for name in ("one", "two")),
    )
    with pytest.raises(VariantError) as caught:
        graph_in(folder, ["solver"], ["blas"])
    assert str(caught.value) == (
        "graph: values and packages depend on one another, and the same choices repeat:"
        " with blas :: library :: openblas, the graph has one 2, two 2;"
        " with blas :: library :: mkl, the graph has one 1, two 1; do not align blas :: library"
    )
    labels = {"one 1": "openblas", "solver 1": "mkl", "two 1": "openblas"}
    assert names_and_labels(graph_in(folder, ["solver"])) == labels


def test_values_are_chosen_for_a_graph_that_cannot_be_resolved_without(tmp_path: Path) -> None:
    needed: Labels = {"cu13": ["runtime==13"], "cu12": ["runtime==12"]}
    folder = made(
        tmp_path,
        MadeRelease("runtime", "12"),
        MadeRelease("runtime", "13"),
        MadeRelease("both", "1", labels={**CUDA_13, **CUDA_12}, by_label=needed),
        MadeRelease("older", "1", labels=CUDA_12, by_label=needed),
    )
    with pytest.raises(VariantError, match="runtime==1"):
        graph_in(folder, ["both", "older"], on=GPU)
    for order in permutations(["both", "older"]):
        assert names_and_labels(graph_in(folder, order, ["nvidia"], on=GPU)) == {
            "both 1": "cu12",
            "older 1": "cu12",
            "runtime 12": None,
        }


def test_values_with_missing_requirements_give_way(tmp_path: Path) -> None:
    runtimes: Labels = {"iomp": [OPENMP.format("iomp")], "gomp": [OPENMP.format("gomp")]}
    folder = made(
        tmp_path,
        MadeRelease("needed", "1"),
        MadeRelease("solver", "1", labels={**MKL, **OPENBLAS}, by_label={"mkl": ["needed==2"]}),
        MadeRelease("other", "1", labels=runtimes),
    )
    graph = graph_in(folder, ["solver", "other"], ["blas", "openmp"])
    assert names_and_labels(graph) == {"other 1": "iomp", "solver 1": "openblas"}
    assert graph.lines[2:] == ("blas :: library: openblas keeps 1 of 1; there is no graph with mkl",)


def test_packages_of_failed_rounds_need_no_variant(tmp_path: Path) -> None:
    # uv asks for the package that one variant requires in a missing version. No value fits both packages.
    both: Labels = {name: [BLAS.format(name), OPENMP.format("gomp")] for name in ("mkl", "openblas")}
    folder = made(
        tmp_path,
        MadeRelease("solver", "1", labels=both, by_label={"mkl": ["special==2"]}),
        MadeRelease("special", "1", labels={"iomp": [OPENMP.format("iomp")]}),
    )
    graph = graph_in(folder, ["solver"], ["blas", "openmp"])
    assert names_and_labels(graph) == {"solver 1": "openblas"}


def test_the_values_of_an_earlier_round_stay_if_better_ones_fail(tmp_path: Path) -> None:
    # The first graph has a package for which gomp is better, but nothing has the version that gomp requires.
    folder = made(
        tmp_path,
        MadeRelease(
            "solver", "1", labels={"gomp": [OPENMP.format("gomp")], **PLAIN}, by_label={"gomp": ["a>1"]}
        ),
        MadeRelease("a", "1", labels={"iomp": [OPENMP.format("iomp")], "null": []}, requires=["b"]),
        MadeRelease("b", "1", labels={"gomp": [OPENMP.format("gomp")], **PLAIN}),
    )
    graph = graph_in(folder, ["solver", "a"], ["openmp"])
    assert names_and_labels(graph) == {"a 1": "iomp", "b 1": None, "solver 1": None}


def test_older_releases_count_where_the_newest_has_no_value_in_common(tmp_path: Path) -> None:
    folder = made(
        tmp_path,
        MadeRelease("newer", "1", labels=OPENBLAS),
        MadeRelease("newer", "2", labels=MKL),
        MadeRelease("older", "1", labels=OPENBLAS),
    )
    assert names_and_labels(graph_in(folder, ["newer", "older"], ["blas"])) == {
        "newer 1": "openblas",
        "older 1": "openblas",
    }
    with pytest.raises(VariantError, match=r"newer>1(.|\n)*newer.*older"):
        graph_in(folder, ["newer>1", "older"], ["blas"])


def test_a_plain_wheel_of_an_older_release_counts(tmp_path: Path) -> None:
    folder = made(
        tmp_path,
        MadeRelease("newer", "1"),
        MadeRelease("newer", "2", labels=MKL),
        MadeRelease("older", "1", labels=OPENBLAS),
    )
    graph = graph_in(folder, ["newer", "older"], ["blas"])
    assert names_and_labels(graph) == {"newer 1": None, "older 1": "openblas"}


@pytest.mark.parametrize("fallback", [PLAIN, {}], ids=["plain", "variants only"])
def test_an_extension_is_for_the_version_in_the_graph(tmp_path: Path, fallback: Labels) -> None:
    extension = MadeRelease("torchext", "1", labels={**BUILT_WITH, **fallback}, requires=["torchy"])
    folder = torchy(tmp_path, extension)
    for order in permutations(["torchy", "torchext"]):
        assert names_and_labels(graph_in(folder, order)) == {"torchext 1": "t210", "torchy 2.10.0": None}
        graph = graph_in(folder, order, constraints=["torchy<2.10"])
        assert names_and_labels(graph) == {"torchext 1": "t29", "torchy 2.9.1": None}


@pytest.mark.parametrize("fallback", [PLAIN, {}], ids=["plain", "variants only"])
def test_an_extension_may_require_the_version_it_is_built_with(tmp_path: Path, fallback: Labels) -> None:
    needed: Labels = {"t210": ["torchy==2.10.*"], "t29": ["torchy==2.9.*"]}
    folder = torchy(
        tmp_path, MadeRelease("torchext", "1", labels={**BUILT_WITH, **fallback}, by_label=needed)
    )
    graph = graph_in(folder, ["torchext"], constraints=["torchy<2.10"])
    assert names_and_labels(graph) == {"torchext 1": "t29", "torchy 2.9.1": None}
    with pytest.raises(VariantError, match="torchy<2"):
        graph_in(folder, ["torchext"], constraints=["torchy<2"])


def test_a_package_outside_the_graph_has_no_version(tmp_path: Path) -> None:
    folder = torchy(tmp_path, MadeRelease("torchext", "1", labels={**BUILT_WITH, **PLAIN}))
    assert names_and_labels(graph_in(folder, ["torchext"])) == {"torchext 1": None}
    folder = torchy(tmp_path, MadeRelease("strict", "1", labels=BUILT_WITH))
    with pytest.raises(VariantError, match=r"require torchy==2\.10\.0$"):
        graph_in(folder, ["strict"])
    graph = graph_in(folder, ["strict", "torchy==2.10.0"])
    assert names_and_labels(graph) == {"strict 1": "t210", "torchy 2.10.0": None}
    graph = graph_in(folder, ["strict"], policy=Policy(pinned={"torchy": Version("2.10.0")}))
    assert names_and_labels(graph) == {"strict 1": "t210"}


def test_a_version_without_a_release_causes_no_conflict_of_values(tmp_path: Path) -> None:
    folder = torchy(tmp_path, MadeRelease("strict", "1", labels={"t8": [TORCH.format("8")]}))
    with pytest.raises(VariantError, match="t8: abi_dependency :: torchy: needs 8") as caught:
        graph_in(folder, ["strict"])
    assert "strict requires" not in str(caught.value)


def test_values_and_versions_are_chosen_together(tmp_path: Path) -> None:
    labels: Labels = {
        f"{value}{version}": [BLAS.format(value), TORCH.format(version)]
        for value in ("mkl", "openblas")
        for version in ("2.10", "2.9")
    }
    needed: Labels = {label: ["torchy>=2.10"] for label in labels if label and label.endswith("2.10")}
    folder = torchy(
        tmp_path,
        MadeRelease("torchext", "1", labels=labels, requires=["torchy"], by_label=needed),
        MadeRelease("other", "1", labels=OPENBLAS, requires=["torchy<2.10"]),
    )
    for order in permutations(["torchext", "other"]):
        assert names_and_labels(graph_in(folder, order, ["blas"])) == {
            "other 1": "openblas",
            "torchext 1": "openblas2.9",
            "torchy 2.9.1": None,
        }


def test_a_pinned_version_wins(tmp_path: Path) -> None:
    folder = torchy(tmp_path, MadeRelease("torchext", "1", labels=BUILT_WITH, requires=["torchy"]))
    graph = graph_in(folder, ["torchext"], policy=Policy(pinned={"torchy": Version("2.9")}))
    assert names_and_labels(graph) == {"torchext 1": "t29", "torchy 2.10.0": None}
