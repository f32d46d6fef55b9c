"""Detect whether a TPU is present."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import VariantError, ascii_unless_printable
from ..formats.hardware_file import Detected
from ..variants.provider_tpu import FORCE_TPU, forced_tpu, tpu_features
from .host import Host, setting
from .pci import GOOGLE, pci_devices

# The PCI devices that uv takes for a TPU (it follows JAX). Google's clouds have other devices of this vendor.
_TPUS = {0x0027, 0x0056, 0x005E, 0x0062, 0x0063, 0x006F, 0x0076, 0x007C, 0x0083}


def detect_tpu(host: Host) -> Detected:
    """Return whether a machine has a TPU."""
    if forced := given_tpu(host.environ):
        return forced
    try:
        for device in pci_devices(host, GOOGLE):
            if device.device in _TPUS:
                return Detected(tpu_features(True), f"PCI device {ascii_unless_printable(device.address)}")
    except VariantError as error:
        return Detected(tpu_features(False), "no TPU found", warnings=error.problems)
    return Detected(tpu_features(False), "no TPU found")


def given_tpu(environ: Mapping[str, str]) -> Detected | None:
    """Return what *environ* forces, or None.

    Unlike the variables of other providers, an empty `FORCE_TPU` forces a value: no TPU.
    """
    if (forced := environ.get(FORCE_TPU)) is None:
        return None
    return Detected(tpu_features(forced_tpu(forced)), setting(FORCE_TPU, forced))
