"""Detect what a 64-bit Arm processor supports, from what the system says about its cores."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..formats.hardware_file import Detected
from ..variants.provider_aarch64 import aarch64_features, apple_version, linux_version
from .sysctl import sysctl, sysctl_text

_CPUINFO = Path("/proc/cpuinfo")
_BRAND = "machdep.cpu.brand_string"


def detect_aarch64(environ: Mapping[str, str]) -> Detected:  # noqa: ARG001  # a detector's signature
    """Return the versions of the processor; no environment variable forces them for uv."""
    if sys.platform == "darwin":
        return Detected(
            aarch64_features(apple_version(sysctl_text(sysctl(_BRAND.encode())))), f"sysctl {_BRAND}"
        )
    if sys.platform == "linux":
        with suppress(OSError):  # some sandboxes hide the file
            text = _CPUINFO.read_text(encoding="ascii", errors="replace")
            return Detected(aarch64_features(version_of_cpuinfo(text)), f"cores and features in {_CPUINFO}")
    return Detected(aarch64_features(), "every 64-bit Arm processor")


def version_of_cpuinfo(text: str) -> str:
    """Return the version of a processor by the text of /proc/cpuinfo, which describes each core."""
    cores = []
    features: list[str] = []
    for entry in text.split("\n\n"):
        fields = dict(re.findall(r"^([^:\n]*?)[ \t]*:[ \t]*(.*)$", entry, re.MULTILINE))
        if "processor" in fields:
            cores.append((fields.get("CPU implementer", ""), fields.get("CPU part", "")))
            features = fields.get("Features", "").split()
    return linux_version(cores, features)
