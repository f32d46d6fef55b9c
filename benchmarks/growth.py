"""Inputs whose size grows: index files, releases of many wheels, many projects, wheels of many members."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

_SCHEMA = "https://variants-schema.wheelnext.dev/peps/850/v0.2.0.json"
_DIGITS = 6
_WHEEL_FILE = b"Wheel-Version: 1.0\nGenerator: made\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_WHEEL = "made-1.0-py3-none-any.whl"


_OVERLAY = """\
[[projects]]
names = ["made"]
variant.default-priorities.namespace = ["nvidia"]
variant.variants.cu12.nvidia.cuda_version_lower_bound = ["12.0"]
variants.cu12.match.local = "cu12"
variants.null.match.local = "cu13"
"""


class Case(NamedTuple):
    """A command whose time may grow as fast as its input, from *size* to ten times as much.

    *make* writes the input into an empty folder. In the command, INPUT stands for this folder, and OUTPUT for
    the output folder.
    """

    subject: str
    size: int
    make: Callable[[Path, int], object]
    command: tuple[str, ...]


def document(variants: dict[str, Any], features: dict[str, list[str]], namespace: str = "made") -> bytes:
    """Return an index file, or a variant.json, with one namespace."""
    provider = {
        "static-properties": features,
        **({"feature-order": [*features]} if len(features) > 1 else {}),
    }
    return json.dumps(
        {
            "$schema": _SCHEMA,
            "default-priorities": {"namespace": [namespace]},
            "providers": {namespace: provider},
            "variants": variants,
        }
    ).encode()


def labels(folder: Path, count: int) -> None:
    """Write an index file of *count* labels, each with its own value of a feature."""
    values = [f"v{number}" for number in range(count)]
    _index(folder, {f"l{value}": {"made": {"f": [value]}} for value in values}, {"f": values})


def features(folder: Path, count: int) -> None:
    """Write an index file of *count* features, each used by a label."""
    names = [f"f{number}" for number in range(count)]
    _index(folder, {f"l{name}": {"made": {name: ["1"]}} for name in names}, {name: ["1"] for name in names})


def unlisted(folder: Path, count: int) -> None:
    """Write an index file of *count* labels, each with a warning: its provider does not list its value."""
    variants = {f"l{number}": {"made": {"f": [f"v{number}"]}} for number in range(count)}
    _index(folder, variants, {"f": ["other"]})


def project(folder: Path, count: int) -> None:
    """Write a project file of *count* labels, each with its own value of a feature."""
    lines = [f'variants.l{number}.made.f = ["v{number}"]' for number in range(count)]
    values = [f"v{number}" for number in range(count)]
    head = ["[variant]", 'default-priorities.namespace = ["made"]']
    content = [*head, f"providers.made.static-properties.f = {values}", *lines, ""]
    (folder / "pyproject.toml").write_text("\n".join(content))


def release(folder: Path, count: int) -> None:
    """Write a release of *count* labels, a wheel for each of them, and a plain wheel."""
    values = {f"f{digit}": [*"0123456789"] for digit in range(_DIGITS)}
    variants = {
        f"l{number}": {"made": {name: [str(number // 10**digit % 10)] for digit, name in enumerate(values)}}
        for number in range(count)
    }
    _index(folder, variants, values)
    for label, variant in variants.items():
        _write_wheel(folder, "made", label, document({label: variant}, values))
    _write_wheel(folder, "made")


def projects(folder: Path, count: int) -> None:
    """Write *count* projects with a variant of the same label and a plain wheel."""
    content = document({"fast": {"made": {"f": ["1"]}}}, {"f": ["1"]})
    for number in range(count):
        _write_wheel(folder, f"made{number}", "fast", content)
        _write_wheel(folder, f"made{number}")
        (folder / f"made{number}-1.0-variants.json").write_bytes(content)


def installed(folder: Path, count: int) -> None:
    """Write *count* installed distributions: variants, each with its own value, and plain ones."""
    _write_machines(folder)
    for number in range(count):
        values = [f"v{number}", "v"]
        _write_installed(folder, f"made{number}", _with_plugin(values) if number % 2 else b"")


def replaceable(folder: Path, count: int) -> None:
    """Write *count* projects with a variant, and an environment in which their plain wheels are installed."""
    _write_machines(folder)
    projects(folder, count)
    for number in range(count):
        _write_installed(folder, f"made{number}")


def local_versions(folder: Path, count: int) -> None:
    """Write the page of an index with *count* wheels of local versions, and an overlay for them."""
    names = (f"made-1.{number // 2}+cu{12 + number % 2}-py3-none-any.whl" for number in range(count))
    links = "".join(f'<a href="{_URL}/{name}">{name}</a>\n' for name in names)
    (folder / "simple" / "made").mkdir(parents=True)
    (folder / "simple" / "made" / "index.html").write_text(f"<!DOCTYPE html>{links}")
    (folder / "overlay.toml").write_text(_OVERLAY)


def members(folder: Path, count: int) -> None:
    """Write a plain wheel of *count* modules."""
    _write_wheel(folder, "made", modules=count)


_INSTALLED = (
    *("variant-backend", "installed", "--path", "INPUT/site"),
    *("--machine", "a=INPUT/a.json", "--machine", "b=INPUT/b.json"),
)
_MAKE = ("make-variant", "-q", "-p", "made::f::1", "--static", "made::f::1", "-l", "fast", "-o", "OUTPUT")
_INDEX = "made-1.0-variants.json"
_URL = "https://wheels.example.org/made"
# Programs that call the public interface, with the index file of `labels`. They do not measure the garbage
# collector, which visits all objects again and again.
_READ = f"""
import gc
from pathlib import Path
from variant_backend.api import usable_from_json
gc.disable()
metadata, _ = usable_from_json(Path("INPUT/{_INDEX}").read_bytes(), "index")
"""
_MERGE = f"""{_READ}
from variant_backend.api import merge_metadata
parts = {{label: metadata.only(variant) for label, variant in metadata.variants.items()}}
assert len(merge_metadata(parts).variants) == len(parts)
"""
_RANK = f"""{_READ}
from packaging.tags import Tag
from variant_backend.api import WheelFilename, rank_wheels, supported_values
wheels = [WheelFilename.parse(f"made-1.0-py3-none-any-{{label}}.whl") for label in metadata.variants]
known = supported_values(metadata, {{}}).supported
assert rank_wheels(wheels, metadata, known, [Tag("py3", "none", "any")])[-1].is_compatible
"""

CASES = (
    Case("check, labels", 10_000, labels, ("variant-backend", "check", f"INPUT/{_INDEX}")),
    Case("check, features", 10_000, features, ("variant-backend", "check", f"INPUT/{_INDEX}")),
    Case("API, reading", 5_000, labels, ("python", "-c", _READ)),
    Case("API, merging", 5_000, labels, ("python", "-c", _MERGE)),
    Case("API, ranking", 5_000, labels, ("python", "-c", _RANK)),
    Case(
        "index --merge, labels",
        10_000,
        labels,
        ("variant-backend", "index", "--merge", f"INPUT/{_INDEX}", "-o", "OUTPUT", "INPUT"),
    ),
    Case(
        "index --merge, warnings",
        5_000,
        unlisted,
        ("variant-backend", "index", "--merge", f"INPUT/{_INDEX}", "-o", "OUTPUT", "INPUT"),
    ),
    Case(
        "upgrade, labels", 10_000, labels, ("variant-backend", "upgrade", f"INPUT/{_INDEX}", "-o", "OUTPUT")
    ),
    Case(
        "upgrade, project file",
        500,
        project,
        ("variant-backend", "upgrade", "INPUT/pyproject.toml", "-o", "OUTPUT"),
    ),
    Case("check, wheels", 1_000, release, ("variant-backend", "check", "INPUT")),
    Case("index, wheels", 1_000, release, ("variant-backend", "index", "-o", "OUTPUT", "INPUT")),
    Case(
        "index --simple, wheels",
        1_000,
        release,
        ("variant-backend", "index", "--simple", "-o", "OUTPUT", "INPUT"),
    ),
    Case(
        "stub, wheels",
        1_000,
        release,
        ("variant-backend", "stub", "INPUT", "--base-url", _URL, "-o", "OUTPUT"),
    ),
    Case(
        "stub --all, projects",
        100,
        projects,
        ("variant-backend", "stub", "INPUT", "--all", "--base-url", _URL, "-o", "OUTPUT"),
    ),
    Case("explain, wheels", 1_000, release, ("variant-backend", "explain", "made", "-f", "INPUT")),
    Case(
        "explain, local versions",
        1_000,
        local_versions,
        ("variant-backend", "explain", "made", "-i", "INPUT/simple", "--overlay", "INPUT/overlay.toml"),
    ),
    Case("check, projects", 100, projects, ("variant-backend", "check", "INPUT")),
    Case(
        "index --simple, projects",
        100,
        projects,
        ("variant-backend", "index", "--simple", "-o", "OUTPUT", "INPUT"),
    ),
    Case("installed, distributions", 500, installed, (*_INSTALLED, "--requirements")),
    Case("installed, better wheels", 100, replaceable, (*_INSTALLED, "-f", "INPUT")),
    Case("check, members", 5_000, members, ("variant-backend", "check", f"INPUT/{_WHEEL}")),
    Case("make-variant, members", 5_000, members, (*_MAKE, f"INPUT/{_WHEEL}")),
    Case(
        "mend, members", 5_000, members, ("variant-backend", "mend", "-q", f"INPUT/{_WHEEL}", "-o", "OUTPUT")
    ),
)


def _index(folder: Path, variants: dict[str, Any], listed: dict[str, list[str]]) -> None:
    (folder / _INDEX).write_bytes(document(variants, listed))


def _with_plugin(values: list[str]) -> bytes:
    """Return a variant.json with these values of a feature, whose provider is a plugin."""
    content = json.loads(document({"fast": {"made": {"f": values}}}, {}))
    content["providers"]["made"] = {"requires": ["made-plugin"]}
    return json.dumps(content).encode()


def _write_machines(folder: Path) -> None:
    """Write two machine files."""
    for name, values in {"a": ["v1", "v"], "b": ["v"]}.items():
        facts = {"made": {"features": {"f": values}}}
        (folder / f"{name}.json").write_text(json.dumps({"version": 1, "machine": facts}))


def _write_installed(folder: Path, name: str, variant: bytes = b"") -> None:
    """Write the dist-info folder of an installed distribution."""
    dist_info = folder / "site" / f"{name}-1.0.dist-info"
    dist_info.mkdir(parents=True)
    (dist_info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if variant:
        (dist_info / "variant.json").write_bytes(variant)


def _write_wheel(folder: Path, name: str, label: str = "", variant: bytes = b"", modules: int = 1) -> None:
    """Write a wheel, which is a variant if there is a *label*."""
    dist_info = f"{name}-1.0.dist-info"
    contents = {
        **{f"{name}/m{number}.py": b"" for number in range(modules)},
        f"{dist_info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{dist_info}/WHEEL": _WHEEL_FILE,
        **({f"{dist_info}/variant.json": variant} if label else {}),
    }
    contents[f"{dist_info}/RECORD"] = "".join([*_rows(contents), f"{dist_info}/RECORD,,\n"]).encode()
    path = folder / f"{name}-1.0-py3-none-any{f'-{label}' if label else ''}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in contents.items():
            archive.writestr(zipfile.ZipInfo(member, (2024, 1, 1, 0, 0, 0)), content)


def _rows(contents: dict[str, bytes]) -> Iterator[str]:
    for member, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        yield f"{member},sha256={digest},{len(content)}\n"
