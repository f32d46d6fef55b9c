"""Machines by facts and by presets: what they support, and what is wrong with what users write."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from helpers.trees import host_with, kfd_nodes
from hypothesis import given, settings
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.hardware_file import Detected, Hardware
from variant_backend._internal.formats.machine_spec import GivenMachine, parse_machine
from variant_backend._internal.machine.aarch64 import detect_aarch64
from variant_backend._internal.machine.amd import detect_amd
from variant_backend._internal.machine.ascend import given_ascend
from variant_backend._internal.machine.nvidia import given_nvidia
from variant_backend._internal.machine.tpu import given_tpu
from variant_backend._internal.variants.arm_processors import ARM_MODELS
from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS, unknown_property
from variant_backend._internal.variants.machine_facts import (
    facts_text,
    facts_with_value,
    known_facts,
    lone_values,
    read_facts,
    support_of_facts,
)
from variant_backend._internal.variants.machine_presets import PRESETS, read_machine
from variant_backend._internal.variants.properties import Property
from variant_backend._internal.variants.provider_ascend import FORCE_NPU
from variant_backend._internal.variants.provider_nvidia import FORCE_CAPABILITY, FORCE_DRIVER
from variant_backend._internal.variants.provider_tpu import FORCE_TPU

ARCHITECTURES = {"x86_64", "aarch64"}
CUDA = st.builds("{}.{}".format, st.integers(11, 15), st.integers(0, 20))
SM = st.builds("{}.{}".format, st.integers(1, 15), st.integers(0, 9))


def problem(text: str) -> str:
    with pytest.raises(VariantError) as caught:
        read_machine(text)
    return str(caught.value)


def values(text: str, namespace: str) -> dict[str, tuple[str, ...]]:
    return dict(support_of_facts(read_machine(text))[namespace].features)


@settings(max_examples=40)
@given(CUDA, st.lists(SM, min_size=1, max_size=3), st.sampled_from(["true", "false"]))
def test_facts_support_what_detection_computes_from_them(cuda: str, gpus: list[str], tpu: str) -> None:
    best = max(gpus, key=lambda gpu: [*map(int, gpu.split("."))])
    forced = {FORCE_DRIVER: cuda, FORCE_CAPABILITY: best, FORCE_TPU: tpu}
    given_facts = read_facts([f"cuda:{cuda}", *(f"sm:{gpu}" for gpu in gpus), f"tpu:{tpu}"])
    computed = Hardware.from_facts(given_facts).namespaces
    nvidia, present = given_nvidia(forced), given_tpu(forced)
    assert nvidia and computed["nvidia"].features == nvidia.features
    assert present and computed["tpu"].features == present.features


@pytest.mark.parametrize("namespace", KNOWN_PROVIDERS)
def test_examples_of_facts_are_valid_together(namespace: str) -> None:
    provider = KNOWN_PROVIDERS[namespace]
    assert provider.from_facts is not None
    for index in range(2):
        examples = {key: [fact.examples[index % len(fact.examples)]] for key, fact in provider.facts.items()}
        assert provider.from_facts(examples).features


def test_keys_of_facts_are_unique() -> None:
    assert len(known_facts()) == sum(len(provider.facts) for provider in KNOWN_PROVIDERS.values())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_supports_known_values_only(name: str) -> None:
    facts = read_machine(name)
    for namespace, support in support_of_facts(facts).items():
        assert namespace in KNOWN_PROVIDERS
        for features in (support.features, *support.by_package.values()):
            for feature, supported in features.items():
                for value in supported:
                    assert unknown_property(Property(namespace, feature, value)) is None


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_the_same_as_its_facts(name: str) -> None:
    if text := facts_text(PRESETS[name].facts):
        assert read_machine(text) == read_machine(name) == read_machine(f"{name},{text}")


def complete(namespaces: Iterable[str]) -> set[str]:
    return {*namespaces} | ARCHITECTURES


@pytest.mark.parametrize("name", PRESETS)
def test_a_machine_is_complete(name: str) -> None:
    supported = support_of_facts(read_machine(name))
    assert complete(supported) == {*KNOWN_PROVIDERS}
    assert ARCHITECTURES & supported.keys()


def test_none_has_no_accelerator_and_the_oldest_processor() -> None:
    support = {name: dict(support.features) for name, support in support_of_facts(()).items()}
    oldest = {"x86_64": {"level": ("v1",)}, "aarch64": {"version": ("8a",)}}
    assert {name: features for name, features in support.items() if features} == {
        **oldest,
        "tpu": {"present": ("false",)},
    }
    assert read_machine("none") == ()


def test_the_other_architecture_is_left_out() -> None:
    assert ARCHITECTURES & support_of_facts(read_machine("x86_64:v3")).keys() == {"x86_64"}
    assert ARCHITECTURES & support_of_facts(read_machine("aarch64:8a")).keys() == {"aarch64"}


def test_facts_replace_those_of_a_preset() -> None:
    assert read_machine("h100,cuda:13.0") == read_machine("cuda:13.0,sm:9.0")
    assert read_machine(" none , x86_64 : v3 ") == read_machine("x86_64:v3")
    assert values("cuda:12.8,sm:8.6,sm:9.0", "nvidia")["sm_arch"][0] == "90_real"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12.8", "expected KEY:VALUE, got '12.8'; write cuda:12.8 or rocm:12.8"),
        ("cuda", "missing value of cuda; write cuda:12.8"),
        ("cuda:", "missing value of cuda; write cuda:12.8"),
        ("amd", "'amd' is a namespace, not a preset; write facts of it: gfx:gfx942,rocm:7.0"),
        ("cuda:12.8,,,", "empty part between commas; remove a comma"),
        ("cuda:12.8,foo", "expected KEY:VALUE, got 'foo'; write a fact such as cuda:12.8"),
        ("nvidia:12.8", "unknown fact 'nvidia'; known facts of nvidia: cuda, sm"),
        ("cuda:12.8,cuda:12.6", "2 values of cuda: 12.8, 12.6; leave one value, as a machine has only one"),
        (
            "cuda:128",
            "invalid value '128' of cuda; write the driver's CUDA version, 11.0 to 15.20, such as 12.8",
        ),
        ("cuda:12.8,sm:90", "invalid value '90' of sm; write the GPU's compute capability, 9.0"),
        ("cuda:12.8,sm:sm_89", "invalid value 'sm_89' of sm; write the GPU's compute capability, 8.9"),
        (
            "sm:9.0",
            "sm requires cuda, without which no GPU works; add cuda with the driver's CUDA version,"
            " such as 12.8",
        ),
        ("x86_64:v9", "invalid value 'v9' of x86_64; write one of these levels: v1, v2, v3, v4"),
        ("tpu:yes", "invalid value 'yes' of tpu; write true or false"),
        (
            "x86_64:v3,aarch64:8a",
            "aarch64 and x86_64 are different architectures;"
            " leave one of them out, as a machine has only one",
        ),
        ("none,h100", "preset 'h100' is not the first part; write cuda:12.8,sm:9.0 instead"),
        ("h100,none", "preset 'none' is not the first part; remove it"),
    ],
)
def test_invalid_facts_get_a_remedy(text: str, message: str) -> None:
    assert problem(text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cuda=12.8", "expected KEY:VALUE, got 'cuda=12.8'; write cuda:12.8"),
        ("x=cuda=12.8", "expected KEY:VALUE, got 'cuda=12.8'; write x=cuda:12.8"),
        ("x=cuda:12.8,sm=8.9", "expected KEY:VALUE, got 'cuda:12.8,sm=8.9'; write x=cuda:12.8,sm:8.9"),
        (
            "GPU=h100",
            "invalid machine name 'GPU'; write ./GPU=h100 if it is a file,"
            " or use a-z, 0-9, _ and - in names: gpu=h100",
        ),
    ],
)
def test_a_misspelt_machine_gets_a_remedy_that_works(text: str, message: str) -> None:
    with pytest.raises(VariantError) as caught:
        parse_machine(text)
    assert str(caught.value) == message
    assert isinstance(parse_machine(message.rpartition(" ")[2]), GivenMachine)


def check_preset(name: str, namespace: str, detected: Detected) -> None:
    supported = Hardware.from_facts(PRESETS[name].facts).namespaces[namespace]
    assert supported.features == detected.features
    assert supported.by_package == detected.by_package


@pytest.mark.parametrize(
    ("name", "version"),
    [
        *(("mi100", 90008), ("mi210", 90010), ("mi250x", 90010), ("mi300x", 90402), ("mi355x", 90500)),
        *(("rx7900xtx", 110000), ("rx9070xt", 120001)),
    ],
)
def test_a_preset_of_an_amd_gpu_is_what_detection_gives(tmp_path: Path, name: str, version: int) -> None:
    files = {**kfd_nodes(version), "/dev/kfd": "", "/opt/rocm/.info/version": "7.1.0\n"}
    check_preset(name, "amd", detect_amd(host_with(tmp_path, files)))


@pytest.mark.parametrize("name", ["arc-a770", "arc-a380"])
def test_a_preset_of_an_intel_gpu_is_what_the_plugin_answers(name: str) -> None:
    major, minor, revision = map(int, dict(PRESETS[name].facts)["xpu"][0].split("."))
    device = f"8086:{major << 22 | minor << 14 | revision:08x}"
    answers = json.loads(
        (Path(__file__).parents[1] / "data" / "intel_plugin_answers.json").read_text("utf-8")
    )
    detected = answers["detected"]
    alone = [values for _, devices, failure, values in detected if (devices, failure) == (device, "")]
    assert alone
    for values in alone:
        check_preset(name, "intel", Detected({"device_ip": (*values,)}))


def test_the_preset_of_an_ascend_npu_is_what_its_variable_gives() -> None:
    detected = given_ascend({FORCE_NPU: "910b"})
    assert detected
    assert (
        Hardware.from_facts(PRESETS["ascend-910b"].facts).namespaces["ascend"].features == detected.features
    )


@pytest.mark.parametrize(
    ("name", "implementer", "part"),
    [
        ("graviton2", "0x41", "0xd0c"),
        ("graviton3", "0x41", "0xd40"),
        ("graviton4", "0x41", "0xd4f"),
        ("github-ubuntu-arm", "0x41", "0xd49"),
        ("apple-m1", "0x61", "0x022"),
        ("apple-m2", "0x61", "0x032"),
    ],
)
def test_a_preset_of_an_arm_processor_supports_what_linux_shows(
    tmp_path: Path, name: str, implementer: str, part: str
) -> None:
    model = ARM_MODELS[dict(PRESETS[name].facts)["aarch64"][0]]
    # Linux shows flags of Arm's processors that archspec does not list.
    flags = {*model.features, *(() if name == "graviton2" else ("dit", "flagm", "paca", "pacg"))}
    core = {"processor": "0", "Features": " ".join(flags), "CPU implementer": implementer, "CPU part": part}
    text = "".join(f"{key}\t: {value}\n" for key, value in core.items())
    check_preset(
        name, "aarch64", detect_aarch64(host_with(tmp_path, {"/proc/cpuinfo": text}, machine="aarch64"))
    )


def test_similar_names_are_suggested() -> None:
    assert problem("H100").startswith("unknown preset 'H100' (did you mean 'h100'?); write facts such as")
    assert problem("cudaa:12.8").startswith("unknown fact 'cudaa' (did you mean 'cuda'?); known facts: cuda,")


def test_all_problems_are_reported() -> None:
    assert len(problem("cudaa:12.8,foo,,x86_64:v3,x86_64:v4").splitlines()) == 4
    assert len(problem("cuda:1,x86_64:v9,tpu:no").splitlines()) == 3


@settings(max_examples=60)
@given(st.text(max_size=30) | st.builds("{}:{}".format, st.sampled_from([*known_facts()]), st.text()))
def test_any_text_is_read_or_has_a_short_problem(text: str) -> None:
    try:
        facts = read_machine(text)
    except VariantError as error:
        assert all(item.remedy for item in error.problems)
    else:
        assert support_of_facts(facts)


@pytest.mark.parametrize("key", known_facts())
@pytest.mark.parametrize("value", ["9" * 5000, "9." * 2000 + "9", "x" * 5000, "1\x1b[1m", "٣.٣", "-1"])
def test_hostile_values_are_cut_and_quoted(key: str, value: str) -> None:
    text = problem(f"{key}:{value}")
    assert text.isprintable() or "\n" in text
    assert len(text) < 600


def test_a_value_alone_gets_its_keys() -> None:
    assert "x86_64:v3" in facts_with_value("v3")
    assert "cuda:12.8,sm:9.0" in facts_with_value("9.0")
    for value in ("v3", "9.0", "12.8"):
        for text in facts_with_value(value):
            assert read_machine(text)


@pytest.mark.parametrize(
    ("namespace", "feature", "value", "fact"),
    [
        ("nvidia", "cuda_version_lower_bound", "12.8", "cuda:12.8"),
        ("x86_64", "level", "v3", "x86_64:v3"),
        ("aarch64", "version", "8.2a", "aarch64:8.2a"),
    ],
)
def test_a_lone_value_gets_the_fact_that_stands_for_all(
    namespace: str, feature: str, value: str, fact: str
) -> None:
    (found,) = lone_values({namespace: {feature: (value,)}})
    assert found.remedy == f"use --machine {fact} to support all of them"
    features = values(fact, namespace)
    assert lone_values({namespace: features}) == []
    assert features[feature][0] == value


@pytest.mark.parametrize(
    ("namespace", "feature", "value"),
    [
        ("nvidia", "cuda_version_upper_bound", "12.8"),
        ("nvidia", "sm_arch", "90_real"),
        ("x86_64", "level", "v1"),
        ("tpu", "present", "true"),
        ("speed", "mode", "fast"),
        ("nvidia", "cuda_version_lower_bound", "9" * 5000),
    ],
)
def test_values_without_lower_ones_get_no_warning(namespace: str, feature: str, value: str) -> None:
    assert lone_values({namespace: {feature: (value,)}}) == []
