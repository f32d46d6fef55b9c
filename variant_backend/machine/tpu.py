"""Detect whether a TPU is present."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import ascii_unless_printable
from ..formats.hardware_file import Detected
from ..variants.provider_tpu import FORCE_TPU, forced_tpu, tpu_features

_PCI_DEVICES = Path("/sys/bus/pci/devices")
_GOOGLE = "0x1ae0"


def detect_tpu(environ: Mapping[str, str]) -> Detected:
    """Return whether this machine has a TPU."""
    return tpu_support(environ, _PCI_DEVICES)


def given_tpu(environ: Mapping[str, str]) -> Detected | None:
    """Return what *environ* forces, or None."""
    if not (forced := environ.get(FORCE_TPU, "")):
        return None
    return Detected(tpu_features(forced_tpu(forced)), f"{FORCE_TPU}={ascii_unless_printable(forced)}")


def tpu_support(environ: Mapping[str, str], devices: Path) -> Detected:
    """Return what TPUs support; *devices* is the folder of PCI devices on Linux."""
    if forced := given_tpu(environ):
        return forced
    for path in devices.glob("*/vendor"):
        with suppress(OSError):
            if path.read_text(encoding="ascii", errors="replace").strip() == _GOOGLE:
                # Network cards and disks of Google's cloud have the same vendor.
                return Detected({}, f"unknown: found a Google device; set {FORCE_TPU} to true or false")
    return Detected(tpu_features(False), "no Google device found")
