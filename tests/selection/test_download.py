"""A download from a misbehaving server ends with the complete, verified file or with no file."""

from __future__ import annotations

import hashlib
import os
import random
import re
import sys
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from helpers.behaviors import Behavior, answer, endless, reset
from helpers.range_server import Handler, Server

from variant_backend._internal.errors import VariantError
from variant_backend._internal.formats.release import File, Location
from variant_backend._internal.lowlevel import ranges
from variant_backend._internal.selection import download

NAME = "demo-1.0-py3-none-any.whl"
CONTENT = random.Random(0).randbytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = bytes(len(CONTENT))


def file(location: Location, size: int | None = len(CONTENT), **hashes: str) -> File:
    """Return a file as its source lists it, by default with the sha256 of the content."""
    return File(NAME, location, hashes or {"sha256": SHA256}, size)


def fetched(listed: File, folder: Path) -> list[int]:
    """Download a file, check its content, and return the reported progress."""
    progress: list[int] = []
    assert download.download(listed, folder / NAME, advance=progress.append)
    assert (folder / NAME).read_bytes() == CONTENT
    assert sum(progress) == len(CONTENT)
    assert [path.name for path in folder.iterdir()] == [NAME]
    return progress


def fails(listed: File, folder: Path) -> str:
    """Return the error of a failing download, and check that the existing file stays."""
    folder.mkdir()
    (folder / NAME).write_bytes(b"old")
    with pytest.raises(VariantError) as caught:
        download.download(listed, folder / NAME)
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert (folder / NAME).read_bytes() == b"old"
    (line,) = caught.value.lines()
    assert line.startswith(f"{listed.location}: ")
    return line.removeprefix(f"{listed.location}: ")


def breaking(*counts: int, validator: tuple[str, str] = ("ETag", '"1"'), ranges: bool = True) -> Behavior:
    """Return a behavior that sends only *counts* bytes to the first requests, and all bytes to later ones."""
    left = list(counts)

    def behave(handler: Handler, _: bytes | None) -> bool:
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        resumed = wanted and ranges and handler.headers["If-Range"] == validator[1]
        start = int(wanted[1]) if wanted and resumed else 0
        headers = {validator[0]: validator[1]}
        if resumed:
            headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        count = left.pop(0) if left else len(CONTENT)
        data = CONTENT[start:][:count]
        handler.send(206 if resumed else 200, data, headers, length=len(CONTENT) - start)
        handler.close_connection = True
        return True

    return behave


def requested(server: Server) -> list[str]:
    """Return the requested ranges."""
    return [wanted for _, _, wanted, _ in server.requests]


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_complete_file_is_downloaded_with_progress(
    server: Server, tmp_path: Path, size: int | None
) -> None:
    (server.folder / NAME).write_bytes(CONTENT)
    assert min(fetched(file(server.url + NAME, size), tmp_path / "out")) > 0
    assert requested(server) == [""]


@pytest.mark.parametrize("name", ["demo-1.0-py3-none-any:x.whl", "demo-1.0-py3-none-a?.whl", "..\\\\x.whl"])
def test_a_name_that_is_another_file_on_windows_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "source").write_bytes(CONTENT)
    listed = file(tmp_path / "source")._replace(filename=name)
    with pytest.raises(VariantError, match="report this to the owner of the index"):
        download.download(listed, tmp_path / "out" / name)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("validator", [("ETag", '"1"'), ("Last-Modified", "Sat, 21 Nov 2020 10:00:00 GMT")])
def test_a_broken_transfer_is_resumed(server: Server, tmp_path: Path, validator: tuple[str, str]) -> None:
    server.misbehave = breaking(1_000_000, 0, 500_000, validator=validator)
    assert min(fetched(file(server.url + NAME), tmp_path / "out")) > 0
    assert requested(server) == ["", "bytes=1000000-", "bytes=1000000-", "bytes=1500000-"]
    assert server.sent == len(CONTENT)


@pytest.mark.parametrize(
    "options", [{"validator": ("ETag", 'W/"1"')}, {"validator": ("Server", "x")}, {"ranges": False}]
)
def test_a_transfer_without_resume_is_restarted_once(
    server: Server, tmp_path: Path, options: dict[str, Any]
) -> None:
    server.misbehave = breaking(1_000_000, **options)
    assert (
        sum(count for count in fetched(file(server.url + NAME), tmp_path / "out") if count < 0) == -1_000_000
    )
    server.misbehave = breaking(1_000_000, 1_000_000, **options)
    assert fails(file(server.url + NAME), tmp_path / "broken") == (
        "truncated answer: expected 3000000 bytes, got 1000000; "
        "try again later; the server cannot resume a transfer"
    )


