"""Suggest what to do about devices and toolkits whose supported values are unknown.

The facts are arguments: PCI numbers, and names of files. Nothing is installed. Sources of the numbers:
pci.ids of 2026.08.22, the Linux kernel, and the code of the vendors. Some kinds have no numbers here,
because every GPU or accelerator of the vendor is of this kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..formats.hardware_file import Detected
from .pci import ACCELERATOR, AMD, DISPLAY, GOOGLE, HUAWEI, INTEL, NVIDIA, PciDevice
from .toolkits import Toolkit

_BOTH = (DISPLAY, ACCELERATOR)
_ANY = ("",)


class _Kind(NamedTuple):
    """Devices of a *vendor*: those of these *classes*, by the first digits, with these *models* if not empty.

    *namespace* describes them; it is empty if no provider of it is public.
    """

    vendor: int
    name: str
    classes: tuple[str, ...] = _BOTH
    models: tuple[int, ...] = ()
    namespace: str = ""

    def matches(self, device: PciDevice) -> bool:
        """Return whether a device is of this kind."""
        is_model = not self.models or device.device in self.models
        return device.vendor == self.vendor and is_model and device.has_class(*self.classes)


_ARC_A = (*range(0x5690, 0x5698), *range(0x56A0, 0x56A7), *range(0x56B0, 0x56B4), *range(0x56BA, 0x56C2))
_ARC_B = (*range(0xE202, 0xE217), *range(0xE220, 0xE224))
# The first kind that matches counts.
_KINDS = (
    _Kind(NVIDIA, "NVIDIA GPU", (DISPLAY,), namespace="nvidia"),
    _Kind(AMD, "AMD GPU", namespace="amd"),
    _Kind(INTEL, "Intel Arc or Flex GPU (DG2)", (DISPLAY,), _ARC_A, "intel"),
    _Kind(INTEL, "Intel Data Center GPU Max", (DISPLAY,), tuple(range(0x0BD4, 0x0BDC)), "intel"),
    _Kind(INTEL, "Intel Arc GPU (Battlemage)", (DISPLAY,), _ARC_B, "intel"),
    _Kind(INTEL, "Intel Arc GPU (Lunar Lake)", (DISPLAY,), (0x6420, 0x64A0, 0x64B0), "intel"),
    _Kind(INTEL, "Intel GPU", (DISPLAY,), namespace="intel"),
    _Kind(INTEL, "Intel NPU", (ACCELERATOR,), (0x643E, 0x7D1D, 0xAD1D, 0xB03E)),
    _Kind(GOOGLE, "Google TPU v2 or v3", _ANY, (0x0027,), "tpu"),
    _Kind(GOOGLE, "Google TPU v4", _ANY, (0x005E,), "tpu"),
    _Kind(GOOGLE, "Google TPU v5", _ANY, (0x0062, 0x0063), "tpu"),
    _Kind(GOOGLE, "Google TPU v6e", _ANY, (0x006F,), "tpu"),
    _Kind(GOOGLE, "Google TPU v7", _ANY, (0x0076,), "tpu"),
    _Kind(HUAWEI, "Huawei Ascend 310", (ACCELERATOR,), (0xD100, 0xD500), "ascend"),
    _Kind(HUAWEI, "Huawei Ascend 910", (ACCELERATOR,), (0xD801,), "ascend"),
    _Kind(HUAWEI, "Huawei Ascend 910B", (ACCELERATOR,), (0xD802,), "ascend"),
    _Kind(HUAWEI, "Huawei Ascend A3", (ACCELERATOR,), (0xD803,), "ascend"),
    _Kind(0x1D0F, "AWS Inferentia", _ANY, (0x7064, 0x7264)),
    _Kind(0x1D0F, "AWS Trainium", _ANY, (0x7164, 0x7364, 0x7564, 0x7565)),
    _Kind(0x1DA3, "Intel Gaudi"),
    _Kind(0x1E52, "Tenstorrent accelerator"),
    _Kind(0x17CB, "Qualcomm Cloud AI accelerator", models=(0xA080, 0xA100, 0xA110)),
    _Kind(0xCABC, "Cambricon MLU"),
    _Kind(0x1ED5, "Moore Threads GPU"),
    _Kind(0x1D94, "Hygon DCU"),
    _Kind(0x9999, "MetaX GPU"),
    _Kind(0x1E36, "Enflame accelerator"),
    _Kind(0x1E3E, "Iluvatar GPU"),
    _Kind(0x1EC6, "Vastai accelerator"),
    _Kind(0x1D95, "Graphcore IPU"),
    _Kind(0x1ED2, "Furiosa NPU"),
    _Kind(0x1EFF, "Rebellions NPU"),
    _Kind(0x1E60, "Hailo NPU"),
)


_NO_ACCESS = "the driver gives no access to it"
# Why a device cannot be read, and what lets programs use it, by namespace.
_HIDDEN = {
    "nvidia": (_NO_ACCESS, "install the NVIDIA driver; start a container with --gpus all"),
    "amd": (
        "/dev/kfd is missing",
        "load the driver amdgpu; start a container with --device /dev/kfd --device /dev/dri",
    ),
    "intel": (
        _NO_ACCESS,
        "install the driver and the Level Zero loader; start a container with --device /dev/dri",
    ),
    "ascend": (
        "no file says its type",
        "use `variant-backend hardware --run-tools`, or --supported with values such as"
        " 'ascend :: npu_type :: 910b'",
    ),
    "tpu": ("it is not detected", "use --supported 'tpu :: present :: true'"),
}
# The features that show that a device was read. A toolkit or a driver alone gives the other ones.
_DEVICE_FEATURES = {"nvidia": "sm_arch", "amd": "gfx_arch", "ascend": "npu_type"}


class Advice(NamedTuple):
    """Something that is not described: a stable code, its name in words, what was seen, and what to do.

    *seen* are addresses and numbers of devices, or the places of a toolkit.
    """

    code: str
    name: str
    seen: tuple[str, ...]
    text: str
    remedy: str


def suggest(
    devices: Sequence[PciDevice],
    toolkits: Sequence[Toolkit],
    namespaces: Mapping[str, Detected],
    *,
    has_kfd: bool,
) -> list[Advice]:
    """Return what to do about devices and toolkits that the detected *namespaces* do not describe.

    *has_kfd* is whether ``/dev/kfd`` exists, the device of AMD's driver for computing.
    """
    groups: dict[str, tuple[_Kind, list[PciDevice]]] = {}
    for device in devices:
        if kind := _kind_of(device):
            groups.setdefault(kind.name, (kind, []))[1].append(device)
    suggestions = [
        _about_devices(kind, group, has_kfd=has_kfd)
        for kind, group in groups.values()
        if not _is_described(kind.namespace, namespaces)
    ]
    present = {kind.namespace for kind, _ in groups.values()}
    return [*suggestions, *_about_toolkits(toolkits, namespaces, present)]


def _kind_of(device: PciDevice) -> _Kind | None:
    """Return the kind of a device, None if it is neither a GPU of a known vendor nor an accelerator."""
    if known := next((kind for kind in _KINDS if kind.matches(device)), None):
        return known
    if device.has_class(ACCELERATOR):
        return _Kind(device.vendor, f"accelerator of vendor {device.vendor:04x}")
    return None


def _is_described(namespace: str, namespaces: Mapping[str, Detected]) -> bool:
    """Return whether a device of a namespace was read."""
    if namespace not in namespaces:
        return False
    features = namespaces[namespace].features
    if namespace == "tpu":
        return features.get("present") == ("true",)
    feature = _DEVICE_FEATURES.get(namespace)
    return bool(features) if feature is None else feature in features


def _about_devices(kind: _Kind, devices: Sequence[PciDevice], *, has_kfd: bool) -> Advice:
    seen = tuple(
        f"{device.address} ({device.vendor:04x}:{device.device:04x}, class {device.class_code:06x})"
        for device in devices
    )
    if not kind.namespace:
        text = "no provider of variants for it is public"
        remedy = "if a release has variants for it, use --supported 'NAMESPACE :: FEATURE :: VALUE'"
        return Advice("unknown-device", kind.name, seen, text, remedy)
    if kind.namespace == "amd" and has_kfd:
        text = "/dev/kfd exists, but no GPU can be read"
        remedy = "add your user to the group of /dev/kfd, usually render"
        return Advice("unreadable-device", kind.name, seen, text, remedy)
    return Advice("hidden-device", kind.name, seen, *_HIDDEN[kind.namespace])


def _about_toolkits(
    toolkits: Sequence[Toolkit], namespaces: Mapping[str, Detected], present: set[str]
) -> Iterator[Advice]:
    """Yield a suggestion for each toolkit of devices that this machine does not have.

    Such a machine builds for others. About devices that it has, other suggestions say what to do.
    """
    for toolkit in toolkits:
        if not toolkit.namespace or toolkit.namespace in present:
            continue
        if _is_described(toolkit.namespace, namespaces):
            continue
        yield Advice(
            "toolkit-without-device",
            toolkit.name,
            toolkit.places,
            "a toolkit does not change what this machine supports, and no device was found",
            "to select wheels for another machine, use --machine",
        )
