"""The facts of the provider `intel`: Intel's GPUs, by the version of their device IP.

The values and their order are those of intel-variant-provider after 0.0.3. Tests compare them with answers of
that plugin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..errors import VariantError, did_you_mean
from .providers import PluginProvider
from .registry_entry import Fact, FactSupport, Features, KnownProvider, Meaning, OpenValues

# With this variable, the provider uses one device IP instead of asking Level Zero.
FORCE_DEVICE_IP = "INTEL_VARIANT_PROVIDER_FORCE_DEVICE_IP"

_FEATURE = "device_ip"

# The known device IPs: GPUs in words, and the device IP whose code they run, too.
_DEVICES: Mapping[str, tuple[str, str | None]] = {
    "35.11.0": ("Crescent Island", None),
    "35.10.4": ("Nova Lake P", None),
    "30.5.4": ("Nova Lake H and U", "30.0.4"),
    "30.4.4": ("Nova Lake S, HX and UL", "30.0.4"),
    "30.3.1": ("Wildcat Lake", "30.0.4"),
    "30.1.0": ("Panther Lake U", "30.0.4"),
    "30.0.4": ("Panther Lake H", None),
    "20.4.4": ("Lunar Lake", "20.1.0"),
    "20.2.0": ("Arc Battlemage G31", "20.1.0"),
    "20.1.0": ("Arc B580 and B570 (Battlemage G21)", None),
    "12.74.4": ("Arrow Lake H", None),
    "12.71.4": ("Meteor Lake H", "12.70.4"),
    "12.70.4": ("Meteor Lake U, Arrow Lake U and S", None),
    "12.60.7": ("Data Center GPU Max (Ponte Vecchio)", None),
    "12.57.0": ("Arc Alchemist G12", "12.55.8"),
    "12.56.5": ("Arc A380 and A310 (Alchemist G11), Data Center GPU Flex 140", "12.55.8"),
    "12.55.8": ("Arc A770, A750 and A580 (Alchemist G10), Data Center GPU Flex 170", None),
    "12.10.0": ("Iris Xe MAX (DG1)", None),
    "12.4.0": ("Alder Lake N", None),
    "12.3.0": ("Alder Lake P, Raptor Lake P", None),
    "12.2.0": ("Alder Lake S, Raptor Lake S", None),
    "12.1.0": ("Rocket Lake", None),
    "12.0.0": ("Tiger Lake", None),
}


def device_ip(number: int) -> str:
    """Return the device IP of a number that Level Zero reports.

    >>> device_ip(0x030F0007)
    '12.60.7'
    """
    return f"{number >> 22}.{number >> 14 & 0xFF}.{number & 0x3F}"


def is_known(device: str) -> bool:
    """Return whether the provider knows a device IP; others support nothing."""
    return device in _DEVICES


def intel_features(devices: Iterable[str]) -> Features:
    """Return the supported values of GPUs with these device IPs: of each its own, and that of its base.

    >>> intel_features(["12.56.5", "12.2.0", "12.55.8"])
    {'device_ip': ('12.56.5', '12.55.8', '12.2.0')}
    """
    return _features(value for device in devices for value in _values_of(device))


def common_intel_features(devices: Sequence[str]) -> Features:
    """Return the values that each of these GPUs supports.

    >>> common_intel_features(["20.2.0", "20.1.0"]), common_intel_features(["12.55.8", "12.2.0"])
    ({'device_ip': ('20.1.0',)}, {})
    """
    values = (value for device in devices for value in _values_of(device))
    return _features(value for value in values if all(value in _values_of(device) for device in devices))


def forced_intel_features(device: str) -> Features:
    """Return the supported values if `FORCE_DEVICE_IP` has this text: none of its base."""
    return _features([device] if is_known(device) else [])


def _features(values: Iterable[str]) -> Features:
    unique = tuple(dict.fromkeys(values))
    return {_FEATURE: unique} if unique else {}


def _values_of(device: str) -> list[str]:
    base = _DEVICES[device][1] if is_known(device) else None
    return [value for value in (device, base) if value and is_known(value)]


def _from_facts(facts: Mapping[str, Sequence[str]]) -> FactSupport:
    """Return what GPUs with the given device IPs support."""
    devices = facts.get("xpu", ())
    for device in devices:
        if not is_known(device):
            text = f"unknown device IP {device!r}{did_you_mean(device, _DEVICES)}"
            raise VariantError(text, remedy="docs/reference/providers.md lists the known ones")
    features, least = intel_features(devices), common_intel_features(devices)
    return FactSupport(features, least=None if least == features else least)


def _forcing(features: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the variable that forces these features; it can force one value, or none."""
    values = features.get(_FEATURE, ())
    return {FORCE_DEVICE_IP: values[0] if values else "none"} if len(values) < 2 else {}


INTEL = KnownProvider(
    PluginProvider(("intel-variant-provider>=0.0.3,<1",), "intel_variant_provider.plugin:IntelVariantPlugin"),
    (*(Meaning(_FEATURE, re.escape(device), f"Intel {words}") for device, (words, _) in _DEVICES.items()),),
    None,
    systems=("linux", "win32"),
    forcing=_forcing,
    open_values={_FEATURE: OpenValues("|".join(map(re.escape, _DEVICES)), ("12.55.8", "20.1.0"))},
    facts={"xpu": Fact("device IP of an Intel GPU", ("12.55.8", "20.1.0"), several=True)},
    from_facts=_from_facts,
)
