"""What makes one run of a machine another one: its boot, and the container in which a process runs."""

from __future__ import annotations

import time
from contextlib import suppress

from ..errors import VariantError
from .host import Host
from .sysctl import sysctl, sysctl_text


def situation(host: Host) -> tuple[str, ...] | None:
    """Return texts that are others after a boot, on another machine and in another container.

    None if the system does not tell one boot from another. On Linux, containers of one boot have other mounts
    or control groups, which may hide devices.
    """
    try:
        boot = _BOOTS[host.system](host) if host.system in _BOOTS else None
        groups = host.text("/proc/self/cgroup") or ""
    except (VariantError, OSError, AttributeError):  # AttributeError: a library lacks the function
        return None
    mounts = ""
    with suppress(OSError):
        mounts = str(host.path("/proc/self/ns/mnt").readlink())
    return (boot, mounts, groups) if boot else None


def _linux_boot(host: Host) -> str | None:
    return host.text("/proc/sys/kernel/random/boot_id")


def _macos_boot(_: Host) -> str | None:
    return sysctl_text(sysctl(b"kern.bootsessionuuid"))


def _windows_boot(_: Host) -> str | None:
    import ctypes

    ticks = ctypes.CDLL("kernel32").GetTickCount64
    ticks.restype = ctypes.c_uint64
    return minute_of_boot(time.time(), ticks())


def minute_of_boot(now: float, milliseconds: int) -> str:
    """Return the minute of the boot, from the seconds since 1970 and the milliseconds since the boot.

    >>> minute_of_boot(1_000_000.0, 60_000) == minute_of_boot(1_000_009.9, 70_000)
    True
    """
    return str(round((now - milliseconds / 1000) / 60))


_BOOTS = {"linux": _linux_boot, "darwin": _macos_boot, "win32": _windows_boot}
