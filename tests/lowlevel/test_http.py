"""HTTP with servers that misbehave, and the messages about them."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import truststore
from helpers.behaviors import answer, endless, reset
from helpers.range_server import Handler, Server
from hypothesis import given
from hypothesis import strategies as st

import variant_backend
from variant_backend.errors import VariantError
from variant_backend.lowlevel import http
from variant_backend.lowlevel.http import get
from variant_backend.lowlevel.terminal import VERBOSE, set_volume
from variant_backend.lowlevel.urls import host_of, is_safe_line, redirected, shown_url, with_credentials

LIMIT = 1 << 20


def gibberish(handler: Handler, _: bytes | None) -> bool:
    handler.wfile.write(b"220 mail server, at your service\r\n")
    handler.close_connection = True
    return True


def commands(handler: Handler, _: bytes | None) -> bool:
    """Send a text that clears the screen if it is printed."""
    handler.wfile.write(b"HTTP/1.1 500 \x1b[2J\r\n\r\n")
    handler.close_connection = True
    return True


def silence(handler: Handler, _: bytes | None) -> bool:
    handler.close_connection = True
    return True


BEHAVIORS = {
    "missing": (answer(404), "not found"),
    "broken": (answer(500), "the server answers 500 Internal Server Error"),
    "denied": (
        answer(401),
        "access denied: 401 Unauthorized; add the credentials to the URL or to ~/.netrc",
    ),
    "commands": (commands, "the server answers 500 '\\x1b[2J'"),
    "nowhere": (answer(302), "the server answers 302 Found"),
    "partial": (answer(206, b"x"), "the server answers 206 Partial Content"),
    "truncated": (answer(200, b"x" * 10, 20), "truncated answer: expected 20 bytes, got 10"),
    "reset": (reset(1000), "the connection broke: "),
    "too long": (answer(200, b"", LIMIT + 1), f"too large: more than {LIMIT} bytes"),
    "endless": (endless, f"too large: more than {LIMIT} bytes"),
    "compressed": (
        answer(200, b"x", Content_Encoding="gzip"),
        "the server sent compressed content (gzip) without being asked",
    ),
    "other protocol": (gibberish, "the server does not speak HTTP: 220 mail server, at your service"),
    "silent": (silence, "the server ended the connection without an answer"),
    "circle": (answer(302, Location="/x?token=s3cret"), "redirected more than 10 times"),
    "to a file": (answer(302, Location="file:///etc/x"), "redirected to file:///etc/x, which is not HTTP"),
    "to nothing": (answer(302, Location="http://["), "redirected to 'http://[', which is not a URL"),
}


@pytest.mark.parametrize("name", BEHAVIORS)
def test_errors_have_the_url_without_secrets(server: Server, name: str) -> None:
    server.misbehave, message = BEHAVIORS[name]
    with pytest.raises(VariantError) as caught:
        get(server.url.replace("://", "://name:s3cret@") + "x?token=s3cret", limit=LIMIT)
    (line,) = caught.value.lines()
    assert line.startswith(f"{server.url}x: {message}")
    assert "s3cret" not in line


def test_a_page_has_its_media_type_and_final_url(server: Server) -> None:
    asked = []

    def behave(handler: Handler, _: bytes | None) -> bool:
        asked.append((handler.path, handler.headers["Accept"], handler.headers["Accept-Encoding"]))
        if handler.path == "/a":
            return answer(307, Location="b")(handler, None)
        return answer(200, b"content", Content_Type="Text/HTML; charset=x")(handler, None)

    server.misbehave = behave
    found = get(f"{server.url}a", accept="text/*", limit=7)
    assert found == (b"content", "text/html", f"{server.url}b")
    assert asked == [("/a", "text/*", "identity"), ("/b", "text/*", "identity")]


def test_other_characters_than_ascii_are_quoted_in_urls(server: Server) -> None:
    asked = []

    def behave(handler: Handler, _: bytes | None) -> bool:
        asked.append(handler.path)
        moved = answer(
            302, Location="/b \u00c3\u00a4%20?\u00c3\u00a4"
        )  # "ä" in UTF-8, as headers are written
        return (moved if len(asked) == 1 else answer(200))(handler, None)

    server.misbehave = behave
    get(f"{server.url}ä b%20c?d=ä#e", limit=0)
    assert asked == ["/%C3%A4%20b%20c?d=%C3%A4", "/b%20%C3%A4%20?%C3%A4"]


def test_an_unreachable_server_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(VariantError, match=r"^http://127.0.0.1:9/: cannot connect to the server: [^;]+$"):
        get("http://127.0.0.1:9/", limit=0)

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(VariantError, match=r"^http://a/: unknown host: Name or"):
        get("http://a/", limit=0)


def test_proxies_of_the_environment_are_used_and_named(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def behave(handler: Handler, _: bytes | None) -> bool:
        seen.append((handler.path, handler.headers["Proxy-Authorization"], handler.headers["Authorization"]))
        return answer(200)(handler, None)

    server.misbehave = behave
    monkeypatch.setenv("http_proxy", server.url.replace("://", "://u:p@"))
    get("http://example.invalid/x", limit=0)
    assert seen == [("http://example.invalid/x", "Basic dTpw", None)]
    monkeypatch.setenv("http_proxy", "http://u:s3cret@127.0.0.1:9/")
    with pytest.raises(VariantError, match=r"server: [^;]+; check the proxy http://127.0.0.1:9/$"):
        get("http://example.invalid/x", limit=0)
    get(server.url, limit=0)  # this machine is reached without a proxy


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host/x", "not an http or https URL"),
        ("http:///x", "the URL has no host, or port 0"),
        ("http://[/x", "invalid URL: Invalid IPv6 URL"),
        ("http://host:0/", "the URL has no host, or port 0"),
        ("http://host:99999/", "invalid URL: "),
        ("http://" + "a" * 64 + "/", "invalid URL: "),
        ("http://a b/", "invalid URL: invalid host 'a b'"),
    ],
)
def test_an_invalid_url_is_an_error(url: str, message: str) -> None:
    with pytest.raises(VariantError, match=message):
        get(url, limit=0)


@given(st.sampled_from(["http://", "https://", "http://host/", "http://u:p@", ""]), st.text())
def test_any_url_raises_variant_error(start: str, rest: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("not there")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(VariantError):
        patch.setattr(socket, "getaddrinfo", refuse)
        get(start + rest, limit=0)


@pytest.mark.parametrize(
    ("url", "location", "target", "stays"),
    [
        ("https://a/x", "/y", "https://a/y", True),
        ("https://a/x", "https://A:443/y", "https://A:443/y", True),
        ("http://a/x", "https://a/y", "https://a/y", True),
        ("http://u:p@a/x", "https://a/y", "https://u:p@a/y", True),
        ("https://u:p@a/x/", "y", "https://u:p@a/x/y", True),
        ("https://a/x", "//b/y", "https://b/y", False),
        ("https://u:p@a/x", "https://b/y", "https://b/y", False),
        ("http://a/x", "http://b/y", "http://b/y", False),
        ("http://u:p@a/x", "http://a:8080/y", "http://a:8080/y", False),
    ],
)
def test_a_redirect_to_another_host_must_be_allowed(
    url: str, location: str, target: str, stays: bool
) -> None:
    assert redirected(url, location, other_hosts=True) == target
    if stays:
        assert redirected(url, location, other_hosts=False) == target
    else:
        with pytest.raises(VariantError, match=r"redirected from a to .*, another host; .* the URL http"):
            redirected(url, location, other_hosts=False)


@pytest.mark.parametrize("location", ["http://a/x", "http://b/x", "HTTP://a/", "ftp://a/", "data:,x"])
def test_a_redirect_from_https_must_stay_https(location: str) -> None:
    with pytest.raises(VariantError, match=r"which is not (encrypted|HTTP)"):
        redirected("https://a/x", location, other_hosts=True)


def test_credentials_stay_with_their_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    seen = []

    def behave(handler: Handler, _: bytes | None) -> bool:
        seen.append((handler.path, handler.headers["Authorization"]))
        targets = {"/1": "/2", "/2": f"{elsewhere}3"}
        target = targets.get(handler.path)
        return (answer(302, Location=target) if target else answer(200))(handler, None)

    server.misbehave = behave
    expected = [("/1", "Basic dTpw"), ("/2", "Basic dTpw"), ("/3", None)]
    assert get(server.url.replace("://", "://u:%70@") + "1", limit=0, other_hosts=True).url == f"{elsewhere}3"
    assert seen == expected
    seen.clear()
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    get(f"{server.url}1", limit=0, other_hosts=True)
    assert seen == expected


def test_the_default_of_a_netrc_is_ignored(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def behave(handler: Handler, _: bytes | None) -> bool:
        seen.append(handler.headers["Authorization"])
        return answer(200)(handler, None)

    server.misbehave = behave
    (tmp_path / "netrc").write_text("machine a.org login u password p\ndefault login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    get(server.url, limit=0)
    monkeypatch.setenv("http_proxy", server.url)
    get("http://default/", limit=0)
    get("http://a.org/", limit=0)
    assert seen == [None, None, "Basic dTpw"]


def test_credentials_in_a_redirect_are_ignored() -> None:
    assert redirected("https://a/x", "https://s:t@a/y", other_hosts=False) == "https://a/y"
    assert redirected("https://u:p@a/x", "https://s:t@a/y", other_hosts=False) == "https://u:p@a/y"
    assert redirected("https://u:p@a/x", "https://s:t@b/y", other_hosts=["b"]) == "https://b/y"


def test_an_unreadable_netrc_is_reported_when_access_is_denied(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 nonsense\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.misbehave = answer(200)
    get(server.url, limit=0)
    server.misbehave = answer(403)
    with pytest.raises(
        VariantError, match=r"access denied: 403 Forbidden; .*netrc cannot be read: bad follower"
    ):
        get(server.url, limit=0)


def test_redirects_can_be_limited_to_named_hosts() -> None:
    def followed(location: str, *hosts: str) -> str:
        return redirected("https://a.org/x", location, other_hosts=hosts)

    assert followed("https://b.org/y", "b.org") == "https://b.org/y"
    assert followed("https://B.org:443/y", "b.org") == "https://B.org:443/y"
    assert followed("/y") == "https://a.org/y"
    for location, hosts in (
        ("https://b.org/y", ()),
        ("https://b.org:8443/y", ("b.org",)),
        ("https://b.org/y", ("b.org:8443",)),
        ("https://b.org.evil.org/y", ("b.org",)),
        ("https://b.org@evil.org/y", ("b.org",)),
        ("https://evil.org/b.org", ("b.org",)),
        ("https://a.org:8443/y", ("b.org",)),
    ):
        with pytest.raises(VariantError, match="another host"):
            followed(location, *hosts)
    with pytest.raises(VariantError, match=r"another host; allowed hosts: b\.org, c\.org$"):
        followed("https://d.org", "c.org", "b.org")


def test_a_redirect_off_this_machine_must_be_encrypted() -> None:
    for url in ("http://127.0.0.1:1/", "http://localhost/", "http://[::1]/"):
        assert redirected(url, "https://a.org/", other_hosts=True) == "https://a.org/"
        assert redirected(url, "http://127.0.0.2/", other_hosts=True) == "http://127.0.0.2/"
        for location in ("http://a.org/", "http://127.0.0.1.a.org/", "http://127.0.0.1@a.org/"):
            with pytest.raises(VariantError, match="redirected from this machine to http://"):
                redirected(url, location, other_hosts=True)


@pytest.mark.parametrize(
    ("url", "host", "is_safe"),
    [
        ("https://user@Example.org:443/x", "example.org", True),
        ("http://example.org:80", "example.org", False),
        ("https://example.org:80", "example.org:80", True),
        ("http://[::1]:8000/x", "[::1]:8000", True),
        ("http://localhost.example.org", "localhost.example.org", False),
        ("https://Bücher.example", "xn--bcher-kva.example", True),
        ("https://example.org.", "example.org.", True),
        ("ftp://127.0.0.1", "127.0.0.1", False),
    ],
)
def test_a_url_has_a_host_and_is_safe_or_not(url: str, host: str, is_safe: bool) -> None:
    assert (host_of(url), is_safe_line(url)) == (host, is_safe)


@pytest.mark.parametrize(
    "host",
    # urllib unquotes: the first would be a.org, the others servers below it that look like ::1.
    ["a%2eorg", "[::1%5d.a.org]", "[::1%25.a.org]", "a b.org", "a.org%00.b.org", "a.org\\b.org", "é" * 64],
)
def test_deceptive_hosts_are_refused(host: str) -> None:
    for scheme in ("http", "https"):
        assert not is_safe_line(f"{scheme}://{host}/")
        with pytest.raises(VariantError, match="invalid URL"):
            get(f"{scheme}://{host}/", limit=0)
    with pytest.raises(VariantError, match="which is not a URL"):
        redirected("https://a.org/x", f"https://{host}/", other_hosts=["a.org", host])


def test_a_link_to_the_same_server_gets_credentials() -> None:
    page = "https://u:p@a/simple/"
    assert with_credentials("https://a/x", page) == "https://u:p@a/x"
    for link in (
        "https://b/x",
        "http://a/x",
        "http://a:443/x",
        "https://v@a/x",
        "https://a:1/x",
        "https://a:b/x",
        "http://[",
    ):
        assert with_credentials(link, page) == link


@pytest.fixture
def encrypted(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the URL of the server with TLS and a self-signed certificate, ``cert.pem``."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    http._context.cache_clear()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now, address = datetime.datetime.now(datetime.timezone.utc), ipaddress.ip_address("127.0.0.1")
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(address)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "cert.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with Server(server.folder) as tls:
        tls.misbehave = lambda handler, data: server.misbehave(handler, data)
        tls.socket = context.wrap_socket(tls.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=tls.serve_forever, args=(0.01,), daemon=True).start()
        yield tls.url.replace("http:", "https:")
        tls.shutdown()
    http._context.cache_clear()


def test_ssl_cert_file_sets_the_certificate_authorities(
    server: Server, encrypted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    http._context.cache_clear()
    with pytest.raises(
        VariantError,
        match=r"cannot verify the server's certificate: self.signed certificate; set SSL_CERT_FILE",
    ):
        get(encrypted, limit=0)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    http._context.cache_clear()
    server.misbehave = answer(200, b"x")
    assert get(encrypted, limit=1).content == b"x"
    server.misbehave = answer(302, Location=server.url)
    with pytest.raises(
        VariantError, match=rf"^{encrypted}: redirected from https to {server.url}, which is not encrypted"
    ):
        get(encrypted, limit=1, other_hosts=True)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_named_certificates_replace_those_of_the_system(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "somewhere")
    http._context.cache_clear()
    assert not isinstance(http._context(), truststore.SSLContext)
    http._context.cache_clear()


def test_truststore_verifies_certificates(server: Server, encrypted: str, tmp_path: Path) -> None:
    context = http._context()
    assert isinstance(context, truststore.SSLContext)
    with pytest.raises(VariantError, match="cannot verify the server's certificate: "):
        get(encrypted, limit=1)
    context.load_verify_locations(tmp_path / "cert.pem")  # as if the system trusted it
    server.misbehave = answer(200, b"x")
    assert get(encrypted, limit=1).content == b"x"


def test_without_a_usable_truststore_python_verifies(
    encrypted: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise OSError("too old a system")

    monkeypatch.setattr(truststore, "SSLContext", fail)
    before = set_volume(VERBOSE)
    http._context.cache_clear()
    with pytest.raises(VariantError, match="cannot verify the server's certificate"):
        get(encrypted, limit=0)
    set_volume(before)
    assert "truststore cannot be used: too old a system\n" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "truststore", None)
    http._context.cache_clear()
    assert type(http._context()) is ssl.SSLContext


def test_a_missing_truststore_is_named_as_a_remedy(encrypted: str, tmp_path: Path) -> None:
    program = (
        "import sys; sys.path[:] = [path for path in sys.path if not path.endswith('site-packages')]\n"
        f"sys.path.append({str(Path(variant_backend.__file__).parents[1])!r})\n"
        f"from variant_backend.lowlevel.http import get; get({encrypted!r}, limit=0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert "or run pip install 'variant-backend[truststore]' to use those of this system" in done.stderr


def test_heavy_modules_are_imported_with_the_first_request() -> None:
    heavy = "{'urllib.request', 'http.client', 'ssl'}"
    program = f"import sys, variant_backend.lowlevel.http; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://user:pw@host:1/a/b.whl?sig=x#y", "https://host:1/a/b.whl"),
        ("https://host/a%40b/", "https://host/a%40b/"),
        ("at https://u@host/?q, or 's3://k:s@bucket/x'", "at https://host/ or 's3://bucket/x'"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
    ],
)
def test_a_shown_url_has_no_secrets(url: str, text: str) -> None:
    assert shown_url(url) == text
