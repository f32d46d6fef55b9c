"""The example of PyTorch 2.10 gives every label the same requirements as the release's own configuration."""

from __future__ import annotations

import functools
import json
import platform
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email import message_from_bytes
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.made_wheels import make_wheel
from helpers.programs import empty_cache, run, run_here
from helpers.pytorch_example import EXAMPLE, ITS_OWN, LABELS, hardware, torch_wheel
from helpers.real_wheels import real_wheel
from helpers.servers import publish, served
from helpers.strict_reader import walk
from packaging.requirements import Requirement

from variant_backend._internal.cli.main import main
from variant_backend._internal.cli.make_variant import make_variant_command


class System(NamedTuple):
    """The values of environment markers on a system."""

    platform_system: str
    platform_machine: str


LINUX, LINUX_ARM = System("Linux", "x86_64"), System("Linux", "aarch64")
WINDOWS, MACOS = System("Windows", "AMD64"), System("Darwin", "arm64")
SYSTEMS = [LINUX, LINUX_ARM, WINDOWS, MACOS]

# The versions of the requirements of CUDA wheels on Linux, by label.
CUDA_LABELS = ("cuda12.6", "cuda12.8", "cuda13.0")
CUDA = {
    "triton": ("3.6.0", "3.6.0", "3.6.0"),
    "cuda-bindings": ("12.9.4", "12.9.4", None),
    "nvidia-cublas": ("12.6.4.1", "12.8.4.1", "13.1.0.3"),
    "nvidia-cuda-cupti": ("12.6.80", "12.8.90", "13.0.85"),
    "nvidia-cuda-nvrtc": ("12.6.77", "12.8.93", "13.0.88"),
    "nvidia-cuda-runtime": ("12.6.77", "12.8.90", "13.0.96"),
    "nvidia-cudnn": ("9.10.2.21", "9.10.2.21", "9.15.1.9"),
    "nvidia-cufft": ("11.3.0.4", "11.3.3.83", "12.0.0.61"),
    "nvidia-cufile": ("1.11.1.6", "1.13.1.3", "1.15.1.6"),
    "nvidia-curand": ("10.3.7.77", "10.3.9.90", "10.4.0.35"),
    "nvidia-cusolver": ("11.7.1.2", "11.7.3.90", "12.0.4.66"),
    "nvidia-cusparse": ("12.5.4.2", "12.5.8.93", "12.6.3.3"),
    "nvidia-cusparselt": ("0.7.1", "0.7.1", "0.8.0"),
    "nvidia-nccl": ("2.27.5", "2.27.5", "2.28.9"),
    "nvidia-nvjitlink": ("12.6.85", "12.8.93", "13.0.88"),
    "nvidia-nvshmem": ("3.4.5", "3.4.5", "3.4.5"),
    "nvidia-nvtx": ("12.6.77", "12.8.90", "13.0.85"),
}
# The versions for XPU wheels, on every system or only on Linux for x86_64.
XPU = {
    "dpcpp-cpp-rt": "2025.3.1",
    "intel-cmplr-lib-rt": "2025.3.1",
    "intel-cmplr-lib-ur": "2025.3.1",
    "intel-cmplr-lic-rt": "2025.3.1",
    "intel-opencl-rt": "2025.3.1",
    "intel-openmp": "2025.3.1",
    "intel-pti": "0.15.0",
    "intel-sycl-rt": "2025.3.1",
    "mkl": "2025.3.0",
    "onemkl-license": "2025.3.0",
    "onemkl-sycl-blas": "2025.3.0",
    "onemkl-sycl-dft": "2025.3.0",
    "onemkl-sycl-lapack": "2025.3.0",
    "onemkl-sycl-rng": "2025.3.0",
    "onemkl-sycl-sparse": "2025.3.0",
    "triton-xpu": "3.6.0",
    "tbb": "2022.3.0",
    "tcmlib": "1.4.1",
    "umf": "1.0.2",
}
XPU_ON_LINUX = {"impi-rt": "2021.17.0", "oneccl-devel": "2021.17.1", "oneccl": "2021.17.1"}


