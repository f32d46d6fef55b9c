"""Wheels in object stores and on HTTP servers, also hostile ones; transferred bytes are counted."""

from __future__ import annotations

import json
import random
import re
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from helpers.range_server import Handler, Server
from helpers.remote_wheels import NAME, large_wheel, page, variants

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel import deadlines
from variant_backend._internal.wheels import remote


def read(url: str) -> dict[str, str]:
    """Return the labels at a URL by filename; no wheel may have a problem."""
    found, issues = remote.read_wheels(url)
    assert issues == []
    return {each.wheel.filename.label or "": "".join(each.metadata.variants) for each in found}


def test_linked_variants_are_read_and_plain_wheels_are_not_requested(server: Server) -> None:
    wheels = variants(server.folder / "files")
    links = [f"../../files/{path.name}#sha256=0" for path in wheels.values()]
    page(server.folder / "simple" / "demo", [*links, "../../files/demo-1.0.tar.gz"])
    assert read(f"{server.url}simple/demo/") == {"v3": "v3", "null": "null"}
    asked = [path for _, path, *_ in server.requests]
    assert not [path for path in asked if path.endswith(wheels["plain"].name)]
    assert len(asked) == 3, "a page, and one request for each small wheel"


def test_wheels_of_all_projects_of_an_index_are_read(server: Server) -> None:
    for project in ("one", "two"):
        path = variants(server.folder / "files", f"{len(project)}.{project == 'two':d}")["v3"]
        page(server.folder / "simple" / project, [f"{server.url}files/{path.name}"])
    page(server.folder / "simple", ["one/", "/simple/two/", "https://example.invalid/three/", "../"])
    found, issues = remote.read_wheels(f"{server.url}simple/")
    assert issues == []
    assert [each.place for each in found] == [
        f"{server.url}files/demo-3.0-py3-none-any-v3.whl",
        f"{server.url}files/demo-3.1-py3-none-any-v3.whl",
    ]


def test_the_final_slash_of_an_index_is_optional(server: Server) -> None:
    wheel = variants(server.folder / "files")["v3"]
    page(server.folder / "simple" / "demo", [f"../../files/{wheel.name}"])
    assert read(f"{server.url}simple/demo") == {"v3": "v3"}
    assert next(path for _, path, *_ in server.requests) == "/simple/demo/"


def test_a_url_names_a_server() -> None:
    with pytest.raises(VariantError, match=r"^http://: the URL has no host, or port 0$"):
        remote.read_wheels("http://")


def test_pages_in_json_are_read(server: Server) -> None:
    wheel = variants(server.folder / "files")["v3"]
    meta = {"api-version": "1.0"}
    files = [{"filename": wheel.name, "url": f"../files/{wheel.name}", "hashes": {}}]
    (server.folder / "simple").mkdir()
    top, below = server.folder / "simple" / "x.json", server.folder / "simple" / "demo.json"
    below.write_text(json.dumps({"meta": meta, "name": "demo", "files": files}))
    assert read(f"{server.url}simple/demo.json") == {"v3": "v3"}
    page(server.folder / "simple" / "demo", [f"../../files/{wheel.name}"])
    top.write_text(json.dumps({"meta": meta, "projects": [{"name": "demo"}]}))
    assert read(f"{server.url}simple/x.json") == {"v3": "v3"}
    for broken in ('{"projects": 1}', '{"projects": [1]}', "[]", "{"):
        top.write_text(broken)
        with pytest.raises(VariantError, match="not a page of a package index"):
            remote.read_wheels(f"{server.url}simple/x.json")


