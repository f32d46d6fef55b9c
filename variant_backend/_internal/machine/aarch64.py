"""Detect what a 64-bit Arm processor supports, from what the system says about its cores."""

from __future__ import annotations

from ..errors import VariantError
from ..formats.hardware_file import Detected
from ..variants.arm_processors import Model, apple_model, linux_model, plugin_features
from ..variants.provider_aarch64 import PLUGIN_PACKAGE, aarch64_features, apple_version, linux_version
from .cpuinfo import CPUINFO, entries, first_entry
from .host import Host
from .sysctl import sysctl, sysctl_text

_BRAND = "machdep.cpu.brand_string"
_EVERY = "every 64-bit Arm processor"


def detect_aarch64(host: Host) -> Detected:
    """Return the versions of the processor for uv, and the values of its model for another plugin.

    No environment variable forces them.
    """
    if host.system == "darwin":
        brand = sysctl_text(sysctl(_BRAND.encode()))
        return _detected(f"sysctl {_BRAND}", apple_version(brand), apple_model(brand))
    try:
        text = host.text(CPUINFO) if host.system == "linux" else None
    except VariantError as error:
        return _detected(_EVERY)._replace(warnings=error.problems)
    if text is None:  # some sandboxes hide the file
        return _detected(_EVERY)
    return _detected(f"cores and features in {CPUINFO}", version_of_cpuinfo(text), model_of_cpuinfo(text))


def _detected(source: str, version: str = "8a", model: Model | None = None) -> Detected:
    source = f"{source}, model {model.name}" if model else source
    return Detected(aarch64_features(version), source, {PLUGIN_PACKAGE: plugin_features(model)})


def version_of_cpuinfo(text: str) -> str:
    """Return the version of a processor by the text of /proc/cpuinfo, which describes each core."""
    cores = []
    features: list[str] = []
    for fields in entries(text):
        if "processor" in fields:
            cores.append((fields.get("CPU implementer", ""), fields.get("CPU part", "")))
            features = fields.get("Features", "").split()
    return linux_version(cores, features)


def model_of_cpuinfo(text: str) -> Model | None:
    """Return the model of the first core in the text of /proc/cpuinfo; archspec reads no other core."""
    fields = first_entry(text)
    features = fields.get("Features", "").split()
    return linux_model(fields.get("CPU implementer", ""), fields.get("CPU part", ""), features)
