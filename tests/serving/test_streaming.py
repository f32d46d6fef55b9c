"""Files of an upstream with a login pass through the offer, and are verified on the way."""

from __future__ import annotations

import base64
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from helpers.behaviors import answer
from helpers.offers import machine
from helpers.range_server import Handler, Server
from helpers.upstreams import publish_page, upstream_of

from variant_backend._internal.formats.simple_api import from_html
from variant_backend._internal.machine.support import Policy
from variant_backend._internal.serving.loopback import loopback_server
from variant_backend._internal.serving.site import Served, Site

V3 = "demo-1.0-0_v3-py3-none-any.whl"
LOGIN = "Basic " + base64.b64encode(b"me:s3cret").decode()


def login_required(handler: Handler, _: bytes | None) -> bool:
    return handler.headers.get("Authorization") != LOGIN and answer(401)(handler, None)


@contextmanager
def offered_by(cache: Path, url: str, *, streams: bool = False) -> Iterator[str]:
    """Offer an index to the machine `v3`; yield the URL of the page of `demo`."""
    served = {"v3": Served("v3", machine("x86_64:v3"), Policy())}
    site = Site(upstream_of(cache, url), served, streams=streams)
    with loopback_server(site.respond, count(0)) as port:
        yield f"http://127.0.0.1:{port}/v3/simple/demo/"


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def read(url: str) -> bytes:
    """Return the content at a URL; raises urllib's errors without their connection."""
    try:
        with urllib.request.build_opener(NoRedirects).open(url) as response:
            content: bytes = response.read()
    except urllib.error.HTTPError as error:
        with error:
            error.msg = error.read().decode()
        raise
    return content


def with_login(server: Server) -> str:
    return server.url.replace("//", "//me:s3cret@")


def file_url(page_url: str, filename: str = V3) -> str:
    files = {file.filename: file for file in from_html(read(page_url), page_url).files}
    return urljoin(page_url, files[filename].url or "")


@pytest.mark.parametrize("hashes", [True, False])
def test_files_of_an_upstream_with_a_login_are_streamed(
    index: Server, wheels: list[Path], tmp_path: Path, hashes: bool
) -> None:
    publish_page(index.folder, wheels, hashes=hashes, beside=True)
    index.misbehave = login_required
    with offered_by(tmp_path, with_login(index)) as page_url:
        page = read(page_url)
        assert b"s3cret" not in page
        assert read(file_url(page_url)) == wheels[0].read_bytes()
        assert b"Name: demo" in read(f"{file_url(page_url)}.metadata")


@pytest.mark.parametrize("provenance", ["me:s3cret@files.test/p", "files.test/p?key=s3cret"])
def test_untouched_files_behind_a_login_do_not_show_it(
    index: Server, wheels: list[Path], tmp_path: Path, provenance: str
) -> None:
    page = publish_page(index.folder, wheels[1:], beside=True) / "index.html"
    page.write_text(page.read_text().replace("<a ", f'<a data-provenance="https://{provenance}" '))
    index.misbehave = login_required
    with offered_by(tmp_path, with_login(index)) as page_url:
        assert b"s3cret" not in read(page_url)
        assert read(file_url(page_url, wheels[1].name)) == wheels[1].read_bytes()


def test_a_login_in_netrc_streams_files(
    index: Server, wheels: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    publish_page(index.folder, wheels)
    index.misbehave = login_required
    with offered_by(tmp_path, index.url) as page_url:
        assert read(file_url(page_url)) == wheels[0].read_bytes()


def test_other_files_are_redirects_to_the_upstream(index: Server, wheels: list[Path], tmp_path: Path) -> None:
    publish_page(index.folder, wheels)
    with offered_by(tmp_path, index.url) as page_url, pytest.raises(urllib.error.HTTPError) as caught:
        read(file_url(page_url))
    assert caught.value.code == 302
    assert caught.value.headers["Location"] == f"{index.url}demo/{wheels[0].name}"


@pytest.mark.parametrize("hashes", [True, False])
def test_a_wrong_file_breaks_the_connection(
    index: Server, wheels: list[Path], tmp_path: Path, hashes: bool
) -> None:
    project = publish_page(index.folder, wheels, hashes=hashes)
    with offered_by(tmp_path, index.url, streams=True) as page_url:
        url = file_url(page_url)
        content = wheels[0].read_bytes()
        (project / wheels[0].name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        if not hashes:  # nothing else verifies it
            assert read(url) != content
            return
        with pytest.raises((http.client.IncompleteRead, urllib.error.HTTPError)):
            read(url)


def test_a_file_that_the_upstream_does_not_have_is_an_error(
    index: Server, wheels: list[Path], tmp_path: Path
) -> None:
    project = publish_page(index.folder, wheels)
    with offered_by(tmp_path, index.url, streams=True) as page_url:
        url = file_url(page_url)
        (project / wheels[0].name).unlink()
        with pytest.raises(urllib.error.HTTPError) as caught:
            read(url)
    assert caught.value.code == 502


@pytest.mark.parametrize("as_listed", [True, False])
def test_a_transfer_that_breaks_ends_the_connection(index: Server, tmp_path: Path, as_listed: bool) -> None:
    sdist = tmp_path / "demo-1.0.tar.gz"
    sdist.write_bytes(bytes(3 << 20))
    publish_page(index.folder, [sdist])
    content = sdist.read_bytes()
    sent = content[: 2 << 20] if as_listed else content[:-1] + b"x"
    index.misbehave = lambda handler, _: (
        handler.path.endswith(".gz") and answer(200, sent, len(content))(handler, None)
    )
    with offered_by(tmp_path, index.url, streams=True) as page_url, pytest.raises(http.client.IncompleteRead):
        read(file_url(page_url, sdist.name))


def test_a_head_request_reads_no_file(index: Server, wheels: list[Path], tmp_path: Path) -> None:
    publish_page(index.folder, wheels)
    with offered_by(tmp_path, index.url, streams=True) as page_url:
        url = urlsplit(file_url(page_url))
        index.requests.clear()
        connection = http.client.HTTPConnection(str(url.netloc))
        connection.request("HEAD", url.path)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"")
        connection.close()
        assert [path for _, path, *_ in index.requests if path.endswith(".whl")] == []


def test_an_upstream_that_fails_is_a_bad_gateway_without_the_password(index: Server, tmp_path: Path) -> None:
    index.misbehave = answer(403)
    with offered_by(tmp_path, with_login(index)) as page_url:
        with pytest.raises(urllib.error.HTTPError) as caught:
            read(page_url)
        text = caught.value.msg
    assert caught.value.code == 502
    assert "access denied" in text
    assert "s3cret" not in text


def test_a_file_on_disk_that_changes_breaks_the_connection(wheels: list[Path], tmp_path: Path) -> None:
    project = publish_page(tmp_path / "index", wheels)
    with offered_by(tmp_path, (tmp_path / "index").as_uri()) as page_url:
        url = file_url(page_url)
        assert read(url) == wheels[0].read_bytes()
        (project / wheels[0].name).write_bytes(b"other")
        with pytest.raises((http.client.IncompleteRead, urllib.error.HTTPError)):
            read(url)
