"""The facts of the provider `nvidia`: NVIDIA GPUs and their driver.

The rules for values were measured with real uv: which values it supports, and which of two values it prefers.
Tests repeat these measurements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TypeAlias

from ..errors import VariantError
from .providers import PluginProvider
from .registry_entry import (
    Devices,
    Fact,
    FactSupport,
    Features,
    Flags,
    KnownByUv,
    KnownProvider,
    Meaning,
    OpenValues,
    invalid_fact,
)

Version: TypeAlias = tuple[int, int]

# With these variables, uv uses the given fact instead of detecting it.
FORCE_DRIVER = "NV_VARIANT_PROVIDER_FORCE_CUDA_DRIVER_VERSION"
FORCE_CAPABILITY = "NV_VARIANT_PROVIDER_FORCE_SM_ARCH"

# The CUDA versions that the provider lists: all minor versions up to a maximum, existing or not.
_OLDEST_CUDA, _NEWEST_CUDA, _LAST_MINOR = 11, 15, 20
_OLDEST_ARCHITECTURE = 5
# The compute capabilities of GPUs that exist, as of CUDA 13.
_GPUS: tuple[Version, ...] = (
    *((5, minor) for minor in (0, 2, 3)),
    *((6, minor) for minor in (0, 1, 2)),
    *((7, minor) for minor in (0, 2, 5)),
    *((8, minor) for minor in (0, 6, 7, 8, 9)),
    (9, 0),
    *((10, minor) for minor in (0, 3)),
    (11, 0),
    *((12, minor) for minor in (0, 1)),
)
# Well-known GPUs by compute capability; the others have no well-known name.
_EXAMPLES = {
    "50": "GTX 750",
    "52": "GTX 980",
    "53": "Jetson Nano",
    "60": "P100",
    "61": "GTX 1080",
    "62": "Jetson TX2",
    "70": "V100",
    "72": "Jetson Xavier",
    "75": "T4",
    "80": "A100",
    "86": "RTX 3090",
    "87": "Jetson Orin",
    "89": "RTX 4090",
    "90": "H100",
    "100": "B200",
    "103": "B300",
    "110": "Jetson Thor",
    "120": "RTX 5090",
    "121": "DGX Spark",
}
# uv's limits for given facts: the number of lower bounds, and the numbers of a compute capability.
_MOST_LOWER_BOUNDS, _LARGEST = 1024, 255


def nvidia_features(driver: Version, capability: Version | None) -> Features:
    """Return the supported values for a driver's CUDA version and a GPU's compute capability.

    >>> nvidia_features((12, 8), (8, 6))["sm_arch"]
    ('86_real', '85_real', '84_real', '83_real', '82_real', '81_real', '80_real', '80_virtual')
    >>> nvidia_features((12, 8), None)["cuda_version_lower_bound"][:3]
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
    architectures = _architectures(capability) if capability else []
    features = {
        "cuda_version_lower_bound": lower,
        "cuda_version_upper_bound": upper,
        "sm_arch": architectures,
    }
    return {name: tuple(values) for name, values in features.items() if values}


@cache
def all_nvidia_features() -> Features:
    """Return all values that the provider lists on some machine.

    The CUDA version of a driver is 11.0 to 15.20, and a minor compute capability has one digit. A forced
    version may be outside.

    >>> features = all_nvidia_features()
    >>> features["cuda_version_lower_bound"][::len(features["cuda_version_lower_bound"]) - 1]
    ('15.20', '11')
    >>> [name in features["sm_arch"] for name in ("86_real", "80_virtual", "86_virtual", "45_real")]
    [True, True, False, False]
    """
    newest = nvidia_features((_NEWEST_CUDA, _LAST_MINOR), None)
    oldest = nvidia_features((_OLDEST_CUDA, 0), None)
    architectures = (_architectures((family, 9)) for family in range(_OLDEST_ARCHITECTURE, _LARGEST + 1))
    return {
        "cuda_version_lower_bound": newest["cuda_version_lower_bound"],
        "cuda_version_upper_bound": oldest["cuda_version_upper_bound"],
        "sm_arch": tuple(value for values in architectures for value in values),
    }


def newer_gpus(values: Iterable[str]) -> list[Version]:
    """Return the known GPUs that are newer than all those that support a value of ``sm_arch``.

    It is empty if no known GPU supports one of the *values*.

    >>> newer_gpus(["90_real", "90_virtual"]), newer_gpus(["90_real", "120_virtual"])
    ([(10, 0), (10, 3), (11, 0), (12, 0), (12, 1)], [])
    """
    listed = {*values}
    supported = [gpu for gpu in _GPUS if not listed.isdisjoint(_architectures(gpu))]
    return [gpu for gpu in _GPUS if supported and gpu > supported[-1]]


