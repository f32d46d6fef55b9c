"""The facts of the provider `aarch64`: 64-bit Arm processors."""

from __future__ import annotations

from .providers import PluginProvider
from .registry_entry import Features, Flags, KnownByUv, KnownProvider, Meaning, OpenValues


def aarch64_features() -> Features:
    """Return the supported values of every 64-bit Arm processor."""
    return {"version": ("8a",)}


# Other features of the provider's package, and of later releases of its archspec library.
# `asimdrdmatomics` and `btiecv` join two names each, because the package lacks two commas.
_SWITCHES = """
    sve aes afp asimd asimddp asimdfhm asimdhp asimdrdm asimdrdmatomics atomics bf16 bti btiecv
    cpuid crc32 dcpodp dcpop dgh dit ecv evtstrm f8cvt f8dp2 f8dp4 f8e4m3 f8e5m2 f8fma faminmax fcma
    flagm flagm2 fp fphp fpmr frint i8mm ilrcpc jscvt lrcpc ls64 lut paca pacg pmull rng sb sha1
    sha2 sha3 sha512 sm3 sm4 sme sme2 ssbs sve2 sveaes svebf16 svebitperm svei8mm svepmull svesha3
    svesm4 uscat wfxt
"""

# The names of switches in compilers: GCC, Clang and Rust use the same ones. MSVC has no such flags.
_EXTENSIONS = {
    **{name: name for name in ("aes", "bf16", "i8mm", "sb", "sha2", "sha3", "sm4", "ssbs", "sve", "sve2")},
    "asimddp": "dotprod",
    "asimdhp": "fp16",
    "atomics": "lse",
    "crc32": "crc",
    "lrcpc": "rcpc",
    "svebitperm": "sve2-bitperm",
}

AARCH64 = KnownProvider(
    PluginProvider(("aarch64-variant-provider",)),
    (
        Meaning("version", "8a", "every 64-bit Arm processor", Flags("-march=armv8-a", "", "")),
        Meaning(
            "version",
            r"([89]\.[1-9]\d*)a",
            r"processors with Armv\1-A",
            Flags(r"-march=armv\1-a", r"/arch:armv\1", r"-C target-feature=+v\1a"),
        ),
        Meaning(
            "version",
            r"9\.0a",
            "processors with Armv9-A",
            Flags("-march=armv9-a", "/arch:armv9.0", "-C target-feature=+v9a"),
        ),
    ),
    KnownByUv("aarch64-variant-provider", "0.2.0", (None, "aarch64_variant_provider")),
    machines=("aarch64", "arm64"),
    assumed=aarch64_features(),
    open_values={"version": OpenValues(r"8a|[89]\.\d+a", ("8a", "8.2a"))},
    switches=(*_SWITCHES.split(),),
    switch_flags={
        switch: Flags(gnu=f"+{name}", rust=f"-C target-feature=+{name}")
        for switch, name in _EXTENSIONS.items()
    },
    march="-march=armv8-a",
)