def test_an_index_with_too_many_projects_is_refused(server: Server) -> None:
    page(server.folder, [f"p{number}/" for number in range(1001)])
    with pytest.raises(VariantError, match=r"too many projects: 1001 \(limit: 1000\)"):
        remote.read_wheels(server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize("size", [2 << 30, 1 << 20])
def test_reading_a_wheel_of_gigabytes_transfers_kilobytes(server: Server, size: int) -> None:
    wheel = large_wheel(server.folder, size)
    assert read(f"{server.url}{NAME}") == {"v3": "v3"}
    with zipfile.ZipFile(wheel) as archive:
        directory = sum(46 + len(info.filename) for info in archive.infolist())
        dist_info = 2000 + sum(i.file_size for i in archive.infolist() if ".dist-info" in i.filename)
    assert server.sent < 66_000 + directory + dist_info
    assert len(server.requests) == 4, server.requests


def test_no_byte_is_read_twice_and_near_ranges_are_merged() -> None:
    content = random.Random(0).randbytes(100_000)
    fetched: list[tuple[int, int]] = []

    def fetch(offset: int, length: int) -> bytes:
        fetched.append((offset, length))
        return content[offset : offset + length]

    spans = remote._Spans(fetch, len(content))
    for offset, length in ((90_000, 10_000), (95_000, 10), (80_000, 15_000), (0, 0), (10, 20), (12, 5)):
        assert spans.read(length, offset) == content[offset : offset + length]
    assert fetched == [(90_000, 10_000), (80_000, 10_000), (10, 20)]
    with pytest.raises(VariantError, match="truncated: expected 2 bytes at byte 99999, got 1"):
        spans.read(2, 99_999)
    near = [(50_000, 50_010), (0, 10), (20, 30), (5, 25), (16_414, 16_420)]
    assert remote._merged(near) == [(0, 16_420), (50_000, 50_010)]


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({"ETag": '"1"'}, {"ETag": '"2"'}),
        ({"ETag": 'W/"1"'}, {"ETag": 'W/"2"'}),
        (
            {"Last-Modified": "Sat, 21 Nov 2020 10:00:00 GMT"},
            {"Last-Modified": "Sat, 21 Nov 2020 10:00:01 GMT"},
        ),
        ({}, {"Content-Range": ""}),
    ],
)
def test_ranges_of_different_versions_are_not_combined(
    server: Server, first: dict[str, str], later: dict[str, str]
) -> None:
    size = large_wheel(server.folder, 1 << 20).stat().st_size

    def misbehave(handler: Handler, data: bytes | None) -> bool:
        if data is None:
            return False
        headers = dict(later if server.requests else first)
        start = int(re.findall(r"\d+", handler.headers["Range"])[0]) if server.requests else size - len(data)
        total = size + ("Content-Range" in headers)
        handler.send(
            206, data, {**headers, "Content-Range": f"bytes {start}-{start + len(data) - 1}/{total}"}
        )
        return True

    server.misbehave = misbehave
    _, (problem,) = remote.read_wheels(f"{server.url}{NAME}")
    assert (problem.text, problem.remedy) == (
        "the file was replaced while it was read",
        "run the command again",
    )


@pytest.mark.parametrize("status", [503, 429])
def test_ranges_and_sizes_are_requested_again(server: Server, status: int) -> None:
    large_wheel(server.folder, 1 << 20)
    failed: set[str] = set()

    def misbehave(handler: Handler, data: bytes | None) -> bool:
        step = f"{handler.command} {handler.headers.get('Range')}"
        if data is None and step not in failed:
            failed.add(step)
            return bool(refuse(status)(handler, data))
        return refuse_suffixes(handler, data)

    server.misbehave = misbehave
    assert read(f"{server.url}{NAME}") == {"v3": "v3"}
    assert "HEAD None" in failed


def refuse_suffixes(handler: Handler, _: bytes | None) -> bool:
    if handler.headers.get("Range", "").startswith("bytes=-"):
        handler.send(416, b"")
        return True
    return False


def test_a_server_without_suffix_ranges_is_asked_for_the_size(server: Server) -> None:
    large_wheel(server.folder, 1 << 20)
    server.misbehave = refuse_suffixes
    assert read(f"{server.url}{NAME}") == {"v3": "v3"}
    assert [command for command, *_ in server.requests][:3] == ["GET", "HEAD", "GET"]


def ignore_ranges(handler: Handler, data: bytes | None) -> bool:
    """Send 64 GiB, until the client stops reading."""
    if data is None and handler.command == "HEAD":
        return False
    handler.send_response(200)
    handler.send_header("Content-Length", str(64 << 30))
    handler.end_headers()
    sent = 0
    try:
        for _ in range(1 << 16):
            sent += handler.wfile.write(bytes(1 << 20))
    except OSError:
        handler.close_connection = True
    handler.server.requests.append(("GET", handler.path, "ignored", sent))
    return True


def send_range(told: str, change: Callable[[bytes], bytes], **headers: str) -> Any:
    """Return a behavior that sends this Content-Range, and changed data."""

    def misbehave(handler: Handler, data: bytes | None) -> bool:
        if data is None:
            return False
        start = handler.server.folder.joinpath(NAME).stat().st_size - len(data)
        text = told.format(start=start, last=start + len(data) - 1, size=start + len(data))
        changed = change(data)
        handler.send(206, changed, {"Content-Range": text, **headers}, length=len(data))
        handler.close_connection = True
        return True

    return misbehave


def redirect_forever(handler: Handler, _: bytes | None) -> bool:
    handler.send(302, b"", {"Location": handler.path})
    return True


def refuse(status: int) -> Any:
    def misbehave(handler: Handler, _: bytes | None) -> bool:
        handler.send(status, b"")
        return True

    return misbehave


