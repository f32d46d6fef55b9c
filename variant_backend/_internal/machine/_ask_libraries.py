"""Ask the libraries of GPU drivers about their devices, and print an answer for each library.

This program runs in any Python, and needs only the standard library. A library may crash it, or may never
return.

    python -I -S _ask_libraries.py KIND=LIBRARY...

KIND is ``nvml``, ``cuda`` or ``level_zero``. LIBRARY is the name or the path of the library. ``cuda`` is not
asked if ``nvml`` has answered before. The program prints a line of JSON for each library, in the given order,
as soon as it has answered:

    {"version": ..., "devices": [[...], ...], "error": ...}

``version`` is the number of the newest CUDA version that the driver supports (12080 is 12.8), or null. Each
device is its compute capability, as two numbers, or the number of its device IP. If a call fails, ``error``
is one line about the first one, and else null; the facts from other calls are printed. The output of the
libraries themselves goes to stderr. The exit code is 0 if all libraries are asked.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ctypes import byref, c_char, c_int, c_uint, c_uint32, c_void_p
from typing import Any

# No machine has more. A count above that is garbage.
_MOST_DEVICES = 1024
_LARGEST_MAJOR, _LARGEST_MINOR = 255, 9
# CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of cuda.h.
_CAPABILITY = (75, 76)
# The PCI vendor of Intel, and numbers of ze_api.h.
_INTEL = 0x8086
_GPU_DRIVERS = 1
_DESCRIPTION, _PROPERTIES, _IP_VERSION = 0x20021, 0x3, 0x1000F


class _FailedError(Exception):
    """A library reports an error or impossible facts; the text says which."""


class _ReportedFacts:
    """The facts that a library has reported so far."""

    def __init__(self) -> None:
        self.version: int | None = None
        self.devices: list[list[int]] = []
        self.error: str | None = None

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keep the first error of calls, and go on after them."""
        try:
            yield
        except _FailedError as error:
            self.error = self.error or str(error)

    def check_capabilities(self) -> None:
        """Raise an error for an impossible compute capability."""
        for major, minor in self.devices:
            if not (0 < major <= _LARGEST_MAJOR and 0 <= minor <= _LARGEST_MINOR):
                self.devices = []
                raise _FailedError(f"reports compute capability {major}.{minor}")


class _Description(ctypes.Structure):
    """``ze_init_driver_type_desc_t``, and ``ze_device_ip_version_ext_t``, which has the same form."""

    _fields_ = (("type", c_uint32), ("next", c_void_p), ("number", c_uint32))


class _Properties(ctypes.Structure):
    """``ze_device_properties_t``: only its start is read, and newer ones may be longer."""

    _fields_ = (
        ("type", c_uint32),
        ("next", c_void_p),
        ("device_type", c_uint32),
        ("vendor", c_uint32),
        ("others", c_char * 1024),
    )


def _call(library: ctypes.CDLL, name: str, *arguments: object) -> None:
    """Call a function that returns 0 if it succeeds; raises AttributeError if it is missing."""
    if (result := getattr(library, name)(*arguments) & 0xFFFFFFFF) != 0:
        raise _FailedError(f"{name} returned {result if result < 10_000 else hex(result)}")


def _checked(count: int) -> int:
    if not 0 <= count <= _MOST_DEVICES:
        raise _FailedError(f"reports {count} devices")
    return count


def _ask_nvml(library: ctypes.CDLL, facts: _ReportedFacts) -> None:
    """Ask NVML. Devices that it cannot read are skipped, with an error; without a count, there are none."""
    _call(library, "nvmlInit_v2")
    try:
        version, count = c_int(), c_uint()
        try:  # the version of libcuda, which may be newer than that of the driver
            _call(library, "nvmlSystemGetCudaDriverVersion_v2", byref(version))
        except (_FailedError, AttributeError):
            _call(library, "nvmlSystemGetCudaDriverVersion", byref(version))
        with facts.noting():
            _call(library, "nvmlDeviceGetCount_v2", byref(count))
        for index in range(_checked(count.value)):
            device, major, minor = c_void_p(), c_int(), c_int()
            with facts.noting():
                _call(library, "nvmlDeviceGetHandleByIndex_v2", c_uint(index), byref(device))
                _call(library, "nvmlDeviceGetCudaComputeCapability", device, byref(major), byref(minor))
                facts.devices.append([major.value, minor.value])
        facts.check_capabilities()
        facts.version = version.value
    finally:
        library.nvmlShutdown()


