"""Rules about releases and projects whose findings grow with the input, not with its square."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from helpers.pytorch_example import EXAMPLE
from helpers.strategies import releases
from hypothesis import given

from variant_backend._internal.checking.release_rules import of_newer_gpus, of_priorities, of_projects
from variant_backend._internal.project.pyproject import Project
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.merging import combine_metadata, conflicts_with_index
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import Property, Variant


def variants(**values: str) -> Mapping[str, Variant]:
    return {
        label: Variant(label, frozenset({Property("made", "f", value)})) for label, value in values.items()
    }


def test_a_label_is_reported_once_however_many_projects_differ() -> None:
    projects = {f"p{number}": variants(fast=str(number)) for number in range(5)}
    found = [(name, problem.code, problem.text[:2]) for name, problem in of_projects(projects)]
    assert found == [(f"p{number}", "other-properties", "p0") for number in range(1, 5)]


def test_a_label_is_compared_with_the_first_project_that_differs() -> None:
    projects = {"a": variants(fast="1"), "b": variants(fast="1"), "c": variants(fast="2", quick="1")}
    found = [(name, problem.place, problem.text) for name, problem in of_projects(projects)]
    assert found == [
        ("c", "variants.fast", "a uses the label 'fast' for other properties"),
        ("c", "variants.quick", "a uses the label 'fast' for the same properties"),
    ]


def test_each_project_has_one_problem_with_priorities() -> None:
    namespaces: dict[str, Sequence[str]] = {f"p{number}": ("cpu", "gpu") for number in range(3)}
    namespaces |= {f"q{number}": ("gpu", f"own{number}", "cpu") for number in range(3)}
    found = [(name, problem.text) for name, problem in of_priorities(namespaces)]
    assert found == [(f"q{number}", "p0 has the order cpu, gpu, not gpu, cpu") for number in range(3)]


def test_pytorch_supports_the_newest_gpus_but_its_oldest_label_alone_does_not() -> None:
    metadata = Project.load(EXAMPLE).metadata
    assert metadata
    assert [*of_newer_gpus(metadata)] == []
    (problem,) = of_newer_gpus(metadata.only(metadata.variants["cuda12.6"]))
    assert problem.text == (
        "no variant supports NVIDIA GPUs of compute capability 10.0, 10.3, 11.0, 12.0, 12.1"
    )


def test_a_variant_for_gpus_of_any_architecture_supports_the_newest_ones() -> None:
    bound = Property("nvidia", "cuda_version_lower_bound", "12.8")
    old = frozenset({bound, Property("nvidia", "sm_arch", "90_real")})
    labels = {"old": Variant("old", old), "any": Variant("any", frozenset({bound}))}
    metadata = VariantMetadata(("nvidia",), {"nvidia": KNOWN_PROVIDERS["nvidia"].table}, labels)
    assert [*of_newer_gpus(metadata)] == []
    assert [problem.code for problem in of_newer_gpus(metadata.only(labels["old"]))] == ["newer-gpus"]


@given(releases(), releases())
def test_index_conflicts_are_those_of_combining(index: VariantMetadata, part: VariantMetadata) -> None:
    combined = {conflict.problem for conflict in combine_metadata({"": index, "wheel": part})[1]}
    assert {conflict.problem for conflict in conflicts_with_index(index, part, "wheel")} == combined


def test_long_lists_of_namespaces_are_shown_from_their_difference() -> None:
    names = tuple(f"n{number}" for number in range(1000))
    index = VariantMetadata(names, {}, {})
    part = VariantMetadata((*names[:500], "other"), {}, {})
    (conflict,) = conflicts_with_index(index, part, "wheel")
    assert conflict.problem.text == (
        "one list must be the start of the other:"
        " [..., n497, n498, n499, n500, n501, n502, n503, n504 and 495 more], [..., n497, n498, n499, other]"
    )
