"""What packages allow: the order of values, older releases, and what is installed."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from helpers.ecosystem import Labels, MadeRelease
from helpers.graphs import BLAS, OPENMP, graph_in, made, names_and_labels
from helpers.made_modules import made_elf
from helpers.made_wheels import make_wheel
from helpers.offers import CUDA, machine
from helpers.programs import run
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.hardware_file import Hardware
from variant_backend._internal.formats.release import Release
from variant_backend._internal.graphs.aligned_packages import AlignedPackage, VariantOption
from variant_backend._internal.graphs.installed_values import with_installed
from variant_backend._internal.graphs.package_reader import GraphRelease, domains_of
from variant_backend._internal.machine.support import Machine
from variant_backend._internal.variants.alignment import AlignedName
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.namespace_support import Support
from variant_backend._internal.variants.policy import NO_RULES, PolicyRule, Rules
from variant_backend._internal.variants.ranking import Supported

HERE = machine("x86_64:v3")
MKL: Labels = {"mkl": [BLAS.format("mkl")]}
OPENBLAS: Labels = {"openblas": [BLAS.format("openblas")]}
GOMP: Labels = {"gomp": [OPENMP.format("gomp")]}
PLAIN: Labels = {None: []}
# This variable makes uv install variants for a GPU on a machine without one.
FORCED: dict[str, Any] = {"NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": "12.8"}


def supports(name: str, supported: Supported) -> GraphRelease:
    """Return a release whose namespaces rank as in *supported*."""
    metadata = VariantMetadata(tuple(supported), {}, {})
    return GraphRelease(Release(name, Version("1"), (), metadata), Support(supported, {}))


def uses(**values: str) -> AlignedPackage:
    """Return a package with a variant for each value; NAMESPACE__FEATURE has values."""
    options = [
        VariantOption(value, {(namespace, feature): frozenset({value})})
        for key, listed in values.items()
        for namespace, _, feature in [key.partition("__")]
        for value in listed.split()
    ]
    return AlignedPackage("any", tuple(options), has_fallback=True)


def test_the_best_position_in_any_release_orders_namespaces_and_values() -> None:
    releases = [
        supports("x", {"blas": {"library": ["mkl", "openblas"]}, "openmp": {"runtime": ["gomp"]}}),
        supports("y", {"openmp": {"version": ["5"], "runtime": ["iomp", "gomp"]}}),
        supports("z", {"gpu": {"arch": ["a", "b"]}, "blas": {"library": ["mkl", "blis", "openblas"]}}),
    ]
    packages = [
        uses(blas__library="openblas blis mkl", openmp__runtime="gomp iomp", openmp__version="5"),
        uses(gpu__arch="b"),
    ]
    expected = [
        (("blas", "library"), ["mkl", "blis", "openblas"]),
        (("gpu", "arch"), ["b"]),
        (("openmp", "runtime"), ["gomp", "iomp"]),
        (("openmp", "version"), ["5"]),
    ]
    for order in permutations(releases):
        assert [*domains_of(reversed(packages), order, NO_RULES).items()] == expected


def test_preferences_of_the_policy_order_values_first() -> None:
    releases = [
        supports("x", {"blas": {"library": ["mkl", "openblas"]}}),
        supports("y", {"openmp": {"runtime": ["gomp"], "version": ["5"]}}),
    ]
    texts = ("openmp", "openmp :: version", "blas :: library :: openblas")
    rules = Rules(prefer=tuple(map(PolicyRule.parse, texts)))
    packages = [uses(blas__library="mkl openblas", openmp__runtime="gomp", openmp__version="5")]
    assert [*domains_of(packages, releases, rules).items()] == [
        (("openmp", "version"), ["5"]),
        (("openmp", "runtime"), ["gomp"]),
        (("blas", "library"), ["openblas", "mkl"]),
    ]


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Return a folder with packages that have variants for BLAS libraries, the best of them MKL."""
    return made(
        tmp_path / "packages",
        MadeRelease("num", "1", labels={**MKL, **OPENBLAS, **PLAIN}),
        MadeRelease("alg", "1", labels={**MKL, **OPENBLAS, **PLAIN}),
        MadeRelease("mklonly", "1", labels=MKL),
        MadeRelease("openblasonly", "1", labels=OPENBLAS),
        MadeRelease("withgomp", "1", labels={**GOMP, **PLAIN}),
        MadeRelease("withopenblas", "1", labels={**OPENBLAS, **PLAIN}),
    )