def _ask_cuda(library: ctypes.CDLL, facts: _ReportedFacts) -> None:
    """Ask the CUDA driver, as NVML."""
    version, count = c_int(), c_int()
    _call(library, "cuInit", 0)
    _call(library, "cuDriverGetVersion", byref(version))
    with facts.noting():
        _call(library, "cuDeviceGetCount", byref(count))
    for index in range(_checked(count.value)):
        device, numbers = c_int(), (c_int(), c_int())
        with facts.noting():
            _call(library, "cuDeviceGet", byref(device), index)
            for number, attribute in zip(numbers, _CAPABILITY, strict=True):
                _call(library, "cuDeviceGetAttribute", byref(number), attribute, device)
            facts.devices.append([number.value for number in numbers])
    facts.check_capabilities()
    facts.version = version.value


def _ask_level_zero(library: ctypes.CDLL, facts: _ReportedFacts) -> None:
    """Ask Level Zero about the device IPs of Intel's GPUs."""
    for driver in _drivers(library):
        for device in _handles(library, "zeDeviceGet", before=(driver,)):
            number = _Description(_IP_VERSION)
            properties = _Properties(_PROPERTIES, ctypes.addressof(number))
            _call(library, "zeDeviceGetProperties", device, byref(properties))
            if properties.vendor == _INTEL:
                facts.devices.append([number.number])


def _drivers(library: ctypes.CDLL) -> Iterator[c_void_p]:
    """Return the drivers; before version 1.10, Level Zero has other functions for them."""
    if hasattr(library, "zeInitDrivers"):
        description = _Description(_DESCRIPTION, None, _GPU_DRIVERS)
        return _handles(library, "zeInitDrivers", after=(byref(description),))
    _call(library, "zeInit", _GPU_DRIVERS)
    return _handles(library, "zeDriverGet")


def _handles(
    library: ctypes.CDLL, name: str, *, before: tuple[Any, ...] = (), after: tuple[Any, ...] = ()
) -> Iterator[c_void_p]:
    """Return the handles of a function that is called twice: for their number, and for themselves."""
    count = c_uint32()
    _call(library, name, *before, byref(count), None, *after)
    first = _checked(count.value)
    handles = (c_void_p * first)()
    _call(library, name, *before, byref(count), handles, *after)
    return map(c_void_p, handles[: min(first, count.value)])


_KINDS: dict[str, Callable[[ctypes.CDLL, _ReportedFacts], None]] = {
    "nvml": _ask_nvml,
    "cuda": _ask_cuda,
    "level_zero": _ask_level_zero,
}


def ask(kind: str, name: str) -> _ReportedFacts:
    """Return the facts of a library."""
    facts = _ReportedFacts()
    try:
        _KINDS[kind](ctypes.CDLL(name), facts)
    except (_FailedError, OSError, AttributeError) as error:
        facts.error = " ".join(str(error).split())
    return facts


def _be_quiet() -> None:
    """Let a crash neither write a file nor open a window."""
    if sys.platform == "win32":
        ctypes.windll.kernel32.SetErrorMode(3)
    else:
        import resource

        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def main(arguments: list[str]) -> None:
    """Print the answers to a copy of stdout that the libraries do not have."""
    _be_quiet()
    channel = os.dup(1)
    os.dup2(2, 1)
    has_nvml = False
    for argument in arguments:
        kind, _, name = argument.partition("=")
        facts = _ReportedFacts() if kind == "cuda" and has_nvml else ask(kind, name)
        has_nvml = has_nvml or (kind == "nvml" and facts.version is not None)
        os.write(channel, f"{json.dumps(vars(facts))}\n".encode())
    os._exit(0)  # the libraries may crash at the end


if __name__ == "__main__":
    main(sys.argv[1:])
