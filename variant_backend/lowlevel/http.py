"""Download over HTTP with only the standard library, because isolated build environments have nothing else.

Proxies come from the environment. User and password come from the URL or from ``~/.netrc`` (``NETRC`` names
another file), and are sent to their own server only. Source: RFC 9110.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from .. import __version__
from ..errors import VariantError, ascii_unless_printable, one_of
from .terminal import print_detail

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse  # takes long to import, as does urllib.request
    from ssl import SSLContext

# The hosts to which a server may redirect, besides its own: all, none, or these names, as from `host_of`.
OtherHosts: TypeAlias = bool | Collection[str]

_PATIENCE = 60  # seconds without an answer or data
_LONGEST = 300  # seconds that a page or a range may take; files may take longer
_MOST_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_STEP = 1 << 20
_PORTS = {"http": 80, "https": 443}
# A DNS name or an address. Other characters are invalid, as urllib would unquote them.
_HOST = r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]"
# Characters that are not quoted in a path or a query; quoted characters stay quoted.
_SAFE = "%/:;=&?@!$'()*+,~[]|"
UNSAFE = "is neither https nor http on this machine"
_CREDENTIALS = "add the credentials to the URL or to ~/.netrc"


class BrokenTransferError(VariantError):
    """A connection broke, or no more data came, before the answer was complete."""


class OtherHostError(VariantError):
    """A redirect leads to a host that is not allowed."""


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
        if self.status in (401, 403):
            raise VariantError(f"access denied: {self.status} {self.reason}", hint=_where_credentials_are())
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


def shown_url(url: str) -> str:
    """Return a URL for printing: without user, password and query, which may be secret."""
    return re.sub(r"(://)[^/?#\s'\"]*@|[?#][^\s'\"]*", r"\1", url)


def with_credentials(link: str, url: str) -> str:
    """Return a link with user and password from the *url* of its page if both have the same server."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    if not at or not _same_server(url, link) or "@" in urlsplit(link).netloc:
        return link
    target = urlsplit(link)
    return target._replace(netloc=f"{user}@{target.netloc}").geturl()


def host_of(url: str) -> str:
    """Return the host of a URL, with its port if that is not the default port of its scheme.

    Raises ValueError if the host is missing or invalid.

    >>> host_of("https://user@Example.org:443/x"), host_of("http://127.0.0.1:8000/")
    ('example.org', '127.0.0.1:8000')
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name.encode("idna").decode()
    if not re.fullmatch(_HOST, host):
        raise ValueError(f"invalid host {name!r}")
    return host if parts.port in (None, _PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def is_this_machine(url: str) -> bool:
    """Return whether a URL names this machine."""
    from ipaddress import ip_address

    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe_line(url: str) -> bool:
    """Return whether a connection is safe from readers and changes: https, or http on this machine."""
    try:
        host_of(url)
    except ValueError:
        return False
    scheme = urlsplit(url).scheme
    return scheme == "https" or (scheme == "http" and is_this_machine(url))


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


def redirected(url: str, location: str, *, other_hosts: OtherHosts) -> str:
    """Return the target of a redirect, with the credentials of *url* if it is on the same server.

    Raises VariantError if the redirect is refused: see `request`.
    """
    try:
        # http.client decodes headers as Latin-1; quoting restores the bytes that the server sent.
        parts = urlsplit(urljoin(url, quote(location, _SAFE + "#", encoding="latin-1")))
        # A redirect must not set credentials.
        target = with_credentials(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), url)
        place = shown_url(target)
        if urlsplit(target).scheme not in _PORTS:
            raise VariantError(f"redirected to {place}, which is not HTTP")
        if urlsplit(url).scheme == "https" != urlsplit(target).scheme:
            raise VariantError(f"redirected from https to {place}, which is not encrypted")
        if is_this_machine(url) and not is_safe_line(target):
            raise VariantError(f"redirected from this machine to {place}, which is not encrypted")
        if not _same_server(url, target) and not _is_among(other_hosts, target):
            hosts = f"{_host(url)} to {_host(target)}"
            known = None if isinstance(other_hosts, bool) else one_of(sorted(other_hosts))
            remedy = f"allowed hosts: {known}" if known else f"if you trust it, use the URL {place}"
            raise OtherHostError(f"redirected from {hosts}, another host", hint=remedy)
    except ValueError:
        raise VariantError(f"redirected to {shown_url(location)!r}, which is not a URL") from None
    return target


def _is_among(hosts: OtherHosts, url: str) -> bool:
    return hosts if isinstance(hosts, bool) else host_of(url) in hosts


def _same_server(one: str, other: str) -> bool:
    """Return whether two URLs have the same server; from http to https, both need the default port."""
    try:
        host = host_of(one)
        if host_of(other) != host:
            return False
    except ValueError:  # the request will report it
        return False
    schemes = (urlsplit(one).scheme, urlsplit(other).scheme)
    has_usual_port = not re.search(r":\d+$", host)
    return schemes[0] == schemes[1] or (schemes == ("http", "https") and has_usual_port)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _open(url: str, method: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Send one request; return the answer when its headers have come."""
    import urllib.request

    print_detail(f"{method} {shown_url(url)}")
    with _clear_errors(url):
        parts = _checked(url)
        sent = {"User-Agent": f"variant-backend/{__version__}", "Accept-Encoding": "identity", **headers}
        if authorization := _authorization(parts):
            sent["Authorization"] = authorization
        clean = parts._replace(netloc=host_of(url), fragment="").geturl()
        # The default opener would follow redirects, and raise errors for statuses.
        opener = urllib.request.OpenerDirector()
        # A proxy could read and change what this machine sends to itself.
        opener.add_handler(urllib.request.ProxyHandler({} if is_this_machine(url) else None))
        opener.add_handler(urllib.request.HTTPHandler())
        opener.add_handler(urllib.request.HTTPSHandler(context=_context()))
        response: HTTPResponse = opener.open(
            urllib.request.Request(clean, headers=sent, method=method), timeout=_PATIENCE
        )
        return response


