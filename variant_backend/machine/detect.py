"""What this machine supports of the namespaces that installers detect by themselves.

Facts are found without starting a program: the flags of the processor from Linux, macOS or Windows, the CUDA
version and the compute capability from NVML or the driver itself. What follows from them is in the registry
`variants.known_providers`. The variables that force a fact for uv do so here.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import VariantError
from ..formats.hardware_file import Detected, Hardware
from ..formats.toml_read import read_toml
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.namespace_support import Lazy
from .aarch64 import detect_aarch64
from .nvidia import detect_nvidia
from .tpu import detect_tpu
from .x86_64 import detect_x86_64

# By namespace, what asks the machine; the environment may force facts, as it does for uv.
DETECTORS: Mapping[str, Callable[[Mapping[str, str]], Detected]] = {
    "x86_64": detect_x86_64,
    "aarch64": detect_aarch64,
    "nvidia": detect_nvidia,
    "tpu": detect_tpu,
}


def detect(environ: Mapping[str, str]) -> Hardware:
    """Return what this machine supports; *environ* may force facts, as it does for uv."""
    machine = platform.machine()
    return Hardware(
        {
            namespace: detector(environ)
            for namespace, detector in DETECTORS.items()
            if KNOWN_PROVIDERS[namespace].exists_on(machine)
        }
    )


def hardware_of(path: Path | None, environ: Mapping[str, str]) -> Hardware:
    """Return what a hardware file says, named in its sources; without one, this machine, looked at late.

    Raises VariantError when the file cannot be read.
    """
    if path is None:
        return Hardware(Lazy(lambda: detect(environ).namespaces))
    return Hardware(
        {
            name: Detected(support.features, f"{path}: {support.source}" if support.source else str(path))
            for name, support in load_hardware(path).namespaces.items()
        }
    )


def load_hardware(path: Path) -> Hardware:
    """Read a hardware file, TOML if it is called so, else JSON; raises VariantError with every fault."""
    if path.suffix == ".toml":
        return Hardware.from_table(read_toml(path), str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise VariantError(str(error.strerror), place=path) from None
    return Hardware.from_json(data, str(path))
