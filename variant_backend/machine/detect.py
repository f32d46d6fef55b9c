"""What this machine supports of the namespaces that installers detect by themselves.

Facts are found without starting a program: the flags of the processor from Linux, macOS or Windows, the CUDA
version and the compute capability from NVML or the driver itself. `features` says what
follows from them. The variables that force a fact for uv do so here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import VariantError
from ..formats.hardware_file import Detected, Hardware
from ..formats.toml_read import read_toml
from ..variants.namespace_support import Lazy
from .cpu import detect_cpu
from .nvidia import detect_nvidia
from .tpu import detect_tpu

# Each returns what this machine supports, by namespace; the environment may force facts, as it does for uv.
DETECTORS: tuple[Callable[[Mapping[str, str]], Mapping[str, Detected]], ...] = (
    detect_cpu,
    detect_nvidia,
    detect_tpu,
)


def detect(environ: Mapping[str, str]) -> Hardware:
    """Return what this machine supports; *environ* may force facts, as it does for uv."""
    return Hardware({name: found for each in DETECTORS for name, found in each(environ).items()})


def hardware_of(path: Path | None, environ: Mapping[str, str]) -> Hardware:
    """Return what a hardware file says, named in its sources; without one, this machine, looked at late.

    Raises VariantError when the file cannot be read.
    """
    if path is None:
        return Hardware(Lazy(lambda: detect(environ).namespaces))
    return Hardware(
        {
            name: each._replace(source=f"{path}: {each.source}" if each.source else str(path))
            for name, each in load_hardware(path).namespaces.items()
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
