"""Releases on disk for tests of `check`: a valid one, and its changes in the documentation."""

from __future__ import annotations

import copy
import json
import os
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from helpers.made_modules import made_elf
from helpers.made_wheels import METADATA, WHEEL, record_row
from variant_backend._internal.lowlevel.tarball import pack
from variant_backend._internal.variants.filename import WheelFilename

DOCUMENT: dict[str, Any] = {
    "$schema": "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json",
    "default-priorities": {"namespace": ["speed"]},
    "providers": {"speed": {"static-properties": {"mode": ["fast", "safe"]}}},
    "variants": {"fast": {"speed": {"mode": ["fast"]}}, "null": {}, "safe": {"speed": {"mode": ["safe"]}}},
}
LABELS = ("fast", "null", "safe")
INNER = ("WHEEL", "entry_points.txt")
PLAIN = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"


def patched(document: Any, patch: Any) -> Any:
    """Return a JSON document after a merge patch (RFC 7396): null removes."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = patched(result.get(key), value)
    return result


def only(document: Any, label: str) -> Any:
    """Return the document in the wheel of a label: without the other labels."""
    result = copy.deepcopy(document)
    if isinstance(result, dict) and isinstance(result.get("variants"), dict):
        result["variants"] = {key: each for key, each in result["variants"].items() if key == label}
    return result


def made_sdist(
    info: str | None = "Metadata-Version: 2.4\nName: demo\nVersion: 1.0\n", project: str = ""
) -> bytes:
    """Return an sdist with this PKG-INFO, or without one, and with a project file."""
    files = {"pyproject.toml": project.encode(), **({} if info is None else {"PKG-INFO": info.encode()})}
    return pack("demo-1.0", files, time=0)


def encoded(document: Any) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def write_wheel(
    path: Path,
    variant: Any = None,
    metadata: str = "",
    members: Callable[[dict[str, bytes]], object] = lambda _: None,
    rows: Callable[[list[str]], list[str]] = lambda rows: rows,
    inner: Mapping[str, str] = {},
    modules: Mapping[str, bytes] = {},
) -> None:
    """Write a wheel, with variant.json if it is given; *members* and *rows* may change its content.

    *inner* has additional files of dist-info, or replaces some. *modules* are added to the payload.
    *metadata* has more lines of METADATA, or another Metadata-Version in its first line.
    """
    name, version, *_ = path.name.split("-")
    tags = WheelFilename.parse(path.name.lower()).tags
    dist_info = f"{name}-{version}.dist-info"
    head, _, text = METADATA.format(name=name, version=version).partition("\n\n")
    if metadata.startswith("Metadata-Version:"):
        head = head.partition("\n")[2]
    contents = {
        f"{name}/__init__.py": b"x = 1\n",
        **modules,
        f"{dist_info}/METADATA": f"{head}\n{metadata}\n{text}".encode(),
        f"{dist_info}/WHEEL": WHEEL.replace("py3-none-any", tags).encode(),
        **{f"{dist_info}/{file}": text.encode() for file, text in inner.items()},
    }
    if variant is not None:
        contents[f"{dist_info}/variant.json"] = encoded(variant)
    record = [record_row(member, content) for member, content in contents.items()]
    contents[f"{dist_info}/RECORD"] = "".join(rows([*record, f"{dist_info}/RECORD,,\n"])).encode()
    members(contents)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in contents.items():
            archive.writestr(zipfile.ZipInfo(member, (2024, 5, 6, 7, 8, 10)), content)


def write_release(
    folder: Path,
    index: Any,
    wheels: Callable[[str], Any] | None = None,
    labels: Iterable[str] = LABELS,
    plain: bool = True,
    version: str = "1.0",
) -> Path:
    """Write a release: an index file, a wheel for each label as in *wheels*, and a plain wheel."""
    folder.mkdir(parents=True, exist_ok=True)
    for label in labels:
        variant = wheels(label) if wheels else only(index, label)
        write_wheel(folder / f"demo-{version}-py3-none-any-{label}.whl", variant)
    if plain:
        write_wheel(folder / f"demo-{version}-py3-none-any.whl")
    if index is not None:
        (folder / f"demo-{version}-variants.json").write_bytes(encoded(index))
    return folder


class Example(NamedTuple):
    """A block of docs/reference/rules.md: a change of the valid release."""

    target: str
    text: str


def lay_out(folder: Path, examples: Iterable[Example]) -> None:
    """Write the valid release, changed by the examples: docs/reference/rules.md#how-to-read-the-examples."""
    blocks = {example.target: example.text for example in examples}
    release = patched(DOCUMENT, json.loads(blocks.get("release", "{}")))
    index = patched(release, json.loads(blocks.get("index", "{}")))
    changes = _changes(blocks.get("files", ""))
    names = [name for name in _default_files("demo") if name not in changes["-"]] + changes["+"]
    if "other" in blocks:
        names += _default_files("other")
    other = patched(release, json.loads(blocks.get("other", "{}")))
    folder.mkdir()
    for name in names:
        path = folder / name.rstrip("/")
        if name.endswith("/"):
            path.mkdir()
        elif name.endswith(".whl"):
            label = WheelFilename.parse(name.lower()).label
            document = only(other if name.startswith("other") else release, label or "fast")
            if label is None:
                document = patched(document, json.loads(blocks["plain"])) if "plain" in blocks else None
            elif label == "fast":
                document = patched(document, json.loads(blocks.get("variant.json", "{}")))
            write_wheel(
                path,
                document,
                blocks.get("METADATA", "") + (blocks.get("windows", "") if "-win_" in name else ""),
                _member_changes(blocks.get("members", "") if label == "fast" else ""),
                _row_changes(blocks.get("RECORD", "") if label == "fast" else ""),
                {file: blocks[file] for file in INNER if file in blocks and label == "fast"},
                _modules(blocks.get("modules", "") if label == "fast" else ""),
            )
        elif name.endswith(".json"):
            path.write_bytes(encoded(other if name.startswith("other") else index))
        else:
            path.write_bytes(made_sdist() if name.endswith(".tar.gz") else b"")
    if "PKG-INFO" in blocks:
        text = blocks["PKG-INFO"]
        (folder / SDIST).write_bytes(made_sdist(None if text == "(missing)\n" else text))
    for target, text in blocks.items():
        if target.endswith((".whl", ".json", ".metadata", ".toml", ".html")) and target not in (
            "variant.json",
            "plain variant.json",
        ):
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            (folder / target).write_text(text, encoding="utf-8")
    path = folder / "demo-1.0-py3-none-any-fast.whl"
    if "comment" in blocks:
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = blocks["comment"].encode()
    if "link" in blocks:
        path.write_bytes(_with_link(path.read_bytes(), blocks["link"].strip().encode()))
    if "size" in blocks:
        os.truncate(folder / "demo-1.0-py3-none-any-fast.whl", int(blocks["size"]))
    if "gap" in blocks:
        path.write_bytes(_with_gap(path.read_bytes(), blocks["gap"].encode()))


