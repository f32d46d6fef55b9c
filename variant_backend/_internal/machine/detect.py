"""Detect what this machine supports in the namespaces of the known providers.

No foreign program is started, unless the host allows the tools of vendors. The system lists the processor's
flags. NVML or the driver reports the CUDA version and the compute capabilities. Level Zero reports the device
IPs of Intel's GPUs. The kernel lists AMD's GPUs. Files have the versions of ROCm and CANN.
`variants.known_providers` turns these facts into features.
The environment variables that force a fact for uv force it here too, also on another platform. There, the
same facts are assumed as in uv.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ..errors import VariantError
from ..formats.hardware_file import Detected, Hardware
from ..formats.machine_spec import GivenMachine, MachineSpec, parse_machine
from ..lowlevel.piped_input import read_input
from ..lowlevel.terminal import print_read
from ..variants.known_providers import KNOWN_PROVIDERS
from ..variants.namespace_support import Lazy
from .aarch64 import detect_aarch64
from .amd import detect_amd, given_amd
from .ascend import detect_ascend, given_ascend
from .host import Host
from .intel import detect_intel, given_intel
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
    "amd": detect_amd,
    "ascend": detect_ascend,
    "intel": detect_intel,
}


def detect(host: Host, only: Collection[str] | None = None) -> Hardware:
    """Return what a machine supports; its environment variables may force facts, as for uv.

    *only* these namespaces are detected, None means all.
    """
    return Hardware(
        {
            namespace: detector(host)
            for namespace, detector in DETECTORS.items()
            if KNOWN_PROVIDERS[namespace].exists_on(host.machine) and (only is None or namespace in only)
        }
    )


def assumed(machine: str, environ: Mapping[str, str]) -> Hardware:
    """Return what uv assumes on another platform with machines of this name; *environ* may force facts.

    A namespace that uv does not know is left out, unless its facts are forced.
    """
    given = {
        "nvidia": given_nvidia(environ),
        "tpu": given_tpu(environ),
        "amd": given_amd(environ),
        "intel": given_intel(environ),
        "ascend": given_ascend(environ),
    }
    return Hardware(
        {
            namespace: given.get(namespace) or Detected(provider.assumed, ASSUMED)
            for namespace, provider in KNOWN_PROVIDERS.items()
            if provider.exists_on(machine) and (provider.uv or given.get(namespace))
        }
    )


def detect_hardware(namespaces: Collection[str] | None = None) -> Hardware:
    """Return what this machine supports, as the plugins of the known providers would report it.

    Only these *namespaces* are detected, None means all known ones. No plugin runs. The detection reads files
    of the system and asks drivers when the result is first read. What fails is a warning, in
    `Hardware.warnings`. Environment variables that force facts for uv force them here.

    >>> machine = detect_hardware(["x86_64"])
    >>> machine.supported["x86_64"]["level"]  # doctest: +SKIP
    ('v3', 'v2', 'v1')
    """
    return hardware_of(None, os.environ, namespaces)


def read_hardware(machine: str) -> Hardware:
    """Return what a described machine supports.

    *machine* is what ``--machine`` takes: facts such as ``cuda:12.8,x86_64:v3``, the name of a preset, or the
    path of a machine file; ``-`` is stdin. Raises VariantError if the description or the file is invalid.

    >>> read_hardware("x86_64:v2").supported["x86_64"]["level"]
    ('v2', 'v1')
    """
    return hardware_of(parse_machine(machine), os.environ)


def hardware_of(
    machine: MachineSpec | None,
    environ: Mapping[str, str],
    only: Collection[str] | None = None,
    *,
    least: bool = False,
) -> Hardware:
    """Return what a machine supports: the detected facts of this machine if it is None.

    *only* these namespaces are detected, None means all. If devices differ, the best one counts, or the
    *least* capable one. The sources name a machine file. Detection waits until the result is read. Raises
    VariantError if a file cannot be read.
    """
    if machine is None and only is not None and not only:
        return Hardware(Lazy(dict))
    if machine is None:
        hardware = Hardware(Lazy(lambda: detect(Host.here(environ), only).namespaces))
    else:
        hardware = _described(machine)
    return hardware.of_least_devices() if least else hardware


def _described(machine: MachineSpec) -> Hardware:
    """Return what a described machine supports; the sources name its file. Raises VariantError."""
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
    from ..formats.toml_read import parse_toml
    from ..wheels.wrong_files import missing_problem

    if str(path) == "-":
        return Hardware.from_bytes(_content(None, "stdin"), "stdin")
    if problem := missing_problem(path, "a machine file"):
        remedy = problem.remedy or "write it with `variant-backend hardware -o FILE` on that machine"
        raise VariantError(problem, remedy=remedy)
    content = _content(path, path)
    if path.suffix == ".toml":
        return Hardware.from_table(parse_toml(content, path), str(path))
    read = Hardware.from_json if path.suffix == ".json" else Hardware.from_bytes
    return read(content, str(path))


def _content(path: Path | None, place: object) -> bytes:
    """Return the input; raises VariantError with a *place*."""
    print_read(place)
    try:
        content = read_input(path)
    except VariantError as error:
        raise error.within(place) from None
    except OSError as error:
        raise VariantError(error.strerror or str(error), place=place) from None
    if not content.strip():  # for example, the command before a pipe failed
        remedy = "write it with `variant-backend hardware -o FILE` on that machine"
        raise VariantError("expected a machine file, got nothing", place=place, remedy=remedy)
    return content
