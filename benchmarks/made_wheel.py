"""Wheels for timing: large or small, with random content."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from pathlib import Path

_BLOCK = 1_000_000  # bytes; small, as Linux counts it in the memory of processes that are started later

_METADATA = "Metadata-Version: 2.1\nName: made\nVersion: 1.0\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: made_wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def make_wheel(folder: Path, members: int, size: int) -> Path:
    """Write a wheel with *members* stored members of *size* bytes each, and return its path."""
    block = os.urandom(min(size, _BLOCK))
    blocks = size // len(block)
    digest = hashlib.sha256()
    for _ in range(blocks):
        digest.update(block)
    dist_info = "made-1.0.dist-info"
    texts = {f"{dist_info}/METADATA": _METADATA, f"{dist_info}/WHEEL": _WHEEL}
    names = [f"made/data{number}.bin" for number in range(members)]
    rows = [_record_row(name, digest.digest(), blocks * len(block)) for name in names]
    for name, text in texts.items():
        rows.append(_record_row(name, hashlib.sha256(text.encode()).digest(), len(text)))
    texts[f"{dist_info}/RECORD"] = "".join([*rows, f"{dist_info}/RECORD,,\n"])
    path = folder / "made-1.0-py3-none-any.whl"
    with path.open("xb") as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                with archive.open(name, "w") as member:
                    for _ in range(blocks):
                        member.write(block)
            for name, text in texts.items():
                archive.writestr(name, text, zipfile.ZIP_DEFLATED)
        file.flush()
        os.fsync(file.fileno())  # so that it does not happen during timing
    return path


def _record_row(name: str, digest: bytes, size: int) -> str:
    """Return a row of RECORD."""
    return f"{name},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},{size}\n"
