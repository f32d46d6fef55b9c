"""Made indexes as the upstream of an offer, and the offer of one project."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from helpers.conversion import metadata
from helpers.made_wheels import make_wheel
from helpers.offers import machine
from helpers.range_server import Handler, Server
from helpers.servers import answering
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.selection.releases import Sources
from variant_backend._internal.serving.environments import unknown_environments
from variant_backend._internal.serving.offer import Offer, offer
from variant_backend._internal.serving.upstream import Upstream
from variant_backend._internal.variants.properties import Property
from variant_backend._internal.wheel_rewrite import Plan, write_variant
from variant_backend._internal.wheels.plain import replace_metadata
from variant_backend._internal.wheels.reading import WheelFile

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


def variant_wheel(
    folder: Path,
    label: str | None,
    level: str = "v3",
    *,
    version: str = "1.0",
    tag: str = "py3-none-any",
    requires: Sequence[str] = (),
) -> Path:
    """Write a wheel of the project `demo` with the property x86_64 :: level :: *level*, or a plain one."""
    text = METADATA + "".join(f"Requires-Dist: {one}\n" for one in requires)
    plain = make_wheel(folder / "plain" if label else folder, version=version, tag=tag, metadata=METADATA)
    if label is None:
        return plain
    plan = Plan(metadata(label, Property("x86_64", "level", level)))
    wheel = WheelFile.of(write_variant(WheelFile.of(plain), plan, folder, force=True).path)
    if requires:  # `write_variant` would decide markers of labels
        replace_metadata(wheel, text.format(name="demo", version=version).encode(), wheel.path)
    return wheel.path


def publish_page(folder: Path, files: Sequence[Path], *, beside: bool = False, hashes: bool = True) -> Path:
    """Write the page of `demo` with links to files in its folder; with *beside*, to metadata files too."""
    project = folder / "demo"
    project.mkdir(parents=True, exist_ok=True)
    links = []
    for file in files:
        content = file.read_bytes()
        (project / file.name).write_bytes(content)
        mark = ""
        if beside and file.suffix == ".whl":
            with WheelFile.of(file).open() as wheel:
                (project / f"{file.name}.metadata").write_bytes(wheel.core_metadata)
                mark = f' data-core-metadata="sha256={hashlib.sha256(wheel.core_metadata).hexdigest()}"'
        digest = f"#sha256={hashlib.sha256(content).hexdigest()}" if hashes else ""
        links.append(f'<a href="{file.name}{digest}"{mark}>{file.name}</a>')
    (project / "index.html").write_text(f"<!DOCTYPE html>{'<br>'.join(links)}")
    return project


@contextmanager
def ranged(folder: Path) -> Iterator[Server]:
    """Serve a folder with ranges; note all requests."""
    with Server(folder) as server, answering(server):
        yield server


def upstream_of(cache: Path, *urls: str, folders: Sequence[Path] = ()) -> Upstream:
    return Upstream(Sources.of(map(str, folders), urls), cache / "cache")


def offer_of(upstream: Upstream, spec: str = "x86_64:v3") -> Offer:
    """Return what a machine sees of the project `demo`."""
    return offer(upstream.project("demo"), machine(spec), Policy(), unknown_environments())


def filenames(upstream: Upstream, spec: str = "x86_64:v3") -> list[str]:
    return [offered.filename for offered in offer_of(upstream, spec).files]


def requested(server: Server) -> list[str]:
    """Return what was requested since the last call: the last part of each path."""
    paths = [path.strip("/").rpartition("/")[2] for _, path, *_ in server.requests]
    server.requests.clear()
    return paths


class Revalidated:
    """Pages with an ETag and max-age; each answer is 304 if the client has the page."""

    def __init__(self, max_age: int = 0) -> None:
        self.max_age = max_age
        self.statuses: list[int] = []

    def __call__(self, handler: Handler, _: bytes | None) -> bool:
        path = handler.server.folder / handler.path.strip("/") / "index.html"
        if not handler.path.endswith("/") or not path.exists():
            return False
        content = path.read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        headers = {"ETag": tag, "Cache-Control": f"max-age={self.max_age}"}
        is_known = handler.headers.get("If-None-Match") == tag
        self.statuses.append(304 if is_known else 200)
        handler.send(self.statuses[-1], b"" if is_known else content, headers)
        return True