def required(label: str, system: System) -> set[str]:
    """Return the requirements that the published configuration adds to a label's wheel on a system."""
    if label in CUDA_LABELS:
        column = CUDA_LABELS.index(label)
        pins = {name: versions[column] for name, versions in CUDA.items()}
        on_linux = system.platform_system == "Linux"
        return {f"{name}=={version}" for name, version in pins.items() if version and on_linux}
    if label == "xpu":
        pins = {**XPU, **(XPU_ON_LINUX if system == LINUX else {})}
        return {f"{name}=={version}" for name, version in pins.items()}
    return {"triton-rocm==3.6.0"} if label.startswith("rocm") and system == LINUX else set()


def requirements_of(wheel: Path) -> list[str]:
    (metadata,) = (content for name, content in walk(wheel).items() if name.endswith(".dist-info/METADATA"))
    return [str(value) for value in message_from_bytes(metadata).get_all("Requires-Dist") or []]


@pytest.mark.parametrize(
    "tag",
    ["cp313-cp313-manylinux_2_28_x86_64", "cp310-cp310-manylinux_2_28_aarch64", "cp314-cp314t-win_amd64"],
)
def test_every_label_has_the_same_requirements_as_the_release(tmp_path: Path, tag: str) -> None:
    wheels = [torch_wheel(tmp_path, local, tag) for local in LABELS]
    made = run("make-variant", "--pyproject", EXAMPLE, "-o", tmp_path / "dist", "--json", *wheels)
    for entry, label in zip(json.loads(made.stdout)["wheels"], LABELS.values(), strict=True):
        assert entry["label"] == label
        wheel = Path(entry["path"])
        assert wheel.name == f"torch-2.10.0-{tag}-{label}.whl"
        requirements = requirements_of(wheel)
        assert len(requirements) == len(set(requirements))
        assert not [text for text in requirements if "variant_" in text]
        for system in SYSTEMS:
            applying = set()
            for requirement in map(Requirement, requirements):
                if requirement.marker is None or requirement.marker.evaluate(
                    {**system._asdict(), "extra": ""}
                ):
                    requirement.marker = None
                    applying.add(str(requirement))
            assert applying == {*ITS_OWN[:3], *required(label, system)}, (label, system)
        assert ITS_OWN[3] in requirements


def test_a_wheel_that_the_release_lacks_is_reported_and_unchanged(tmp_path: Path) -> None:
    mac = make_wheel(tmp_path, "torch", "2.10.0", "cp313-none-macosx_11_0_arm64")
    linux = torch_wheel(tmp_path, "cu128", "cp313-cp313-linux_x86_64")
    made = run("make-variant", "--pyproject", EXAMPLE, "-o", tmp_path / "dist", mac, linux)
    assert f"{mac.name}: no match selects this wheel" in made.stderr
    assert [path.name for path in (tmp_path / "dist").iterdir()] == [
        "torch-2.10.0-cp313-cp313-linux_x86_64-cuda12.8.whl"
    ]


@pytest.mark.slow
def test_the_real_cpu_wheel_becomes_the_null_variant(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wheel = real_wheel("torch==2.13.0", tmp_path_factory)
    assert "+cpu-" in wheel.name
    made = run("make-variant", "--pyproject", EXAMPLE, "-o", tmp_path / "dist", wheel).stdout.strip()
    assert Path(made).name == wheel.name.replace("+cpu", "").replace(".whl", "-null.whl")
    members = walk(Path(made))
    metadata = members["torch-2.13.0.dist-info/METADATA"]
    with zipfile.ZipFile(wheel) as archive:
        before = archive.read("torch-2.13.0+cpu.dist-info/METADATA")
    assert metadata == before.replace(b"\nVersion: 2.13.0+cpu\n", b"\nVersion: 2.13.0\n")
    assert json.loads(members["torch-2.13.0.dist-info/variant.json"])["variants"] == {"null": {}}


INTEL_GPU = 'static-properties.device_ip = ["20.1.0"]'
AMD_GPU = 'static-properties = { rocm_version = ["ROCM"], gfx_arch = ["gfx1100"] }'
AMD_GPU += '\nfeature-order = ["rocm_version", "gfx_arch"]'


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], str]]:
    """A function that returns a package index with all labels and their requirements.

    Its arguments replace the providers of Intel and AMD. The variants of equal arguments are made once.
    """
    stubs = index_of_requirements(tmp_path_factory)
    wheels = [torch_wheel(tmp_path_factory.mktemp("torch"), local, "py3-none-any") for local in LABELS]
    with ExitStack() as servers:

        @functools.cache
        def index(intel: str, amd: str) -> str:
            folder = tmp_path_factory.mktemp("index")
            (folder / "pyproject.toml").write_text(project_with(intel, amd), encoding="utf-8")
            run_here(make_variant_command, "-o", folder / "dist", *wheels, cwd=folder)
            run_here(main, "index", folder / "dist")
            shutil.copytree(stubs, folder / "index")
            publish((folder / "dist").iterdir(), folder / "index/torch")
            return servers.enter_context(served(folder / "index"))

        yield index


