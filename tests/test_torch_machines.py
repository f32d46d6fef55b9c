"""Every variant of PyTorch 2.10 is ranked on twelve machines, by the values that their facts support.

The data are the variants of PyTorch 2.10, which are those of 2.11 too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from helpers.trees import host_with
from packaging.tags import Tag

from variant_backend._internal.machine.detect import detect
from variant_backend._internal.machine.support import Machine, Policy, machine_support
from variant_backend._internal.variants.filename import WheelFilename
from variant_backend._internal.variants.legacy import upgrade_document
from variant_backend._internal.variants.provider_intel import FORCE_DEVICE_IP
from variant_backend._internal.variants.provider_nvidia import FORCE_CAPABILITY, FORCE_DRIVER
from variant_backend._internal.variants.ranking import rank_wheels

DATA = json.loads((Path(__file__).parent / "data/torch_variants.json").read_text())
TORCH = upgrade_document(DATA, "torch").metadata


def nvidia(driver: str, capability: str) -> dict[str, str]:
    return {FORCE_DRIVER: driver, FORCE_CAPABILITY: capability}


def amd(rocm: str, *gpus: int) -> dict[str, str]:
    """Return the files of a machine with these numbers of GFX targets."""
    nodes = "/sys/class/kfd/kfd/topology/nodes"
    return {
        "/dev/kfd": "",
        "/opt/rocm/.info/version": f"{rocm}.0-38\n",
        f"{nodes}/0/properties": "cpu_cores_count 96\nsimd_count 0\ngfx_target_version 0\n",
        **{
            f"{nodes}/{number}/properties": f"simd_count 192\ngfx_target_version {target}\n"
            for number, target in enumerate(gpus, start=1)
        },
    }


H100, MI300X = nvidia("13.0", "9.0"), amd("7.0", 90402)


@pytest.mark.parametrize(
    ("environ", "files", "labels"),
    [
        (H100, {}, "cuda13.0 cuda12.8 cuda12.6 null"),
        (nvidia("12.8", "12.0"), {}, "cuda12.8 null"),
        (nvidia("13.0", "7.0"), {}, "cuda12.8 cuda12.6 null"),
        (nvidia("12.4", "6.1"), {}, "cuda12.6 null"),
        (nvidia("11.8", "8.0"), {}, "null"),
        (nvidia("13.0", "11.0"), {}, "null"),
        ({}, MI300X, "rocm7.0 null"),
        ({}, amd("7.1", 110000, 100306), "rocm7.1 null"),
        ({}, amd("6.4", 90402), "null"),
        ({FORCE_DEVICE_IP: "12.55.8"}, {}, "xpu null"),
        ({**H100, FORCE_DEVICE_IP: "20.1.0"}, MI300X, "cuda13.0 cuda12.8 cuda12.6 xpu rocm7.0 null"),
        ({}, {}, "null"),
    ],
    ids=[
        "H100",
        "RTX 5090 with a driver for CUDA 12.8",
        "V100",
        "GTX 1080",
        "A100 with a driver for CUDA 11.8",
        "Jetson Thor",
        "MI300X",
        "RX 7900 XTX beside a small GPU",
        "MI300X with ROCm 6.4",
        "Arc A770",
        "GPUs of three vendors",
        "no GPU",
    ],
)
def test_a_machine_gets_the_variants_of_torch_that_fit_it(
    tmp_path: Path, environ: Mapping[str, str], files: Mapping[str, str], labels: str
) -> None:
    host = host_with(tmp_path, files, environ=environ)
    support, problems = machine_support(TORCH, Machine(detect(host)), Policy())
    wheels = [WheelFilename("torch", "2.10.0", "", "py3-none-any", label) for label in TORCH.variants]
    verdicts = rank_wheels(wheels, TORCH, support.supported, [Tag("py3", "none", "any")])
    assert [verdict.filename.label for verdict in verdicts if verdict.key] == labels.split()
    assert problems == ()
