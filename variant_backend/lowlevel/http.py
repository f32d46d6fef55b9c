"""HTTP by the standard library alone, as it is asked for inside isolated build environments, too.

Proxies come from the environment. User and password come from the URL or from ``~/.netrc`` (``NETRC`` names
another file), and go to their own server alone. Source: RFC 9110.
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

if TYPE_CHECKING:
    from http.client import HTTPMessage, HTTPResponse  # takes long to import, as does urllib.request
    from ssl import SSLContext

# Where a server may redirect beside its own host: to all hosts, to none, or to those that are so named by
# `host_of`.
OtherHosts: TypeAlias = bool | Collection[str]

_PATIENCE = 60  # seconds without a sign of the server
_LONGEST = 300  # seconds that a page or a range may take; files may take longer
_MOST_REDIRECTS = 10
_REDIRECTS = {301, 302, 303, 307, 308}
_STEP = 1 << 20
_PORTS = {"http": 80, "https": 443}
# A name of DNS, or an address; urllib unquotes whatever else there is in it.
_HOST = r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]"
# What stays as it is in a path or a query; quoted characters stay quoted.
_SAFE = "%/:;=&?@!$'()*+,~[]|"
UNSAFE = "is neither https nor http on this machine"
_CREDENTIALS = "credentials are taken from the URL or from ~/.netrc"


class BrokenTransferError(VariantError):
    """A connection broke, or fell silent, before the answer was complete."""


class OtherHostError(VariantError):
    """A redirect leads to a host that is not among those that may answer."""


class HttpContent(NamedTuple):
    """A page: its *content*, its media type in lower case, and its URL after redirects, with credentials."""

    content: bytes
    kind: str
    url: str


class Response(NamedTuple):
    """An answer that has begun; *body* gives the rest as it comes, and *size* how long that is, if told.

    *url* is the one after redirects, with the credentials that it was asked with. *body* raises
    BrokenTransferError.
    """

    url: str
    status: int
    reason: str
    headers: HTTPMessage
    size: int | None
    body: Iterator[bytes]

    def check_status(self, expected: int) -> None:
        """Raise VariantError when the status is another one, or the body is not the file's own bytes."""
        if self.status == 404:
            raise VariantError("not found")
        if self.status in (401, 403):
            raise VariantError(f"access denied: {self.status} {self.reason}", hint=_where_credentials_are())
        if self.status != expected:
            raise VariantError(f"the server answers {self.status} {self.reason}".rstrip())
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise VariantError(
                f"sent compressed ({ascii_unless_printable(encoding)}), which was not asked for"
            )

    def read(self, limit: int) -> bytes:
        """Return the whole body; raises VariantError when it is longer than *limit*, or takes too long."""
        content, end = bytearray(), monotonic() + _LONGEST
        too_long = VariantError(f"more than {limit} bytes, which is too long")
        if (self.size or 0) > limit:
            raise too_long
        for data in self.body:
            content += data
            if len(content) > limit:
                raise too_long
            if monotonic() > end:
                raise VariantError(f"the answer takes longer than {_LONGEST} seconds")
        return bytes(content)

    def content_range(self, wanted: str) -> tuple[int, int, int]:
        """Return first byte, last byte and the file's size as the answer says, if that is what was *wanted*.

        That is ``FIRST-LAST``, ``FIRST-`` or ``-COUNT``. Raises VariantError otherwise.
        """
        header = self.headers.get("Content-Range", "")
        if match := re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", header.strip()):
            first, last, size = map(int, match.groups())
            begin, _, end = wanted.partition("-")
            expected = (int(begin), int(end or size - 1)) if begin else (max(size - int(end), 0), size - 1)
            if (first, last) == expected and last < size:
                return first, last, size
        raise VariantError(f"the server answers {header!r} when asked for bytes {wanted}")


def shown_url(url: str) -> str:
    """Return a URL as it may be printed: without user, password and query, which may be secret."""
    return re.sub(r"(://)[^/?#\s'\"]*@|[?#][^\s'\"]*", r"\1", url)


