"""Serve a site to this machine with the standard library: it starts faster than a server for networks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from ... import __version__
from ..errors import VariantError
from .respond import ClientRequest, Respond
from .streaming import begun

LOOPBACK = "127.0.0.1"


class _LoopbackHandler(BaseHTTPRequestHandler):
    """Read a request, and send the answer of the site."""

    protocol_version = "HTTP/1.1"
    server_version = f"variant-backend/{__version__}"
    sys_version = ""
    server: _LoopbackServer

    def setup(self) -> None:
        """Let small answers leave at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def do_GET(self) -> None:
        """Answer a GET request."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer a HEAD request."""
        self._answer()

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.respond(ClientRequest(self.command, self.path, headers))
        parts: Iterator[bytes] = iter(())
        if self.command != "HEAD":
            answer, parts = begun(answer)
        is_chunked = answer.file is not None and "Content-Length" not in answer.headers
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._send_body(parts, is_chunked=is_chunked and self.command != "HEAD")
        except VariantError:
            self.close_connection = True  # the client sees that the content is not complete

    def _send_body(self, parts: Iterator[bytes], *, is_chunked: bool) -> None:
        for part in filter(None, parts):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
        if is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base class
        """Print nothing: the site logs."""


class _LoopbackServer(ThreadingHTTPServer):
    """A server that ends with its process."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, respond: Respond) -> None:
        super().__init__((LOOPBACK, port), _LoopbackHandler)
        self.respond = respond

    def server_bind(self) -> None:
        """Bind without looking up the name of this machine, which may take seconds."""
        # On Windows, SO_REUSEADDR would let another program take the port, too.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        self.socket.setsockopt(socket.SOL_SOCKET, exclusive or socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that go away."""


@contextmanager
def loopback_server(respond: Respond, ports: Iterator[int]) -> Iterator[int]:
    """Serve on the first of the *ports* that is free, and yield it.

    Raises VariantError if none is free.
    """
    for port in ports:
        with suppress(OSError):
            server = _LoopbackServer(port, respond)
            break
    else:
        raise VariantError("no free port", place=LOOPBACK)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        _stop(server)
        thread.join()


def _stop(server: _LoopbackServer) -> None:
    """Stop a server at once: a connection ends its wait for the next one."""
    stopping = Thread(target=server.shutdown)
    stopping.start()
    with suppress(OSError):
        socket.create_connection((LOOPBACK, server.server_port), timeout=1).close()
    stopping.join()
    server.server_close()