def _checked(url: str) -> SplitResult:
    """Return the parts of a URL, quoted where not ASCII; raises VariantError if it is not http or https."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise VariantError("not an http or https URL")
    if not parts.hostname or parts.port == 0:  # reading the port checks it
        raise VariantError("the URL has no host, or port 0")
    return parts._replace(path=quote(parts.path, _SAFE), query=quote(parts.query, _SAFE))


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
            raise BrokenTransferError(f"the connection broke: {_reason(error)}") from None
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
            raise BrokenTransferError(f"the connection broke: {_reason(cause)}") from None
        if isinstance(cause, HTTPException) and not isinstance(cause, InvalidURL):
            raise VariantError(f"the server does not speak HTTP: {_reason(cause)}") from None
        if not isinstance(cause, OSError):
            raise VariantError(f"invalid URL: {_reason(cause)}") from None
        raise _unreachable(cause, url) from None


def _unreachable(error: OSError, url: str) -> VariantError:
    """Return the error for a connection that failed."""
    from socket import gaierror
    from ssl import SSLCertVerificationError

    if isinstance(error, SSLCertVerificationError):
        return VariantError(
            f"cannot verify the server's certificate: {error.verify_message}",
            hint="set SSL_CERT_FILE to a file with the certificate authorities that you trust",
        )
    if isinstance(error, gaierror):
        return VariantError(f"unknown host: {_reason(error)}", hint=_proxy(url))
    return VariantError(f"cannot connect to the server: {_reason(error)}", hint=_proxy(url))


def _reason(error: object) -> str:
    """Return the text of an exception in one line, or its type if it has no text."""
    text = getattr(error, "strerror", None) or str(error)
    return ascii_unless_printable(shown_url(" ".join(str(text).split()))) or type(error).__name__


def _proxy(url: str) -> str | None:
    """Return the remedy that names the proxy, or None if there is no proxy."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = None if is_this_machine(url) else getproxies().get(parts.scheme)
    return f"check the proxy {shown_url(proxy)}" if proxy and not proxy_bypass(parts.hostname or "") else None


@cache
def _context() -> SSLContext:
    """Return the context that verifies certificates; creating it takes long."""
    from ssl import create_default_context

    return create_default_context()


def _authorization(parts: SplitResult) -> str | None:
    """Return the header with user and password from a URL, or from ~/.netrc for its host."""
    from base64 import b64encode

    user, password = parts.username, parts.password
    if user is not None:
        user, password = unquote(user), unquote(password or "")
    else:
        with suppress(VariantError):  # reported if the server denies access
            user, password = _from_netrc(parts.hostname or "")
    return None if user is None else f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def _from_netrc(host: str) -> tuple[str | None, str | None]:
    """Return user and password for a host from ~/.netrc; raises VariantError if it cannot be read.

    Its ``default`` is ignored, because index pages and redirects can name any host.
    """
    from netrc import NetrcParseError, netrc

    path = _netrc_path()
    if path is None:
        return None, None
    try:
        known = netrc(path).hosts
        known.pop("default", None)
        login, _, password = known.get(host, (None, None, None))
    except (OSError, ValueError, NetrcParseError) as error:
        raise VariantError(f"{path} cannot be read: {_reason(error)}") from None
    return login, password or ""


def _netrc_path() -> Path | None:
    """Return the file that NETRC names, or ~/.netrc if it exists."""
    if named := os.environ.get("NETRC"):
        return Path(named)
    with suppress(OSError, RuntimeError):  # RuntimeError: no home folder
        # On Windows, the file may have the second name.
        return next((path for name in (".netrc", "_netrc") if (path := Path.home() / name).exists()), None)
    return None


def _where_credentials_are() -> str:
    """Return the remedy for denied access."""
    try:
        _from_netrc("")
    except VariantError as error:
        return f"{_CREDENTIALS}; {error}"
    return _CREDENTIALS


def check_base_url(url: str) -> str:
    """Return a URL without slashes at its end; raises VariantError if it cannot be the URL of an index."""
    needed = "use an http or https URL of a folder, such as https://host/packages"
    shown = repr(shown_url(url))
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is invalid
    except ValueError as error:
        raise VariantError(str(error), place=shown, hint=needed) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise VariantError("not an http or https URL", place=shown, hint=needed)
    if not re.fullmatch(r"[\w.~:/?#\[\]@!$&'()*+,;=%-]+", url, re.ASCII):  # RFC 3986, section 2
        raise VariantError("invalid characters in a URL", place=shown, hint="percent-encode them")
    if "?" in url or "#" in url:
        raise VariantError("has a query or fragment", place=shown, hint=needed)
    if "@" in parts.netloc:
        raise VariantError(
            "has a user or password, which the pages would show", hint="remove both from the URL"
        )
    return url.rstrip("/")
