"""HTTP with servers that misbehave, and the messages about them."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.behaviors import answer, endless, reset
from helpers.range_server import Handler, Server
from helpers.servers import served
from hypothesis import given
from hypothesis import strategies as st

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.connections import use_proxy
from variant_backend._internal.lowlevel.http import get, request

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
    use_proxy(server.url.replace("://", "://u:p@"))
    get("http://example.invalid/y", limit=0)
    assert seen[-1] == ("http://example.invalid/y", "Basic dTpw", None)
    use_proxy("http://127.0.0.1:9/x")
    with pytest.raises(VariantError, match=r"check the proxy http://127\.0\.0\.1:9/x$"):
        get("http://example.invalid/x", limit=0)
    use_proxy("")


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


def test_heavy_modules_are_imported_with_the_first_request() -> None:
    heavy = "{'urllib.request', 'http.client', 'ssl'}"
    program = f"import sys, variant_backend._internal.lowlevel.http; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_addresses_of_a_host_are_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page").write_bytes(b"content")
    original, looked_up = socket.getaddrinfo, list[object]()

    def counted(*given: Any, **options: Any) -> Any:
        looked_up.append(given)
        return original(*given, **options)

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    with served(tmp_path) as url:
        assert {get(f"{url}page", limit=LIMIT).content for _ in range(3)} == {b"content"}
        assert len(looked_up) == 1
    for _ in range(2):  # an address that does not answer is not kept
        with pytest.raises(VariantError, match="cannot connect"):
            request(f"{url}page", lambda response: response.status, total=0.1)
    assert len(looked_up) >= 2