GOOD = "bytes {start}-{last}/{size}"
BEHAVIORS = {
    "ignores ranges": (
        ignore_ranges,
        "the server does not support range requests; download the wheels, and give them or their folder",
    ),
    "larger size": (send_range("bytes {start}-{last}/9999999", bytes), "got Content-Range 'bytes "),
    "smaller size": (send_range("bytes 0-9/10", bytes), "more than 10 bytes"),
    "no size": (send_range("bytes {start}-{last}/*", bytes), "got Content-Range 'bytes "),
    "no place": (send_range("", bytes), "got Content-Range ''"),
    "other place": (send_range("bytes 0-{last}/99999", bytes), "got Content-Range 'bytes "),
    "encoded": (
        send_range(GOOD, bytes, **{"Content-Encoding": "gzip"}),
        "sent compressed content \\(gzip\\)",
    ),
    "truncated": (send_range(GOOD, lambda data: data[:-5]), "truncated answer: "),
    "not a wheel": (send_range(GOOD, lambda data: bytes(len(data))), "expected a zip archive"),
    "redirects": (redirect_forever, "redirected more than 10 times"),
    "missing": (refuse(404), "not found"),
    "forbidden": (refuse(403), "access denied: 403"),
    "down": (refuse(503), r"the server answers 503 Service Unavailable \(given up after 5 tries\)$"),
    "parts": (
        send_range(GOOD, lambda data: data, **{"Content-Type": "multipart/byteranges; boundary=x"}),
        "but the server sent several ranges",
    ),
}


@pytest.mark.parametrize("name", BEHAVIORS)
def test_errors_of_a_server_name_the_url_without_secrets(server: Server, name: str) -> None:
    variants(server.folder)
    server.misbehave, message = BEHAVIORS[name]
    url = server.url.replace("http://", "http://user:s3cret@") + f"{NAME}?token=s3cret"
    found, issues = remote.read_wheels(url)
    assert found == []
    (issue,) = map(str, issues)
    assert issue.startswith(f"{server.url}{NAME}: ")
    assert re.search(message, issue.removeprefix(f"{server.url}{NAME}: ")), issue
    assert "s3cret" not in issue and "user" not in issue
    assert server.sent < 30 << 20, "what the system buffers may be sent, and no more"


