"""Detect AMD GPUs and ROCm, from what the kernel of Linux says about GPUs, and the version file of ROCm.

No device has confirmed two things: that the tools of ROCm, which amd-variant-provider asks, report the GPUs
of /dev/kfd, and how they read `ROCR_VISIBLE_DEVICES` and `HSA_OVERRIDE_GFX_VERSION`. rocm-bootstrap uses
neither /dev/kfd nor these variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..errors import Problem, VariantError, ascii_unless_printable, shortened
from ..formats.hardware_file import Detected
from ..variants.provider_amd import (
    BOOTSTRAP,
    FORCE_BOOTSTRAP,
    FORCE_GFX,
    FORCE_ROCM,
    amd_features,
    bootstrap_features,
    forced_bootstrap,
    forced_gfx,
    forced_rocm,
    gfx_name,
    is_known_to_bootstrap,
    rocm_of_file,
)
from ..variants.registry_entry import Features
from .host import SMALL, Host, setting
from .pci import ACCELERATOR, AMD, DISPLAY, pci_devices
from .toolkits import read_toolkit_file

# With the value 1, rocm-bootstrap detects nothing.
DISABLE_BOOTSTRAP = "ROCM_BOOTSTRAP_DISABLE_DETECTION"
ROCM_PATH = "ROCM_PATH"
VISIBLE = "ROCR_VISIBLE_DEVICES"
OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"

_NODES = "/sys/class/kfd/kfd/topology/nodes"
_KFD = "/dev/kfd"
_NO_GPU = "no AMD GPU found"
_IN_CONTAINER = "in a container, use --device /dev/kfd --device /dev/dri"


class AmdGpu(NamedTuple):
    """A GPU: its node in the topology of the kernel, its architecture, and its unique id or 0."""

    node: str
    gfx: str
    unique_id: int


class AmdFacts(NamedTuple):
    """The architectures for both packages, best first, the ROCm version, and the source of each fact."""

    gfx: Sequence[str] = ()
    gfx_source: str = _NO_GPU
    bootstrap: Sequence[str] = ()
    bootstrap_source: str = _NO_GPU
    rocm: str | None = None
    rocm_source: str = ""
    warnings: tuple[Problem, ...] = ()


def detect_amd(host: Host) -> Detected:
    """Return what the AMD GPUs and the ROCm of a machine support."""
    return amd_support(host.environ, _find(host) if host.system == "linux" else AmdFacts())


def given_amd(environ: Mapping[str, str]) -> Detected | None:
    """Return what *environ* forces, or None."""
    forced = any(environ.get(name) for name in (FORCE_GFX, FORCE_ROCM, FORCE_BOOTSTRAP))
    return amd_support(environ, AmdFacts()) if forced else None


def amd_support(environ: Mapping[str, str], facts: AmdFacts) -> Detected:
    """Return what a machine supports: facts that *environ* forces, and else the detected *facts*.

    If a package rejects a forced value, it supports nothing. An empty value forces nothing.
    """
    features, source = _of_tools(environ, facts)
    bootstrap, other_source = _of_bootstrap(environ, facts)
    if other_source not in source:
        source += f"; {BOOTSTRAP}: {other_source}"
    others = {BOOTSTRAP: bootstrap} if bootstrap != features else {}
    return Detected(features, source, others, facts.warnings)


def _of_tools(environ: Mapping[str, str], facts: AmdFacts) -> tuple[Features, str]:
    """Return what amd-variant-provider supports, and the source."""
    gfx, gfx_source, rocm, rocm_source = facts.gfx, facts.gfx_source, facts.rocm, facts.rocm_source
    if text := environ.get(FORCE_GFX):
        gfx_source = setting(FORCE_GFX, text)
        forced = forced_gfx(text)
        if forced is None:
            return {}, f"{gfx_source}: invalid GPU architecture"
        gfx = forced
    if text := environ.get(FORCE_ROCM):
        rocm, rocm_source = forced_rocm(text), setting(FORCE_ROCM, text)
        if rocm is None:
            return {}, f"{rocm_source}: invalid ROCm version; write three numbers such as 7.0.0"
    return amd_features(gfx, rocm), "; ".join(filter(None, (gfx_source, rocm_source)))


def _of_bootstrap(environ: Mapping[str, str], facts: AmdFacts) -> tuple[Features, str]:
    """Return what rocm-bootstrap supports, and the source."""
    if environ.get(DISABLE_BOOTSTRAP) == "1":
        return {}, f"{DISABLE_BOOTSTRAP}=1"
    if not (text := environ.get(FORCE_BOOTSTRAP)):
        return bootstrap_features(facts.bootstrap), facts.bootstrap_source
    forced, source = forced_bootstrap(text), setting(FORCE_BOOTSTRAP, text)
    return (
        ({}, f"{source}: unknown GPU architecture")
        if forced is None
        else (bootstrap_features(forced), source)
    )


def _find(host: Host) -> AmdFacts:
    """Return the GPUs and the ROCm of a machine with Linux."""
    gpus, warnings = _gpus(host)
    nodes = f"GPUs: nodes {shortened([gpu.node for gpu in gpus])} of {_NODES}" if gpus else _NO_GPU
    obstacle, more = _obstacle(host, gpus)
    gfx, source = ([], obstacle) if obstacle else _seen_by_rocm(host.environ, gpus, nodes)
    rocm, rocm_source, problems = _rocm(host)
    if rocm is None and not gpus:
        rocm_source = ""
    unknown = [_unknown_to_bootstrap(gpu) for gpu in gpus if not is_known_to_bootstrap(gpu.gfx)]
    warnings = (*warnings, *unknown, *more, *problems)
    names = [gpu.gfx for gpu in gpus]
    return AmdFacts(gfx, source, names, nodes if gpus else source, rocm, rocm_source, warnings)


def _unknown_to_bootstrap(gpu: AmdGpu) -> Problem:
    return Problem("error", f"{_NODES}/{gpu.node}", f"{BOOTSTRAP} does not know {gpu.gfx}; skipped for it")


def _gpus(host: Host) -> tuple[list[AmdGpu], tuple[Problem, ...]]:
    """Return the GPUs by the text of their node, as rocm-bootstrap sorts them, and problems with nodes."""
    gpus, problems = list[AmdGpu](), list[Problem]()
    try:
        nodes = host.entries(_NODES)
    except VariantError as error:
        return [], error.problems
    for node in nodes:
        if not re.fullmatch("[0-9]{1,9}", node):
            continue
        place = f"{_NODES}/{node}/properties"
        try:
            gpu = _gpu(node, host.text(place, SMALL) or "")
        except VariantError as error:
            for problem in error.problems:
                # The kernel shows the nodes of all GPUs, but no properties of those hidden from a container.
                remedy = _IN_CONTAINER if problem.place else None
                problems.append(Problem("error", place, f"{problem.text}; skipped", remedy))
            continue
        if gpu:
            gpus.append(gpu)
    return gpus, (*problems,)


def _gpu(node: str, text: str) -> AmdGpu | None:
    """Return the GPU of a node, None for a processor. Raises VariantError for an invalid architecture."""
    properties: dict[str, int] = {}
    for line in text.splitlines():
        key, value, *more = (*line.split(), "", "")
        if not any(more) and re.fullmatch("[+-]?[0-9]+", value):
            properties[key] = int(value) if len(value) <= 20 else -1  # Python converts only 4300 digits
    version = properties.get("gfx_target_version", 0)
    if not version or not properties.get("simd_count"):
        return None
    if not (gfx := gfx_name(version)):
        raise VariantError(f"unknown gfx_target_version {version}")
    return AmdGpu(node, gfx, properties.get("unique_id", 0))


def _obstacle(host: Host, gpus: Sequence[AmdGpu]) -> tuple[str, tuple[Problem, ...]]:
    """Return why the tools of ROCm find no GPU, or an empty text, and problems with the PCI bus."""
    kfd = host.path(_KFD)
    is_open = os.access(kfd, os.R_OK | os.W_OK)
    if gpus and is_open:
        return "", ()
    gpu, problems = (f"AMD GPU in {_NODES}/{gpus[0].node}", ()) if gpus else _gpu_on_pci(host)
    if not gpu:
        return _NO_GPU, problems
    if is_open:
        return f"{gpu}, but {_NODES} has no GPU", problems
    if os.path.lexists(kfd):
        return f"{gpu}, but {_KFD} cannot be read and written; add the user to its group", problems
    return f"{gpu}, but no {_KFD}; {_IN_CONTAINER}", problems


def _gpu_on_pci(host: Host) -> tuple[str, tuple[Problem, ...]]:
    """Return the first AMD GPU on the PCI bus in words, empty if there is none, and problems with the bus."""
    try:
        for device in pci_devices(host, AMD):
            if device.has_class(DISPLAY, ACCELERATOR):
                return f"AMD GPU at PCI {ascii_unless_printable(device.address)}", ()
    except VariantError as error:
        return "", error.problems
    return "", ()


def _seen_by_rocm(environ: Mapping[str, str], gpus: Sequence[AmdGpu], source: str) -> tuple[list[str], str]:
    """Return the architectures that the tools of ROCm report, sorted as texts, and the source."""
    visible = sorted(gpus, key=lambda gpu: int(gpu.node))
    if (text := environ.get(VISIBLE)) is not None:
        visible, source = _selected(visible, text), f"{source}, {setting(VISIBLE, text)}"
    names = {gpu.gfx for gpu in visible}
    if text := environ.get(OVERRIDE):
        source += f", {setting(OVERRIDE, text)}"
        if (other := _overriding(text)) is None:
            return [], f"{source}: invalid version; write three numbers such as 10.3.0"
        names = {other} if names else names
    return sorted(names), source


def _selected(gpus: Sequence[AmdGpu], text: str) -> list[AmdGpu]:
    """Return the GPUs in a comma-separated list of positions or unique ids, up to the first wrong entry."""
    named = {str(position): [gpu] for position, gpu in enumerate(gpus)}
    for gpu in gpus:
        named.setdefault(f"gpu-{gpu.unique_id:016x}", []).append(gpu)
    selected: dict[AmdGpu, None] = {}
    for entry in map(str.strip, text.split(",")):
        number = re.fullmatch("0*([0-9]+)", entry)
        candidates = named.get(number[1] if number else entry.lower(), [])
        if len(candidates) != 1 or candidates[0] in selected:
            break
        selected[candidates[0]] = None
    return [*selected]


def _overriding(text: str) -> str | None:
    """Return the architecture in a value of `HSA_OVERRIDE_GFX_VERSION`, such as 10.3.0, or None."""
    if not (match := re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{1,2})", text)):
        return None
    major, minor, step = map(int, match.groups())
    return gfx_name(major * 10000 + minor * 100 + step)


def _rocm(host: Host) -> tuple[str | None, str, tuple[Problem, ...]]:
    """Return the version of ROCm, the source, and problems with the file."""
    folder = host.environ.get(ROCM_PATH) or "/opt/rocm"
    file = read_toolkit_file(host, "ROCm", ROCM_PATH, folder, ".info/version")
    if file.text is None:
        return None, file.source, file.problems
    if (rocm := rocm_of_file(file.text)) is None:
        problem = Problem("error", file.place, f"expected a version such as 7.0.0, got {file.text[:40]!r}")
        return None, f"ROCm: no version in {ascii_unless_printable(file.place)}", (problem,)
    return rocm, file.source, ()
