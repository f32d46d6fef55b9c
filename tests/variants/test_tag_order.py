"""The order of wheels with equal labels, best tags and build numbers; real uv selected the first ones."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from packaging.version import Version

from variant_backend._internal.selection.target import Target
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.metadata import VariantMetadata
from variant_backend._internal.variants.properties import NULL_VARIANT
from variant_backend._internal.variants.ranking import rank_wheels, why_better
from variant_backend._internal.variants.uv_behaviour import uv_ignores

METADATA = VariantMetadata(("a",), {}, {"null": NULL_VARIANT})


def order(target: Target, wheels: Sequence[WheelFilename]) -> list[str]:
    """Return the compatible wheels, best first, without name, version and label."""
    verdicts = rank_wheels(wheels, METADATA, {}, target.tags)
    return ["-".join(filter(None, verdict.filename[2:4])) for verdict in verdicts if verdict.key]


def target(platform: str) -> Target:
    return Target.of("3.11", platform, running=Version("3.11"), tags=())


LINUX, MUSL, MAC = "manylinux_2_36_x86_64", "musllinux_1_2_x86_64", "macosx_13_0_arm64"


# Each row has a pattern of names, and what replaces `*` in plain wheels, best first, and in variants.
ROWS = [
    (LINUX, "*-none-any", "py3 py2.py3 py3.py2", "py3.py2 py3 py2.py3"),
    (LINUX, "*-none-any", "cp311 cp311.cp310", "cp311.cp310 cp311"),
    (LINUX, "*-none-any", "py3.foo py312.py3", "py312.py3 py3.foo"),
    (LINUX, "*-none-any", "1-py2.py3 01-py3", "01-py3 1-py2.py3"),
    (LINUX, "*-py3-none-any", "007 7", "7 007"),
    (LINUX, "*-py3-none-any", "10 7a 7_a 7 1a 1A 1.0 1", "10 7a 7_a 7 1a 1A 1.0 1"),
    (
        LINUX,
        "cp311-cp311-*_x86_64",
        "manylinux_2_17 manylinux2014 linux",
        "manylinux_2_17 manylinux2014 linux",
    ),
    (
        LINUX,
        "*_x86_64",
        "cp311-cp311-linux cp39-abi3-manylinux_2_28",
        "cp311-cp311-linux cp39-abi3-manylinux_2_28",
    ),
    (LINUX, "cp311-*-linux_x86_64", "cp311 cp311.none abi3 none", "cp311.none cp311 abi3 none"),
    (
        *(LINUX, "py3-none-*_x86_64"),
        "manylinux_2_17 manylinux_2_5_x86_64.manylinux_2_17 manylinux_2_17_x86_64.manylinux_2_5",
        "manylinux_2_17_x86_64.manylinux_2_5 manylinux_2_17 manylinux_2_5_x86_64.manylinux_2_17",
    ),
    (MUSL, "py3-none-*_x86_64", "musllinux_1_2 musllinux_1_1 linux", "musllinux_1_2 musllinux_1_1 linux"),
    (
        *(MAC, "py3-none-macosx_*"),
        "13_0_arm64 13_0_arm64.macosx_11_0_universal 13_0_universal2 12_0_arm64",
        "13_0_arm64.macosx_11_0_universal 13_0_arm64 13_0_universal2 12_0_arm64",
    ),
]


@pytest.mark.parametrize(("platform", "pattern", "plain", "variants"), ROWS)
def test_equal_wheels_rank_as_in_uv(platform: str, pattern: str, plain: str, variants: str) -> None:
    for label, texts in ((None, plain), ("null", variants)):
        names = [pattern.replace("*", text) for text in texts.split()]
        wheels = [WheelFilename.parse(f"demo-1.0-{name}{f'-{label}' * bool(label)}.whl") for name in names]
        for rotation in range(len(wheels)):
            assert order(target(platform), wheels[rotation:] + wheels[:rotation]) == names


def test_the_order_of_equal_wheels_is_explained() -> None:
    for label, expected in ((None, "before"), ("null", "after")):
        wheels = [WheelFilename("demo", "1.0", "", f"{tag}-none-any", label) for tag in ("py3", "py2.py3")]
        first, second = rank_wheels(wheels, METADATA, {}, target(LINUX).tags)
        assert first.key and second.key
        text = f"all else is equal, and its name sorts {expected} the name of the other wheel"
        assert why_better(first.key, second.key) == text


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("18446744073709551615-py3-none-any", None),
        ("018446744073709551615a-py3-none-any", None),
        ("1.a_B-py3-none-any.LINUX_x86_64", None),
        ("18446744073709551616-py3-none-any", "build number"),
        ("1~a-py3-none-any", "filename"),
        ("1٣-py3-none-any", "filename"),
        ("py3..py2-none-any", "filename"),
        ("py3-none-an~y.any", "filename"),
        ("PY3-none-any", "tags"),
        ("py3-none-Any", "tags"),
    ],
)
def test_uv_ignores_names_that_pip_reads(name: str, place: str | None) -> None:
    problem = uv_ignores(WheelFilename.parse(f"demo-1.0-{name}.whl"))
    assert (problem and problem.place) == place
