"""The reasons of an offer: why a label is selected, and what makes better labels fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from helpers.offers import machine
from packaging.version import Version

from variant_backend._internal.formats.release import Candidate, File, Release
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.listing import Listed, Listing
from variant_backend._internal.serving.environments import environments_named, unknown_environments
from variant_backend._internal.serving.offer import Choice, UpstreamProject, offer
from variant_backend._internal.serving.reasons import better_labels, choice_text, why_selected, would_fit
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.policy import PolicyRule, Rules
from variant_backend._internal.variants.properties import Property, Variant

CUDA = {
    label: [("nvidia", "cuda_version_lower_bound", version)]
    for label, version in {"cu126": "12.6", "cu128": "12.8", "cu130": "13.0"}.items()
}
LEVELS = {f"x{level}": [("x86_64", "level", level)] for level in ("v2", "v3", "v4")}
ANY = "py3-none-any"


def choice(
    properties: Mapping[str, Sequence[tuple[str, str, str]]],
    spec: str,
    rules: Rules | None = None,
    *,
    tags: Mapping[str, str] | None = None,
    environment: str = "",
) -> Choice:
    """Return what a machine gets of a release with these variants, a null variant and a plain wheel."""
    variants = {
        label: Variant(label, frozenset(Property(*parts) for parts in listed))
        for label, listed in {**properties, "null": []}.items()
    }
    names = ["", *(f"-{label}" for label in variants)]
    files = [File(f"demo-1-{(tags or {}).get(name[1:], ANY)}{name}.whl", "", {}) for name in names]
    wheels = tuple(filter(None, map(Candidate.of, files)))
    namespaces = tuple(dict.fromkeys(parts[0] for listed in properties.values() for parts in listed))
    release = Release("demo", Version("1"), wheels, VariantMetadata(namespaces, {}, variants))
    listing = Listing("demo", Version("1"), (Listed("", wheels, ()),))
    project = UpstreamProject("demo", tuple(files), ((listing, release),))
    environments = environments_named(environment) if environment else unknown_environments()
    (chosen,) = offer(project, machine(spec), Policy(rules=rules or Rules()), environments).choices
    return chosen


def test_the_text_of_a_choice_has_the_label_in_words() -> None:
    text = "demo 1: cu128 (NVIDIA driver for CUDA 12.8 or newer)"
    assert choice_text(choice(CUDA, "cuda:12.8,sm:9.0"), "gpu") == text
    assert choice_text(choice({}, "cuda:12.8"), "gpu") == "demo 1: null (for any machine)"


def test_the_next_supported_label_explains_the_selected_one() -> None:
    assert why_selected(choice(CUDA, "cuda:12.8,sm:9.0")) == (
        "better than cu126: nvidia :: cuda_version_lower_bound :: 12.8 ranks before nvidia ::"
        " cuda_version_lower_bound :: 12.6: value 12.8 is listed first in the supported values"
    )


def test_only_labels_that_rank_before_the_selected_one_are_better() -> None:
    assert [better.label for better in better_labels(choice(CUDA, "cuda:12.8,sm:9.0"))] == ["cu130"]
    assert [better.label for better in better_labels(choice(CUDA, "cuda:12.6,sm:9.0"))] == ["cu130", "cu128"]
    assert [better.label for better in better_labels(choice(LEVELS, "x86_64:v3"))] == ["xv4"]
    assert better_labels(choice(CUDA, "cuda:13.0,sm:9.0")) == []


def test_a_newer_driver_is_the_remedy_for_a_newer_cuda() -> None:
    (line,) = would_fit(choice(CUDA, "cuda:12.8,sm:9.0"))
    assert line == (
        "cu130: nvidia :: cuda_version_lower_bound: needs 13.0 (NVIDIA driver for CUDA 13.0 or newer);"
        " supported: 12.8, 12.7, 12.6 and 29 more; source: cuda:12.8,sm:9.0; install a newer NVIDIA driver"
    )


def test_machines_without_gpus_need_more_than_a_driver() -> None:
    lines = would_fit(choice(CUDA, "x86_64:v2"))
    assert len(lines) == 3
    assert all(line.endswith("; source: no fact given") for line in lines)


def test_a_rule_of_the_policy_is_in_the_reason() -> None:
    rules = Rules(limit=(PolicyRule.parse("x86_64 :: level :: v3", "site.toml"),))
    (line,) = would_fit(choice(LEVELS, "x86_64:v4", rules))
    assert "limited by policy: x86_64 :: level :: v3 (site.toml)" in line
    excluded = would_fit(choice(LEVELS, "x86_64:v4", Rules(exclude=(PolicyRule.parse("x86_64", "a.toml"),))))
    assert [line.partition(":")[0] for line in excluded] == ["xv4", "xv3", "xv2"]
    assert all(line.endswith("excluded by policy: x86_64 (a.toml); change the policy") for line in excluded)


def test_a_project_that_gets_only_plain_wheels_names_the_policy() -> None:
    plain = choice(LEVELS, "x86_64:v4", Rules(plain={"demo": "a.toml"}))
    assert choice_text(plain, "big").startswith("demo 1: the plain wheel: big supports no variant")
    assert any("a.toml" in line for line in would_fit(plain))


def test_a_better_label_without_a_fitting_wheel_names_its_tags() -> None:
    chosen = choice(
        CUDA,
        "cuda:13.0,sm:9.0",
        tags={"cu130": "cp313-cp313-win_amd64"},
        environment="3.12-manylinux_2_28_x86_64",
    )
    assert chosen.labels == ("cu128",)
    (line,) = would_fit(chosen)
    assert line.startswith("cu130: no wheel for this Python and platform; its wheels: cp313-cp313-win_amd64")


def test_a_machine_that_says_nothing_of_a_namespace_must_be_described() -> None:
    lines = would_fit(choice({"a": [("other", "thing", "1")]}, "x86_64:v2"))
    assert lines == [
        "a: other :: thing: needs 1; supported: none; source: unknown; "
        "add the namespace to the description of the machine"
    ]