def _default_files(name: str) -> list[str]:
    labelled = [f"{name}-1.0-py3-none-any-{label}.whl" for label in LABELS]
    return [*labelled, f"{name}-1.0-py3-none-any.whl", f"{name}-1.0-variants.json"]


def _changes(text: str) -> Mapping[str, list[str]]:
    return {sign: [line[1:] for line in text.splitlines() if line[:1] == sign] for sign in "+-"}


def _modules(text: str) -> dict[str, bytes]:
    """Return modules; a line has the path of one and the libraries that it links, or `(truncated)`."""
    lines = [line.split() for line in text.splitlines()]
    return {
        path: made_elf()[:100] if libraries == ["(truncated)"] else made_elf(*libraries)
        for path, *libraries in lines
    }


def _member_changes(text: str) -> Callable[[dict[str, bytes]], object]:
    changes = _changes(text)

    def change(contents: dict[str, bytes]) -> None:
        for name in changes["-"]:
            del contents[name]
        contents.update(dict.fromkeys(changes["+"], b""))

    return change


def _row_changes(text: str) -> Callable[[list[str]], list[str]]:
    changes = _changes(text)

    def change(rows: list[str]) -> list[str]:
        kept = [row for row in rows if row.partition(",")[0] not in changes["-"]]
        assert len(kept) == len(rows) - len(changes["-"])
        return [*kept, *(f"{row}\n" for row in changes["+"])]

    return change


def _with_link(data: bytes, name: bytes) -> bytes:
    """Make a member of a zip file a symbolic link."""
    start = data.rindex(name, 0, data.index(b"PK\5\6")) - 46
    start = data.index(b"PK\1\2" + data[start + 4 : start + 46] + name)
    return data[: start + 38] + struct.pack("<L", 0o120777 << 16) + data[start + 42 :]


def _with_gap(data: bytes, dead: bytes) -> bytes:
    """Put bytes between the members of a zip file and its directory."""
    (offset,) = struct.unpack_from("<L", data, len(data) - 6)
    end = data[:-6] + struct.pack("<L", offset + len(dead)) + data[-2:]
    return end[:offset] + dead + end[offset:]
