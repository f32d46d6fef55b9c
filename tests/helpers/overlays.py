"""Made indexes of wheels that are variants without saying so, and the overlays for them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from helpers.made_wheels import METADATA, make_wheel, requiring
from helpers.offers import machine
from helpers.programs import run_here
from variant_backend._internal.cli.main import main
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.project.overlay import OverlayEntry
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.loopback import loopback_server
from variant_backend._internal.serving.site import Served, Site
from variant_backend._internal.serving.upstream import Upstream

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

# An overlay for a project whose wheels have the same name on two indexes.
SAME_NAMES = """\
[[projects]]
names = ["jaxy"]
index-urls = ["cu126/simple", "cu130/simple"]

[projects.variant.default-priorities]
namespace = ["nvidia"]

[projects.variant.variants]
cu126.nvidia.cuda_version_lower_bound = ["12.6"]
cu130.nvidia.cuda_version_lower_bound = ["13.0"]

[projects.variants]
cu126.match = { index = "*/cu126/*" }
cu130.match = { index = "*/cu130/*" }
"""


def make_same_names(folder: Path) -> None:
    """Write two indexes in a folder, which have different wheels of one name, for `SAME_NAMES`."""
    for label in ("cu126", "cu130"):
        content = {"jaxy/__init__.py": f"label = {label!r}\n".encode()}
        make_wheel(folder / label, "jaxy", files=content)
        run_here(main, "index", "--simple", folder / label)


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
            metadata=requiring(*(requires or {}).get(local, ())),
        )
        for local in locals_
        for tag in tags
    ]


def make_dependent(folder: Path, name: str, requirement: str) -> Path:
    """Write a wheel with one requirement."""
    return make_wheel(folder, name, files={f"{name}/__init__.py": b""}, metadata=requiring(requirement))


@contextmanager
def overlaid_site(sources: Sources, machines: Mapping[str, str]) -> Iterator[str]:
    """Offer sources with an overlay to machines; yield the URL of the site."""
    served = {name: Served(name, machine(spec), Policy()) for name, spec in machines.items()}
    with tempfile.TemporaryDirectory() as cache:
        site = Site(Upstream(sources, Path(cache)), served)
        with loopback_server(site.respond, count(0)) as port:
            yield f"http://127.0.0.1:{port}/"


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
