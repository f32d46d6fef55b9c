"""Download over HTTP with only the standard library, because isolated build environments have nothing else.

Proxies come from the environment. User and password are sent to their own server only. Source: RFC 9110.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from .. import __version__
from ..errors import VariantError, ascii_unless_printable
from .credentials import authorization, where_credentials_are
from .terminal import print_detail
from .urls import OtherHosts, host_of, is_this_machine, quoted_parts, redirected, shown_reason, shown_url

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse  # takes long to import, as does urllib.request
    from ssl import SSLContext

_PATIENCE = 60  # seconds without an answer or data
_LONGEST = 300  # seconds that a page or a range may take; files may take longer
_MOST_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_DENIED = (401, 403)
_STEP = 1 << 20


class BrokenTransferError(VariantError):
    """A connection broke, or no more data came, before the answer was complete."""


class HttpContent(NamedTuple):
    """A page: its *content*, its media type in lower case, and its URL after redirects, with credentials."""

    content: bytes
    kind: str
    url: str


class Response(NamedTuple):
    """An answer whose headers have come; *body* yields the data as it comes.

    *size* is the length of the body in bytes, None if the server does not send it. *url* is the URL after
    redirects, with credentials. *body* raises BrokenTransferError.
    """

    url: str
    status: int
    reason: str
    headers: HTTPMessage
    size: int | None
    body: Iterator[bytes]

    def check_status(self, expected: int) -> None:
        """Raise VariantError if the status is not the expected one, or the body is encoded."""
        if self.status == 404:
            raise VariantError("not found")
        if self.status in _DENIED:
            raise VariantError(f"access denied: {self.status} {self.reason}", hint=where_credentials_are())
        if self.status != expected:
            raise VariantError(f"the server answers {self.status} {self.reason}".rstrip())
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise VariantError(
                f"the server sent compressed content ({ascii_unless_printable(encoding)}) without being asked"
            )

    def read(self, limit: int) -> bytes:
        """Return the whole body; raises VariantError if it has more than *limit* bytes, or takes too long."""
        content, end = bytearray(), monotonic() + _LONGEST
        too_long = VariantError(f"too large: more than {limit} bytes")
        if (self.size or 0) > limit:
            raise too_long
        for data in self.body:
            content += data
            if len(content) > limit:
                raise too_long
            if monotonic() > end:
                raise VariantError(f"no complete answer in {_LONGEST} seconds")
        return bytes(content)

    def content_range(self, wanted: str) -> tuple[int, int, int]:
        """Return first byte, last byte and the file's size from the answer's Content-Range.

        *wanted* is the requested range: ``FIRST-LAST``, ``FIRST-`` or ``-COUNT``. Raises VariantError if the
        answer has another one.
        """
        header = self.headers.get("Content-Range", "")
        if match := re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", header.strip()):
            first, last, size = map(int, match.groups())
            begin, _, end = wanted.partition("-")
            expected = (int(begin), int(end or size - 1)) if begin else (max(size - int(end), 0), size - 1)
            if (first, last) == expected and last < size:
                return first, last, size
        raise VariantError(f"requested bytes {wanted}, got Content-Range {header!r}")


def get(url: str, *, accept: str = "*/*", limit: int, other_hosts: OtherHosts = False) -> HttpContent:
    """Return the page at a URL, of *limit* bytes at most; *accept* has the requested media types.

    Redirects to another host are followed only if *other_hosts* allows it, because the page is trusted as a
    page of the first host. Raises VariantError, with the URL as its place.
    """
    try:
        with request(url, headers={"Accept": accept}, other_hosts=other_hosts) as response:
            response.check_status(200)
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return HttpContent(response.read(limit), kind, response.url)
    except VariantError as error:
        raise error.within(shown_url(url)) from None


@contextmanager
def request(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    other_hosts: OtherHosts = False,
) -> Iterator[Response]:
    """Request a URL, follow redirects, and yield the answer with any status; it need not be read.

    Raises VariantError, without the URL, if there is no answer, or a redirect is refused: to a host that
    *other_hosts* does not allow, from https to http, or from this machine to another one without encryption.
    """
    asked = url
    for _ in range(_MOST_REDIRECTS + 1):
        try:
            raw = _open(url, method, headers or {})
        except VariantError as error:
            raise (error if url == asked else error.within(f"redirected to {shown_url(url)}")) from None
        with raw:
            location = raw.headers.get("Location")
            if raw.status not in _REDIRECTS or location is None:
                yield _response(raw, url)
                return
            url = redirected(url, location, other_hosts=other_hosts)
    raise VariantError(f"redirected more than {_MOST_REDIRECTS} times")


def _open(url: str, method: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Send one request; return the answer when its headers have come."""
    import urllib.request

    print_detail(f"{method} {shown_url(url)}")
    with _clear_errors(url):
        parts = quoted_parts(url)
        clean = parts._replace(netloc=host_of(url), fragment="").geturl()
        # The default opener would follow redirects, and raise errors for statuses.
        opener = urllib.request.OpenerDirector()
        # A proxy could read and change what this machine sends to itself.
        opener.add_handler(urllib.request.ProxyHandler({} if is_this_machine(url) else None))
        opener.add_handler(urllib.request.HTTPHandler())
        opener.add_handler(urllib.request.HTTPSHandler(context=_context()))

        def send(header: str | None) -> HTTPResponse:
            sent = {"User-Agent": f"variant-backend/{__version__}", "Accept-Encoding": "identity", **headers}
            sent.update({"Authorization": header} if header else {})
            asked = urllib.request.Request(clean, headers=sent, method=method)
            response: HTTPResponse = opener.open(asked, timeout=_PATIENCE)
            return response

        header = authorization(parts)
        response = send(header)
        if response.status in _DENIED and (other := authorization(parts, denied=True)) not in (None, header):
            response.close()
            response = send(other)
        return response


