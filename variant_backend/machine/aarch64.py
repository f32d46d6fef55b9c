"""Detect what a 64-bit Arm processor supports, from what the system says about its cores."""

from __future__ import annotations

import re

from ..errors import Problem, VariantError
from ..formats.hardware_file import Detected
from ..variants.provider_aarch64 import aarch64_features, apple_version, linux_version
from .host import Host
from .sysctl import sysctl, sysctl_text

_CPUINFO = "/proc/cpuinfo"
_BRAND = "machdep.cpu.brand_string"


def detect_aarch64(host: Host) -> Detected:
    """Return the versions of the processor; no environment variable forces them for uv."""
    if host.system == "darwin":
        return Detected(
            aarch64_features(apple_version(sysctl_text(sysctl(_BRAND.encode())))), f"sysctl {_BRAND}"
        )
    problems: tuple[Problem, ...] = ()
    try:
        text = host.text(_CPUINFO) if host.system == "linux" else None
    except VariantError as error:
        text, problems = None, error.problems
    if text is None:  # some sandboxes hide the file
        return Detected(aarch64_features(), "every 64-bit Arm processor", warnings=problems)
    return Detected(aarch64_features(version_of_cpuinfo(text)), f"cores and features in {_CPUINFO}")


def version_of_cpuinfo(text: str) -> str:
    """Return the version of a processor by the text of /proc/cpuinfo, which describes each core."""
    cores = []
    features: list[str] = []
    for entry in re.split("\n{2,}", text):
        fields = _fields(entry)
        if "processor" in fields:
            cores.append((fields.get("CPU implementer", ""), fields.get("CPU part", "")))
            features = fields.get("Features", "").split()
    return linux_version(cores, features)


def _fields(entry: str) -> dict[str, str]:
    """Return the lines ``name : value`` of an entry; a regular expression would be slow on long lines."""
    lines = (line.partition(":") for line in entry.split("\n"))
    return {name.rstrip(" \t"): value.lstrip(" \t") for name, colon, value in lines if colon}
