"""Detect what this machine supports in the namespaces that installers detect by themselves.

No program is started. Linux, macOS or Windows lists the processor's flags. NVML or the driver reports the
CUDA version and the compute capability. `variants.known_providers` turns these facts into features.
The environment variables that force a fact for uv force it here too, also on another platform. There, the
same facts are assumed as in uv.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import VariantError
from ..formats.hardware_file import Detected, Hardware
from ..formats.machine_spec import GivenMachine, MachineSpec
from ..formats.toml_read import parse_toml
from ..lowlevel.piped_input import read_input
from ..lowlevel.terminal import print_read
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.namespace_support import Lazy
from ..wheels.wrong_files import missing_problem
from .aarch64 import detect_aarch64
from .host import Host
from .nvidia import detect_nvidia, given_nvidia
from .tpu import detect_tpu, given_tpu
from .x86_64 import detect_x86_64

# The source of facts that are neither detected nor given.
ASSUMED = "assumed, as in uv; --machine replaces it"

# The detector of each namespace. The environment variables of the host may force facts.
DETECTORS: Mapping[str, Callable[[Host], Detected]] = {
    "x86_64": detect_x86_64,
    "aarch64": detect_aarch64,
    "nvidia": detect_nvidia,
    "tpu": detect_tpu,
}


def detect(host: Host) -> Hardware:
    """Return what a machine supports; its environment variables may force facts, as for uv."""
    return Hardware(
        {
            namespace: detector(host)
            for namespace, detector in DETECTORS.items()
            if KNOWN_PROVIDERS[namespace].exists_on(host.machine)
        }
    )


def assumed(machine: str, environ: Mapping[str, str]) -> Hardware:
    """Return what uv assumes on another platform with machines of this name; *environ* may force facts."""
    given = {"nvidia": given_nvidia(environ), "tpu": given_tpu(environ)}
    return Hardware(
        {
            namespace: given.get(namespace) or Detected(provider.assumed, ASSUMED)
            for namespace, provider in KNOWN_PROVIDERS.items()
            if provider.exists_on(machine)
        }
    )


def hardware_of(machine: MachineSpec | None, environ: Mapping[str, str]) -> Hardware:
    """Return what a machine supports: the detected facts of this machine if it is None.

    The sources name a machine file. Detection waits until the result is read. Raises VariantError if a file
    cannot be read.
    """
    if machine is None:
        return Hardware(Lazy(lambda: detect(Host.here(environ)).namespaces))
    if isinstance(machine, GivenMachine):
        return Hardware.from_facts(machine.facts)
    path = machine.path
    return Hardware(
        {
            name: support._replace(source=f"{path}: {support.source}" if support.source else str(path))
            for name, support in load_hardware(path).namespaces.items()
        }
    )


def load_hardware(path: Path) -> Hardware:
    """Read a machine file or a pipe with its content; ``-`` is stdin. Raises VariantError.

    It is TOML if its name ends in .toml, and JSON if it ends in .json; else its content decides.
    """
    if str(path) == "-":
        return Hardware.from_bytes(_content(None, "stdin"), "stdin")
    if problem := missing_problem(path, "a machine file"):
        hint = problem.remedy or "write it with `variant-backend hardware -o FILE` on that machine"
        raise VariantError(problem, hint=hint)
    content = _content(path, path)
    if path.suffix == ".toml":
        return Hardware.from_table(parse_toml(content, path), str(path))
    read = Hardware.from_json if path.suffix == ".json" else Hardware.from_bytes
    return read(content, str(path))


def _content(path: Path | None, place: object) -> bytes:
    """Return the input; raises VariantError with a *place*."""
    print_read(place)
    try:
        return read_input(path)
    except VariantError as error:
        raise error.within(place) from None
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=place) from None
