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
# The PCI devices that uv takes for a TPU (it follows JAX). Google's clouds have other devices of this vendor.
_TPUS = {"0x0027", "0x0056", "0x005e", "0x0062", "0x0063", "0x006f", "0x0076", "0x007c", "0x0083"}


def detect_tpu(environ: Mapping[str, str]) -> Detected:
    """Return whether this machine has a TPU."""
    return tpu_support(environ, _PCI_DEVICES)


def given_tpu(environ: Mapping[str, str]) -> Detected | None:
    """Return what *environ* forces, or None.

    Unlike the variables of other providers, an empty `FORCE_TPU` forces a value: no TPU.
    """
    if (forced := environ.get(FORCE_TPU)) is None:
        return None
    return Detected(tpu_features(forced_tpu(forced)), f"{FORCE_TPU}={ascii_unless_printable(forced)}")


def tpu_support(environ: Mapping[str, str], devices: Path) -> Detected:
    """Return what TPUs support; *devices* is the folder of PCI devices on Linux."""
    if forced := given_tpu(environ):
        return forced
    for path in devices.glob("*/vendor"):
        if _line(path) == _GOOGLE and _line(path.with_name("device")) in _TPUS:
            return Detected(tpu_features(True), f"PCI device {path.parent.name}")
    return Detected(tpu_features(False), "no TPU found")


def _line(path: Path) -> str:
    """Return the content of a file of sysfs, or an empty text if it cannot be read."""
    with suppress(OSError):
        return path.read_text(encoding="ascii", errors="replace").strip()
    return ""
