"""Download over HTTP with only the standard library, because isolated build environments have nothing else.

Proxies come from the environment. User and password are sent to their own server only. Every answer has
deadlines, and failures that may pass are tried again, for the same reasons as in pip and uv: broken
connections, no answer in time, and statuses of overloaded servers. Source: RFC 9110.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from math import inf
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlsplit

from ... import __version__
from ..errors import VariantError, ascii_unless_printable
from .certificates import not_verified, verifying_context
from .credentials import authorization, where_credentials_are
from .deadlines import Deadline, ServerFailedError, TransientError
from .regular_files import joined, too_large
from .terminal import print_detail, print_status
from .urls import (
    OtherHosts,
    ascii_url,
    invalid_url,
    is_this_machine,
    quoted_parts,
    redirected,
    shown_reason,
    shown_url,
)

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse  # takes long to import, as does urllib.request

_T = TypeVar("_T")

# The code of the problem that a server has no page or file with this URL.
NOT_FOUND = "not-found"

_LONGEST = 300  # seconds that a page or a range may take, with all tries; files may take longer
_MOST_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_DENIED = (401, 403)
_STEP = 1 << 20

_MOST_TRIES = 5
_PAUSE = 0.5  # seconds before the second try; each further pause is twice as long
_LONGEST_PAUSE = 30  # seconds that a server may ask for
# Too many requests; errors of servers, of the gateways before them, and of Cloudflare.
_TRANSIENT = {429, 500, 502, 503, 504, 520}


class ForbiddenError(ServerFailedError):
    """A server answers 403: it refuses a page or file, or does not have it."""


class HttpContent(NamedTuple):
    """A page: its *content*, its media type in lower case, and its URL after redirects, with credentials."""

    content: bytes
    kind: str
    url: str


class KnownPage(NamedTuple):
    """A page, and what is needed to request it again.

    *tag* and *modified* are its ETag and Last-Modified, empty if the server does not say them. It need not be
    requested again for *max_age* seconds. *is_known*: the server says that it has not changed.
    """

    page: HttpContent
    tag: str = ""
    modified: str = ""
    max_age: float = 0.0
    is_known: bool = False

    def conditions(self) -> dict[str, str]:
        """Return the headers that request the page only if it has changed (RFC 9110, section 13.1)."""
        known = {"If-None-Match": self.tag, "If-Modified-Since": self.modified}
        return {name: value for name, value in known.items() if value and value.isprintable()}


class FileVersion(NamedTuple):
    """The version of a file: ETag, Last-Modified and size, each falsy if the server does not say it."""

    tag: str
    modified: str
    size: int | None

    def is_other(self, other: FileVersion) -> bool:
        """Return whether two versions have different known values, so that their bytes must not be mixed."""
        return any(own and theirs and own != theirs for own, theirs in zip(self, other, strict=True))


class Response(NamedTuple):
    """An answer whose headers have come; *body* yields the data as it comes.

    *size* is the length of the body in bytes, None if the server does not send it. *url* is the URL after
    redirects, with credentials. *body* raises TransientError.
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
            raise VariantError("not found", code=NOT_FOUND)
        if self.status in _DENIED:
            remedy = where_credentials_are()
            kind = ForbiddenError if self.status == 403 else ServerFailedError
            raise kind(f"access denied: {self.status} {self.reason}", remedy=remedy)
        if self.status != expected:
            raise ServerFailedError(f"the server answers {self.status} {self.reason}".rstrip())
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise VariantError(
                f"the server sent compressed content ({ascii_unless_printable(encoding)}) without being asked"
            )

    def read(self, limit: int) -> bytes:
        """Return the whole body; raises VariantError if it has more than *limit* bytes."""
        if (self.size or 0) > limit:
            raise too_large(limit)
        return joined(self.body, limit, remedy=None)

    def version(self, size: int | None) -> FileVersion:
        """Return the version of the file, which has this size."""
        return FileVersion(self.headers.get("ETag", ""), self.headers.get("Last-Modified", ""), size)

    def content_range(self, wanted: str) -> tuple[int, int, int]:
        """Return first byte, last byte and the file's size from the answer's Content-Range.

        *wanted* is the requested range: ``FIRST-LAST``, ``FIRST-`` or ``-COUNT``. Raises VariantError if the
        answer has another one.
        """
        if self.headers.get("Content-Type", "").lower().startswith("multipart/byteranges"):
            raise VariantError(f"requested bytes {wanted}, but the server sent several ranges")
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
    return get_changed(url, None, accept=accept, limit=limit, other_hosts=other_hosts).page


def get_changed(
    url: str, known: KnownPage | None, *, accept: str = "*/*", limit: int, other_hosts: OtherHosts = False
) -> KnownPage:
    """Return a page as `get` does; the *known* one if the server says that it has not changed."""

    def read(response: Response) -> KnownPage:
        headers, max_age = response.headers, _max_age(response.headers)
        if known is not None and response.status == 304:
            return known._replace(max_age=max_age, is_known=True)
        response.check_status(200)
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        tag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
        page = HttpContent(response.read(limit), kind, response.url)
        return KnownPage(page, tag, modified, max_age)

    sent = {"Accept": accept, **(known.conditions() if known else {})}
    try:
        return request(url, read, headers=lambda: sent, other_hosts=other_hosts)
    except VariantError as error:
        raise error.within(shown_url(url)) from None


