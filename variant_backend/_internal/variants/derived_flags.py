"""Derive compiler flags from the properties of a variant, with the facts of `known_providers`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import NamedTuple

from ..errors import VariantError, one_of
from .known_providers import KNOWN_PROVIDERS
from .properties import Property, Variant
from .registry_entry import Flags, KnownProvider

_IN_ENV_APPEND = "remove it, and write the flags in env-append"

# Every other backend compiles something, or has plugins or scripts that do.
_COMPILE_NOTHING = ("flit_core", "uv_build")

# MSVC uses only the last of several flags. In this order, a flag includes the ones before it.
_ARCHITECTURES = ("/arch:SSE4.2", "/arch:AVX", "/arch:AVX2", "/arch:AVX512")


class CompilerTarget(NamedTuple):
    """What a build compiles for: *machines* has several names for a universal macOS wheel.

    With *msvc*, the compiler of C and C++ takes the flags of MSVC, and otherwise those of GCC and Clang.
    """

    machines: tuple[str, ...]
    msvc: bool = False

    @classmethod
    def of(cls, platform: str, environ: Mapping[str, str]) -> CompilerTarget:
        """Return the target of builds by a Python on *platform* (see `sysconfig.get_platform`).

        Like setuptools, it reads ARCHFLAGS on macOS and VSCMD_ARG_TGT_ARCH on Windows.

        >>> CompilerTarget.of("macosx-10.13-universal2", {})
        CompilerTarget(machines=('arm64', 'x86_64'), msvc=False)
        >>> CompilerTarget.of("win-amd64", {"VSCMD_ARG_TGT_ARCH": "arm64"})
        CompilerTarget(machines=('arm64',), msvc=True)
        """
        is_windows = platform.startswith("win")
        known = re.search("x86_64|amd64|aarch64|arm64|universal2", platform)
        machine = known[0] if known else platform.rpartition("-")[2]
        machines = ("arm64", "x86_64") if machine == "universal2" else (machine,)
        if platform.startswith("macosx"):
            machines = (*re.findall(r"-arch\s+(\S+)", environ.get("ARCHFLAGS", "")),) or machines
        elif is_windows and (named := environ.get("VSCMD_ARG_TGT_ARCH")):
            machines = ({"x64": "amd64"}.get(named, named),)
        return cls(machines, is_windows and not re.search("gcc|clang(?!-cl)", environ.get("CC", "")))


def gives_flags(variant: Variant) -> bool:
    """Return whether compiler flags are known for a property of a variant."""
    return any(_is_known(_flags_of(prop)) for prop in variant.properties)


def check_derivable(variant: Variant, backend: str) -> None:
    """Check that flags can be derived from a variant, and that its build *backend* may compile something.

    The backend is empty if it is unknown. Raises VariantError that names the backend or the properties.
    """
    if backend.partition(":")[0].partition(".")[0] in _COMPILE_NOTHING:
        raise VariantError(f"{backend!r} never compiles anything", remedy="remove it")
    if not gives_flags(variant):
        raise VariantError(_no_flags("no compiler flags are known for", variant), remedy=_IN_ENV_APPEND)
    for (namespace, feature), group in groupby(sorted(variant.properties), key=lambda prop: prop.key):
        values = [prop.value for prop in group if _is_known(_flags_of(prop))]
        if len(values) > 1:
            text = f"{namespace} :: {feature} has several values ({one_of(values)})"
            raise VariantError(f"{text}, and the wheel must run with each of them", remedy=_IN_ENV_APPEND)


def derived_flags(variant: Variant, target: CompilerTarget) -> dict[str, str]:
    """Return the compiler flags of a variant by the environment variables that compilers read.

    `check_derivable` has accepted the variant. Raises VariantError if its properties do not exist on the
    target, or if the compiler has flags for none of them.

    >>> variant = Variant.of("v3", [Property("x86_64", "level", "v3")])
    >>> derived_flags(variant, CompilerTarget(("amd64",), msvc=True))
    {'CL': '/arch:AVX2', 'RUSTFLAGS': '-C target-cpu=x86-64-v3'}
    """
    properties = sorted(prop for prop in variant.properties if _is_known(_flags_of(prop)))
    for prop in properties:
        _check_machines(prop, target)
    flags = [_flags_of(prop) for prop in properties]
    rust = " ".join(entry.rust for entry in flags if entry.rust)
    if target.msvc:
        known = [entry.msvc for entry in flags if entry.msvc is not None]
        c = {"CL": max(known, key=_rank, default="")}
    else:
        known = [entry.gnu for entry in flags if entry.gnu is not None]
        march = next(KNOWN_PROVIDERS[prop.namespace].march for prop in properties)
        text = _joined(known, march)
        c = {"CFLAGS": text, "CXXFLAGS": text}
    if not known:
        compiler = "MSVC" if target.msvc else "GCC and Clang"
        raise VariantError(_no_flags(f"{compiler} has no flags for", variant), remedy=_IN_ENV_APPEND)
    return {name: text for name, text in {**c, "RUSTFLAGS": rust}.items() if text}


def _rank(flag: str) -> int:
    """Return the position of a flag of MSVC; a flag of another machine is the only one."""
    return _ARCHITECTURES.index(flag) if flag in _ARCHITECTURES else -1


def _joined(flags: Iterable[str], march: str) -> str:
    """Return flags of GCC and Clang as one text; ``+`` flags follow the last other one, or *march*.

    >>> _joined(["+sve", "-march=armv8.2-a", "+aes"], "-march=armv8-a")
    '-march=armv8.2-a+sve+aes'
    """
    flags = list(flags)
    extensions = "".join(flag for flag in flags if flag.startswith("+"))
    others = [flag for flag in flags if flag and not flag.startswith("+")]
    return " ".join(others or [march] * bool(extensions)) + extensions


def _check_machines(prop: Property, target: CompilerTarget) -> None:
    """Check that a property exists on all machines of a target. Raises VariantError."""
    provider = KNOWN_PROVIDERS[prop.namespace]
    missing = [machine for machine in target.machines if not provider.exists_on(machine)]
    if not missing:
        return
    remedy = f"build this label for a machine named {' or '.join(provider.machines)}"
    if usable := [machine for machine in target.machines if machine not in missing]:
        remedy = f"set the environment variable ARCHFLAGS to '-arch {usable[0]}'"
    raise VariantError(f"{str(prop)!r} does not exist on {' and '.join(missing)}", remedy=remedy)


def _no_flags(text: str, variant: Variant) -> str:
    return f"{text} {one_of(repr(str(prop)) for prop in sorted(variant.properties))}"


def _flags_of(prop: Property) -> Flags:
    provider: KnownProvider | None = KNOWN_PROVIDERS.get(prop.namespace)
    return provider.flags(prop.feature, prop.value) if provider else Flags()


def _is_known(flags: Flags) -> bool:
    return flags.gnu is not None
