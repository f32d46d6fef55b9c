"""Made indexes of wheels that are variants without saying so, and the overlays for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers.made_wheels import METADATA, make_wheel
from variant_backend.project.overlay import OverlayEntry
from variant_backend.selection.releases import Sources

# An overlay for torch and vision, whose wheels have local versions.
LOCAL_VERSIONS = """\
[[projects]]
names = ["torch", "torchvision"]

[projects.variant.default-priorities]
namespace = ["nvidia"]

[projects.variant.variants]
cu126.nvidia.cuda_version_lower_bound = ["12.6"]
cu128.nvidia.cuda_version_lower_bound = ["12.8"]
cu130.nvidia.cuda_version_lower_bound = ["13.0"]

[projects.variants]
cu126.match = { local = "cu126" }
cu128.match = { local = "cu128" }
cu130.match = { local = "cu130" }
null.match = { local = "cpu" }
"""


def write_overlay(path: Path, text: str = LOCAL_VERSIONS) -> tuple[OverlayEntry, ...]:
    """Write an overlay, and return its entries."""
    path.write_text(text, encoding="utf-8")
    return Sources.of([], [], [path]).overlay


def make_locals(
    folder: Path,
    name: str,
    version: str,
    locals_: Sequence[str],
    *,
    tags: Sequence[str] = ("py3-none-any",),
    requires: Mapping[str, Sequence[str]] | None = None,
) -> list[Path]:
    """Write a wheel of a release for each local version; ``""`` is a wheel without one.

    *requires* has the requirements of each local version.
    """
    return [
        make_wheel(
            folder,
            name,
            f"{version}+{local}" if local else version,
            tag,
            files={f"{name}/__init__.py": f"label = {local!r}\n".encode()},
            metadata=METADATA.replace("\n\n", _requirements(requires or {}, local) + "\n\n", 1),
        )
        for local in locals_
        for tag in tags
    ]


def _requirements(requires: Mapping[str, Sequence[str]], local: str) -> str:
    return "".join(f"\nRequires-Dist: {text}" for text in requires.get(local, ()))


# An overlay for CuPy, whose wheels are on one project for each version of CUDA.
JOINT_PROJECTS = """\
[[projects]]
names = ["cupy"]

[projects.variant.default-priorities]
namespace = ["nvidia"]

[projects.variant.variants]
cuda12.nvidia.cuda_version_lower_bound = ["12.0"]
cuda13.nvidia.cuda_version_lower_bound = ["13.0"]

[projects.variants]
cuda12.project = "cupy-cuda12x"
cuda13.project = "cupy-cuda13x"
"""


def make_members(
    folder: Path,
    versions: Sequence[str] = ("13.6.0",),
    members: Sequence[str] = ("cupy_cuda12x", "cupy_cuda13x"),
    *,
    tags: Sequence[str] = ("py3-none-any",),
    fields: Sequence[str] = (),
) -> list[Path]:
    """Write a wheel of each version of the projects that are one; all have the module ``cupy``.

    *fields* are further lines of METADATA.
    """
    more = "".join(f"\n{line}" for line in fields)
    return [
        make_wheel(
            folder,
            member,
            version,
            tag,
            files={"cupy/__init__.py": f"member = {member!r}\n".encode()},
            metadata=METADATA.replace("\n\n", f"{more}\n\n", 1),
        )
        for member in members
        for version in versions
        for tag in tags
    ]
