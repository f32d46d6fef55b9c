"""What machines get through the shipped overlays, by rules that use no code of this project.

They are the rules of CUDA, ROCm and XPU, applied to what PyTorch published about its variants, and to what
the other projects say of their wheels. `expected_wheels` follows requirements on the made indexes.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from helpers.made_indexes import (
    ARM,
    BUILDS,
    FAMILY,
    LINUX,
    LLAMA,
    MACOS,
    PYPI,
    PYTORCH,
    WINDOWS,
    MadeWheel,
    made_wheels,
)

DATA = Path(__file__).parents[1] / "data"
# What PyTorch published about the variants of its releases; 2.11 has those of 2.10.
DESCRIBED = [release for release in FAMILY if release != "2.7.1"]
PUBLISHED = {
    "2.8": "torch_2.8_variants",
    "2.9": "torch_2.9_variants",
    "2.10": "torch_variants",
    "2.11": "torch_variants",
}


class Computer(NamedTuple):
    """A machine: its platform, and either the CUDA version of its driver with a capability, or other GPUs."""

    platform: str
    cuda: str = ""
    sm: str = ""
    rocm: str = ""
    gfx: str = ""
    xpu: str = ""

    @property
    def facts(self) -> str:
        """The machine in the form of --machine."""
        known = {key: value for key, value in self._asdict().items() if value and key != "platform"}
        return ",".join(f"{key}:{value}" for key, value in known.items()) or "none"


COMPUTERS = {
    "V100 behind a driver for CUDA 13": Computer(LINUX, "13.0", "7.0"),
    "P100 behind a driver for CUDA 13": Computer(LINUX, "13.0", "6.0"),
    "T4 with CUDA 12.2": Computer(LINUX, "12.2", "7.5"),
    "A100 with CUDA 12.6": Computer(LINUX, "12.6", "8.0"),
    "A100 with CUDA 11.8": Computer(LINUX, "11.8", "8.0"),
    "H100 with CUDA 12.8": Computer(LINUX, "12.8", "9.0"),
    "H100 with CUDA 13.0": Computer(LINUX, "13.0", "9.0"),
    "RTX 5090 with CUDA 12.9": Computer(LINUX, "12.9", "12.0"),
    "GH200 with CUDA 12.9": Computer(ARM, "12.9", "9.0"),
    "RTX 4090 on Windows": Computer(WINDOWS, "13.0", "8.9"),
    "MI300X with ROCm 7.0": Computer(LINUX, rocm="7.0", gfx="gfx942"),
    "MI300X with ROCm 6.4": Computer(LINUX, rocm="6.4", gfx="gfx942"),
    "Arc A770": Computer(LINUX, xpu="12.55.8"),
    "Arc B580 on Windows": Computer(WINDOWS, xpu="20.1.0"),
    "no GPU": Computer(LINUX),
    "Mac": Computer(MACOS),
}


@cache
def published(minor: str) -> Mapping[str, Any]:
    """Return the properties of each local version, as PyTorch published them."""
    variants = json.loads((DATA / f"{PUBLISHED[minor]}.json").read_text())["variants"]
    return {local_of(label): properties for label, properties in variants.items()}


def local_of(label: str) -> str:
    """Return the local version of a published label: cuda12.8 or cu128, null or its older form."""
    if label in ("null", "00000000"):
        return "cpu"
    return label.replace("cuda", "cu").replace(".", "") if label.startswith("cu") else label


def minor_of(release: str) -> str:
    return release.rpartition(".")[0]


def number(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def runs(properties: Mapping[str, Any], computer: Computer) -> bool:
    """Return whether a build runs on a machine, by the rules of CUDA, ROCm and XPU."""
    if nvidia := properties.get("nvidia"):
        (bound,) = nvidia["cuda_version_lower_bound"]
        # A cubin runs on GPUs of the same major and a higher or equal minor capability.
        majors = [divmod(int(arch.removesuffix("_real")), 10) for arch in nvidia["sm_arch"] if "real" in arch]
        major, minor = number(computer.sm or "0.0")
        has_code = any(known == major and least <= minor for known, least in majors)
        return bool(computer.cuda) and number(bound) <= number(computer.cuda) and has_code
    if amd := properties.get("amd"):
        return computer.rocm in amd["rocm_version"] and computer.gfx in amd["gfx_arch"]
    if intel := properties.get("intel"):
        return computer.xpu in intel["device_ip"]
    return True


def expected_local(release: str, computer: Computer) -> str:
    """Return the local version that a machine should get: of those that run, the newest CUDA, else cpu."""
    if computer.platform == MACOS:
        return ""
    minor = minor_of(release)
    fitting = [
        local
        for local, platforms in BUILDS[minor].items()
        if computer.platform in platforms
        and local in published(minor)
        and runs(published(minor)[local], computer)
    ]
    return max(fitting, key=lambda local: (local != "cpu", local))


# Where each project comes from; the others are on PyPI.
_INDEXES = {
    **dict.fromkeys(("torch", "torchvision", "torchaudio", "triton-rocm", "triton-xpu"), PYTORCH),
    "llama-cpp-python": LLAMA,
}
_POSITIONS = {"torch": 0, "torchvision": 1, "torchaudio": 2}
# The projects for which a generated wheel stands, best first: the least driver and the least capability.
MEMBERS = {
    "cupy": {
        "cupy-cuda13x": ("13.0", "7.5"),
        "cupy-cuda12x": ("12.0", "0.0"),
        "cupy-cuda11x": ("11.2", "0.0"),
    },
    "jax-cuda-plugin": {"jax-cuda13-plugin": ("13.0", "7.5"), "jax-cuda12-plugin": ("12.0", "5.2")},
}


@cache
def published_wheels() -> Mapping[str, Sequence[MadeWheel]]:
    """Return the wheels of each project on the index from which it comes."""
    known: dict[str, list[MadeWheel]] = {}
    for wheel in made_wheels():
        server, _, project = wheel.page.partition("/")
        project = project.rpartition("/")[2]
        if _INDEXES.get(project, PYPI) == server:
            known.setdefault(project, []).append(wheel)
    return known


def expected_wheels(
    roots: Sequence[str], computer: Computer, python: str, system: str = "Linux"
) -> Mapping[str, MadeWheel] | None:
    """Return the wheels that a machine with Linux should install by project, None if nothing fits a root.

    Markers are evaluated for a *system*. Each requirement gets the newest version: the made projects have no
    graph in which that is wrong, so a second version of a project is an error.
    """
    chosen: dict[str, MadeWheel] = {}
    waiting = deque(map(Requirement, roots))
    while waiting:
        required = waiting.popleft()
        name = canonicalize_name(required.name)
        fitting = [
            wheel
            for wheel in fitting_wheels(name, computer, python)
            if required.specifier.contains(wheel.version)
        ]
        if not fitting:
            return None
        wheel = max(fitting, key=lambda wheel: Version(wheel.version))
        texts = [*wheel.requires, *(text for extra in required.extras for text in wheel.extras[extra])]
        if chosen.setdefault(name, wheel) != wheel:
            raise AssertionError(f"two versions of {name}")
        for one in map(Requirement, texts):
            if one.marker is None or one.marker.evaluate({"platform_system": system}):
                waiting.append(one)
    return chosen


def fitting_wheels(name: str, computer: Computer, python: str) -> Iterator[MadeWheel]:
    """Yield the wheels of a project for a machine with Linux and a version of Python."""
    if name in MEMBERS:
        yield from _standing_in(name, computer, python)
        return
    for wheel in published_wheels().get(name, ()):
        tag, _, platform = wheel.tag.split("-")
        if tag not in ("py3", f"cp{python.replace('.', '')}") or platform not in (
            "any",
            LINUX,
            "linux_x86_64",
        ):
            continue
        if name in _POSITIONS and not _is_build_for(computer, _POSITIONS[name], wheel.version):
            continue
        if name == "llama-cpp-python" and wheel.build != expected_build(computer):
            continue
        yield wheel


def _is_build_for(computer: Computer, position: int, version: str) -> bool:
    """Return whether a version with its local part is the one that a machine gets of a release of PyTorch."""
    public, _, local = version.partition("+")
    releases = [release for release in DESCRIBED if FAMILY[release][position] == public]
    return any(expected_local(release, computer) == local for release in releases)


def expected_build(computer: Computer) -> str:
    """Return the index of llama-cpp-python for a machine with Linux: the newest CUDA up to the driver's."""
    builds = {wheel.build for wheel in published_wheels()["llama-cpp-python"]}
    driver = number(computer.cuda or "0.0")
    cuda = [
        build for build in builds if build.startswith("cu") and number(f"{build[2:4]}.{build[4:]}") <= driver
    ]
    return max(cuda, default="cpu")


def _standing_in(name: str, computer: Computer, python: str) -> Iterator[MadeWheel]:
    """Yield for each version a wheel that requires the best project that the machine can use."""
    driver, capability = number(computer.cuda or "0.0"), number(computer.sm or "0.0")
    versions = set()
    for member, (least_driver, least_capability) in MEMBERS[name].items():
        if number(least_driver) <= driver and number(least_capability) <= capability:
            for wheel in fitting_wheels(member, computer, python):
                if wheel.version not in versions:
                    exact = f"=={wheel.version}"
                    extras = {extra: [f"{member}[{extra}]{exact}"] for extra in wheel.extras}
                    yield MadeWheel("", name, wheel.version, wheel.tag, "", [f"{member}{exact}"], extras)
                versions.add(wheel.version)
