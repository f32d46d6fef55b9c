"""The facts of the provider `aarch64`: 64-bit Arm processors."""

from __future__ import annotations

from .providers import PluginProvider
from .registry_entry import Features, KnownByUv, KnownProvider, Meaning


def aarch64_features() -> Features:
    """Return what every 64-bit Arm processor supports."""
    return {"version": ("8a",)}


AARCH64 = KnownProvider(
    PluginProvider(("aarch64-variant-provider",)),
    (Meaning("version", "8a", "every 64-bit Arm processor", "-march=armv8-a"),),
    KnownByUv("aarch64-variant-provider", "0.2.0", (None, "aarch64_variant_provider")),
    machines=("aarch64", "arm64"),
)
