"""Behaviors and misbehaviors of servers."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable

from helpers.range_server import Handler

Behavior = Callable[[Handler, "bytes | None"], bool]


def answer(status: int, data: bytes = b"", length: int | None = None, **headers: str) -> Behavior:
    """Return a behavior: send this answer to every request, and end the connection."""

    def behave(handler: Handler, _: bytes | None) -> bool:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.send(status, data, told, length)
        handler.close_connection = True
        return True

    return behave


def reset(length: int) -> Behavior:
    """Return a behavior: send a part of *length* announced bytes, and reset the connection."""

    def behave(handler: Handler, _: bytes | None) -> bool:
        handler.send(200, b"part", length=length)
        at_once = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        socket.close(handler.connection.detach())
        handler.close_connection = True
        return True

    return behave


def endless(handler: Handler, _: bytes | None) -> bool:
    """Send chunks as long as the client reads."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.close_connection = True
    try:
        for _number in range(1 << 12):
            handler.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
    except OSError:
        pass
    return True
