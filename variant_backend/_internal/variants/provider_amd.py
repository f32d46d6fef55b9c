"""The facts of the provider `amd`: AMD GPUs and ROCm.

Two packages report this namespace. The wheels of PyTorch require amd-variant-provider, which asks the tools
of ROCm. rocm-bootstrap reads what the kernel says about GPUs. The rules for values are those of
amd-variant-provider 0.0.2 and rocm-bootstrap 0.3.0; tests compare them with these packages or their answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..errors import VariantError
from .providers import PluginProvider
from .registry_entry import Fact, FactSupport, Features, KnownProvider, Meaning, OpenValues

# With these variables, amd-variant-provider uses the given facts instead of detecting them, ...
FORCE_GFX = "AMD_VARIANT_PROVIDER_FORCE_GFX_ARCH"
FORCE_ROCM = "AMD_VARIANT_PROVIDER_FORCE_ROCM_VERSION"
# ... and rocm-bootstrap does so with this one.
FORCE_BOOTSTRAP = "ROCM_BOOTSTRAP_FORCE_GFX_ARCH"

# The other package, and the GPU architectures that it knows.
BOOTSTRAP = "rocm-bootstrap"
_BOOTSTRAP_KNOWS = """
    gfx900 gfx902 gfx904 gfx906 gfx908 gfx909 gfx90a gfx90c gfx942 gfx950 gfx1010 gfx1011 gfx1012 gfx1013
    gfx1030 gfx1031 gfx1032 gfx1033 gfx1034 gfx1035 gfx1036 gfx1100 gfx1101 gfx1102 gfx1103 gfx1150 gfx1151
    gfx1152 gfx1153 gfx1200 gfx1201 gfx1250 gfx1250-strict gfx1251