def project_with(intel: str, amd: str) -> str:
    """Return the example with other providers of Intel and AMD, if they are given."""
    project = EXAMPLE.read_text(encoding="utf-8")
    for namespace, answer in (("intel", intel), ("amd", amd)):
        table = rf"(\[variant\.providers\.{namespace}\]\n).*?\n(?=\n)"
        if answer:
            project, count = re.subn(table, rf"\1{answer}\n", project, flags=re.DOTALL)
            assert count == 1
    return project


def index_of_requirements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a package index with an empty wheel for every requirement of every label."""
    pins = {pin for label in LABELS.values() for system in SYSTEMS for pin in required(label, system)}
    tmp_path = tmp_path_factory.mktemp("stubs")
    wheels: dict[str, list[Path]] = {}
    for pin in pins | {"filelock==3.20", "typing-extensions==4.15", "sympy==1.14"}:
        name, _, version = pin.partition("==")
        wheels.setdefault(name, []).append(make_wheel(tmp_path / "stubs", name.replace("-", "_"), version))
    for name, paths in wheels.items():
        publish(paths, tmp_path / "index" / name)
    return tmp_path / "index"


@pytest.mark.slow  # uv for each
@pytest.mark.parametrize(
    ("label", "forced", "intel", "amd"),
    [
        ("cuda12.6", hardware("12.6", "5.0"), "", ""),
        ("cuda12.8", hardware("12.8", "9.0"), "", ""),
        ("cuda13.0", hardware("13.0", "9.0"), "", ""),
        ("null", {}, "", ""),
        # No released installer runs these providers, so the metadata has the machine's values.
        ("xpu", {}, INTEL_GPU, ""),
        ("rocm7.0", {}, "", AMD_GPU.replace("ROCM", "7.0")),
        ("rocm7.1", {}, "", AMD_GPU.replace("ROCM", "7.1")),
        # uv does not select wheels of unchanged providers that it does not know.
        ("null", hardware("11.8", "9.0"), "", ""),
    ],
)
def test_uv_installs_each_label_and_its_requirements_on_its_hardware(
    tmp_path: Path,
    index: Callable[[str, str], str],
    label: str,
    forced: dict[str, Any],
    intel: str,
    amd: str,
) -> None:
    options = [*empty_cache(), "--no-config", "--python", sys.executable, "--target", tmp_path / "target"]
    options += ["--preview-features", "wheel-variants", "--index-url", index(intel, amd)]
    run("uv", "pip", "install", *options, "torch", **forced)
    (dist_info,) = (tmp_path / "target").glob("torch-*.dist-info")
    assert list(json.loads((dist_info / "variant.json").read_text())["variants"]) == [label]
    installed = {path.name.removesuffix(".dist-info") for path in (tmp_path / "target").glob("*.dist-info")}
    expected = {pin.replace("-", "_").replace("==", "-") for pin in required(label, this_system())}
    its_own = {"torch-2.10.0", "filelock-3.20", "typing_extensions-4.15", "sympy-1.14"}
    assert installed == expected | its_own


def this_system() -> System:
    return System(platform.system(), platform.machine())
