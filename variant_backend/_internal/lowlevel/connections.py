"""Connections over HTTP that keep a deadline from the first address of a host to the last byte of an answer.

`http.client` reads every part of an answer (status, headers, chunk sizes, trailers, the answer of a proxy)
from one file object of the socket. Here, that file object waits no longer than the deadline allows. Importing
this module takes long.
"""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from io import BufferedReader, RawIOBase
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, TypeAlias

from .deadlines import Deadline

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Headers, and all else that frames data; servers themselves refuse requests with more. Each byte of data may
# be a chunk of its own, which takes five more bytes.
_MOST_FRAMING = 256 << 10
_MOST_PER_BYTE = 16


# Each request is a connection of its own, and many systems keep no addresses. They are used for some seconds;
# after too many hosts, all are looked up again.
_ADDRESSES_USED = 60.0
_MOST_HOSTS = 100
_Addresses: TypeAlias = list[tuple[Any, ...]]
_known_addresses: dict[tuple[str, int], tuple[float, _Addresses]] = {}

_proxies: dict[str, str] | None = None


def use_proxy(url: str) -> None:
    """Let later requests use a proxy instead of those of the environment; an empty URL: as at the start."""
    global _proxies
    _proxies = {"http": url, "https": url} if url else None


def used_proxies() -> dict[str, str]:
    """Return the proxies that requests use, by scheme."""
    return urllib.request.getproxies() if _proxies is None else _proxies


def send(
    request: urllib.request.Request, context: SSLContext, deadline: Deadline, *, use_proxies: bool
) -> HTTPResponse:
    """Send a request, and return the answer when its headers have come, with any status.

    Raises the exceptions of urllib.request and http.client, and TimeoutError at the deadline.
    """
    # The default opener would follow redirects, and raise errors for statuses.
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler(_proxies if use_proxies else {}))
    handler = _Handler(context, deadline)
    opener.add_handler(handler)
    try:
        response: HTTPResponse = opener.open(request)
    except BaseException:
        handler.close_responses()
        raise
    return response


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens http and https URLs with a deadline."""

    def __init__(self, context: SSLContext, deadline: Deadline) -> None:
        super().__init__()
        self._context = context
        self._deadline = deadline
        self._responses: list[HTTPResponse] = []

    def close_responses(self) -> None:
        """Close what http.client leaves open after an error: in Python 3.10, the answer of a proxy."""
        for response in self._responses:
            response.close()

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._connection(HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._connection(partial(HTTPSConnection, context=self._context)), request)

    def _connection(self, kind: Callable[..., HTTPConnection]) -> Any:
        def response(connected: socket.socket, **options: Any) -> HTTPResponse:
            self._responses.append(_TimedResponse(self._deadline, connected, **options))
            return self._responses[-1]

        def connection(host: str, **options: Any) -> HTTPConnection:
            made: Any = kind(host, **options)
            made._create_connection = lambda address, *_: _connect(address, self._deadline)
            made.response_class = response
            return made  # type: ignore[no-any-return]  # mypy does not know the two attributes

        return connection


def _connect(address: tuple[str, int], deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that answers; each gets its share of the time."""
    error: OSError = OSError("the host has no address")
    addresses = _addresses_of(address)
    for number, (family, kind, protocol, _, target) in enumerate(addresses):
        try:
            connected = socket.socket(family, kind, protocol)
        except OSError as unsupported:  # such as IPv6
            error = unsupported
            continue
        try:
            connected.settimeout(deadline.left() / (len(addresses) - number))
            connected.connect(target)
            connected.settimeout(deadline.left())  # for the handshake of TLS and the request
        except BaseException as failure:
            connected.close()
            if not isinstance(failure, OSError):
                raise
            error = failure
        else:
            return connected
    _known_addresses.pop(address, None)
    raise error


def _addresses_of(address: tuple[str, int]) -> _Addresses:
    """Return the addresses of a host and port; raises OSError. A thread may look up what another one does."""
    known = _known_addresses.get(address)
    if known and time.monotonic() < known[0]:
        return known[1]
    addresses: _Addresses = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    if len(_known_addresses) >= _MOST_HOSTS:
        _known_addresses.clear()
    _known_addresses[address] = time.monotonic() + _ADDRESSES_USED, addresses
    return addresses


class _TimedResponse(HTTPResponse):
    """An answer that is read within a deadline."""

    def __init__(self, deadline: Deadline, connected: socket.socket, **options: Any) -> None:
        super().__init__(connected, **options)
        raw = self.fp.detach()
        self.fp = BufferedReader(_TimedFile(raw, connected, deadline))


class _TimedFile(RawIOBase):
    """The file object of a socket; reading it raises TimeoutError at the deadline."""

    def __init__(self, raw: RawIOBase, connected: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._socket = connected
        self._deadline = deadline
        self._size = 0

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def readinto(self, buffer: Buffer) -> int | None:
        """Read some bytes; raises HTTPException if too many of them were no data."""
        if self._size > _MOST_FRAMING + _MOST_PER_BYTE * self._deadline.received:
            raise HTTPException(f"more than {_MOST_FRAMING} bytes besides the data")
        self._socket.settimeout(self._deadline.left())
        count = self._raw.readinto(buffer) or 0
        if not count and self._size and self._deadline.in_headers:
            raise ConnectionAbortedError("the answer ends before its headers end")
        self._size += count
        self._socket.settimeout(self._deadline.left())  # for the handshake through a proxy
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
