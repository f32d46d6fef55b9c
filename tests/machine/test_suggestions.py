"""What `state` suggests about devices and toolkits that nothing describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from helpers.trees import host_with

from variant_backend._internal.formats.hardware_file import Detected, Hardware
from variant_backend._internal.machine.state import suggestions_section
from variant_backend._internal.machine.toolkits import Toolkit, find_toolkits

AMD = {"amd": Detected({})}  # a detector that finds nothing


def pci(*devices: str) -> dict[str, str]:
    """Return the files of PCI devices, each ``VENDOR:DEVICE:CLASS``."""
    return {
        f"/sys/bus/pci/devices/0000:{number:02x}:00.0/{name}": f"0x{value}\n"
        for number, device in enumerate(devices, start=1)
        for name, value in zip(("vendor", "device", "class"), device.split(":"), strict=True)
    }


def suggested(
    root: Path, files: Mapping[str, str], namespaces: Mapping[str, Detected] = {}, **environ: str
) -> list[dict[str, Any]]:
    host = host_with(root, files, environ=environ)
    value = suggestions_section(host, Hardware(namespaces), find_toolkits(host)[0]).value
    assert isinstance(value, list)
    return value


def test_a_container_without_kfd_gets_the_options_of_the_container(tmp_path: Path) -> None:
    (suggestion,) = suggested(tmp_path, pci(*["1002:74a1:120000"] * 2), AMD)
    assert suggestion["code"] == "hidden-device"
    assert suggestion["name"] == "AMD GPU"
    assert suggestion["seen"] == [
        "0000:01:00.0 (1002:74a1, class 120000)",
        "0000:02:00.0 (1002:74a1, class 120000)",
    ]
    assert "--device /dev/kfd --device /dev/dri" in suggestion["remedy"]


def test_a_gpu_that_kfd_does_not_show_needs_a_group(tmp_path: Path) -> None:
    (suggestion,) = suggested(tmp_path, {**pci("1002:744c:030000"), "/dev/kfd": ""}, AMD)
    assert (suggestion["code"], suggestion["remedy"]) == (
        "unreadable-device",
        "add your user to the group of /dev/kfd, usually render",
    )


@pytest.mark.parametrize(
    ("device", "namespace", "features"),
    [
        ("1002:74a1:120000", "amd", {"gfx_arch": ("gfx942",)}),
        ("10de:2684:030000", "nvidia", {"sm_arch": ("89_real",)}),
        ("8086:56a0:030000", "intel", {"device_ip": ("12.55.8",)}),
        ("1ae0:0063:ff0000", "tpu", {"present": ("true",)}),
        ("19e5:d802:120000", "ascend", {"npu_type": ("910b",)}),
    ],
)
def test_a_described_device_needs_no_suggestion(
    tmp_path: Path, device: str, namespace: str, features: dict[str, tuple[str, ...]]
) -> None:
    assert suggested(tmp_path, pci(device), {namespace: Detected(features)}) == []
    (suggestion,) = suggested(tmp_path, {}, {namespace: Detected({})})
    assert suggestion["code"] == "hidden-device"


def test_rocm_alone_does_not_describe_a_gpu(tmp_path: Path) -> None:
    (suggestion,) = suggested(
        tmp_path, pci("1002:74a1:120000"), {"amd": Detected({"rocm_version": ("7.0",)})}
    )
    assert suggestion["code"] == "hidden-device"


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("10de:2330:030200", "NVIDIA GPU"),
        ("8086:56a5:030000", "Intel Arc or Flex GPU (DG2)"),
        ("8086:0bd5:038000", "Intel Data Center GPU Max"),
        ("8086:e20b:030000", "Intel Arc GPU (Battlemage)"),
        ("8086:64a0:030000", "Intel Arc GPU (Lunar Lake)"),
        ("8086:4680:030000", "Intel GPU"),
        ("8086:7d1d:120000", "Intel NPU"),
        ("1ae0:0063:ff0000", "Google TPU v5"),
        ("19e5:d803:120000", "Huawei Ascend A3"),
        ("1d0f:7264:088000", "AWS Inferentia"),
        ("1d0f:7364:088000", "AWS Trainium"),
        ("1da3:1020:120000", "Intel Gaudi"),
        ("1e52:b140:120000", "Tenstorrent accelerator"),
        ("17cb:a100:120000", "Qualcomm Cloud AI accelerator"),
        ("cabc:0370:120000", "Cambricon MLU"),
        ("1ed5:0200:030000", "Moore Threads GPU"),
        ("abcd:0001:120000", "accelerator of vendor abcd"),
    ],
)
def test_each_kind_of_device_has_a_name(tmp_path: Path, device: str, name: str) -> None:
    (suggestion,) = suggested(tmp_path, pci(device))
    assert suggestion["name"] == name


@pytest.mark.parametrize(
    "device",
    [
        *("10de:22bb:040300", "1002:ab30:040300", "8086:15f3:020000", "1ed5:01ff:040300"),  # audio, network
        *("19e5:1711:030000", "1d0f:ec20:020000", "1ae0:0042:020000"),  # management, network
        *("1234:1111:030000", "1af4:1050:038000", "1a03:2000:030000"),  # virtual and plain displays
        *("17cb:0306:ff0000", "1d94:1450:060000", "10de:1af1:068000"),  # modem, bridges
    ],
)
def test_other_devices_of_these_vendors_are_ignored(tmp_path: Path, device: str) -> None:
    assert suggested(tmp_path, pci(device)) == []


def test_a_device_without_a_provider_is_unknown(tmp_path: Path) -> None:
    ascend, intel, gaudi = suggested(
        tmp_path, pci("19e5:d802:120000", "8086:56a0:030000", "1da3:1020:120000")
    )
    assert [one["code"] for one in (ascend, intel, gaudi)] == ["hidden-device"] * 2 + ["unknown-device"]
    assert gaudi["message"] == "no provider of variants for it is public"


def test_a_toolkit_without_device_is_for_another_machine(tmp_path: Path) -> None:
    files = {"/opt/rocm/.info/version": "7.0.0-38\n"}
    (suggestion,) = suggested(tmp_path, files, AMD)
    assert (suggestion["code"], suggestion["name"], suggestion["seen"]) == (
        "toolkit-without-device",
        "ROCm",
        ["/opt/rocm"],
    )
    (about_device,) = suggested(tmp_path, pci("1002:74a1:120000"), AMD)
    assert about_device["code"] == "hidden-device"


CACHE = "glibc-ld.so.cache1.1\0libmpi.so.40\0/usr/lib/libmpi.so.40\0libopenblas.so.0\0/x/libopenblas.so.0\0"


def test_toolkits_have_their_folders_libraries_and_versions(tmp_path: Path) -> None:
    files = {
        "/etc/ld.so.cache": CACHE,
        "/cuda/version.json": '{"cuda" : {"name" : "SDK", "version" : "12.8.1"}, "x": {"version" : "1"}}',
        "/opt/rocm/.info/version": "7.0.0-38\n",
        "/opt/intel/oneapi/setvars.sh": "",
        "/usr/local/Ascend/ascend-toolkit/latest/version.cfg": "runtime_running_version=[8.1.RC1:8.1.RC1]\n",
        "/mkl/lib/x": "",
    }
    host = host_with(tmp_path, files, environ={"CUDA_HOME": "/cuda", "CUDA_PATH": "", "MKLROOT": "/mkl"})
    assert find_toolkits(host) == (
        [
            Toolkit("CUDA toolkit", "12.8.1", ("/cuda",), "nvidia"),
            Toolkit("ROCm", "7.0.0", ("/opt/rocm",), "amd"),
            Toolkit("oneAPI", None, ("/opt/intel/oneapi",), "intel"),
            Toolkit("CANN", "8.1.RC1", ("/usr/local/Ascend/ascend-toolkit/latest",), "ascend"),
            Toolkit("Open MPI", None, ("libmpi.so.40",)),
            Toolkit("MKL", None, ("/mkl",)),
            Toolkit("OpenBLAS", None, ("libopenblas.so.0",)),
        ],
        [],
    )


def test_without_a_cache_the_usual_folders_have_the_libraries(tmp_path: Path) -> None:
    host = host_with(tmp_path, {"/usr/lib/libmpi.so.12": "", "/usr/lib/libblis.so.4": ""})
    assert [toolkit.name for toolkit in find_toolkits(host)[0]] == ["MPICH", "BLIS"]


def test_relative_folders_in_variables_are_ignored(tmp_path: Path) -> None:
    host = host_with(tmp_path, {"/cuda/x": ""}, environ={"CUDA_HOME": "cuda", "MKLROOT": "."})
    assert find_toolkits(host)[0] == []


def test_an_unreadable_version_is_a_problem_and_hides_no_toolkit(tmp_path: Path) -> None:
    host = host_with(tmp_path, {"/opt/intel/oneapi/x": ""})
    (tmp_path / "opt/rocm/.info/version").mkdir(parents=True)
    toolkits, problems = find_toolkits(host)
    assert [toolkit.name for toolkit in toolkits] == ["ROCm", "oneAPI"]
    assert [problem.place for problem in problems] == ["/opt/rocm/.info/version"]
