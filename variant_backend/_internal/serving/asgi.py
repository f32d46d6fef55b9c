"""A site as an ASGI application: its answers are made in threads, and files are verified while they are sent.

Sources: the ASGI specification 3.0 (HTTP connection scope); RFC 9112, section 8 (incomplete messages).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterable, Iterator
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from ..errors import MOST_SHOWN, VariantError
from ..lowlevel.terminal import print_error, print_message, print_traceback
from .respond import ClientRequest, Respond, ServerAnswer, error_response
from .streaming import begun

# Answered without a thread, so that a load balancer gets its answer while all threads wait for an upstream.
_HEALTH = "/health"


class SiteApplication:
    """An ASGI application that answers with *respond*; *logs*: each request is a line on stderr."""

    def __init__(self, respond: Respond, *, logs: bool) -> None:
        self._respond = respond
        self._logs = logs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        started = time.perf_counter()
        request = _request_of(scope)
        if request.path == _HEALTH:
            answer, parts = self._answered(request)
        else:
            answer, parts = await run_in_threadpool(self._answered, request)
        sent = _CountingSend(send)
        try:
            await _response(request, answer, parts)(scope, receive, sent)
        except VariantError as error:  # the connection ends before the content does, so the client sees it
            _print_failure(request, error.lines())
        finally:
            if isinstance(parts, Generator):  # the client may have gone away before the end
                parts.close()
            if self._logs:
                milliseconds = (time.perf_counter() - started) * 1000
                print_message(_log_line(request, answer.status, milliseconds, sent.size))

    def _answered(self, request: ClientRequest) -> tuple[ServerAnswer, Iterator[bytes]]:
        """Return the answer to a request, and the content of its file.

        The first part is read at once: if that fails, the answer is an error.
        """
        parts: Iterator[bytes] = iter(())
        try:
            answer = self._respond(request)
            if answer.file is not None and request.method == "GET":
                answer, parts = begun(answer)
                if answer.file is None:
                    _print_failure(request, answer.body.decode().splitlines())
        except Exception as error:  # a defect: the client gets no detail, the log gets all of them
            print_error(f"{request.method} {request.path[:MOST_SHOWN]}: unexpected {type(error).__name__}")
            print_traceback(type(error), error, sys.exc_info()[2])
            answer = error_response(500, "internal error")
        return answer, parts


class _CountingSend:
    """Send messages to the client, and count the bytes of their bodies."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.size = 0

    async def __call__(self, message: Message) -> None:
        self.size += len(message.get("body", b""))
        await self._send(message)


def _request_of(scope: Scope) -> ClientRequest:
    """Return a request as a value; its path is as it was sent, without query."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    return ClientRequest(scope["method"], path.decode("latin-1"), headers)


def _response(request: ClientRequest, answer: ServerAnswer, parts: Iterator[bytes]) -> Any:
    """Return the response of Starlette; the body of an answer to HEAD is empty."""
    headers = dict(answer.headers)
    if answer.file is not None:
        return StreamingResponse(parts, answer.status, headers)
    return Response(b"" if request.method == "HEAD" else answer.body, answer.status, headers)


def _print_failure(request: ClientRequest, lines: Iterable[str]) -> None:
    for line in lines:
        print_error(f"{request.path[:MOST_SHOWN]}: {line}")


def _log_line(request: ClientRequest, status: int, milliseconds: float, size: int) -> str:
    """Return the line of the access log.

    It has neither a query nor headers that may be secret.

    >>> _log_line(ClientRequest("GET", "/gpu/simple/x/", {"user-agent": "pip/26.3 {}"}), 200, 1.25, 7)
    'GET /gpu/simple/x/ 200 1.2 ms 7 B pip/26.3'
    """
    agent = request.headers.get("user-agent", "").partition(" ")[0][:MOST_SHOWN] or "-"
    path = request.path.partition("?")[0][:MOST_SHOWN]
    return f"{request.method} {path} {status} {milliseconds:.1f} ms {size} B {agent}"
