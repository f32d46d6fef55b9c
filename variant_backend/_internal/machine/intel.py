"""Detect what Intel GPUs support: their device IPs, which Level Zero reports."""

from __future__ import annotations

from collections.abc import Mapping

from ..formats.hardware_file import Detected
from ..variants.provider_intel import (
    FORCE_DEVICE_IP,
    common_intel_features,
    device_ip,
    forced_intel_features,
    intel_features,
    is_known,
)
from .host import Host, setting
from .libraries import LEVEL_ZERO, ask_libraries

_NO_GPU = "no Intel GPU found"


def detect_intel(host: Host) -> Detected:
    """Return what the Intel GPUs of a machine support, in the order of Level Zero.

    ZE_AFFINITY_MASK has its effect: Level Zero does not report the GPUs that it hides.
    """
    if forced := given_intel(host.environ):
        return forced
    answer = ask_libraries(host).get(LEVEL_ZERO)
    if answer is None:
        return Detected({}, _NO_GPU)
    warnings = answer.warnings()
    if not answer.devices:
        return Detected({}, f"{_NO_GPU} ({answer.failure() or answer.file})", warnings=warnings)
    devices = [device_ip(number) for (number,) in answer.devices]
    words = (device if is_known(device) else f"{device} (unknown to the provider)" for device in devices)
    source = answer.source("Level Zero", words)
    features, least = intel_features(devices), common_intel_features(devices)
    return Detected(features, source, warnings=warnings, least=None if least == features else least)


def given_intel(environ: Mapping[str, str]) -> Detected | None:
    """Return what *environ* forces, or None; an empty value forces nothing."""
    if not (forced := environ.get(FORCE_DEVICE_IP)):
        return None
    source = setting(FORCE_DEVICE_IP, forced)
    features = forced_intel_features(forced)
    return Detected(features, source if features else f"{source}: unknown to the provider")