def gpus_supporting(values: Sequence[str]) -> tuple[str, ...]:
    """Return the compute capabilities of the known GPUs that support one of several values of ``sm_arch``.

    >>> gpus_supporting(["89_real", "120_virtual"])
    ('8.9', '12.0', '12.1')
    """
    listed = {*values}
    supporting = [gpu for gpu in _GPUS if not listed.isdisjoint(_architectures(gpu))]
    return tuple(f"{major}.{minor}" for major, minor in supporting)


def _chain(feature: str, value: str) -> tuple[str, tuple[int, ...]] | None:
    """Return the chain and the position of a value that the provider lists on some machine, or None."""
    if value not in all_nvidia_features().get(feature, ()):
        return None
    if feature == "sm_arch":
        number, _, kind = value.partition("_")
        # All GPUs of a family support the machine code and PTX for its first GPU.
        return number[:-1], (int(number[-1]) if kind == "real" else 0,)
    major, _, minor = value.partition(".")
    sign = -1 if feature == "cuda_version_upper_bound" else 1
    return "", (sign * int(major), sign * int(minor or 0))


def _architectures(capability: Version) -> list[str]:
    """Return the values of ``sm_arch`` for the compute capability of a GPU."""
    family, last = capability
    if family < _OLDEST_ARCHITECTURE:
        return []
    return [*(f"{family}{number}_real" for number in range(last, -1, -1)), f"{family}0_virtual"]


def _minors(major: int, last: int, first: int) -> list[str]:
    """Return the versions from minor *last* down to *first*; the bare major version follows minor 0."""
    versions = [f"{major}.{minor}" for minor in range(last, first - 1, -1)]
    return versions if first else [*versions, str(major)]


def is_listed(driver: Version) -> bool:
    """Return whether the provider knows a detected driver's CUDA version; without it, it supports nothing.

    >>> is_listed((11, 0)), is_listed((15, 20)), is_listed((15, 21)), is_listed((10, 2))
    (True, True, False, False)
    """
    return (_OLDEST_CUDA, 0) <= driver <= (_NEWEST_CUDA, _LAST_MINOR)


def forced_driver(text: str) -> Version | None:
    """Parse the value of `FORCE_DRIVER`, a version; only two numbers are used. None if it is invalid.

    >>> forced_driver("12.8"), forced_driver("12"), forced_driver("none")
    ((12, 8), (12, 0), None)
    """
    from packaging.version import Version as PackageVersion

    try:
        major, minor, *_ = (*PackageVersion(text).release, 0)
    except ValueError:  # InvalidVersion, or more digits than Python converts
        return None
    lower_bounds = (major - _OLDEST_CUDA) * (_LAST_MINOR + 2) + minor + 2
    return (major, minor) if major < _OLDEST_CUDA or lower_bounds <= _MOST_LOWER_BOUNDS else None


def forced_capability(text: str) -> Version | None:
    """Parse the value of `FORCE_CAPABILITY`, such as 9.0. None if it is invalid."""
    match = re.fullmatch(r"\s*\+?(\d+)\s*\.\s*\+?(\d+)\s*", text, re.ASCII)
    if not match or max(map(len, match.groups())) > 9:  # int() rejects thousands of digits
        return None
    major, minor = int(match[1]), int(match[2])
    return (major, minor) if max(major, minor) <= _LARGEST else None


def architectures_of_list(text: str) -> tuple[str, ...] | None:
    """Return the values of ``sm_arch`` for a list in the form of TORCH_CUDA_ARCH_LIST.

    None if the text is another value. Raises VariantError for an invalid item of a list.

    >>> architectures_of_list("7.0;8.6;9.0a 12.0+PTX")
    ('70_real', '86_real', '90a_real', '120_real', '120_virtual')
    """
    if not re.search(r"[;.+A-Z]", text):  # no value has capital letters, but names such as Ampere do
        return None
    values: dict[str, None] = {}
    for item in re.split(r"[;\s]+", text.strip("; \t")):
        match = re.fullmatch(r"([1-9]\d{0,2})\.(\d[af]?)(\+PTX)?", item, re.ASCII)
        if not match:
            remedy = "write compute capabilities with a dot, such as 7.0;8.0;9.0+PTX"
            raise VariantError(f"invalid item {item!r} in a list of architectures", remedy=remedy)
        number = match[1] + match[2]
        values |= dict.fromkeys([f"{number}_real", *([f"{number}_virtual"] if match[3] else [])])
    return (*values,)


