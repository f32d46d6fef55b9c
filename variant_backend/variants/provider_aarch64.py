"""The facts of the provider `aarch64`: 64-bit Arm processors."""

from __future__ import annotations

from .providers import PluginProvider
from .registry_entry import Features, KnownByUv, KnownProvider, Meaning, OpenValues


def aarch64_features() -> Features:
    """Return what every 64-bit Arm processor supports."""
    return {"version": ("8a",)}


# What the provider's package reports besides versions, and what later releases of its archspec library know.
# `asimdrdmatomics` and `btiecv` are two names each, without the comma that the package lacks.
_SWITCHES = """
    sve aes afp asimd asimddp asimdfhm asimdhp asimdrdm asimdrdmatomics atomics bf16 bti btiecv
    cpuid crc32 dcpodp dcpop dgh dit ecv evtstrm f8cvt f8dp2 f8dp4 f8e4m3 f8e5m2 f8fma faminmax fcma
    flagm flagm2 fp fphp fpmr frint i8mm ilrcpc jscvt lrcpc ls64 lut paca pacg pmull rng sb sha1
    sha2 sha3 sha512 sm3 sm4 sme sme2 ssbs sve2 sveaes svebf16 svebitperm svei8mm svepmull svesha3
    svesm4 uscat wfxt
"""

AARCH64 = KnownProvider(
    PluginProvider(("aarch64-variant-provider",)),
    (Meaning("version", "8a", "every 64-bit Arm processor", "-march=armv8-a"),),
    KnownByUv("aarch64-variant-provider", "0.2.0", (None, "aarch64_variant_provider")),
    machines=("aarch64", "arm64"),
    open_values={"version": OpenValues(r"8a|[89]\.\d+a", ("8a", "8.2a"))},
    switches=(*_SWITCHES.split(),),
)
