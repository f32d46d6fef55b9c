"""Detect what a 64-bit x86 processor supports, from the flags that the system lists."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import Problem, VariantError
from ..formats.hardware_file import Detected
from ..variants.provider_x86_64 import X86_64, x86_64_features
from .cpuinfo import CPUINFO, first_entry
from .host import Host
from .sysctl import sysctl, sysctl_text

# Features of IsProcessorFeaturePresent (PF_... of winnt.h), and the flags that they imply.
# Level v4 needs more of AVX-512 than the foundation, the only part that Windows reports.
_WINDOWS_FEATURES = {
    13: "sse3",
    14: "cx16",
    36: "ssse3",
    37: "sse4_1",
    38: "sse4_2 popcnt lahf_lm",
    39: "avx",
    40: "avx2 bmi1 bmi2 f16c fma lzcnt movbe",
}


def detect_x86_64(host: Host) -> Detected:
    """Return the levels of the processor; no environment variable forces them for uv.

    Without flags, the levels are those that uv assumes.
    """
    finders = {"linux": _linux_flags, "darwin": _macos_flags, "win32": _windows_flags}
    find = finders.get(host.system)
    problems: tuple[Problem, ...] = ()
    try:
        flags, source = find(host) if find else ([], "")
    except VariantError as error:
        flags, source, problems = [], "", error.problems
    if not flags:
        return Detected(X86_64.assumed, "assumed, as by uv", warnings=problems)
    return Detected(x86_64_features(flags), source)


def _linux_flags(host: Host) -> tuple[list[str], str]:
    # Some sandboxes hide the file.
    return flags_of_cpuinfo(host.text(CPUINFO) or ""), f"flags in {CPUINFO}"


def flags_of_cpuinfo(text: str) -> list[str]:
    """Return the flags of the first processor in the text of /proc/cpuinfo."""
    return first_entry(text).get("flags", "").split()


def _macos_flags(_: Host) -> tuple[list[str], str]:
    return flags_of_sysctl(sysctl), "sysctl machdep.cpu"


def flags_of_sysctl(value: Callable[[bytes], bytes]) -> list[str]:
    """Return the flags of a processor on macOS; *value* returns the sysctl value of a name."""
    names = (b"machdep.cpu.features", b"machdep.cpu.leaf7_features", b"machdep.cpu.extfeatures")
    flags = [flag for name in names for flag in sysctl_text(value(name)).split()]
    if not any(value(b"hw.optional.avx512f")):  # the kernel may disable it
        flags = [flag for flag in flags if not flag.startswith("AVX512")]
    return flags


def _windows_flags(_: Host) -> tuple[list[str], str]:
    import ctypes

    is_present = ctypes.CDLL("kernel32").IsProcessorFeaturePresent
    return flags_of_windows(is_present), "IsProcessorFeaturePresent"


def flags_of_windows(is_present: Callable[[int], object]) -> list[str]:
    """Return the flags of a processor on Windows; *is_present* takes the number of a feature."""
    return [
        flag for number, names in _WINDOWS_FEATURES.items() if is_present(number) for flag in names.split()
    ]