def request(
    url: str,
    read: Callable[[Response], _T],
    *,
    method: str = "GET",
    headers: Callable[[], Mapping[str, str]] = dict,
    other_hosts: OtherHosts = False,
    total: float | None = None,
) -> _T:
    """Request a URL, follow redirects, and return what *read* returns for the answer, which has any status.

    If an answer does not come, breaks, is too slow, or says that the server is overloaded, the request is
    sent again, with new *headers*. All tries together take *total* seconds at most, by default `_LONGEST`.
    Raises VariantError, without the URL, if no try succeeds, or a redirect is refused: to a host that
    *other_hosts* does not allow, from https to http, or from this machine to another one without encryption.
    """
    deadline = Deadline(_LONGEST if total is None else total)
    tries = 1
    while True:
        deadline.begin_try()
        try:
            with _answer(url, method, headers(), other_hosts, deadline) as response:
                _check_is_not_overloaded(response)
                return read(response)
        except TransientError as error:
            _pause(error, tries, deadline)
            tries += 1


@contextmanager
def streamed(url: str, *, other_hosts: OtherHosts = False) -> Iterator[Response]:
    """Yield the answer to a request for a file, which is sent again only until its headers have come.

    Raises VariantError, without the URL, as `request` does.
    """
    deadline = Deadline(inf)
    tries = 1
    while True:
        deadline.begin_try()
        with ExitStack() as stack:
            try:
                response = stack.enter_context(_answer(url, "GET", {}, other_hosts, deadline))
                _check_is_not_overloaded(response)
            except TransientError as error:
                _pause(error, tries, deadline)
                tries += 1
                continue
            yield response
            return


@contextmanager
def _answer(
    url: str, method: str, headers: Mapping[str, str], other_hosts: OtherHosts, deadline: Deadline
) -> Iterator[Response]:
    """Request a URL once, follow redirects, and yield the answer; it need not be read."""
    asked = url
    for _ in range(_MOST_REDIRECTS + 1):
        try:
            raw = _open(url, method, headers, deadline)
        except VariantError as error:
            raise (error if url == asked else error.within(f"redirected to {shown_url(url)}")) from None
        with raw:
            location = raw.headers.get("Location")
            if raw.status not in _REDIRECTS or location is None:
                yield _response(raw, url, deadline)
                return
            url = redirected(url, location, other_hosts=other_hosts)
    raise VariantError(f"redirected more than {_MOST_REDIRECTS} times")


def _check_is_not_overloaded(response: Response) -> None:
    """Raise TransientError if the status says that a later request may succeed."""
    if response.status not in _TRANSIENT:
        return
    text = f"the server answers {response.status} {response.reason}".rstrip()
    pause = _retry_after(response.headers)
    if pause is not None and pause > _LONGEST_PAUSE:
        raise ServerFailedError(
            f"{text}, and asks to wait {pause:.0f} seconds (limit: {_LONGEST_PAUSE})",
            remedy="try again after that time",
        )
    error = TransientError(text)
    error.pause = pause
    raise error


