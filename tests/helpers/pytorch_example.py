"""The example of PyTorch: its labels, and wheels with the names and requirements of torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers.made_wheels import make_wheel

EXAMPLE = Path(__file__).parents[2] / "examples/pytorch/pyproject.toml"


# Requirements of all torch wheels, and those of its wheels for CUDA, ROCm and XPU.
ITS_OWN = ["filelock", "typing-extensions>=4.10.0", "sympy>=1.13.3", 'opt-einsum>=3.3; extra == "opt-einsum"']


BROUGHT = [
    'nvidia-cublas-cu12==12.8.4.1; platform_system == "Linux"',
    'nvidia-cudnn-cu13==9.15.1.9; platform_system == "Linux"',
    "cuda-bindings==12.9.4",
    "triton==3.6.0",
    "intel-cmplr-lib-rt==2025.3.1",
    "onemkl-sycl-blas==2025.3.0",
    "mkl==2025.3.0",
    "umf==1.0.2",
    "triton-rocm==3.6.0",
]


# The local version of each wheel before it is a variant.
LABELS = {
    "cu126": "cuda12.6",
    "cu128": "cuda12.8",
    "cu130": "cuda13.0",
    "xpu": "xpu",
    "rocm7.0": "rocm7.0",
    "rocm7.1": "rocm7.1",
    "cpu": "null",
}


def torch_wheel(folder: Path, local: str, tag: str, *more: str) -> Path:
    """Write a small wheel with the name and the requirements of a real one."""
    requirements = [*ITS_OWN, *(BROUGHT if local != "cpu" else []), *more]
    lines = "".join(f"Requires-Dist: {requirement}\n" for requirement in requirements)
    head = f"Metadata-Version: 2.4\nName: {{name}}\nVersion: {{version}}\n{lines}\nThe text.\n"
    return make_wheel(folder, "torch", f"2.10.0+{local}", tag, metadata=head)


def hardware(driver: str, arch: str) -> dict[str, Any]:
    return {
        "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION": driver,
        "NV_VARIANT_PROVIDER_FORCE_SM_ARCH": arch,
    }