"""
# It uses the wheels of another architecture for this one.
_OWNERS = {"gfx1250-strict": "gfx1250"}

_GFX = "gfx[0-9][0-9a-z_]*"
_ROCM = r"[0-9]+\.[0-9]+"


def gfx_name(version: int) -> str | None:
    """Return the name of the architecture that the kernel gives as a number, or None if it is invalid.

    >>> gfx_name(90402), gfx_name(90010), gfx_name(110501), gfx_name(90099)
    ('gfx942', 'gfx90a', 'gfx1151', None)
    """
    major, minor, step = version // 10000, version // 100 % 100, version % 100
    return f"gfx{major}{minor:x}{step:x}" if 0 < major < 100 and max(minor, step) < 16 else None


def amd_features(gfx: Iterable[str], rocm: str | None) -> Features:
    """Return what amd-variant-provider supports with these architectures, best first, and a ROCm version.

    >>> amd_features(["gfx942"], "7.0")
    {'gfx_arch': ('gfx942',), 'rocm_version': ('7.0',)}
    """
    features = {"gfx_arch": tuple(dict.fromkeys(gfx)), "rocm_version": (rocm,) if rocm else ()}
    return {name: values for name, values in features.items() if values}


def bootstrap_features(gfx: Iterable[str]) -> Features:
    """Return what rocm-bootstrap supports with these architectures, best first; it ignores ROCm.

    >>> bootstrap_features(["gfx1100", "gfx803", "gfx1036", "gfx1100"])
    {'gfx_arch': ('gfx1100', 'gfx1036')}
    """
    values = tuple(dict.fromkeys(_OWNERS.get(name, name) for name in gfx if is_known_to_bootstrap(name)))
    return {"gfx_arch": values} if values else {}


def is_known_to_bootstrap(gfx: str) -> bool:
    """Return whether rocm-bootstrap knows an architecture; with any other, it fails."""
    return gfx in _BOOTSTRAP_KNOWS.split()


def forced_gfx(text: str) -> tuple[str, ...] | None:
    """Parse the value of `FORCE_GFX`: names, best first. None if one is invalid.

    >>> forced_gfx("gfx942; gfx90a,gfx1100"), forced_gfx(" , "), forced_gfx("gfx942 MI300")
    (('gfx942', 'gfx90a', 'gfx1100'), (), None)
    """
    names = [name for name in re.split(r"[,\s;]+", text) if name]
    return tuple(names) if all(re.fullmatch(_GFX, name) for name in names) else None


def forced_rocm(text: str) -> str | None:
    """Parse the value of `FORCE_ROCM`: three numbers, of which the last one has no effect. None if invalid.

    >>> forced_rocm("7.0.0"), forced_rocm("7.0")
    ('7.0', None)
    """
    parts = text.strip().split(".")
    version = ".".join(parts[:2])
    return version if len(parts) == 3 and re.fullmatch(_ROCM, version) else None


def forced_bootstrap(text: str) -> tuple[str, ...] | None:
    """Parse the value of `FORCE_BOOTSTRAP`: names, best first. None if rocm-bootstrap does not know one.

    >>> forced_bootstrap("gfx1100, gfx942,"), forced_bootstrap("gfx803")
    (('gfx1100', 'gfx942'), None)
    """
    names = [name for part in text.split(",") if (name := part.strip())]
    return tuple(names) if all(map(is_known_to_bootstrap, names)) else None


def rocm_of_file(text: str) -> str | None:
    """Return the ROCm version in the text of ``.info/version``, such as 7.0.0-38. None if it is invalid.

    >>> rocm_of_file("7.0.0-38"), rocm_of_file("6.4"), rocm_of_file("7.0.0rc1")
    ('7.0', '6.4', None)
    """
    try:
        major, minor, *_ = [int(part) for part in re.split("[.-]", text)[:3]]
    except ValueError:  # another text, one number only, or more digits than Python converts
        return None
    return f"{major}.{minor}"


def _from_facts(facts: Mapping[str, Sequence[str]]) -> FactSupport:
    """Return what the facts `gfx` and `rocm` support; the given order is that of the GPUs."""
    gfx = facts.get("gfx", ())
    for name in gfx:
        if not re.fullmatch(_GFX, name):
            raise VariantError(
                f"expected a GPU architecture, got {name!r}", remedy="write a name such as gfx942"
            )
    rocm = None
    for text in facts.get("rocm", ()):
        if not re.fullmatch(rf"{_ROCM}(\.[0-9]+)?", text):
            raise VariantError(f"expected a ROCm version, got {text!r}", remedy="write a version such as 7.0")
        rocm = ".".join(text.split(".")[:2])
    return FactSupport(amd_features(sorted(gfx), rocm), {BOOTSTRAP: bootstrap_features(gfx)})


# AMD's families of GPUs, by the names of their architectures.
_FAMILIES = (
    ("gfx90[0249]", "AMD Vega"),
    ("gfx906", "AMD MI50, MI60 and Radeon VII"),
    ("gfx908", "AMD MI100"),
    ("gfx90a", "AMD MI200"),
    ("gfx90c", "AMD Ryzen 4000 and 5000"),
    ("gfx942", "AMD MI300"),
    ("gfx950", "AMD MI350"),
    ("gfx101[0-3]", "AMD RDNA 1"),
    ("gfx103[0-6]", "AMD RDNA 2"),
    ("gfx110[0-3]", "AMD RDNA 3"),
    ("gfx115[0-3]", "AMD RDNA 3.5"),
    ("gfx120[01]", "AMD RDNA 4"),
    (_GFX, "AMD GPUs"),
)

AMD = KnownProvider(
    PluginProvider(("amd-variant-provider>=0.0.2,<1",), "amd_variant_provider.plugin:AMDVariantPlugin"),
    (
        *(Meaning("gfx_arch", values, rf"{family} (\g<0>)") for values, family in _FAMILIES),
        Meaning("rocm_version", _ROCM, r"ROCm \g<0>"),
    ),
    None,
    systems=("linux",),
    open_values={
        "gfx_arch": OpenValues(_GFX, ("gfx942", "gfx1100")),
        "rocm_version": OpenValues(_ROCM, ("7.0", "6.4")),
    },
    facts={
        "gfx": Fact("the architecture of an AMD GPU", ("gfx942", "gfx1100"), several=True),
        "rocm": Fact("the version of ROCm", ("7.0", "7.1")),
    },
    from_facts=_from_facts,
)
