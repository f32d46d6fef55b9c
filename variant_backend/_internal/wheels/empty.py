"""Write a wheel without files of its own: its METADATA says what it requires."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Mapping

from ..formats.record import Record
from ..variants.filename import WheelFilename

_WHEEL = "Wheel-Version: 1.0\nGenerator: variant-backend\nRoot-Is-Purelib: true\n"


def empty_wheel(name: WheelFilename, dist_info: Mapping[str, bytes]) -> bytes:
    """Return a wheel that has only files of dist-info, such as METADATA; WHEEL and RECORD are added.

    Equal arguments give equal bytes: the members have the first time of the zip format, and are not
    compressed. Source: the binary distribution format.
    """
    folder = f"{name.stem}.dist-info"
    contents = {f"{folder}/{file}": content for file, content in dist_info.items()}
    contents[f"{folder}/WHEEL"] = wheel_fields(name)
    record = f"{folder}/RECORD"
    contents[record] = Record.parse(f"{record},,\n".encode()).changed(contents, (), {})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path, content in contents.items():
            member = zipfile.ZipInfo(path)
            member.create_system, member.external_attr = 3, 0o100644 << 16  # on Windows, too
            file.writestr(member, content)
    return archive.getvalue()


def is_own_empty_wheel(content: bytes) -> bool:
    """Return whether `empty_wheel` made a wheel; its members are not compressed."""
    return content.startswith(b"PK") and _WHEEL.encode() in content


def wheel_fields(name: WheelFilename) -> bytes:
    """Return WHEEL for the name of a wheel without files."""
    build = f"Build: {name.build}\n" if name.build else ""
    tags = itertools.product(*(part.split(".") for part in name.tags.split("-")))
    return "".join([_WHEEL, build, *(f"Tag: {'-'.join(tag)}\n" for tag in tags)]).encode()
