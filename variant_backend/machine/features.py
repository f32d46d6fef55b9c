"""What the providers that uv knows by heart answer, computed from the facts of a machine.

The tables were measured: real uv was asked which values it supports, and which of two it prefers, and tests
ask it again. `cpu`, `nvidia` and `tpu` find the facts. `known_providers` has a pattern of each value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from ..variants.ranking import Supported

# The features of one namespace with their values; both are best first.
Features: TypeAlias = Mapping[str, tuple[str, ...]]
Version: TypeAlias = tuple[int, int]

# With these, uv takes a fact as it is given, and does not look at the machine.
FORCE_DRIVER = "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION"
FORCE_CAPABILITY = "NV_VARIANT_PROVIDER_FORCE_SM_ARCH"
FORCE_TPU = "TPU_VARIANT_PROVIDER_FORCE_PRESENT"

# What each level adds (x86-64 psABI), under Linux' names for it.
_LEVELS = (
    ("v2", {"sse3", "ssse3", "sse4_1", "sse4_2", "cx16", "lahf_lm", "popcnt"}),
    ("v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe"}),
    ("v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
)
# Other names of the same flags: Linux has some from AMD and from before SSE3 was called so, macOS its own.
_SAME_FLAG = {"pni": "sse3", "abm": "lzcnt", "lahf": "lahf_lm", "avx1.0": "avx"}

# The versions of CUDA that the provider counts through: it knows that minor ones exist, not which.
_OLDEST_CUDA, _NEWEST_CUDA, _LAST_MINOR = 11, 15, 20
_OLDEST_ARCHITECTURE = 5
# What uv still takes for a fact: so many lower bounds, and numbers of a compute capability up to that.
_MOST_LOWER_BOUNDS, _LARGEST = 1024, 255


def x86_64(flags: Iterable[str]) -> Features:
    """Return the levels of a processor with these flags, as Linux or macOS names them.

    >>> x86_64(["pni", "ssse3", "sse4_1", "sse4_2", "cx16", "lahf_lm", "popcnt", "avx2"])
    {'level': ('v2', 'v1')}
    """
    lower = {flag.lower() for flag in flags}
    has = {_SAME_FLAG.get(flag, flag.replace("sse4.", "sse4_")) for flag in lower}
    levels = ["v1"]
    for level, needed in _LEVELS:
        if not needed <= has:
            break
        levels.insert(0, level)
    return {"level": tuple(levels)}


def aarch64() -> Features:
    """Return what every 64-bit Arm processor supports."""
    return {"version": ("8a",)}


def nvidia(driver: Version, capability: Version | None) -> Features:
    """Return the support of an NVIDIA driver for a CUDA version, and of a GPU's compute capability.

    >>> nvidia((12, 8), (8, 6))["sm_arch"]
    ('86_real', '85_real', '84_real', '83_real', '82_real', '81_real', '80_real', '80_virtual')
    >>> nvidia((12, 8), None)["cuda_version_lower_bound"][:3]
    ('12.8', '12.7', '12.6')
    """
    major, minor = driver
    lower: list[str] = []
    for other in range(major, _OLDEST_CUDA - 1, -1):
        lower += _minors(other, minor if other == major else _LAST_MINOR, 0)
    upper: list[str] = []
    for other in range(_NEWEST_CUDA, major, -1):
        upper += _minors(other, _LAST_MINOR, 0)
    if major <= _NEWEST_CUDA:
        upper += _minors(major, _LAST_MINOR, minor + 1)
    real: list[str] = []
    if capability and capability[0] >= _OLDEST_ARCHITECTURE:
        family, last = capability
        real = [f"{family}{number}_real" for number in range(last, -1, -1)] + [f"{family}0_virtual"]
    features = {"cuda_version_lower_bound": lower, "cuda_version_upper_bound": upper, "sm_arch": real}
    return {name: tuple(values) for name, values in features.items() if values}


def _minors(major: int, last: int, first: int) -> list[str]:
    """Return the versions from *last* down to *first*; the major version alone comes after its 0."""
    versions = [f"{major}.{minor}" for minor in range(last, first - 1, -1)]
    return versions if first else [*versions, str(major)]


def tpu(present: bool) -> Features:
    """Return what is supported with a TPU, or without."""
    return {"present": ("true" if present else "false",)}


def forced_driver(text: str) -> Version | None:
    """Read the value of `FORCE_DRIVER`, a version of which two numbers count; None if it is none.

    >>> forced_driver("12.8"), forced_driver("12"), forced_driver("none")
    ((12, 8), (12, 0), None)
    """
    from packaging.version import InvalidVersion
    from packaging.version import Version as PackageVersion

    try:
        major, minor, *_ = (*PackageVersion(text).release, 0)
    except InvalidVersion:
        return None
    lower_bounds = (major - _OLDEST_CUDA) * (_LAST_MINOR + 2) + minor + 2
    return (major, minor) if major < _OLDEST_CUDA or lower_bounds <= _MOST_LOWER_BOUNDS else None


def forced_capability(text: str) -> Version | None:
    """Read the value of `FORCE_CAPABILITY`, such as 9.0; None if it is none."""
    found = re.fullmatch(r"\s*\+?(\d+)\s*\.\s*\+?(\d+)\s*", text, re.ASCII)
    if not found or max(map(len, found.groups())) > 9:  # int() refuses thousands of digits
        return None
    major, minor = int(found[1]), int(found[2])
    return (major, minor) if max(major, minor) <= _LARGEST else None


def forced_tpu(text: str) -> bool:
    """Read the value of `FORCE_TPU`: what is no yes is a no."""
    return text.lower() in ("1", "true", "yes")


def forcing_variables(supported: Supported) -> dict[str, str]:
    """Return the variables under which uv supports the same elsewhere, as far as it lets itself be forced.

    A value that is no version stands for no GPU: an empty one would let uv look for one.

    >>> forcing_variables({"nvidia": nvidia((12, 8), (9, 0))})  # doctest: +NORMALIZE_WHITESPACE
    {'NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION': '12.8',
     'NV_VARIANT_PROVIDER_FORCE_SM_ARCH': '9.0'}
    """
    variables = {}
    if "nvidia" in supported:
        features = supported["nvidia"]
        best = re.fullmatch(r"(\d+)(\d)_real", next(iter(features.get("sm_arch", ())), ""))
        variables[FORCE_DRIVER] = next(iter(features.get("cuda_version_lower_bound", ())), "none")
        variables[FORCE_CAPABILITY] = f"{best[1]}.{best[2]}" if best else "0.0"
    if present := supported.get("tpu", {}).get("present", ()):
        variables[FORCE_TPU] = present[0]
    return variables
