"""URLs: their hosts, redirects, and how they are printed."""

from __future__ import annotations

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.http import get
from variant_backend._internal.lowlevel.urls import (
    host_of,
    is_safe_line,
    redirected,
    shown_url,
    with_credentials,
)


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


def test_credentials_in_a_redirect_are_ignored() -> None:
    assert redirected("https://a/x", "https://s:t@a/y", other_hosts=False) == "https://a/y"
    assert redirected("https://u:p@a/x", "https://s:t@a/y", other_hosts=False) == "https://u:p@a/y"
    assert redirected("https://u:p@a/x", "https://s:t@b/y", other_hosts=["b"]) == "https://b/y"


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