def _max_age(headers: HTTPMessage) -> float:
    """Return for how many seconds an answer may be used again without a request (RFC 9111, section 4.2)."""
    control = headers.get("Cache-Control", "").lower()
    match = re.search(r"\bmax-age=\"?([0-9]{1,9})\b", control)
    if not match or re.search(r"\bno-(cache|store)\b", control):
        return 0.0
    age = headers.get("Age", "").strip()
    return max(float(match[1]) - (float(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0.0), 0.0)


def _retry_after(headers: HTTPMessage) -> float | None:
    """Return how many seconds a server asks to wait, None if it does not say so."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    moment = http_date(text)
    if moment is None:
        return None
    # The clock of this machine may be wrong.
    now = http_date(headers.get("Date", ""))
    return max(moment - (time.time() if now is None else now), 0.0)


def http_date(text: str) -> float | None:
    """Return the moment of a date in a header in seconds since 1970, None if it is invalid."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _pause(error: TransientError, tries: int, deadline: Deadline) -> None:
    """Wait before the next try; raises VariantError if there is none."""
    from random import uniform

    # Several clients that were refused together must not return together.
    pause = max(_PAUSE * 2 ** (tries - 1) * uniform(0.5, 1), error.pause or 0.0)
    if tries >= _MOST_TRIES or not deadline.allows_try_in(pause):
        given_up = f" (given up after {tries} tries)" if tries > 1 else ""
        raise ServerFailedError(
            *(problem._replace(text=f"{problem.text}{given_up}") for problem in error.problems)
        ) from None
    text = f"{error.problems[0].text}; try {tries + 1} of {_MOST_TRIES} in {pause:.1f} seconds"
    print_detail(text)
    print_status(f"variant-backend: {text}")
    time.sleep(pause)
    print_status("")


def _open(url: str, method: str, headers: Mapping[str, str], deadline: Deadline) -> HTTPResponse:
    """Send one request; return the answer when its headers have come."""
    from urllib.request import Request

    from .connections import send

    print_detail(f"{method} {shown_url(url)}")
    with _clear_errors(url, deadline):
        parts = quoted_parts(url)
        clean = ascii_url(url)
        # A proxy could read and change what this machine sends to itself.
        use_proxies = not is_this_machine(url)

        def answer(header: str | None) -> HTTPResponse:
            sent = {"User-Agent": f"variant-backend/{__version__}", "Accept-Encoding": "identity", **headers}
            sent.update({"Authorization": header} if header else {})
            prepared = Request(clean, headers=sent, method=method)
            return send(prepared, verifying_context(), deadline, use_proxies=use_proxies)

        header = authorization(parts)
        response = answer(header)
        if response.status not in _DENIED:
            return response
        try:
            other = authorization(parts, denied=True)
        except VariantError:
            response.close()
            raise
        if other in (None, header):
            return response
        response.close()
        return answer(other)


def _response(raw: HTTPResponse, url: str, deadline: Deadline) -> Response:
    """Return an answer of http.client as a Response; raises VariantError if its end is not clear."""
    coding, lengths = raw.headers.get("Transfer-Encoding"), {*raw.headers.get_all("Content-Length", [])}
    size = None
    if raw.chunked:
        lengths = set()
    elif coding not in (None, "identity"):
        raise VariantError(f"unknown Transfer-Encoding {coding!a}")
    if lengths:
        length = ", ".join(lengths)
        if not re.fullmatch(r"[0-9]{1,18}", length):
            raise VariantError(f"invalid Content-Length {length!a}")
        size = int(length)
    deadline.in_headers = False
    reason, body = ascii_unless_printable(raw.reason), _body(raw, size, deadline)
    return Response(url, raw.status, reason, raw.headers, size, body)


def _body(raw: HTTPResponse, size: int | None, deadline: Deadline) -> Iterator[bytes]:
    """Yield the data as it comes; data beyond the size is not read."""
    from http.client import HTTPException, IncompleteRead

    left = _STEP if size is None else size
    while left:
        try:
            data = raw.read1(min(left, _STEP))
        except TimeoutError:
            raise deadline.error() from None
        except (OSError, IncompleteRead) as error:
            raise TransientError(f"the connection broke: {shown_reason(error)}") from None
        except HTTPException as error:
            raise ServerFailedError(f"invalid answer: {shown_reason(error)}") from None
        if not data:
            break
        deadline.count(len(data))
        if size is not None:
            left -= len(data)
        began = time.monotonic()
        yield data
        deadline.add(time.monotonic() - began)
    if size is not None and left:
        raise TransientError(f"truncated answer: expected {size} bytes, got {size - left}")


@contextmanager
def _clear_errors(url: str, deadline: Deadline) -> Iterator[None]:
    """Turn errors of urllib into VariantError, without the secrets of URLs."""
    from http.client import HTTPException, InvalidURL, RemoteDisconnected
    from ssl import SSLEOFError, SSLZeroReturnError
    from urllib.error import URLError

    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, TimeoutError):
            raise deadline.error(_proxy(url)) from None
        if isinstance(cause, RemoteDisconnected):
            raise TransientError("the server ended the connection without an answer") from None
        broken = (ConnectionError, SSLEOFError, SSLZeroReturnError)
        if isinstance(cause, broken) and not isinstance(cause, ConnectionRefusedError):
            raise TransientError(f"the connection broke: {shown_reason(cause)}") from None
        if isinstance(cause, HTTPException) and not isinstance(cause, InvalidURL):
            raise ServerFailedError(f"the server does not speak HTTP: {shown_reason(cause)}") from None
        if not isinstance(cause, OSError):
            raise VariantError(f"invalid URL: {invalid_url(cause, url)}") from None
        raise _unreachable(cause, url) from None


def _unreachable(error: OSError, url: str) -> VariantError:
    """Return the error for a connection that failed."""
    from socket import EAI_AGAIN, gaierror
    from ssl import SSLCertVerificationError

    if isinstance(error, SSLCertVerificationError):
        return not_verified(error)
    if isinstance(error, gaierror):
        kind = TransientError if error.errno == EAI_AGAIN else ServerFailedError
        return kind(f"unknown host: {shown_reason(error)}", remedy=_proxy(url))
    return ServerFailedError(f"cannot connect to the server: {shown_reason(error)}", remedy=_proxy(url))


def _proxy(url: str) -> str | None:
    """Return the remedy that names the proxy, or None if there is no proxy."""
    from urllib.request import proxy_bypass

    from .connections import used_proxies

    parts = urlsplit(url)
    proxy = None if is_this_machine(url) else used_proxies().get(parts.scheme)
    return f"check the proxy {shown_url(proxy)}" if proxy and not proxy_bypass(parts.hostname or "") else None
