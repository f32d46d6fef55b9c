"""Servers on this machine, and their files."""

from __future__ import annotations

import functools
import hashlib
import http.server
import shutil
import socketserver
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from variant_backend._internal.formats import simple_api


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP on this machine; yield its URL."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, answering(server):
        yield f"http://127.0.0.1:{server.server_port}/"


@contextmanager
def answering(server: socketserver.BaseServer) -> Iterator[None]:
    """Run a server in the background; it polls often for its end, as the tests wait for it."""
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


def publish(files: Iterable[Path], project: Path) -> None:
    """Copy files into a project's folder of a package index, and write the page with their links."""
    project.mkdir(parents=True)
    links = []
    for path in sorted(files):
        shutil.copy(path, project)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        links.append(f'<a href="{path.name}#sha256={digest}">{path.name}</a>')
    page = f"<!DOCTYPE html><html><body>{'<br>'.join(links)}</body></html>"
    (project / "index.html").write_text(page)


@contextmanager
def serving(folder: Path, *, as_json: bool) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder; yield its URL, and the list of requested paths."""
    requested: list[str] = []
    handler = functools.partial(
        _RecordingHandler, directory=str(folder), as_json=as_json, requested=requested
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, answering(server):
        yield f"http://127.0.0.1:{server.server_port}/", requested


class _RecordingHandler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, with JSON pages too if *as_json*, and notes the requested paths."""

    extensions_map = {".json": simple_api.JSON_TYPE, ".html": "text/html", "": "application/octet-stream"}  # noqa: RUF012

    def __init__(self, *args: Any, as_json: bool, requested: list[str], **options: Any) -> None:
        self.as_json, self.requested = as_json, requested
        super().__init__(*args, **options)

    def send_head(self) -> Any:
        self.requested.append(self.path)
        if self.as_json and self.path.endswith("/") and simple_api.JSON_TYPE in self.headers["Accept"]:
            self.path += "index.json"
        return super().send_head()

    def end_headers(self) -> None:
        """Let clients keep wheels, as PyPI does."""
        if self.path.endswith(".whl"):
            self.send_header("Cache-Control", "max-age=31536000, immutable")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""
