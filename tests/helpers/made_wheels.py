"""Small wheels that tests write."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: a test\n\nThe text.\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def requiring(*requirements: str) -> str:
    """Return METADATA of a wheel with requirements, for `make_wheel`."""
    lines = "".join(f"\nRequires-Dist: {text}" for text in requirements)
    return METADATA.replace("\n\n", f"{lines}\n\n", 1)


def record_row(path: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow((path, f"sha256={digest}", len(content)))
    return text.getvalue()


def make_wheel(
    folder: Path,
    name: str = "demo",
    version: str = "1.0",
    tag: str = "py3-none-any",
    files: Mapping[str, bytes] | None = None,
    metadata: str = METADATA,
    order: Sequence[str] = (),
    compression: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """Write a plain wheel; *order* names the dist-info files that come before all other files."""
    dist_info = f"{name}-{version}.dist-info"
    contents = {
        **({f"{name}/__init__.py": b"x = 1\n"} if files is None else files),
        f"{dist_info}/METADATA": metadata.format(name=name, version=version).encode(),
        f"{dist_info}/WHEEL": WHEEL.replace("py3-none-any", tag).encode(),
    }
    rows = "".join(record_row(path, content) for path, content in contents.items())
    contents[f"{dist_info}/RECORD"] = f"{rows}{dist_info}/RECORD,,\n".encode()
    first = [f"{dist_info}/{path}" for path in order]
    path = folder / f"{name}-{version}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member in [*first, *(member for member in contents if member not in first)]:
            info = zipfile.ZipInfo(member, (2024, 5, 6, 7, 8, 10))
            info.external_attr = 0o100644 << 16
            archive.writestr(info, contents[member], compression)
    return path
