"""The facts of the provider `x86_64`: the levels of 64-bit x86 processors.

How values are computed was measured: real uv was asked which values it supports, and tests ask it again.
"""

from __future__ import annotations

from collections.abc import Iterable

from .providers import PluginProvider
from .registry_entry import Features, KnownByUv, KnownProvider, Meaning

# What each level adds (x86-64 psABI), under Linux' names for it.
_LEVELS = (
    ("v2", {"sse3", "ssse3", "sse4_1", "sse4_2", "cx16", "lahf_lm", "popcnt"}),
    ("v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe"}),
    ("v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
)
# Other names of the same flags: Linux has some from AMD and from before SSE3 was called so, macOS its own.
_SAME_FLAG = {"pni": "sse3", "abm": "lzcnt", "lahf": "lahf_lm", "avx1.0": "avx"}


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


# What the provider's package reports besides levels, and what later releases of its archspec library know.
_SWITCHES = """
    avx2 3dnow 3dnowext abm adx aes amx_bf16 amx_int8 amx_tile avx avx512_bf16 avx512_bitalg
    avx512_fp16 avx512_vbmi2 avx512_vnni avx512_vp2intersect avx512_vpopcntdq avx512bw avx512cd
    avx512dq avx512er avx512f avx512ifma avx512pf avx512vbmi avx512vl avx_ifma avx_ne_convert
    avx_vnni avx_vnni_int16 avx_vnni_int8 bmi1 bmi2 cldemote clflushopt clwb clzero cmpccxadd cppc
    cx16 f16c flush_l1d fma fma4 fsgsbase gfni ibrs_enhanced lahf_lm mmx movbe movdir64b movdiri
    pclmulqdq pku popcnt rdpid rdrand rdseed serialize sha512 sha_ni sm3 sm4 sse sse2 sse3 sse4_1
    sse4_2 sse4a ssse3 tbm tsc_adjust vaes vpclmulqdq waitpkg xop xsave xsavec xsaveopt
"""

X86_64 = KnownProvider(
    PluginProvider(("x86-64-variant-provider>=0.2,<0.3",)),
    (
        Meaning("level", "v1", "every 64-bit x86 processor", "-march=x86-64"),
        Meaning("level", "v2", "processors with SSE4.2 and POPCNT", "-march=x86-64-v2"),
        Meaning("level", "v3", "processors with AVX2, BMI2 and FMA", "-march=x86-64-v3"),
        Meaning("level", "v4", "processors with AVX-512 F, BW, CD, DQ and VL", "-march=x86-64-v4"),
    ),
    KnownByUv(
        "x86-64-variant-provider",
        "0.2.1",
        (None, "x86_64_variant_provider"),
        {"level": "v[1-4]"},
        "[a-z0-9_]+ :: on",
    ),
    machines=("x86_64", "amd64"),
    switches=(*_SWITCHES.split(),),
)
