"""Kinds of unsound wheels: each is a change of one valid wheel, as real tools made them."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from helpers.made_wheels import METADATA, WHEEL, record_row
from helpers.remedies import PLAIN

DIST_INFO = "demo-1.0.dist-info"
RECORD = f"{DIST_INFO}/RECORD"
META = f"{DIST_INFO}/METADATA"
INIT = "demo/__init__.py"
CONTENTS: Mapping[str, bytes] = {
    INIT: b"x = 1\n",
    META: METADATA.format(name="demo", version="1.0").encode(),
    f"{DIST_INFO}/WHEEL": WHEEL.encode(),
}

Rows = Callable[[list[str]], str]
Maker = Callable[[], object]


def _listed(rows: list[str]) -> str:
    return "".join(rows)


def made(
    change: Callable[[dict[str, bytes]], object] = lambda _: None,
    rows: Rows | bytes | None = _listed,
    *,
    name: str = PLAIN,
    archive: Callable[[bytes], bytes] = lambda data: data,
    method: int = zipfile.ZIP_STORED,
) -> Maker:
    """Return a function that writes a wheel with changed members, rows of RECORD or bytes of the archive."""

    def make() -> None:
        contents = dict(CONTENTS)
        change(contents)
        if rows is not None:
            listed = [record_row(path, content) for path, content in contents.items()]
            record = next((path[:-5] + "RECORD" for path in contents if path.endswith("/WHEEL")), RECORD)
            contents[record] = rows if isinstance(rows, bytes) else rows([*listed, f"{record},,\n"]).encode()
        path = Path(name)
        with zipfile.ZipFile(path, "w", method) as file:
            for member, content in contents.items():
                file.writestr(zipfile.ZipInfo(member, (2024, 5, 6, 7, 8, 10)), content, method)
        path.write_bytes(archive(path.read_bytes()))

    return make


def changed_rows(old: str, new: str) -> Maker:
    """Return a function that writes a wheel with a changed text in RECORD."""
    return made(rows=lambda rows: "".join(rows).replace(old, new))


def without(*names: str) -> Maker:
    """Return a function that writes a wheel without some members."""
    return made(lambda contents: [contents.pop(name) for name in names])


def with_file(name: str, content: bytes | Callable[[bytes], bytes] = b"") -> Maker:
    """Return a function that writes a wheel with another member, or with other content of one."""

    def change(contents: dict[str, bytes]) -> None:
        contents[name] = content if isinstance(content, bytes) else content(contents[name])

    return made(change)


def moved(old: str, new: str) -> Maker:
    """Return a function that writes a wheel in which the dist-info directory has another name."""

    def change(contents: dict[str, bytes]) -> None:
        renamed = {path.replace(old, new): content for path, content in contents.items()}
        contents.clear()
        contents.update(renamed)

    return made(change)


def patched_headers(local: int, central: int, form: str, change: Callable[[int], int]) -> Maker:
    """Return a function that changes a number in each header of the archive; an offset of 0 leaves it."""

    def patch(data: bytes) -> bytes:
        result = bytearray(data)
        for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
            at = data.find(signature)
            while offset and at >= 0:
                (number,) = struct.unpack_from(form, data, at + offset)
                struct.pack_into(form, result, at + offset, change(number))
                at = data.find(signature, at + 4)
        return bytes(result)

    return made(archive=patch)


def _with_gap(data: bytes, dead: bytes) -> bytes:
    (start,) = struct.unpack_from("<L", data, len(data) - 6)
    result = data[:-6] + struct.pack("<L", start + len(dead)) + data[-2:]
    return result[:start] + dead + result[start:]


# Installers take such a wheel.
LOCAL_IN_FILENAME = made(name="demo-1.0+cu12-py3-none-any.whl")

UNSOUND: Mapping[str, Maker] = {
    "RECORD is missing": made(rows=None),
    "RECORD is empty": made(rows=b""),
    "RECORD is not UTF-8": made(rows=b"demo/\xe9,,\n"),
    "RECORD has no row of itself": made(rows=lambda rows: "".join(rows[:-1])),
    "RECORD has its own hash": changed_rows(f"{RECORD},,", record_row(RECORD, b"").strip()),
    "RECORD has a blank row": made(rows=lambda rows: "".join(rows) + "\n"),
    "RECORD has two columns": changed_rows(f"{RECORD},,", f"{RECORD},"),
    "RECORD has an open quote": changed_rows(INIT, f'"{INIT}'),
    "RECORD has NUL": changed_rows(INIT, "demo/\0"),
    "RECORD has a duplicate row": made(rows=lambda rows: "".join([rows[0], *rows])),
    "RECORD has a stray row": made(rows=lambda rows: "".join([record_row("demo/gone.py", b""), *rows])),
    "RECORD lacks a row": made(rows=lambda rows: "".join(rows[1:])),
    "RECORD lacks a hash": made(rows=lambda rows: "".join([f"{INIT},,6\n", *rows[1:]])),
    "RECORD lacks a size": made(rows=lambda rows: "".join([rows[0].rpartition(",")[0] + ",\n", *rows[1:]])),
    "rows start with a slash": made(rows=lambda rows: "".join(f"/{row}" for row in rows)),
    "rows start with a dot": made(rows=lambda rows: "".join(f"./{row}" for row in rows)),
    "rows have backslashes": made(rows=lambda rows: "".join(row.replace("/", "\\", 1) for row in rows)),
    "METADATA is missing": without(META),
    "METADATA is not UTF-8": with_file(META, lambda old: old.replace(b"a test", b"caf\xe9")),
    "METADATA has another name": with_file(META, lambda old: old.replace(b"demo", b"other")),
    "METADATA has another version": with_file(META, lambda old: old.replace(b"1.0", b"2.0")),
    "METADATA has two versions": with_file(META, lambda old: b"Version: 1.0\n" + old),
    "METADATA has no name": with_file(META, lambda old: old.replace(b"Name: demo\n", b"")),
    "METADATA is empty": with_file(META),
    "METADATA has spaces before a colon": with_file(META, lambda old: old.replace(b"Name:", b"Name :")),
    "METADATA has a value on two lines": with_file(
        META, lambda old: old.replace(b"\nSummary", b"\nRequires-Dist: a\n  >=1\nSummary")
    ),
    "METADATA has doubled line ends": with_file(META, lambda old: old.replace(b"\n", b"\r\r\n")),
    "METADATA starts with a mark": with_file(META, lambda old: b"\xef\xbb\xbf" + old),
    "METADATA starts with an empty line": with_file(META, lambda old: b"\n" + old),
    "METADATA has a malformed line": with_file(
        META,
        lambda old: old.replace(b"\nSummary", b"\nLicense: MIT\nCopyright me\nRequires-Dist: a\nSummary"),
    ),
    "WHEEL is missing": without(f"{DIST_INFO}/WHEEL"),
    "no dist-info": made(
        lambda contents: [contents.pop(name) for name in [*contents] if DIST_INFO in name], None
    ),
    "two dist-infos": with_file("other-1.0.dist-info/METADATA"),
    "dist-info of another version": moved("demo-1.0.", "demo-2.0."),
    "dist-info in capitals": moved("demo-1.0.", "Demo-1.0."),
    "dist-info not normalized": moved("demo-1.0.", "demo-1.0.0."),
    ".data of another version": with_file("demo-2.0.data/scripts/demo"),
    "gap before the directory": made(archive=lambda data: _with_gap(data, b"dead")),
    "trailing bytes": made(archive=lambda data: data + b"dead"),
    "leading bytes": made(archive=lambda data: b"#!/bin/sh\n" + data),
    "truncated": made(archive=lambda data: data[:-30]),
    "member of bz2": made(method=zipfile.ZIP_BZIP2),
    "member of lzma": made(method=zipfile.ZIP_LZMA),
    "encrypted members": patched_headers(6, 8, "<H", lambda flags: flags | 1),
    "data descriptors": patched_headers(6, 8, "<H", lambda flags: flags | 8),
    "local flags differ": patched_headers(6, 0, "<H", lambda flags: flags | 0x800),
    "local sizes differ": patched_headers(22, 0, "<L", lambda size: size + 1),
    "local CRC differs": patched_headers(14, 0, "<L", lambda crc: crc ^ 1),
    "wrong CRC": patched_headers(14, 16, "<L", lambda crc: crc ^ 1),
    "wrong offsets": patched_headers(0, 42, "<L", lambda offset: offset + 1),
    "duplicate member": made(
        lambda contents: contents.update({"demo/dup_file.py": b""}),
        lambda rows: "".join(row for row in rows if "dup_file" not in row),
        archive=lambda data: data.replace(b"demo/dup_file.py", INIT.encode()),
    ),
    "absolute member": with_file("/demo.txt"),
    "member above the root": with_file("../demo.txt"),
    "unprintable member": with_file("demo/a\u200bb.txt"),
}