def test_a_file_changed_during_the_transfer_is_restarted(server: Server, tmp_path: Path) -> None:
    first, then = breaking(1_000_000, validator=("ETag", '"0"')), breaking()
    server.misbehave = lambda handler, data: (then if server.requests else first)(handler, data)
    fetched(file(server.url + NAME), tmp_path / "out")
    assert requested(server) == ["", "bytes=1000000-"]


OLD = {"ETag": '"1"', "Last-Modified": "Sat, 21 Nov 2020 10:00:00 GMT"}
REST = {**OLD, "Content-Range": f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}"}


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, REST | {"ETag": '"2"'}),
        (206, REST | {"ETag": 'W/"1"'}),
        (206, REST | {"Last-Modified": "Sat, 21 Nov 2020 10:00:01 GMT"}),
        (206, REST | {"Content-Range": f"bytes 1000-{len(CONTENT)}/{len(CONTENT) + 1}"}),
        (206, REST | {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"}),
        (206, {**OLD, "Content-Type": "multipart/byteranges; boundary=x"}),
        (206, REST | {"Content-Type": "multipart/byteranges; boundary=x"}),
        (416, {"Content-Range": f"bytes */{len(CONTENT)}"}),
    ],
)
def test_bytes_of_another_version_are_not_spliced(
    server: Server, tmp_path: Path, status: int, headers: dict[str, str]
) -> None:
    def behave(handler: Handler, _: bytes | None) -> bool:
        if "Range" in handler.headers:
            handler.send(status, OTHER[1000:], headers)
        else:
            first = not server.requests
            handler.send(200, CONTENT[:1000] if first else CONTENT, OLD, len(CONTENT))
        handler.close_connection = True
        return True

    server.misbehave = behave
    fetched(file(server.url + NAME, size=None), tmp_path / "out")
    assert requested(server) == ["", "bytes=1000-", ""]


def test_only_a_strong_validator_resumes_a_transfer(server: Server, tmp_path: Path) -> None:
    now = formatdate(time.time() + 60, usegmt=True)  # a busy machine answers seconds later
    for number, headers in enumerate(
        ({"ETag": 'W/"1"', "Last-Modified": OLD["Last-Modified"]}, {"Last-Modified": now}, {"ETag": '"1\t2"'})
    ):
        first = answer(200, CONTENT[:10], len(CONTENT), **headers)
        server.requests.clear()
        server.misbehave = lambda handler, data, first=first: (  # type: ignore[misc]
            breaking() if server.requests else first
        )(handler, data)
        fetched(file(server.url + NAME), tmp_path / str(number))
        assert requested(server) == ["", ""]


def test_download_gives_up_after_five_broken_transfers(server: Server, tmp_path: Path) -> None:
    server.misbehave = breaking(*[10] * 100)
    assert fails(file(server.url + NAME), tmp_path / "out").endswith(" (given up after 5 tries)")
    assert len(server.requests) == 5


def test_a_reset_connection_is_retried(server: Server, tmp_path: Path) -> None:
    then = breaking()
    server.misbehave = lambda handler, data: (then if server.requests else reset(len(CONTENT)))(handler, data)
    fetched(file(server.url + NAME), tmp_path / "out")


def other_part(handler: Handler, data: bytes | None) -> bool:
    """Send another range than the requested one."""
    if "Range" not in handler.headers:
        return breaking(1000)(handler, data)
    return answer(206, b"x", Content_Range=f"bytes 0-0/{len(CONTENT)}")(handler, data)


