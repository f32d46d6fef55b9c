"""URLs of pages and files: which are safe, which name the same server, and how they are printed.

Source: RFC 3986, and RFC 9110, section 15.4 (redirects).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TypeAlias
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from ..errors import Problem, VariantError, ascii_unless_printable, one_of

# The hosts to which a server may redirect, besides its own: all, none, or these names, as from `host_of`.
OtherHosts: TypeAlias = bool | Collection[str]

PORTS = {"http": 80, "https": 443}
UNSAFE = "is neither https nor http on this machine"
# A DNS name or an address. Other characters are invalid, as urllib would unquote them.
_HOST = r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]"
# Characters that are not quoted in a path or a query; quoted characters stay quoted.
_SAFE = "%/:;=&?@!$'()*+,~[]|"
# A URL in a text: its start, user and password, host and path, query and fragment. After `Path`, it has one
# slash or backslashes. A password may contain characters that end a host, if it does not look like a port,
# and spaces and quotes, if it has no slash. The time is linear: no scheme begins within another one, and a
# password ends where another URL begins.
_URL_IN_TEXT = re.compile(
    r"""
    ((?<![a-z0-9+.-])[a-z0-9+.-]+:/+ | https?:\\+)
    (?:
        [^/?\#\s"\\]*@
        | [^/?\#\s'"@:\[]*:(?!\d*(?:[/?\#\s'"\\]|$))(?:(?!:[/\\])[^\s"])*@
        | [^/?\#\s'"@:\[]*:(?=\S)(?!\d*(?:[/?\#\s'"\\,;.)\]}]|$))[^/?\#\n\\]*@(?=\S)
    )?
    ([^\s?\#'"]*)
    (?: [?\#](?:[^\s'"]|'(?=[\w%&=]))* )?
    """,
    re.IGNORECASE | re.VERBOSE,
)


class OtherHostError(VariantError):
    """A redirect leads to a host that is not allowed."""


def without_secrets(text: str) -> str:
    """Return a text in which each URL is without user, password, query and fragment, which may be secret.

    >>> without_secrets("cannot read 'https://me:pw@example.org/x?token=1'; check it")
    "cannot read 'https://example.org/x'; check it"
    """
    return _URL_IN_TEXT.sub(r"\1\2", text)


def shown_url(url: str) -> str:
    """Return a URL, or a reference without a scheme, for printing: as `without_secrets` returns a text."""
    return re.sub(r"[?#][^\s'\"]*", "", without_secrets(url))


def shown_reason(error: object) -> str:
    """Return the text of an exception in one line, or its type if it has no text."""
    text = getattr(error, "strerror", None) or str(error)
    return ascii_unless_printable(shown_url(" ".join(str(text).split()))) or type(error).__name__


def invalid_url(error: object, url: str) -> str:
    """Return why Python rejects a URL: its text, unless that may quote a part of a password.

    >>> invalid_url("Port could not be cast to integer value as 'secret'", "https://me:secret/word@example.org")
    'invalid host or port; if they are right, percent-encode special characters in user and password'
    """
    if "@" not in url:
        return shown_reason(error)
    return "invalid host or port; if they are right, percent-encode special characters in user and password"


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
    return host if parts.port in (None, PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def is_http(text: str) -> bool:
    """Return whether a text is a URL of HTTP, with or without encryption; a path has no two slashes."""
    return re.match(r"https?://", text, re.IGNORECASE) is not None


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


def is_local_file(url: str) -> bool:
    """Return whether a URL names a file in a local folder, and no server.

    A network share of Windows is a server: reading from it would send it the user's credentials.

    >>> is_local_file("file:///net/wheels/x.whl"), is_local_file("file://server/share/x.whl")
    (True, False)
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    path = unquote(parts.path)
    has_server = parts.netloc or re.match(r"/[/\\?]", path) or "\\" in path
    return parts.scheme == "file" and not has_server and path.startswith("/") and path.isprintable()


def with_credentials(link: str, url: str) -> str:
    """Return a link with user and password from the *url* of its page if both have the same server."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    if not at or not _same_server(url, link) or "@" in urlsplit(link).netloc:
        return link
    target = urlsplit(link)
    return target._replace(netloc=f"{user}@{target.netloc}").geturl()


def without_user(url: str) -> str:
    """Return a URL without user and password."""
    return urlsplit(url)._replace(netloc=_server(url)).geturl()


def redirected(url: str, location: str, *, other_hosts: OtherHosts) -> str:
    """Return the target of a redirect, with the credentials of *url* if it is on the same server.

    Raises VariantError if the redirect is refused: see `request`.
    """
    try:
        # http.client decodes headers as Latin-1; quoting restores the bytes that the server sent.
        parts = urlsplit(urljoin(url, quote(location, _SAFE + "#", encoding="latin-1")))
        target = with_credentials(without_user(parts.geturl()), url)  # a redirect must not set credentials
        place = shown_url(target)
        if urlsplit(target).scheme not in PORTS:
            raise VariantError(f"redirected to {place}, which is not HTTP")
        if urlsplit(url).scheme == "https" != urlsplit(target).scheme:
            raise VariantError(f"redirected from https to {place}, which is not encrypted")
        if is_this_machine(url) and not is_safe_line(target):
            raise VariantError(f"redirected from this machine to {place}, which is not encrypted")
        if not _same_server(url, target) and not _is_among(other_hosts, target):
            hosts = f"{_server(url)} to {_server(target)}"
            known = None if isinstance(other_hosts, bool) else one_of(sorted(other_hosts))
            remedy = f"allowed hosts: {known}" if known else f"if you trust it, use the URL {place}"
            raise OtherHostError(f"redirected from {hosts}, another host", remedy=remedy)
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


def _server(url: str) -> str:
    """Return host and port as they are in the URL."""
    return urlsplit(url).netloc.rpartition("@")[2]


def quoted_parts(url: str) -> SplitResult:
    """Return the parts of a URL, quoted where not ASCII; raises VariantError if it is not http or https."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS:
        raise VariantError("not an http or https URL")
    if not parts.hostname or parts.port == 0:  # reading the port checks it
        raise VariantError("the URL has no host, or port 0")
    return parts._replace(path=quote(parts.path, _SAFE), query=quote(parts.query, _SAFE))


def ascii_url(url: str) -> str:
    """Return a URL as requests and headers have it: quoted, without user, password and fragment.

    Raises VariantError if it is not a valid URL of HTTP.

    >>> ascii_url("https://me@exämple.org/a b/ü%2B.whl#sha256=1")
    'https://xn--exmple-cua.org/a%20b/%C3%BC%2B.whl'
    """
    try:
        return quoted_parts(url)._replace(netloc=host_of(url), fragment="").geturl()
    except ValueError as error:
        raise VariantError(f"invalid URL: {invalid_url(error, url)}") from None


def check_base_url(url: str) -> str:
    """Return a URL without slashes at its end; raises VariantError if it cannot be the URL of an index."""
    needed = "use an http or https URL of a folder, such as https://host/packages"
    shown = repr(shown_url(url))
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is invalid
    except ValueError as error:
        raise VariantError(invalid_url(error, url), place=shown, remedy=needed) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise VariantError("not an http or https URL", place=shown, remedy=needed)
    if not re.fullmatch(r"[\w.~:/?#\[\]@!$&'()*+,;=%-]+", url, re.ASCII):  # RFC 3986, section 2
        raise VariantError("invalid characters in a URL", place=shown, remedy="percent-encode them")
    if "?" in url or "#" in url:
        raise VariantError("has a query or fragment", place=shown, remedy=needed)
    if "@" in parts.netloc:
        raise VariantError(
            "has a user or password, which the pages would show", remedy="remove both from the URL"
        )
    return url.rstrip("/")


def insecure_indexes(urls: Iterable[str]) -> list[Problem]:
    """Return the problems of indexes on servers to which a connection is not safe from changes."""
    remedy = "use its https URL, or add --allow-insecure"
    insecure = (url for url in urls if is_http(url) and not is_safe_line(url))
    return [Problem("error", shown_url(url), UNSAFE, remedy) for url in insecure]
