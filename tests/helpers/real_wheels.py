"""Wheels from PyPI, downloaded once for all tests and parallel processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from helpers.made_once import made_once
from helpers.programs import run

# One call of pip downloads a group; it refuses two versions of a project. The large one is alone.
GROUPS: Sequence[Sequence[str]] = [
    [
        "six==1.17.0",
        "certifi==2026.10.18",
        "attrs==26.1.0",
        "click==8.5.1",
        "flit_core==4.2.0",
        "rich==15.0.0",
        "pdm-backend==2.5.0",
        "meson-python==0.22.1",
        "narwhals==2.28.0",
        "rpds-py==0.10.6",
        "pyzmq==27.3.0",
        "ninja==1.13.2",
        "markupsafe==3.0.4",
        "numpy==2.4.6",
        "protobuf==7.36.2",
        "selenium==4.1.0",
        "FMPy==0.3.0",
    ],
    ["orjson==3.9.0", "rpds-py==2026.9.1"],
    ["torch==2.13.0"],
]
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]


def real_wheel(requirement: str, factory: pytest.TempPathFactory) -> Path:
    """Return a wheel for Python 3.11 on Linux, on any system; no test may change it."""
    (group,) = (group for group in GROUPS if requirement in group)
    folder = made_once(factory, f"real-wheels-{GROUPS.index(group)}", lambda folder: _download(group, folder))
    wanted = Requirement(requirement)
    (path,) = (path for path in folder.iterdir() if _fits(path, wanted))
    return path


def _download(group: Sequence[str], folder: Path) -> None:
    target = ["--python-version=3.11", *(f"--platform={each}" for each in PLATFORMS)]
    options = ["--no-cache-dir", "--only-binary=:all:", "--no-deps"]
    run("pip", "download", *options, *target, "--dest", folder, *group)


def _fits(path: Path, wanted: Requirement) -> bool:
    name, version, *_ = parse_wheel_filename(path.name)
    return name == canonicalize_name(wanted.name) and version in wanted.specifier
