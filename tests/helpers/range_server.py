"""A server with ranges, like package indexes: it counts the sent bytes, and can misbehave."""

from __future__ import annotations

import http.server
import re
from collections.abc import Callable
from pathlib import Path

from variant_backend._internal.formats.simple_api import JSON_TYPE


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder with ranges, and notes each request with its cost."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.requests: list[tuple[str, str, str, int]] = []
        self.has_json = False  # whether pages are sent as JSON if the request accepts it
        self.misbehave: Callable[[Handler, bytes | None], bool] = lambda _handler, _data: False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    @property
    def sent(self) -> int:
        return sum(count for *_, count in self.requests)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET and HEAD, with one range, like the servers of package indexes."""

    server: Server
    is_json = False
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = self.server.folder / re.sub(r"[?#].*", "", self.path).strip("/").replace("%2B", "+")
        if path.is_dir():
            as_json = self.server.has_json and JSON_TYPE in self.headers.get("Accept", "")
            path /= "index.json" if as_json or not (path / "index.html").exists() else "index.html"
        self.is_json = path.suffix == ".json"
        if self.server.misbehave(self, None):
            return
        if not path.exists():
            self.send(404, b"")
            return
        size, wanted = path.stat().st_size, self.headers.get("Range")
        if self.command == "HEAD" or wanted is None:
            self.send(200, path.read_bytes() if self.command == "GET" else b"", length=size)
            return
        first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted).groups()  # type: ignore[union-attr]
        if not size:
            self.send(416, b"")
            return
        start = int(first) if first else max(size - int(last), 0)
        end = min(int(last), size - 1) if first and last else size - 1
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(end + 1 - start)
        if not self.server.misbehave(self, data):
            self.send(206, data, {"Content-Range": f"bytes {start}-{end}/{size}"})

    def send(
        self, status: int, data: bytes, headers: dict[str, str] | None = None, length: int | None = None
    ) -> None:
        kind = JSON_TYPE if self.is_json else "text/html"
        told = {"Content-Type": kind, "Content-Length": str(len(data) if length is None else length)}
        self.server.requests.append((self.command, self.path, self.headers.get("Range", ""), len(data)))
        self.send_response(status)
        for name, value in {**told, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