def _forcing(features: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the variables that force the support of these features.

    An invalid version means no GPU. With an empty value, uv would detect the GPU.
    """
    best = re.fullmatch(r"(\d+)(\d)_real", next(iter(features.get("sm_arch", ())), ""))
    return {
        FORCE_DRIVER: next(iter(features.get("cuda_version_lower_bound", ())), "none"),
        FORCE_CAPABILITY: f"{best[1]}.{best[2]}" if best else "0.0",
    }


def _from_facts(facts: Mapping[str, Sequence[str]]) -> FactSupport:
    """Return what a machine with the facts ``cuda`` and ``sm`` supports; the best GPU counts."""
    if not (drivers := facts.get("cuda")):
        if "sm" in facts:
            remedy = "add cuda with the driver's CUDA version, such as 12.8"
            raise VariantError("sm requires cuda, without which no GPU works", remedy=remedy)
        return FactSupport({})
    driver, gpus = _given_driver(drivers[0]), [*map(_given_capability, facts.get("sm", ()))]
    best, least = max(gpus, default=None), min(gpus, default=None)
    return FactSupport(
        nvidia_features(driver, best), least=None if best == least else nvidia_features(driver, least)
    )


def _given_driver(text: str) -> Version:
    """Parse the fact ``cuda``. Unlike a detected version, one that the provider does not list is an error."""
    driver = forced_driver(text) if re.fullmatch(r"\d+(\.\d+){0,2}", text, re.ASCII) else None
    if driver is None or not is_listed(driver) or driver[1] > _LAST_MINOR:
        oldest, newest = f"{_OLDEST_CUDA}.0", f"{_NEWEST_CUDA}.{_LAST_MINOR}"
        raise invalid_fact("cuda", text, f"the driver's CUDA version, {oldest} to {newest}, such as 12.8")
    return driver


def _given_capability(text: str) -> Version:
    """Parse the fact ``sm``: no GPU has a minor number of two digits."""
    capability = forced_capability(text)
    if capability is None or capability[1] > 9:
        numbers = re.fullmatch(r"(?:sm_?)?(\d{1,2})(\d)[af]?", text, re.ASCII)
        example = f"{numbers[1]}.{numbers[2]}" if numbers else "such as 9.0"
        raise invalid_fact("sm", text, f"the GPU's compute capability, {example}")
    return capability


_CUDA_VERSION = r"\d+(\.\d+)?"
_CAPABILITY = r"(\d+)(\d)([af]?)"
_CODE = "--generate-code=arch=compute_"

NVIDIA = KnownProvider(
    PluginProvider(
        ("nvidia-variant-provider>=0.0.1,<1",), "nvidia_variant_provider.plugin:NvidiaVariantPlugin"
    ),
    (
        Meaning("cuda_version_lower_bound", _CUDA_VERSION, r"NVIDIA driver for CUDA \g<0> or newer"),
        Meaning("cuda_version_upper_bound", _CUDA_VERSION, r"NVIDIA driver for CUDA older than \g<0>"),
        Meaning(
            "sm_arch",
            rf"{_CAPABILITY}_real",
            r"machine code for NVIDIA GPUs of compute capability \1.\2\3",
            Flags(nvcc=rf"{_CODE}\1\2\3,code=sm_\1\2\3"),
            {f"{number}_real": name for number, name in _EXAMPLES.items()},
        ),
        Meaning(
            "sm_arch",
            rf"{_CAPABILITY}_virtual",
            r"PTX for NVIDIA GPUs of compute capability \1.\2\3",
            Flags(nvcc=rf"{_CODE}\1\2\3,code=compute_\1\2\3"),
            {f"{number}_virtual": name for number, name in _EXAMPLES.items()},
        ),
    ),
    KnownByUv(
        "nvidia-variant-provider",
        "0.0.1",
        ("nvidia_variant_provider.plugin:NvidiaVariantPlugin",),
        all_nvidia_features,
    ),
    systems=("linux", "win32"),
    forcing=_forcing,
    open_values={
        "cuda_version_lower_bound": OpenValues(
            _CUDA_VERSION, ("12.8", "13"), "11.0 to 15.20 and 11 to 15, without leading zeros"
        ),
        "cuda_version_upper_bound": OpenValues(
            _CUDA_VERSION, ("12.8", "13"), "11.1 to 15.20 and 12 to 15, without leading zeros"
        ),
        "sm_arch": OpenValues(
            rf"{_CAPABILITY}_(real|virtual)",
            ("90_real", "90_virtual"),
            "NM_real and N0_virtual for GPUs of compute capability N.M, from 5.0",
        ),
    },
    facts={
        "cuda": Fact("the CUDA version of the NVIDIA driver, as nvidia-smi prints it", ("12.8", "13.0")),
        "sm": Fact("the compute capability of an NVIDIA GPU", ("9.0", "8.9"), several=True),
    },
    from_facts=_from_facts,
    chain=_chain,
    devices={"sm_arch": Devices("NVIDIA GPU of compute capability", gpus_supporting)},
)
