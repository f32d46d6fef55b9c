"""What people read about properties: one short phrase for each feature."""

from __future__ import annotations

import pytest

from variant_backend._internal.variants.known_providers import KNOWN_PROVIDERS
from variant_backend._internal.variants.properties import Property
from variant_backend._internal.variants.provider_nvidia import all_nvidia_features
from variant_backend._internal.variants.words import in_words, properties_in_words

TORCH = ["70_real", "75_real", "80_real", "86_real", "90_real", "100_real", "120_real", "120_virtual"]
CAPABILITY = "NVIDIA GPUs of compute capability"


@pytest.mark.parametrize(
    ("feature", "values", "words"),
    [
        ("nvidia::cuda_version_lower_bound", "12.8", "NVIDIA driver for CUDA 12.8 or newer"),
        ("nvidia::cuda_version_upper_bound", "13", "NVIDIA driver for CUDA older than 13"),
        ("nvidia::sm_arch", "90_real", f"machine code for {CAPABILITY} 9.0 (H100)"),
        ("nvidia::sm_arch", "90_real 80_real", f"machine code for {CAPABILITY} 8.0 (A100) or 9.0 (H100)"),
        ("nvidia::sm_arch", "90a_real", f"machine code for {CAPABILITY} 9.0a"),
        ("nvidia::sm_arch", "120_virtual", f"PTX for {CAPABILITY} 12.0 (RTX 5090)"),
        ("aarch64::version", "8.2a", "processors with Armv8.2-A (Neoverse N1, Graviton2)"),
        ("aarch64::version", "8.3a", "processors with Armv8.3-A"),
        ("tpu::present", "true", "machines with a Google TPU"),
    ],
)
def test_values_are_described_in_words(feature: str, values: str, words: str) -> None:
    namespace, name = feature.split("::")
    assert in_words(namespace, name, values.split()) == words


def test_architectures_of_amd_are_sorted_as_hexadecimal_numbers() -> None:
    words = in_words("amd", "gfx_arch", ["gfx1100", "gfx90a", "gfx942", "gfx900"])
    assert words == "AMD Vega, MI200, MI300 or RDNA 3 (gfx900 to gfx1100)"


def test_a_span_needs_the_details_of_the_first_and_last_value() -> None:
    words = in_words("intel", "device_ip", ["20.4.4", "20.1.0", "12.60.7", "12.10.0"])
    assert words == "Intel Iris Xe MAX, Data Center GPU Max, Arc B580 and B570 or Lunar Lake"


def test_the_architectures_of_torch_are_one_phrase() -> None:
    assert in_words("nvidia", "sm_arch", TORCH) == (
        f"machine code for {CAPABILITY} 7.0, 7.5, 8.0, 8.6, 9.0, 10.0 or 12.0 (V100 to RTX 5090); "
        f"PTX for {CAPABILITY} 12.0 (RTX 5090)"
    )


def test_only_text_in_parentheses_at_the_end_is_left_out() -> None:
    words = in_words("intel", "device_ip", ["12.55.8", "12.56.5", "12.60.7", "20.1.0"])
    assert words.count("(") == words.count(")")
    assert "(Alchemist G10), Data Center GPU Flex 170" in words


def test_long_lists_are_shortened() -> None:
    values = [value for value in all_nvidia_features()["sm_arch"] if value.endswith("_real")]
    words = in_words("nvidia", "sm_arch", values)
    assert words == f"machine code for {CAPABILITY} 5.0, 5.1, ... 255.9, 2510 in all"
    assert len(words) < 110


@pytest.mark.parametrize(
    ("namespace", "feature", "values"),
    [
        ("blas", "library", ["mkl"]),
        ("nvidia", "sm_arch", ["90_real", "future"]),
        ("x86_64", "avx2", ["on"]),
        ("x86_64", "level", []),
    ],
)
def test_unknown_values_have_no_words(namespace: str, feature: str, values: list[str]) -> None:
    assert in_words(namespace, feature, values) == ""


def test_each_feature_of_a_variant_has_its_own_phrase() -> None:
    texts = ("x86_64::level::v2", "tpu::present::false", "tpu::present::true", "blas::library::mkl")
    assert [*properties_in_words(map(Property.parse, texts))] == [
        "machines without a Google TPU or with a Google TPU",
        "processors with SSE4.2 and POPCNT (x86-64-v2: Nehalem, Bulldozer and newer)",
    ]


def test_examples_belong_to_values_with_a_meaning() -> None:
    for provider in KNOWN_PROVIDERS.values():
        for meaning in provider.meanings:
            for value, example in meaning.examples.items():
                words = provider.describe(meaning.feature, value)
                assert words
                assert words.endswith(f"({example})")
