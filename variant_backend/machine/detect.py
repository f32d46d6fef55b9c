"""What this machine supports of the namespaces that installers detect by themselves.

Facts are found without starting a program: the flags of the processor from Linux, macOS or Windows, the CUDA
version and the compute capability from NVML or the driver itself. `known_providers` says what follows from
them. The variables that force a fact for uv do so here.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import VariantError, ascii_unless_printable
from ..formats.hardware_file import Detected, Hardware
from ..formats.toml_read import read_toml
from ..variants.namespace_support import Lazy
from . import features
from .features import FORCE_CAPABILITY, FORCE_DRIVER, FORCE_TPU, Version

if TYPE_CHECKING:
    import ctypes

_X86_64 = ("x86_64", "amd64")
_AARCH64 = ("aarch64", "arm64")
_CPUINFO = Path("/proc/cpuinfo")
_PCI_DEVICES = Path("/sys/bus/pci/devices")
_GOOGLE = "0x1ae0"

_NVML = {"linux": "libnvidia-ml.so.1", "win32": "nvml.dll"}
_DRIVER = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}
# CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h.
_CAPABILITY = (75, 76)

# What IsProcessorFeaturePresent knows (PF_... of winnt.h), and the flags that every processor with it has.
# Of AVX-512 it knows the foundation only, which is not enough for a level.
_WINDOWS_FEATURES = {
    13: "sse3",
    14: "cx16",
    36: "ssse3",
    37: "sse4_1",
    38: "sse4_2 popcnt lahf_lm",
    39: "avx",
    40: "avx2 bmi1 bmi2 f16c fma lzcnt movbe",
}


class Gpu(NamedTuple):
    """What is known of NVIDIA GPUs: the CUDA version of the driver, and the best compute capability."""

    driver: Version
    capability: Version | None
    source: str


def detect(environ: Mapping[str, str]) -> Hardware:
    """Return what this machine supports; *environ* may force facts, as it does for uv."""
    found = {}
    machine = platform.machine().lower()
    if machine in _X86_64:
        found["x86_64"] = _detect_x86_64()
    elif machine in _AARCH64:
        found["aarch64"] = Detected(features.aarch64(), "every 64-bit Arm processor")
    found["nvidia"] = nvidia_support(environ, find_gpu)
    found["tpu"] = tpu_support(environ, _PCI_DEVICES)
    return Hardware(found)


def hardware_of(path: Path | None, environ: Mapping[str, str]) -> Hardware:
    """Return what a hardware file says, named in its sources; without one, this machine, looked at late.

    Raises VariantError when the file cannot be read.
    """
    if path is None:
        return Hardware(Lazy(lambda: detect(environ).namespaces))
    return Hardware(
        {
            name: each._replace(source=f"{path}: {each.source}" if each.source else str(path))
            for name, each in load(path).namespaces.items()
        }
    )


def load(path: Path) -> Hardware:
    """Read a hardware file, TOML if it is called so, else JSON; raises VariantError with every fault."""
    if path.suffix == ".toml":
        return Hardware.from_table(read_toml(path), str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VariantError(f"{path}: {error.strerror}") from None
    return Hardware.from_json(data, str(path))


def nvidia_support(environ: Mapping[str, str], find: Callable[[], Gpu | None]) -> Detected:
    """Return the support of NVIDIA GPUs; *find* looks for what the environment does not force.

    A value that is no version means that nothing is supported, and an empty one forces nothing.
    """
    forced_driver, forced_capability = environ.get(FORCE_DRIVER, ""), environ.get(FORCE_CAPABILITY, "")
    gpu = None if forced_driver and forced_capability else find()
    driver, capability = (gpu.driver, gpu.capability) if gpu else (None, None)
    sources = [gpu.source] if gpu else []
    if forced_driver:
        driver = features.forced_driver(forced_driver)
        sources.append(f"{FORCE_DRIVER}={ascii_unless_printable(forced_driver)}")
        if driver is None:
            return Detected({}, f"{sources[-1]}, which is no CUDA version")
    if forced_capability:
        capability = features.forced_capability(forced_capability)
        sources.append(f"{FORCE_CAPABILITY}={ascii_unless_printable(forced_capability)}")
        if capability is None:
            return Detected({}, f"{sources[-1]}, which is no compute capability")
    if driver is None:
        return Detected({}, "no NVIDIA driver is found")
    return Detected(features.nvidia(driver, capability), ", ".join(sources))


def find_gpu() -> Gpu | None:
    """Ask NVML, or else the driver, about NVIDIA GPUs; None where neither is there and works."""
    import ctypes  # not needed by what only reads a hardware file

    for names, ask in ((_NVML, _ask_nvml), (_DRIVER, _ask_driver)):
        name = names.get(sys.platform)
        # Libraries that are there without a driver, or too old to have a function.
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
    """Return a CUDA version that is written as one number: 12080 is 12.8."""
    return number // 1000, number % 1000 // 10


def _detect_x86_64() -> Detected:
    finders = {"linux": _linux_flags, "darwin": _macos_flags, "win32": _windows_flags}
    flags, source = finders.get(sys.platform, lambda: ([], ""))()
    return Detected(features.x86_64(flags), source if flags else "every 64-bit x86 processor")


def _linux_flags() -> tuple[list[str], str]:
    with suppress(OSError):  # some sandboxes hide it
        return flags_of_cpuinfo(
            _CPUINFO.read_text(encoding="utf-8", errors="replace")
        ), f"flags in {_CPUINFO}"
    return [], ""


def flags_of_cpuinfo(text: str) -> list[str]:
    """Return the flags of the first processor in the text of /proc/cpuinfo."""
    found = re.search(r"^flags[ \t]*:(.*)$", text.partition("\n\n")[0], re.MULTILINE)
    return found[1].split() if found else []


def _macos_flags() -> tuple[list[str], str]:
    import ctypes  # not needed by what only reads a hardware file

    library = ctypes.CDLL(None)

    def value(name: bytes) -> bytes:
        size = ctypes.c_size_t()
        if library.sysctlbyname(name, None, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
            return b""
        buffer = ctypes.create_string_buffer(size.value)
        failed = library.sysctlbyname(name, buffer, ctypes.byref(size), None, ctypes.c_size_t(0))
        return b"" if failed else buffer.raw

    return flags_of_sysctl(value), "sysctl machdep.cpu"


def flags_of_sysctl(value: Callable[[bytes], bytes]) -> list[str]:
    """Return the flags of a processor under macOS, which gives the *value* of each name."""
    names = (b"machdep.cpu.features", b"machdep.cpu.leaf7_features", b"machdep.cpu.extfeatures")
    flags = [flag for name in names for flag in value(name).rstrip(b"\0").decode("ascii", "replace").split()]
    if not any(value(b"hw.optional.avx512f")):  # the kernel may have turned off what the processor has
        flags = [flag for flag in flags if not flag.startswith("AVX512")]
    return flags


def _windows_flags() -> tuple[list[str], str]:
    import ctypes  # not needed by what only reads a hardware file

    is_present = ctypes.CDLL("kernel32").IsProcessorFeaturePresent
    return flags_of_windows(is_present), "IsProcessorFeaturePresent"


def flags_of_windows(is_present: Callable[[int], object]) -> list[str]:
    """Return the flags of a processor under Windows, which tells of each feature whether it is present."""
    return [
        flag for number, names in _WINDOWS_FEATURES.items() if is_present(number) for flag in names.split()
    ]


def tpu_support(environ: Mapping[str, str], devices: Path) -> Detected:
    """Return the support of TPUs; *devices* is the folder in which Linux has those of the PCI bus."""
    if forced := environ.get(FORCE_TPU, ""):
        present = features.forced_tpu(forced)
        return Detected(features.tpu(present), f"{FORCE_TPU}={ascii_unless_printable(forced)}")
    for path in devices.glob("*/vendor"):
        with suppress(OSError):
            if path.read_text(encoding="ascii", errors="replace").strip() == _GOOGLE:
                # It may be a TPU, or a network card or disk of Google's cloud.
                return Detected({}, f"not known, there is a device of Google; {FORCE_TPU} says it")
    return Detected(features.tpu(False), "no device of Google is found")