ERRORS: dict[str, tuple[Behavior, str]] = {
    "missing": (answer(404), "not found"),
    "down": (answer(500), "the server answers 500 Internal Server Error"),
    "changed": (
        answer(200, OTHER),
        f"expected sha256 {SHA256}, got {hashlib.sha256(OTHER).hexdigest()}; the file was changed",
    ),
    "larger": (answer(200, CONTENT + b"x"), "expected 3000000 bytes, got 3000001"),
    "smaller": (answer(200, CONTENT[1:]), "expected 3000000 bytes, got 2999999"),
    "endless": (endless, "too large: more than 3000000 bytes"),
    "other part": (other_part, "truncated answer: expected 3000000 bytes, got 1000; try again later"),
    "compressed": (
        answer(200, CONTENT, Content_Encoding="gzip"),
        "the server sent compressed content (gzip)",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_no_file_is_written_if_the_download_differs_from_its_listing(
    server: Server, tmp_path: Path, name: str
) -> None:
    server.misbehave, error = ERRORS[name]
    assert fails(file(server.url + NAME), tmp_path / "out").startswith(error)


def test_download_stops_at_the_size_limit(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.misbehave = endless
    received: list[int] = []
    for size in (100_000, None):
        monkeypatch.setattr(download, "_LARGEST", 100_000)
        with pytest.raises(VariantError, match="too large: more than 100000 bytes"):
            download.download(file(server.url, size), tmp_path / NAME, advance=received.append)
    assert sum(received) <= 200_000


def test_all_known_hashes_are_compared_but_weak_ones_verify_nothing(server: Server, tmp_path: Path) -> None:
    (server.folder / NAME).write_bytes(CONTENT)
    url, target = server.url + NAME, tmp_path / NAME
    md5, sha512 = (hashlib.new(name, CONTENT).hexdigest() for name in ("md5", "sha512"))
    assert download.download(file(url, md5=md5, sha512=sha512, new="0"), target)
    assert not download.download(file(url, md5=md5), target)
    assert not download.download(file(url, shake_128="0"), target)
    with pytest.raises(VariantError) as caught:
        download.download(file(url, md5="0", sha1="0", sha512=sha512), target)
    lines = [f"{problem.place}: {problem.text}" for problem in caught.value.problems]
    assert [re.sub(r"got \w+", "", line) for line in lines] == [
        f"{url}: expected md5 0, ",
        f"{url}: expected sha1 0, ",
    ]


def test_another_host_may_send_a_file_with_a_known_hash(server: Server, tmp_path: Path) -> None:
    (server.folder / NAME).write_bytes(CONTENT)
    elsewhere = server.url.replace("127.0.0.1", "localhost")

    def behave(handler: Handler, data: bytes | None) -> bool:
        moved = handler.path == "/moved" and data is None
        return moved and answer(302, Location=elsewhere + NAME)(handler, data)

    server.misbehave = behave
    fetched(file(f"{server.url}moved"), tmp_path / "out")
    error = fails(file(f"{server.url}moved", md5="0"), tmp_path / "broken")
    assert re.match(r"redirected from \S+ to localhost:\d+, another host; if you trust it,", error)


def test_a_local_file_is_copied_and_verified(tmp_path: Path) -> None:
    path = tmp_path / "ä b#.whl"
    path.write_bytes(CONTENT)
    fetched(file(path), tmp_path / "out")
    assert "expected sha256 1, got " in fails(file(path, sha256="1"), tmp_path / "broken")
    for place in (Path(f"{path}x"), Path(f"{path}\0"), "file://elsewhere.invalid/x"):
        with pytest.raises(VariantError, match=f"^{re.escape(str(place))}: .+"):
            download.download(file(place), tmp_path / "out" / NAME)


@pytest.mark.parametrize("error", [OSError(28, os.strerror(28)), KeyboardInterrupt()])
def test_no_file_is_written_if_the_disk_is_full_or_on_ctrl_c(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    (server.folder / NAME).write_bytes(CONTENT)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(download, "write_all", fail)
    with pytest.raises((VariantError, KeyboardInterrupt)) as caught:
        download.download(file(server.url + NAME), tmp_path / "out" / NAME)
    assert not list((tmp_path / "out").iterdir())
    if isinstance(error, OSError):
        assert str(caught.value) == f"cannot write {NAME}: {error.strerror}"


def test_a_file_url_becomes_the_path_it_names(tmp_path: Path) -> None:
    for name in ("a.whl", "ä b%20#?.whl", "x/y"):
        assert ranges.path_of((tmp_path / name).as_uri()) == tmp_path / name
    if sys.platform != "win32":  # Windows has network shares
        with pytest.raises(VariantError, match=r"names a file on another machine, 'elsewhere\.invalid'"):
            ranges.path_of("file://elsewhere.invalid/x")
