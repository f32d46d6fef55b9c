"""Detect what NVIDIA GPUs support: the driver's CUDA version, and the compute capabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..errors import Problem
from ..formats.hardware_file import Detected
from ..variants.provider_nvidia import (
    FORCE_CAPABILITY,
    FORCE_DRIVER,
    Version,
    forced_capability,
    forced_driver,
    is_listed,
    nvidia_features,
)
from .host import Host, setting
from .libraries import CUDA, NVML, ask_libraries

_NO_DRIVER = "no NVIDIA driver found"


class Gpus(NamedTuple):
    """The CUDA version of the NVIDIA driver, the compute capability of each GPU, and their source.

    Without a driver, the version is None. *warnings* are about libraries that are broken.
    """

    driver: Version | None
    capabilities: tuple[Version, ...]
    source: str
    warnings: tuple[Problem, ...] = ()


NO_GPU = Gpus(None, (), _NO_DRIVER)


def detect_nvidia(host: Host) -> Detected:
    """Return what the NVIDIA GPUs of a machine support."""
    return nvidia_support(host.environ, lambda: find_gpus(host))


def given_nvidia(environ: Mapping[str, str]) -> Detected | None:
    """Return what *environ* forces, or None; a forced compute capability has no effect without a driver."""
    return nvidia_support(environ, lambda: NO_GPU) if environ.get(FORCE_DRIVER) else None


def nvidia_support(environ: Mapping[str, str], find: Callable[[], Gpus]) -> Detected:
    """Return what NVIDIA GPUs support; *find* detects the facts that *environ* does not force.

    The best compute capability counts, as for the provider. If a forced value is not a version, nothing is
    supported. An empty value forces nothing. A version that the provider does not list counts only if it is
    forced.
    """
    driver_text, capability_text = environ.get(FORCE_DRIVER, ""), environ.get(FORCE_CAPABILITY, "")
    gpus = Gpus(None, (), "") if driver_text and capability_text else find()
    driver, capabilities, warnings = gpus.driver, gpus.capabilities, gpus.warnings
    sources = [gpus.source] if driver else []
    if driver_text:
        driver = forced_driver(driver_text)
        sources.append(setting(FORCE_DRIVER, driver_text))
        if driver is None:
            return Detected({}, f"{sources[-1]}: invalid CUDA version", warnings=warnings)
    elif driver and not is_listed(driver):
        text = f"{gpus.source}: CUDA {'.'.join(map(str, driver))} is unknown to the provider"
        return Detected({}, text, warnings=warnings)
    if capability_text:
        forced = forced_capability(capability_text)
        sources.append(setting(FORCE_CAPABILITY, capability_text))
        if forced is None:
            return Detected({}, f"{sources[-1]}: invalid compute capability", warnings=warnings)
        capabilities = (forced,)
    if driver is None:
        return Detected({}, gpus.source, warnings=warnings)
    best, least = max(capabilities, default=None), min(capabilities, default=None)
    return Detected(
        nvidia_features(driver, best),
        ", ".join(sources),
        warnings=warnings,
        least=None if best == least else nvidia_features(driver, least),
    )


def find_gpus(host: Host) -> Gpus:
    """Ask NVML, or else the CUDA driver, about the NVIDIA GPUs of a machine."""
    answers = ask_libraries(host)
    failures: list[str] = []
    warnings: tuple[Problem, ...] = ()
    for kind, words in ((NVML, "NVML"), (CUDA, "CUDA driver")):
        if (answer := answers.get(kind)) is None:
            continue
        warnings += answer.warnings()
        if answer.version is not None:
            capabilities = tuple((major, minor) for major, minor in answer.devices)
            source = answer.source(words, (f"{major}.{minor}" for major, minor in capabilities))
            return Gpus(_version(answer.version), capabilities, source, warnings)
        failures.append(answer.failure())
    text = f"{_NO_DRIVER} ({'; '.join(failures)})" if failures else _NO_DRIVER
    return Gpus(None, (), text, warnings)


def _version(number: int) -> Version:
    """Return the CUDA version of its number: 12080 is 12.8."""
    return number // 1000, number % 1000 // 10
