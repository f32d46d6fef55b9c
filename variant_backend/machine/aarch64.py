"""What a 64-bit Arm processor supports."""

from __future__ import annotations

from collections.abc import Mapping

from ..formats.hardware_file import Detected
from ..variants.provider_aarch64 import aarch64_features


def detect_aarch64(environ: Mapping[str, str]) -> Detected:  # noqa: ARG001  # a detector's signature
    """Return what every 64-bit Arm processor supports; uv detects nothing more."""
    return Detected(aarch64_features(), "every 64-bit Arm processor")
