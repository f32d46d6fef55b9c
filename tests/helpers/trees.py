"""Folders with the files that Linux shows of a machine, for detectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from variant_backend._internal.machine.host import Host


def host_with(
    root: Path,
    files: Mapping[str, str],
    *,
    environ: Mapping[str, str] | None = None,
    system: str = "linux",
    machine: str = "x86_64",
) -> Host:
    """Write files with absolute names, such as /proc/cpuinfo, below *root*, and return their host."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Host(environ or {}, root, system, machine)


def pci_device(address: str, vendor: str, device: str, class_code: str) -> dict[str, str]:
    """Return the files of a PCI device."""
    folder = f"/sys/bus/pci/devices/{address}"
    return {
        f"{folder}/vendor": f"{vendor}\n",
        f"{folder}/device": f"{device}\n",
        f"{folder}/class": class_code,
    }


def kfd_nodes(*versions: int | str, first: int = 1) -> dict[str, str]:
    """Return the files with which the kernel describes a processor and AMD GPUs of these GFX versions.

    The GPUs have the numbers from *first* on. A text is the whole content of a node.
    """
    processor = "cpu_cores_count 96\nsimd_count 0\ngfx_target_version 0\nvendor_id 0\n"
    nodes = {
        number: version
        if isinstance(version, str)
        else f"cpu_cores_count 0\nsimd_count 1216\ngfx_target_version {version}\nvendor_id 4098\n"
        f"unique_id {number + 0xABC0}\n"
        for number, version in enumerate(versions, first)
    }
    folder = "/sys/class/kfd/kfd/topology/nodes"
    return {f"{folder}/{number}/properties": text for number, text in {0: processor, **nodes}.items()}
