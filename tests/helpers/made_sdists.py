"""Unpacked dispatching sdists for tests, as `variant-backend stub` writes them, and others."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from variant_backend._internal.formats import toml_edit

PROJECT = '[build-system]\nrequires = ["variant-backend-core"]\nbuild-backend = "variant_backend.dispatch"\n'
PKG_INFO = "Metadata-Version: 2.2\nName: demo\nVersion: 1.0\nDynamic: Requires-Dist\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def metadata_of(wheel: Path) -> bytes:
    with ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return archive.read(name)


def unpack_sdist(path: Path | str) -> Path:
    """Unpack an sdist below the current folder, as build frontends do, and return the folder of its files."""
    with tarfile.open(path) as archive:
        archive.extractall("unpacked", filter="data")
    (folder,) = Path("unpacked").iterdir()
    return folder


def write_sdist(
    folder: Path,
    wheels: Path,
    document: Any,
    base_url: str,
    change: Callable[[dict[str, Any]], object] = lambda _: None,
    **tool: Any,
) -> Path:
    """Write the sdist of release 1.0 of ``demo``, whose wheels are in a folder now and at a URL later.

    *change* may change the only package of the lock file; *tool* becomes its table of this project.
    """
    found = sorted(wheels.glob("*.whl"))
    package = {
        "name": "demo",
        "version": "1.0",
        "wheels": [
            {
                "name": path.name,
                "url": f"{base_url}{path.name}",
                "size": path.stat().st_size,
                "hashes": {"sha256": sha256(path.read_bytes())},
            }
            for path in found
        ],
        "variants-json": document,
        "tool": {
            "variant-backend": {
                **tool,
                "core-metadata": {path.name: {"sha256": sha256(metadata_of(path))} for path in found},
            }
        },
    }
    change(package)
    folder.mkdir()
    lock = {"lock-version": "1.0", "created-by": "test", "packages": [package]}
    (folder / "pylock.toml").write_text(toml_edit.from_dict(lock), encoding="utf-8")
    (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (folder / "PKG-INFO").write_text(PKG_INFO, encoding="utf-8")
    return folder
