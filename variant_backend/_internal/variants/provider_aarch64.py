"""The facts of the provider `aarch64`: 64-bit Arm processors.

The rules for values were measured with real uv, on an interpreter that reports other processors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from ..errors import VariantError, did_you_mean, one_of
from .arm_processors import ARM_MODELS, ARM_VERSIONS, Model, plugin_features
from .providers import PluginProvider
from .registry_entry import Fact, FactSupport, Features, Flags, KnownByUv, KnownProvider, Meaning, OpenValues

# The package whose plugin reports the model of the processor, with other values than uv.
PLUGIN_PACKAGE = "provider-variant-aarch64"

# The versions that uv lists, and the features that each adds, with their names on Linux. Linux does not say
# whether programs may use all instructions of version 8.5a, so uv lists no newer one.
_VERSIONS: Mapping[str, set[str]] = {
    "8a": set(),
    "8.1a": {"fp", "asimd", "crc32", "atomics", "asimdrdm"},
    "8.2a": {"dcpop"},
    "8.3a": {"jscvt", "fcma", "lrcpc", "paca", "pacg"},
    "8.4a": {"fphp", "asimdhp", "asimddp", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm"},
}
_NEWEST = [*_VERSIONS][-1]

# The parts of Apple's processors M1 to M5: their slow and fast cores.
_APPLE = {
    family + core
    for families, cores in (
        ((0x20, 0x30), (0, 1, 2, 3, 4, 5, 8, 9)),
        ((0x40, 0x50, 0x60), (2, 3, 4, 5, 8, 9)),
    )
    for family in families
    for core in cores
}
# The version of the cores that uv knows, by their implementer and their parts in /proc/cpuinfo.
_CORES = (
    ("0x41", {0xD0C}, "8.2a"),  # Arm Neoverse N1
    ("0x41", {0xD40, 0xD49, 0xD4F, 0xD83}, "8.4a"),  # Arm Neoverse V1, N2, V2 and V3AE
    ("0x42", {0x516}, "8.1a"),  # ThunderX2
    ("0x43", {0x0AF}, "8.1a"),  # ThunderX2
    ("0x46", {0x001}, "8.2a"),  # A64FX
    ("0x61", _APPLE, "8.4a"),
    ("0x6d", {0xD49}, "8.4a"),  # Azure Cobalt 100
    ("0xc0", {0xAC3, 0xAC4}, "8.4a"),  # AmpereOne
)


def aarch64_features(version: str = "8a") -> Features:
    """Return the supported values of a processor of this version; all 64-bit Arm processors are at least 8a.

    >>> aarch64_features("8.2a")
    {'version': ('8.2a', '8.1a', '8a')}
    """
    versions = [*_VERSIONS]
    return {"version": (*reversed(versions[: versions.index(version) + 1]),)}


def apple_version(brand: str) -> str:
    """Return the version of a processor by its brand on macOS; the lowest one if uv does not know the brand.

    >>> apple_version("Apple M2 Pro"), apple_version("Apple processor")
    ('8.4a', '8a')
    """
    known = [f"Apple M{number}" for number in range(1, 6)]
    return _NEWEST if " ".join(brand.split()[:2]) in known else "8a"


def linux_version(cores: Iterable[tuple[str, str]], features: Iterable[str]) -> str:
    """Return the version that all cores have: pairs of an implementer and a part, with common features.

    >>> features = [name for names in _VERSIONS.values() for name in names]
    >>> linux_version([("0x41", "0xd40"), ("0x41", "0xd0c")], features)
    '8.2a'
    """
    versions = [*_VERSIONS]
    limit = min((versions.index(_core_version(*core)) for core in cores), default=0)
    best = "8a"
    for version in versions[1 : limit + 1]:
        if not _VERSIONS[version] <= {*features}:
            break
        best = version
    return best


def model_version(model: Model) -> str:
    """Return the version that uv supports on processors of a model.

    >>> [model_version(ARM_MODELS[name]) for name in ("neoverse_v1", "neoverse_n1", "cortex_a72", "m4")]
    ['8.4a', '8.2a', '8a', '8.4a']
    """
    if model.name[0] == "m":
        return apple_version(f"Apple {model.name.upper()}")
    return _core_version(model.implementer, model.part)


def _from_facts(facts: Mapping[str, Sequence[str]]) -> FactSupport:
    """Return what processors of a given version or model support, or else every 64-bit Arm processor."""
    value = next(iter(facts.get("aarch64", ())), "8a").lower()
    if model := ARM_MODELS.get(value):
        version = model_version(model)
    elif value in ARM_VERSIONS:
        version = value if value in _VERSIONS else _NEWEST
    else:
        text = f"unknown version or processor {value!r}{did_you_mean(value, [*ARM_VERSIONS, *ARM_MODELS])}"
        remedy = f"write a version ({one_of(ARM_VERSIONS)}) or a processor ({one_of(ARM_MODELS)})"
        raise VariantError(text, remedy=remedy)
    return FactSupport(aarch64_features(version), {PLUGIN_PACKAGE: plugin_features(model or value)})


def _core_version(implementer: str, part: str) -> str:
    number = int(part, 16) if re.fullmatch("0x[0-9a-fA-F]{1,4}", part) else None
    known = (version for other, parts, version in _CORES if other == implementer and number in parts)
    return next(known, "8a")


def _chain(feature: str, value: str) -> tuple[str, tuple[int, ...]] | None:
    """Return the chain and the position of a version that uv lists, or None."""
    versions = [*_VERSIONS]
    return ("version", (versions.index(value),)) if feature == "version" and value in versions else None


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
            {
                "8.1a": "ThunderX2",
                "8.2a": "Neoverse N1, Graviton2",
                "8.4a": "Neoverse V1, Graviton3, Apple M1",
            },
        ),
        Meaning(
            "version",
            r"9\.0a",
            "processors with Armv9-A",
            Flags("-march=armv9-a", "/arch:armv9.0", "-C target-feature=+v9a"),
            {"9.0a": "Neoverse V2, Graviton4, Grace"},
        ),
    ),
    KnownByUv(
        "aarch64-variant-provider",
        "0.2.0",
        (None, "aarch64_variant_provider"),
        partial(aarch64_features, _NEWEST),
    ),
    machines=("aarch64", "arm64"),
    assumed=aarch64_features(),
    open_values={"version": OpenValues(r"8a|[89]\.\d+a", ("8a", "8.2a"))},
    switches=(*_SWITCHES.split(),),
    switch_flags={
        switch: Flags(gnu=f"+{name}", rust=f"-C target-feature=+{name}")
        for switch, name in _EXTENSIONS.items()
    },
    march="-march=armv8-a",
    facts={"aarch64": Fact("the version or the model of the Arm processor", ("8.4a", "neoverse_v1"))},
    from_facts=_from_facts,
    chain=_chain,
)
