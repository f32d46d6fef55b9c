"""Facts about a processor that the kernel of macOS reports."""

from __future__ import annotations


def sysctl(name: bytes) -> bytes:
    """Return the value of a name, or nothing if macOS has no such value."""
    import ctypes

    library = ctypes.CDLL(None)
    size = ctypes.c_size_t()
    if library.sysctlbyname(name, None, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return b""
    buffer = ctypes.create_string_buffer(size.value)
    failed = library.sysctlbyname(name, buffer, ctypes.byref(size), None, ctypes.c_size_t(0))
    return b"" if failed else buffer.raw


def sysctl_text(value: bytes) -> str:
    """Return a value that is a text: it ends with a null byte."""
    return value.rstrip(b"\0").decode("ascii", "replace")