def with_credentials(link: str, url: str) -> str:
    """Return a link with the user and password that stand in the *url* of its page, if it stays there."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    if not at or not _same_server(url, link) or "@" in urlsplit(link).netloc:
        return link
    target = urlsplit(link)
    return target._replace(netloc=f"{user}@{target.netloc}").geturl()


def host_of(url: str) -> str:
    """Return the host of a URL as it is asked, with its port if that is not the one of its scheme.

    Raises ValueError if there is none.

    >>> host_of("https://user@Example.org:443/x"), host_of("http://127.0.0.1:8000/")
    ('example.org', '127.0.0.1:8000')
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name.encode("idna").decode()
    if not re.fullmatch(_HOST, host):
        raise ValueError(f"{name!r} is no host")
    return host if parts.port in (None, _PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def is_this_machine(url: str) -> bool:
    """Tell whether a URL names the machine that it is asked for on."""
    from ipaddress import ip_address

    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_safe_line(url: str) -> bool:
    """Tell whether nobody in between can read or change what comes from a URL of HTTP; no other is safe."""
    try:
        host_of(url)
    except ValueError:
        return False
    scheme = urlsplit(url).scheme
    return scheme == "https" or (scheme == "http" and is_this_machine(url))


def get(url: str, *, accept: str = "*/*", limit: int, other_hosts: OtherHosts = False) -> HttpContent:
    """Return the page at a URL, of *limit* bytes at most; *accept* are the media types that are wanted.

    Redirects to another host are followed with *other_hosts* only: what is read there would count as
    the first host's word. Raises VariantError, with the URL in front.
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
    """Ask for a URL, follow redirects, and give the answer, whatever its status; it need not be read.

    Raises VariantError, without the URL, when there is no answer, or a redirect leads where it may not:
    to another host that is not among *other_hosts*, from https to http, or from this machine to one that
    is asked without encryption.
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
    """Return the URL that a redirect leads to, with the credentials of *url* if it stays on that server.

    Raises VariantError when it leads where it may not, as `request` says.
    """
    try:
        # Headers are read as Latin-1; the bytes are those of the server's own encoding.
        parts = urlsplit(urljoin(url, quote(location, _SAFE + "#", encoding="latin-1")))
        # The server has no say in the credentials.
        target = with_credentials(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), url)
        place = shown_url(target)
        if urlsplit(target).scheme not in _PORTS:
            raise VariantError(f"redirected to {place}, which is not HTTP")
        if urlsplit(url).scheme == "https" != urlsplit(target).scheme:
            raise VariantError(f"redirected to {place}, which is not encrypted, while this URL is")
        if is_this_machine(url) and not is_safe_line(target):
            raise VariantError(f"redirected from this machine to {place}, which is not encrypted")
        if not _same_server(url, target) and not _is_among(other_hosts, target):
            hosts = f"{_host(url)} to {_host(target)}"
            known = None if isinstance(other_hosts, bool) else one_of(sorted(other_hosts))
            remedy = f"allowed are {known}" if known else f"if you trust it, give the URL {place}"
            raise OtherHostError(f"redirected from {hosts}, another host", hint=remedy)
    except ValueError:
        raise VariantError(f"redirected to {shown_url(location)!r}, which is not a URL") from None
    return target


def _is_among(hosts: OtherHosts, url: str) -> bool:
    return hosts if isinstance(hosts, bool) else host_of(url) in hosts


def _same_server(one: str, other: str) -> bool:
    """Tell whether two URLs are of one server, which may encrypt in the *other* alone, on its usual port."""
    try:
        host = host_of(one)
        if host_of(other) != host:
            return False
    except ValueError:  # asking for it will tell
        return False
    schemes = (urlsplit(one).scheme, urlsplit(other).scheme)
    has_usual_port = not re.search(r":\d+$", host)
    return schemes[0] == schemes[1] or (schemes == ("http", "https") and has_usual_port)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _open(url: str, method: str, headers: Mapping[str, str]) -> HTTPResponse:
    """Send one request; return the answer when its headers are there."""
    import urllib.request

    with _clear_errors(url):
        parts = _checked(url)
        sent = {"User-Agent": f"variant-backend/{__version__}", "Accept-Encoding": "identity", **headers}
        if authorization := _authorization(parts):
            sent["Authorization"] = authorization
        clean = parts._replace(netloc=host_of(url), fragment="").geturl()
        # The library's own would follow redirects by itself, and make errors of statuses.
        opener = urllib.request.OpenerDirector()
        # On the way to this machine, a proxy would be somebody in between.
        opener.add_handler(urllib.request.ProxyHandler({} if is_this_machine(url) else None))
        opener.add_handler(urllib.request.HTTPHandler())
        opener.add_handler(urllib.request.HTTPSHandler(context=_context()))
        response: HTTPResponse = opener.open(
            urllib.request.Request(clean, headers=sent, method=method), timeout=_PATIENCE
        )
        return response


