"""Folders with the files that Linux shows of a machine, for detectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from variant_backend.machine.host import Host


def host_with(
    root: Path,
    files: Mapping[str, str],
    *,
    environ: Mapping[str, str] | None = None,
    system: str = "linux",
    machine: str = "x86_64",
) -> Host:
    """Write files with absolute names, such as /proc/cpuinfo, below *root*, and return their host."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return Host(environ or {}, root, system, machine)
