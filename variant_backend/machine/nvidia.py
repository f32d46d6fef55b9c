"""Detect what NVIDIA GPUs support: the driver's CUDA version, and the best compute capability."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ascii_unless_printable
from ..formats.hardware_file import Detected
from ..variants.provider_nvidia import (
    FORCE_CAPABILITY,
    FORCE_DRIVER,
    Version,
    forced_capability,
    forced_driver,
    is_listed,
    nvidia_features,
)
from .host import Host

if TYPE_CHECKING:
    import ctypes


_NVML = {"linux": "libnvidia-ml.so.1", "win32": "nvml.dll"}
_DRIVER = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}
# CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h.
_CAPABILITY = (75, 76)


class Gpu(NamedTuple):
    """The CUDA version of the NVIDIA driver, the best compute capability of the GPUs, and their source."""

    driver: Version
    capability: Version | None
    source: str


def detect_nvidia(host: Host) -> Detected:
    """Return what the NVIDIA GPUs of a machine support."""
    return nvidia_support(host.environ, find_gpu)


def given_nvidia(environ: Mapping[str, str]) -> Detected | None:
    """Return what *environ* forces, or None; a forced compute capability has no effect without a driver."""
    return nvidia_support(environ, lambda: None) if environ.get(FORCE_DRIVER) else None


def nvidia_support(environ: Mapping[str, str], find: Callable[[], Gpu | None]) -> Detected:
    """Return what NVIDIA GPUs support; *find* detects the facts that *environ* does not force.

    If a forced value is not a version, nothing is supported. An empty value forces nothing. A version that
    the provider does not list counts only if it is forced.
    """
    driver_text, capability_text = environ.get(FORCE_DRIVER, ""), environ.get(FORCE_CAPABILITY, "")
    gpu = None if driver_text and capability_text else find()
    driver, capability = (gpu.driver, gpu.capability) if gpu else (None, None)
    sources = [gpu.source] if gpu else []
    if driver_text:
        driver = forced_driver(driver_text)
        sources.append(f"{FORCE_DRIVER}={ascii_unless_printable(driver_text)}")
        if driver is None:
            return Detected({}, f"{sources[-1]}: invalid CUDA version")
    elif driver and not is_listed(driver):
        return Detected({}, f"{sources[-1]}: CUDA {'.'.join(map(str, driver))} is unknown to the provider")
    if capability_text:
        capability = forced_capability(capability_text)
        sources.append(f"{FORCE_CAPABILITY}={ascii_unless_printable(capability_text)}")
        if capability is None:
            return Detected({}, f"{sources[-1]}: invalid compute capability")
    if driver is None:
        return Detected({}, "no NVIDIA driver found")
    return Detected(nvidia_features(driver, capability), ", ".join(sources))


def find_gpu() -> Gpu | None:
    """Ask NVML, or else the driver, about NVIDIA GPUs; None if neither works."""
    import ctypes

    for names, ask in ((_NVML, _ask_nvml), (_DRIVER, _ask_driver)):
        name = names.get(sys.platform)
        # The library may exist without a driver, or be too old to have a function.
        with suppress(OSError, AttributeError):
            if name and (gpu := ask(ctypes.CDLL(name), name)):
                return gpu
    return None


def _ask_nvml(library: ctypes.CDLL, name: str) -> Gpu | None:
    from ctypes import byref, c_int, c_uint, c_void_p

    if library.nvmlInit_v2() != 0:
        return None
    try:
        version, count, best = c_int(), c_uint(), None
        if library.nvmlSystemGetCudaDriverVersion(byref(version)) != 0:
            return None
        if library.nvmlDeviceGetCount_v2(byref(count)) == 0:
            for index in range(count.value):
                device, major, minor = c_void_p(), c_int(), c_int()
                if (
                    library.nvmlDeviceGetHandleByIndex_v2(c_uint(index), byref(device)) == 0
                    and library.nvmlDeviceGetCudaComputeCapability(device, byref(major), byref(minor)) == 0
                ):
                    best = max(best or (0, 0), (major.value, minor.value))
        return Gpu(_version(version.value), best, f"NVML ({name})")
    finally:
        library.nvmlShutdown()


def _ask_driver(library: ctypes.CDLL, name: str) -> Gpu | None:
    from ctypes import byref, c_int

    version, count, best = c_int(), c_int(), None
    if library.cuInit(0) != 0 or library.cuDriverGetVersion(byref(version)) != 0:
        return None
    if library.cuDeviceGetCount(byref(count)) == 0:
        for index in range(count.value):
            device, major, minor = c_int(), c_int(), c_int()
            parts = zip((major, minor), _CAPABILITY, strict=True)
            if library.cuDeviceGet(byref(device), index) == 0 and all(
                library.cuDeviceGetAttribute(byref(part), attribute, device) == 0 for part, attribute in parts
            ):
                best = max(best or (0, 0), (major.value, minor.value))
    return Gpu(_version(version.value), best, f"CUDA driver ({name})")


def _version(number: int) -> Version:
    """Return the CUDA version of its number: 12080 is 12.8."""
    return number // 1000, number % 1000 // 10
