"""Servers that keep a client waiting: a byte now and then, or endless headers, chunks and trailers."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

Script = Callable[[], Iterable[bytes]]

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 100000\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TUNNEL = b"HTTP/1.0 200 OK\r\n\r\n"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ONE_BYTE = b"1\r\nx\r\n"
# The header of a TLS record of 16 kB with the answer of a server.
TLS_RECORD = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb"


class Attack(NamedTuple):
    """Send *start*, and then *repeated* for ever: slowly, or as a *flood*. *scheme* is that of the URL."""

    start: bytes
    repeated: bytes = b""
    flood: bool = False
    scheme: str = "http"

    def script(self, pause: float) -> Script:
        """Return what the server sends, with this pause in seconds between two parts."""

        def parts() -> Iterator[bytes]:
            yield self.start
            for _ in itertools.count():
                if self.flood:
                    yield self.repeated * 100
                else:
                    time.sleep(pause)
                    yield self.repeated

        return parts


SLOW = {
    "nothing": Attack(b""),
    "status line": Attack(b"HTTP/1.1 200 ", b"x"),
    "header value": Attack(OK + b"A: ", b"x"),
    "folded header": Attack(OK + b"A: b\r\n", b" c\r\n"),
    "headers": Attack(OK, b"A: b\r\n"),
    "continue": Attack(b"", CONTINUE),
    "headers of a continue": Attack(CONTINUE[:-2], b"A: b\r\n"),
    "redirect": Attack(b"HTTP/1.1 302 Found\r\nLocation: /", b"x"),
    "sized body": Attack(SIZED, b"x"),
    "body that stops": Attack(SIZED + bytes(500)),
    "body without end": Attack(OK + b"\r\n", b"x"),
    "chunk size": Attack(CHUNKED, b"0"),
    "chunk extension": Attack(CHUNKED + b"1;", b"x"),
    "chunks of a byte": Attack(CHUNKED, ONE_BYTE),
    "chunk extensions": Attack(CHUNKED, b"1;x=" + b"y" * 200 + b"\r\nx\r\n"),
    "trailer": Attack(CHUNKED + b"1\r\nx\r\n0\r\n", b"x"),
    "trailers": Attack(CHUNKED + b"1\r\nx\r\n0\r\n", b"A: b\r\n"),
    "handshake": Attack(TLS_RECORD, b"\x00", scheme="https"),
    "status line of a proxy": Attack(b"HTTP/1.0 200 ", b"x", scheme="proxy"),
    "headers of a proxy": Attack(TUNNEL[:-2], b"A: b\r\n", scheme="proxy"),
    "handshake through a proxy": Attack(TUNNEL, TLS_RECORD, scheme="proxy"),
}
FLOODS = {
    "long status line": Attack(b"HTTP/1.1 200 ", b"x" * 1000, flood=True),
    "long header": Attack(OK + b"A: ", b"x" * 1000, flood=True),
    "headers": Attack(OK, b"A: b\r\n", flood=True),
    "continue": Attack(b"", CONTINUE, flood=True),
    "chunk extension": Attack(CHUNKED + b"1;", b"x" * 1000, flood=True),
    "chunk extensions": Attack(CHUNKED, b"1;" + b"x" * 60_000 + b"\r\nx\r\n", flood=True),
    "trailers": Attack(CHUNKED + b"1\r\nx\r\n0\r\n", b"A: b\r\n", flood=True),
    "zeros of a chunk size": Attack(CHUNKED, b"0" * 1000, flood=True),
    "headers of a proxy": Attack(TUNNEL[:-2], b"A: b\r\n", flood=True, scheme="proxy"),
}


@contextmanager
def sending(script: Script, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Run a server that sends a script to each client, with TLS if it has a context; yield its port."""
    ended = threading.Event()
    clients: list[socket.socket] = []

    def serve(client: socket.socket) -> None:
        with suppress(OSError):
            if context:
                client = context.wrap_socket(client, server_side=True)
            client.recv(1 << 16)
            for part in script():
                if ended.is_set():
                    break
                client.sendall(part)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                clients.append(client)
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for client in clients:
                client.close()