def _response(raw: HTTPResponse, url: str) -> Response:
    """Return an answer of urllib as a Response."""
    length = raw.headers.get("Content-Length", "")
    size = int(length) if re.fullmatch(r"\d{1,18}", length) and not raw.chunked else None
    return Response(url, raw.status, ascii_unless_printable(raw.reason), raw.headers, size, _body(raw, size))


def _body(raw: HTTPResponse, size: int | None) -> Iterator[bytes]:
    """Yield the data as it comes; data beyond the size is not read."""
    from http.client import HTTPException

    left = _STEP if size is None else size
    while left:
        try:
            data = raw.read1(min(left, _STEP))
        except TimeoutError:
            raise BrokenTransferError(f"no data for {_PATIENCE} seconds") from None
        except (OSError, HTTPException) as error:
            raise BrokenTransferError(f"the connection broke: {shown_reason(error)}") from None
        if not data:
            break
        if size is not None:
            left -= len(data)
        yield data
    if size is not None and left:
        raise BrokenTransferError(f"truncated answer: expected {size} bytes, got {size - left}")


@contextmanager
def _clear_errors(url: str) -> Iterator[None]:
    """Turn errors of urllib into VariantError, without the secrets of URLs."""
    from http.client import HTTPException, InvalidURL, RemoteDisconnected
    from urllib.error import URLError

    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, TimeoutError):
            raise VariantError(f"no answer in {_PATIENCE} seconds", hint=_proxy(url)) from None
        if isinstance(cause, RemoteDisconnected):
            raise BrokenTransferError("the server ended the connection without an answer") from None
        if isinstance(cause, ConnectionError) and not isinstance(cause, ConnectionRefusedError):
            raise BrokenTransferError(f"the connection broke: {shown_reason(cause)}") from None
        if isinstance(cause, HTTPException) and not isinstance(cause, InvalidURL):
            raise VariantError(f"the server does not speak HTTP: {shown_reason(cause)}") from None
        if not isinstance(cause, OSError):
            raise VariantError(f"invalid URL: {shown_reason(cause)}") from None
        raise _unreachable(cause, url) from None


def _unreachable(error: OSError, url: str) -> VariantError:
    """Return the error for a connection that failed."""
    from importlib.util import find_spec
    from socket import gaierror
    from ssl import SSLCertVerificationError

    if isinstance(error, SSLCertVerificationError):
        hint = "set SSL_CERT_FILE to a file with the certificate authorities that you trust"
        if not find_spec("truststore"):
            hint += ", or run pip install 'variant-backend[truststore]' to use those of this system"
        return VariantError(f"cannot verify the server's certificate: {error.verify_message}", hint=hint)
    if isinstance(error, gaierror):
        return VariantError(f"unknown host: {shown_reason(error)}", hint=_proxy(url))
    return VariantError(f"cannot connect to the server: {shown_reason(error)}", hint=_proxy(url))


def _proxy(url: str) -> str | None:
    """Return the remedy that names the proxy, or None if there is no proxy."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = None if is_this_machine(url) else getproxies().get(parts.scheme)
    return f"check the proxy {shown_url(proxy)}" if proxy and not proxy_bypass(parts.hostname or "") else None


@cache
def _context() -> SSLContext:
    """Return the context that verifies certificates; creating it takes long.

    `truststore` asks the system, as in pip and uv. SSL_CERT_FILE and SSL_CERT_DIR name other authorities.
    """
    import ssl

    if not any(map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR"))):
        try:
            import truststore

            return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        except ModuleNotFoundError:
            pass  # it is optional
        except Exception as error:  # of any type: Python or the system may be too old for it
            print_detail(f"truststore cannot be used: {shown_reason(error)}")
    return ssl.create_default_context()