def environment(tmp_path: Path, *wheels: Path) -> Machine:
    """Return a machine on which wheels are installed."""
    site = tmp_path / "site"
    site.mkdir(exist_ok=True)
    flags = ("--quiet", "--no-index", "--no-deps", "--preview-features", "wheel-variants")
    if wheels:
        run("uv", "pip", "install", *flags, "--target", site, *wheels, **FORCED)
    installed, problems = with_installed(HERE, [site], [AlignedName("blas")])
    assert problems == []
    return installed


def variant(packages: Path, name: str, label: str) -> Path:
    (path,) = packages.glob(f"{name}-1-*-{label}.whl")
    return path


def linking(tmp_path: Path, name: str, library: str) -> Path:
    """Return a plain wheel with a module that links a library."""
    return make_wheel(tmp_path / "wheels", name, files={f"{name}.so": made_elf(library)})


def test_packages_follow_an_installed_variant(tmp_path: Path, packages: Path) -> None:
    on = environment(tmp_path, variant(packages, "num", "openblas"))
    assert names_and_labels(graph_in(packages, ["alg"], ["blas"], on=on)) == {"alg 1": "openblas"}
    assert names_and_labels(graph_in(packages, ["alg"], on=on)) == {"alg 1": "mkl"}


def test_a_replaced_variant_does_not_count(tmp_path: Path, packages: Path) -> None:
    on = environment(tmp_path, variant(packages, "num", "openblas"))
    graph = graph_in(packages, ["alg", "num"], ["blas"], on=on)
    assert names_and_labels(graph) == {"alg 1": "mkl", "num 1": "mkl"}


def test_packages_follow_a_value_that_only_an_installed_variant_has(tmp_path: Path, packages: Path) -> None:
    on = environment(tmp_path, variant(packages, "mklonly", "mkl"))
    graph = graph_in(packages, ["withopenblas"], ["blas"], on=on)
    assert graph.alignment.assignment == {("blas", "library"): "mkl"}
    assert names_and_labels(graph) == {"withopenblas 1": None}


def test_a_value_of_an_installed_variant_is_supported_if_no_source_knows(
    tmp_path: Path, packages: Path
) -> None:
    gpu: Labels = {"cu13": [CUDA.format("13.0")], "cu12": [CUDA.format("12.8")]}
    made(packages, MadeRelease("first", "1", labels=gpu), MadeRelease("second", "1", labels=gpu))
    on = environment(tmp_path, variant(packages, "first", "cu12"))._replace(hardware=Hardware({}))
    graph = graph_in(packages, ["second"], ["nvidia"], on=on)
    assert names_and_labels(graph) == {"second 1": "cu12"}
    with pytest.raises(VariantError, match="second"):
        graph_in(packages, ["second"], on=on)


def test_packages_follow_the_runtime_of_an_installed_plain_package(tmp_path: Path, packages: Path) -> None:
    on = environment(tmp_path, linking(tmp_path, "fast", "libopenblas.so.0"))
    assert names_and_labels(graph_in(packages, ["alg"], ["blas"], on=on)) == {"alg 1": "openblas"}


def test_an_installed_value_that_a_package_cannot_have_is_an_error(tmp_path: Path, packages: Path) -> None:
    on = environment(tmp_path, variant(packages, "num", "mkl"), linking(tmp_path, "fast", "libmkl_rt.so.2"))
    with pytest.raises(VariantError) as caught:
        graph_in(packages, ["openblasonly"], ["blas"], on=on)
    text = str(caught.value)
    assert text.startswith("graph: installed packages exclude the values of openblasonly: ")
    assert "blas :: library: num 1 has mkl" in text
    assert "blas :: library: fast 1.0 links libmkl_rt.so.2" in text
    assert "name fast, num in the same command" in text
    assert "--reinstall-package fast --reinstall-package num for uv" in text
    assert text.endswith("or do not align blas :: library")
    # The remedies work: the graph replaces the packages, or values are not aligned.
    assert graph_in(packages, ["openblasonly"], on=on)
    graph = graph_in(packages, ["openblasonly", "num"], ["blas"], on=on.without("fast"))
    assert names_and_labels(graph) == {"num 1": "openblas", "openblasonly 1": "openblas"}


def test_installed_packages_that_disagree_are_an_error(tmp_path: Path, packages: Path) -> None:
    on = environment(tmp_path, variant(packages, "num", "mkl"), variant(packages, "openblasonly", "openblas"))
    with pytest.raises(VariantError) as caught:
        graph_in(packages, ["alg"], ["blas"], on=on)
    assert str(caught.value).startswith(
        "blas :: library: installed packages have no value in common:"
        " num 1 has mkl; openblasonly 1 has openblas; name num, openblasonly in the same command"
    )
    # A graph without the feature is not concerned.
    assert names_and_labels(graph_in(packages, ["withgomp"], ["blas"], on=on)) == {"withgomp 1": "gomp"}
