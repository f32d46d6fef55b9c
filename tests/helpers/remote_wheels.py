"""Wheels at URLs."""

from __future__ import annotations

import zipfile
from pathlib import Path

from helpers.conversion import convert, null_metadata, write_sparse_wheel
from helpers.made_wheels import make_wheel
from variant_backend._internal.wheel_rewrite import Plan

NAME = "demo-1.0-py3-none-any-v3.whl"


def variants(folder: Path, version: str = "1.0") -> dict[str, Path]:
    """Write a plain wheel and two variants of it."""
    plain = make_wheel(folder, version=version)
    return {
        "plain": plain,
        "v3": convert(plain, folder),
        "null": convert(plain, folder, Plan(null_metadata())),
    }


def page(folder: Path, links: list[str]) -> None:
    """Write a page of a package index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text("".join(f'<a href="{link}">{link}</a><br>' for link in links))


def large_wheel(folder: Path, size: int) -> Path:
    """Write a variant of *size* bytes: a large member, 2,000 small ones, and dist-info in between."""
    files = {f"demo/{number}": b"" for number in range(1000)}
    plain = make_wheel(folder / "plain", files=files, order=("WHEEL",))
    variant = convert(plain, folder / "variant")
    with zipfile.ZipFile(variant) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    folder.mkdir(exist_ok=True)
    path = folder / NAME
    contents |= {f"demo/late{number}": bytes(300) for number in range(1000)}
    write_sparse_wheel(path, contents, size)
    return path
