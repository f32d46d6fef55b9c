"""The facts of the provider `x86_64`: the levels of 64-bit x86 processors.

The rules for values were measured with real uv, and tests repeat these measurements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from .providers import PluginProvider
from .registry_entry import (
    Fact,
    FactSupport,
    Features,
    Flags,
    KnownByUv,
    KnownProvider,
    Meaning,
    invalid_fact,
)

# The flags that each level adds (x86-64 psABI), with their names on Linux.
_LEVELS = (
    ("v2", {"sse3", "ssse3", "sse4_1", "sse4_2", "cx16", "lahf_lm", "popcnt"}),
    ("v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe"}),
    ("v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
)
# Other names of the same flags: Linux has old names and names from AMD, and macOS has its own.
_SAME_FLAG = {"pni": "sse3", "abm": "lzcnt", "lahf": "lahf_lm", "avx1.0": "avx", "avx2.0": "avx2"}


def x86_64_features(flags: Iterable[str]) -> Features:
    """Return the levels of a processor with these flags, as Linux or macOS names them.

    >>> x86_64_features(["pni", "ssse3", "sse4_1", "sse4_2", "cx16", "lahf_lm", "popcnt", "avx2"])
    {'level': ('v2', 'v1')}
    """
    lower = {flag.lower() for flag in flags}
    present = {_SAME_FLAG.get(flag, flag.replace("sse4.", "sse4_")) for flag in lower}
    levels = ["v1"]
    for level, needed in _LEVELS:
        if not needed <= present:
            break
        levels.insert(0, level)
    return {"level": tuple(levels)}


def _all_features() -> Features:
    """Return all levels."""
    return x86_64_features(flag for _, flags in _LEVELS for flag in flags)


def _from_facts(facts: Mapping[str, Sequence[str]]) -> FactSupport:
    """Return what a processor of the level in the fact ``x86_64`` supports; without it, of v1."""
    levels = _all_features()["level"]
    level = next(iter(facts.get("x86_64", ())), levels[-1])
    if level not in levels:
        raise invalid_fact("x86_64", level, f"one of these levels: {', '.join(reversed(levels))}")
    return FactSupport({"level": levels[levels.index(level) :]})


def _chain(feature: str, value: str) -> tuple[str, tuple[int, ...]] | None:
    """Return the chain and the position of a level, None for other features."""
    levels = _all_features()["level"]
    return ("level", (-levels.index(value),)) if feature == "level" and value in levels else None


# Other features of the provider's package, and of later releases of its archspec library.
_SWITCHES = """
    avx2 3dnow 3dnowext abm adx aes amx_bf16 amx_int8 amx_tile avx avx512_bf16 avx512_bitalg
    avx512_fp16 avx512_vbmi2 avx512_vnni avx512_vp2intersect avx512_vpopcntdq avx512bw avx512cd
    avx512dq avx512er avx512f avx512ifma avx512pf avx512vbmi avx512vl avx_ifma avx_ne_convert
    avx_vnni avx_vnni_int16 avx_vnni_int8 bmi1 bmi2 cldemote clflushopt clwb clzero cmpccxadd cppc
    cx16 f16c flush_l1d fma fma4 fsgsbase gfni ibrs_enhanced lahf_lm mmx movbe movdir64b movdiri
    pclmulqdq pku popcnt rdpid rdrand rdseed serialize sha512 sha_ni sm3 sm4 sse sse2 sse3 sse4_1
    sse4_2 sse4a ssse3 tbm tsc_adjust vaes vpclmulqdq waitpkg xop xsave xsavec xsaveopt
"""

# A switch, its option of GCC and Clang without `-m`, and its feature of Rust.
_COMPILED = """
    abm lzcnt lzcnt | adx adx adx | aes aes aes | amx_bf16 amx-bf16 amx-bf16 | amx_int8 amx-int8 amx-int8
    amx_tile amx-tile amx-tile | avx avx avx | avx2 avx2 avx2 | avx512_bf16 avx512bf16 avx512bf16
    avx512_bitalg avx512bitalg avx512bitalg | avx512_fp16 avx512fp16 avx512fp16
    avx512_vbmi2 avx512vbmi2 avx512vbmi2 | avx512_vnni avx512vnni avx512vnni
    avx512_vpopcntdq avx512vpopcntdq avx512vpopcntdq | avx512bw avx512bw avx512bw
    avx512cd avx512cd avx512cd | avx512dq avx512dq avx512dq | avx512f avx512f avx512f
    avx512ifma avx512ifma avx512ifma | avx512vbmi avx512vbmi avx512vbmi | avx512vl avx512vl avx512vl
    avx_vnni avxvnni avxvnni | bmi1 bmi bmi1 | bmi2 bmi2 bmi2 | cx16 cx16 cmpxchg16b | f16c f16c f16c
    fma fma fma | gfni gfni gfni | lahf_lm sahf lahfsahf | movbe movbe movbe
    pclmulqdq pclmul pclmulqdq | popcnt popcnt popcnt | rdrand rdrnd rdrand | rdseed rdseed rdseed
    sha_ni sha sha | sse sse sse | sse2 sse2 sse2 | sse3 sse3 sse3 | sse4_1 sse4.1 sse4.1
    sse4_2 sse4.2 sse4.2 | sse4a sse4a sse4a | ssse3 ssse3 ssse3 | tbm tbm tbm | vaes vaes vaes
    vpclmulqdq vpclmulqdq vpclmulqdq | xop xop xop
"""
# MSVC has no flag for any other switch; it always uses SSE2. Before Visual Studio 2022 17.14, it ignores
# /arch:SSE4.2 with the warning D9002.
_MSVC = {"sse": "", "sse2": "", "sse4_2": "/arch:SSE4.2", "avx": "/arch:AVX", "avx2": "/arch:AVX2"}


def _level(name: str, words: str, msvc: str) -> Meaning:
    cpu = "x86-64" if name == "v1" else f"x86-64-{name}"
    return Meaning("level", name, words, Flags(f"-march={cpu}", msvc, f"-C target-cpu={cpu}"))


X86_64 = KnownProvider(
    PluginProvider(("x86-64-variant-provider>=0.2,<0.3",)),
    (
        _level("v1", "every 64-bit x86 processor", ""),
        _level(
            "v2",
            "processors with SSE4.2 and POPCNT (x86-64-v2: Nehalem, Bulldozer and newer)",
            "/arch:SSE4.2",
        ),
        _level(
            "v3",
            "processors with AVX2, BMI2 and FMA (x86-64-v3: Haswell, Zen and most newer ones)",
            "/arch:AVX2",
        ),
        _level(
            "v4",
            "processors with AVX-512 F, BW, CD, DQ and VL (x86-64-v4: Skylake-SP, Ice Lake, Zen 4)",
            "/arch:AVX512",
        ),
    ),
    KnownByUv(
        "x86-64-variant-provider",
        "0.2.1",
        (None, "x86_64_variant_provider"),
        _all_features,
    ),
    machines=("x86_64", "amd64"),
    assumed=x86_64_features(_LEVELS[0][1]),
    facts={"x86_64": Fact("the level of an x86-64 processor", ("v3", "v4"))},
    from_facts=_from_facts,
    switches=(*_SWITCHES.split(),),
    switch_flags={
        switch: Flags(f"-m{option}", _MSVC.get(switch), f"-C target-feature=+{feature}")
        for switch, option, feature in re.findall(r"([\w.-]+) ([\w.-]+) ([\w.-]+)", _COMPILED)
    },
    chain=_chain,
)