def _checked(url: str) -> SplitResult:
    """Return the parts of a URL, with what is not ASCII quoted; raises VariantError if it is none of HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise VariantError("not a URL of HTTP")
    if not parts.hostname or parts.port == 0:  # asking for the port checks it
        raise VariantError("names no server")
    return parts._replace(path=quote(parts.path, _SAFE), query=quote(parts.query, _SAFE))


def _response(raw: HTTPResponse, url: str) -> Response:
    """Return an answer as it is given on."""
    length = raw.headers.get("Content-Length", "")
    size = int(length) if re.fullmatch(r"\d{1,18}", length) and not raw.chunked else None
    return Response(url, raw.status, ascii_unless_printable(raw.reason), raw.headers, size, _body(raw, size))


def _body(raw: HTTPResponse, size: int | None) -> Iterator[bytes]:
    """Give what comes, as it comes; what is sent beyond the size is not read."""
    from http.client import HTTPException

    left = _STEP if size is None else size
    while left:
        try:
            data = raw.read1(min(left, _STEP))
        except TimeoutError:
            raise BrokenTransferError(f"nothing came for {_PATIENCE} seconds") from None
        except (OSError, HTTPException) as error:
            raise BrokenTransferError(f"the connection broke: {_reason(error)}") from None
        if not data:
            break
        if size is not None:
            left -= len(data)
        yield data
    if size is not None and left:
        raise BrokenTransferError(f"truncated answer: {size - left} of {size} bytes came")


@contextmanager
def _clear_errors(url: str) -> Iterator[None]:
    """Turn what urllib raises into a VariantError, without the secrets of URLs in it."""
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
            raise VariantError(f"not a URL that can be asked for: {_reason(cause)}") from None
        raise _unreachable(cause, url) from None


def _unreachable(error: OSError, url: str) -> VariantError:
    """Return what to tell when there is no connection."""
    from socket import gaierror
    from ssl import SSLCertVerificationError

    if isinstance(error, SSLCertVerificationError):
        return VariantError(
            f"the server's certificate is not accepted: {error.verify_message}",
            hint="SSL_CERT_FILE may name a file with the authorities that you trust",
        )
    if isinstance(error, gaierror):
        return VariantError(f"the name of the server is not known: {_reason(error)}", hint=_proxy(url))
    return VariantError(f"the server cannot be reached: {_reason(error)}", hint=_proxy(url))


def _reason(error: object) -> str:
    """Return what an exception says, in one line, or its type if it says nothing."""
    text = getattr(error, "strerror", None) or str(error)
    return ascii_unless_printable(shown_url(" ".join(str(text).split()))) or type(error).__name__


def _proxy(url: str) -> str | None:
    """Return the remedy for a proxy that does not answer, if there is one."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = None if is_this_machine(url) else getproxies().get(parts.scheme)
    return (
        f"the proxy {shown_url(proxy)} was asked"
        if proxy and not proxy_bypass(parts.hostname or "")
        else None
    )


@cache
def _context() -> SSLContext:
    """Return what certificates are checked by; making it takes long."""
    from ssl import create_default_context

    return create_default_context()


def _authorization(parts: SplitResult) -> str | None:
    """Return the header for the user and password of a URL, or for those that ~/.netrc has for its host."""
    from base64 import b64encode

    user, password = parts.username, parts.password
    if user is not None:
        user, password = unquote(user), unquote(password or "")
    else:
        with suppress(VariantError):  # told when the server wants them
            user, password = _from_netrc(parts.hostname or "")
    return None if user is None else f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def _from_netrc(host: str) -> tuple[str | None, str | None]:
    """Return user and password that ~/.netrc has for a host; raises VariantError if it cannot be read.

    Its ``default`` is for nobody: which hosts are asked may be up to somebody else than the user.
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
    """Return the file that is named, or ~/.netrc if it is there."""
    if named := os.environ.get("NETRC"):
        return Path(named)
    with suppress(OSError, RuntimeError):  # RuntimeError: no home
        # Windows knows it by the second name, too.
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
    """Return a URL without the slashes at its end; raises VariantError if no index can be served there."""
    needed = "an http or https URL of a folder is needed, such as https://host/packages"
    try:
        parts = urlsplit(url)
        _ = parts.port  # which raises, too
    except ValueError as error:
        raise VariantError(str(error), place=repr(url), hint=needed) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise VariantError(f"{url!r} is no address of a server", hint=needed)
    if not re.fullmatch(r"[!-~]+", url) or "\\" in url:
        raise VariantError("other characters than those of URLs", place=repr(url), hint="percent-encode them")
    if "?" in url or "#" in url:
        raise VariantError("a query or fragment has no place in it", place=repr(url), hint=needed)
    if "@" in parts.netloc:
        raise VariantError("a user or password has no place in it: the pages would show them")
    return url.rstrip("/")
