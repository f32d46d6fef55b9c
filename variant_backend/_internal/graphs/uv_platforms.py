"""The platforms that uv can resolve for, by platform tag. Measured with uv 0.13."""

from __future__ import annotations

import re

from ..errors import RequestError

# The versions of glibc that uv knows, by the number after `2.`.
_GLIBC = (17, 28, *range(31, 41))
_MACHINES = {"x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_WINDOWS = {"win_amd64": "x86_64", "win_arm64": "aarch64", "win32": "i686"}


def uv_platform(tag: str) -> str:
    """Return the value of uv's ``--python-platform`` for a platform tag; raises RequestError.

    It is the nearest one that is not newer, so uv selects no release whose wheels do not fit. The offer lists
    the wheels for the platform itself.

    >>> uv_platform("manylinux_2_30_x86_64"), uv_platform("macosx_14_0_arm64")
    ('x86_64-manylinux_2_28', 'aarch64-apple-darwin')
    """
    if tag in _WINDOWS:
        return f"{_WINDOWS[tag]}-pc-windows-msvc"
    match = re.fullmatch(r"(manylinux|musllinux|linux|macosx)_(?:\d+_(\d+)_)?(\w+)", tag)
    family, minor, machine = match.groups() if match else ("", None, "")
    if family in ("manylinux", "linux") and machine == "riscv64":
        return "riscv64-unknown-linux"
    if machine not in _MACHINES:
        remedy = "use --resolver pip with a Python on such a machine"
        raise RequestError(f"uv cannot resolve for the platform {tag!r}", remedy=remedy)
    if family == "musllinux":
        return f"{_MACHINES[machine]}-unknown-linux-musl"
    if family == "macosx":
        return f"{_MACHINES[machine]}-apple-darwin"
    glibc = max((known for known in _GLIBC if known <= int(minor or 0)), default=_GLIBC[0])
    return f"{_MACHINES[machine]}-manylinux_2_{glibc}"


def macos_version(tag: str) -> str | None:
    """Return the version of a tag of macOS, as in MACOSX_DEPLOYMENT_TARGET; None for another system."""
    match = re.fullmatch(r"macosx_(\d+)_(\d+)_\w+", tag)
    return f"{match[1]}.{match[2]}" if match else None