def test_errors_of_a_page_are_reported(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.url.replace("http://", "http://user:s3cret@") + "simple/?token=s3cret"
    for behavior, message in ((refuse(404), "not found"), (refuse(401), "access denied: 401")):
        server.misbehave = behavior
        with pytest.raises(VariantError, match=rf"^{server.url}simple/: {message}"):
            remote.read_wheels(url)
    monkeypatch.setattr(remote, "LARGEST", 1 << 20)
    server.misbehave = ignore_ranges
    with pytest.raises(VariantError, match="more than 1048576 bytes"):
        remote.read_wheels(url)
    with pytest.raises(VariantError, match=r"^http://127.0.0.1:9/: cannot connect to the server: ") as caught:
        remote.read_wheels("http://user:s3cret@127.0.0.1:9/")
    assert "s3cret" not in str(caught.value)


def test_a_silent_server_ends_in_a_timeout(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "PATIENCE", 0.2)
    monkeypatch.setattr(deadlines, "LAST_TRY", 0)
    woken = threading.Event()
    server.misbehave = lambda _handler, _data: woken.wait(60)
    with pytest.raises(VariantError, match=rf"^{server.url}: no answer in 0.2 seconds"):
        remote.read_wheels(server.url)
    woken.set()


def test_credentials_in_the_url_are_sent_to_its_server_only(server: Server) -> None:
    wheels = variants(server.folder / "files")
    seen: list[tuple[str, bool]] = []

    def note(handler: Handler, data: bytes | None) -> bool:
        if data is None:
            seen.append((handler.headers["Host"].partition(":")[0], "Authorization" in handler.headers))
        return False

    server.misbehave = note
    elsewhere = server.url.replace("127.0.0.1", "localhost")
    links = [f"../files/{wheels['v3'].name}", f"{elsewhere}files/{wheels['null'].name}"]
    page(server.folder / "simple", links)
    assert read(server.url.replace("http://", "http://user:s3cret@") + "simple/") == {
        "v3": "v3",
        "null": "null",
    }
    assert sorted(seen) == [("127.0.0.1", True), ("127.0.0.1", True), ("localhost", False)]


def test_credentials_come_from_netrc(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variants(server.folder)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password s3cret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: set[str | None] = set()

    def note(handler: Handler, _: bytes | None) -> bool:
        seen.add(handler.headers.get("Authorization"))
        return False

    server.misbehave = note
    assert read(f"{server.url}{NAME}") == {"v3": "v3"}
    assert seen == {"Basic dXNlcjpzM2NyZXQ="}


def test_a_wheel_with_a_too_large_member_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    large_wheel(server.folder, 1 << 20)
    monkeypatch.setattr(remote, "LARGEST", 40_000)
    _, (issue,) = remote.read_wheels(f"{server.url}{NAME}")
    assert "too large to read from a wheel" in issue.text
    assert server.sent < 70_000


def test_bad_wheels_are_reported_and_good_ones_read(server: Server) -> None:
    variants(server.folder)
    (server.folder / "bad-1.0-py3-none-any-v3.whl").write_bytes(b"")
    (server.folder / "odd-1.0-py3-none-any-v3.whl").write_bytes((server.folder / NAME).read_bytes())
    names = [path.name for path in server.folder.iterdir()]
    page(server.folder, [*names, "gone-1.0-py3-none-any-v3.whl", "nothing.whl"])
    found, issues = remote.read_wheels(server.url)
    assert [each.wheel.filename.label for each in found] == ["null", "v3"]
    assert [issue.removeprefix(server.url).split(";")[0] for issue in map(str, issues)] == [
        "bad-1.0-py3-none-any-v3.whl: expected a zip archive, got an empty file",
        "gone-1.0-py3-none-any-v3.whl: not found",
        "nothing.whl: nothing.whl: invalid wheel filename",
        "odd-1.0-py3-none-any-v3.whl: directory demo-1.0.dist-info does not match odd-1.0 in the filename",
    ]


@pytest.fixture(scope="module")
def store() -> Iterator[None]:
    """Start an S3-compatible object store on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield
    server.stop()


@pytest.mark.slow  # its server takes seconds to import
@pytest.mark.usefixtures("store")
def test_an_object_store_is_listed_each_time_and_read_in_ranges(tmp_path: Path) -> None:
    wheels = variants(tmp_path)
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    fs.mkdir("bucket")
    fs.put_file(str(wheels["plain"]), f"bucket/dist/{wheels['plain'].name}")
    fs.put_file(str(wheels["v3"]), f"bucket/dist/deep/{wheels['v3'].name}")
    assert read("s3://bucket/dist") == {"v3": "v3"}
    fs.put_file(str(wheels["null"]), f"bucket/dist/{wheels['null'].name}")
    found, issues = remote.read_wheels("s3://bucket/dist/")
    assert issues == []
    assert [each.place for each in found] == [
        "s3://bucket/dist/demo-1.0-py3-none-any-null.whl",
        "s3://bucket/dist/deep/demo-1.0-py3-none-any-v3.whl",
    ]
    assert read(f"s3://bucket/dist/deep/{NAME}") == {"v3": "v3"}
    with pytest.raises(VariantError, match=r"^s3://bucket/none.whl: not found"):
        remote.read_wheels("s3://bucket/none.whl")
    with pytest.raises(VariantError, match=r"^s3://no-bucket/: .+"):
        remote.read_wheels("s3://no-bucket/")


@pytest.mark.slow  # its server takes seconds to import
@pytest.mark.usefixtures("store")
def test_an_object_store_sends_kilobytes_of_a_large_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = large_wheel(tmp_path, 32 << 20)
    fs = fsspec.filesystem("s3", skip_instance_cache=True)
    fs.mkdir("large")
    fs.put_file(str(wheel), f"large/{wheel.name}")
    asked: list[tuple[int, int]] = []
    original = type(fs)._cat_file

    async def counted(self: Any, path: str, *, start: int, end: int) -> bytes:
        asked.append((start, end))
        data: bytes = await original(self, path, start=start, end=end)
        return data

    monkeypatch.setattr(type(fs), "_cat_file", counted)
    assert read("s3://large") == {"v3": "v3"}
    assert len(asked) == 4
    assert sum(end - start for start, end in asked) < 350_000


def test_any_file_system_of_fsspec_works(tmp_path: Path) -> None:
    wheels = variants(tmp_path)
    memory = fsspec.filesystem("memory")
    for path in wheels.values():
        memory.pipe_file(f"/here/{path.name}", path.read_bytes())
    assert read("memory://here") == {"v3": "v3", "null": "null"}
    assert read(tmp_path.as_uri()) == {"v3": "v3", "null": "null"}
    with pytest.raises(VariantError, match=r"^what://ever: Protocol not known: what"):
        remote.read_wheels("what://ever")


def test_http_needs_no_extra_and_others_name_the_extra(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants(server.folder)
    for library in ("fsspec", "fsspec.core", "aiohttp"):
        monkeypatch.setitem(sys.modules, library, None)
    assert read(f"{server.url}{NAME}") == {"v3": "v3"}
    with pytest.raises(VariantError, match=r"pip install 'variant-backend\[remote\]'$"):
        remote.read_wheels("s3://bucket")
