"""Servers that would keep a program waiting for ever, and servers that fail for a moment."""

from __future__ import annotations

import math
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
from helpers.behaviors import Behavior, answer, reset
from helpers.hostile_servers import CHUNKED, FLOODS, MOVED, OK, ONE_BYTE, SLOW, Attack, sending
from helpers.range_server import Handler, Server

from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel import deadlines, http, terminal
from variant_backend._internal.lowlevel.http import get

LIMIT = 1 << 20


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the deadlines to a tenth of a second, with one try."""
    monkeypatch.setattr(deadlines, "PATIENCE", 0.1)
    monkeypatch.setattr(deadlines, "LEAST", 2000)
    monkeypatch.setattr(deadlines, "LAST_TRY", 0)


def failure(attack: Attack, patch: pytest.MonkeyPatch, pause: float = 0.01) -> str:
    """Return the error of a page that an attacking server sends; a proxy attacks any https URL."""
    with sending(attack.script(pause)) as port:
        url = f"{attack.scheme}://127.0.0.1:{port}/"
        if attack.scheme == "proxy":
            patch.setenv("https_proxy", f"http://127.0.0.1:{port}")
            url = "https://example.invalid/"
        with pytest.raises(VariantError) as caught:
            get(url, limit=LIMIT)
    return str(caught.value)


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.usefixtures("hurry")
def test_a_slow_server_runs_into_a_deadline(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    error = failure(SLOW[name], monkeypatch)
    assert "no answer in 0.1 seconds" in error or "less than 2000 bytes in 0.1 seconds" in error
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", FLOODS)
def test_endless_headers_chunks_and_trailers_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = failure(FLOODS[name], monkeypatch)
    assert re.search("got more than (100 headers|65536 bytes)|more than 262144 bytes besides the data", error)


@pytest.mark.usefixtures("hurry")
def test_redirects_share_a_deadline() -> None:
    def moved() -> Iterator[bytes]:
        time.sleep(0.03)
        yield MOVED

    with sending(moved) as port, pytest.raises(VariantError, match=r"no answer in 0\.1 seconds"):
        get(f"http://127.0.0.1:{port}/", limit=0)


def test_a_page_has_a_total_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_LONGEST", 0.1)
    monkeypatch.setattr(deadlines, "LEAST", 1)
    script = Attack(OK + b"Content-Length: 100000\r\n\r\n", b"x").script(0.01)
    with sending(script) as port, pytest.raises(VariantError, match=r"no complete answer in 0\.1 seconds$"):
        get(f"http://127.0.0.1:{port}/", limit=LIMIT)


def test_a_line_of_20_kb_a_second_keeps_the_deadline_and_one_below_1_kb_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(deadlines, "monotonic", lambda: now)
    deadline = deadlines.Deadline(math.inf)
    deadline.begin_try()
    for seconds in range(1000):
        now += 50 if seconds % 100 == 0 else 1  # it also stalls
        assert deadline.left() > 0
        deadline.count(20_000)
    with pytest.raises(TimeoutError):
        for _ in range(200):
            now += 1
            assert deadline.left() > 0
            deadline.count(900)


def test_a_busy_receiver_keeps_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "PATIENCE", 0.5)

    def read(response: http.Response) -> bytes:
        first = next(response.body)
        time.sleep(0.6)
        return first + b"".join(response.body)

    with sending(lambda: [CHUNKED + ONE_BYTE + ONE_BYTE + b"0\r\n\r\n"]) as port:
        assert http.request(f"http://127.0.0.1:{port}/", read) == b"xx"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (OK + b"Content-Len", "the connection broke: the answer ends before its headers end"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "invalid Content-Length '"),
        (OK + b"Content-Length: +1\r\n\r\nx", "invalid Content-Length '[+]1'"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "unknown Transfer-Encoding 'gzip, chunked'"),
        (CHUNKED + ONE_BYTE, "the connection broke: "),
        (CHUNKED + b"-1\r\nx", "the connection broke: "),
        (CHUNKED + b"zz\r\nx", "the connection broke: "),
    ],
)
def test_an_answer_without_a_clear_end_is_an_error(content: bytes, message: str) -> None:
    with sending(lambda: [content]) as port, pytest.raises(VariantError, match=message):
        get(f"http://127.0.0.1:{port}/", limit=LIMIT)


def test_each_address_of_a_host_gets_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Blackhole(socket.socket):
        def connect(self, _: object) -> None:
            waits.append(self.gettimeout() or 0)
            raise TimeoutError

    here = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 9))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [here] * 3)
    monkeypatch.setattr(socket, "socket", Blackhole)
    monkeypatch.setattr(deadlines, "LAST_TRY", 0)
    with pytest.raises(VariantError, match="no answer in 60 seconds"):
        get("http://127.0.0.1:9/", limit=0)
    assert [round(wait) for wait in waits] == [20, 30, 60]


def failing(*behaviors: Behavior) -> Behavior:
    """Return a behavior: misbehave in these ways, one after the other, and then answer."""
    left = list(behaviors)
    return lambda handler, data: (left.pop(0) if left else answer(200, b"x"))(handler, data)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between tries, which pass at once."""
    made: list[float] = []
    monkeypatch.setattr(http, "_PAUSE", 0.5)
    monkeypatch.setattr(time, "sleep", made.append)
    return made


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_overloaded_server_is_asked_again(server: Server, pauses: list[float], status: int) -> None:
    server.misbehave = failing(answer(status), reset(10), answer(200, b"", 1), answer(status))
    assert get(server.url, limit=10).content == b"x"
    assert len(server.requests) == 5
    for pause, longest in zip(pauses, (0.5, 1, 2, 4), strict=True):
        assert longest / 2 <= pause <= longest


def test_tries_are_counted_and_shown(
    server: Server, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    server.misbehave = answer(503, Retry_After="3")
    before = terminal.set_volume(terminal.VERBOSE)
    with pytest.raises(
        VariantError, match=r": the server answers 503 Service Unavailable \(given up after 5"
    ):
        get(server.url, limit=1)
    terminal.set_volume(before)
    shown = [line for line in capsys.readouterr().err.splitlines() if "try" in line]
    assert shown[0] == "the server answers 503 Service Unavailable; try 2 of 5 in 3.0 seconds"
    assert len(shown) == len(pauses) == 4


def test_seconds_in_retry_after_are_waited_for(server: Server, pauses: list[float]) -> None:
    server.misbehave = failing(answer(503, Retry_After="7"))
    get(server.url, limit=1)
    assert pauses == [7]


def test_the_date_in_retry_after_is_waited_for(server: Server, pauses: list[float]) -> None:
    server.misbehave = failing(answer(503, Retry_After=formatdate(time.time() + 20, usegmt=True)))
    get(server.url, limit=1)
    assert 15 <= pauses[0] <= 20


@pytest.mark.parametrize("text", [formatdate(5), "soon", "-1"])
def test_the_usual_pause_follows_other_values_of_retry_after(
    server: Server, pauses: list[float], text: str
) -> None:
    server.misbehave = failing(answer(503, Retry_After=text))
    get(server.url, limit=1)
    assert pauses[0] <= 0.5


@pytest.mark.parametrize("seconds", [31, 3600])
@pytest.mark.parametrize("has_date", [False, True])
def test_a_server_that_asks_for_a_long_wait_is_an_error(
    server: Server, pauses: list[float], seconds: int, *, has_date: bool
) -> None:
    text = formatdate(time.time() + seconds + 5, usegmt=True) if has_date else str(seconds)
    server.misbehave = answer(429, Retry_After=text)
    with pytest.raises(VariantError, match=r"asks to wait \d+ seconds \(limit: 30\); try again after that"):
        get(server.url, limit=1)
    assert (len(server.requests), pauses) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_other_statuses_are_not_asked_again(server: Server, pauses: list[float], status: int) -> None:
    server.misbehave = answer(status)
    with pytest.raises(VariantError):
        get(server.url, limit=1)
    assert (len(server.requests), pauses) == (1, [])


def test_only_a_temporary_failure_to_find_a_host_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    for number, tries in ((socket.EAI_AGAIN, 4), (socket.EAI_NONAME, 0)):

        def unknown(*_: object, number: int = number, **__: object) -> None:
            raise socket.gaierror(number, "no name")

        pauses.clear()
        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        with pytest.raises(VariantError, match="unknown host: no name"):
            get("http://example.invalid/", limit=0)
        assert len(pauses) == tries


def test_pages_are_read_in_several_threads(server: Server) -> None:
    failed: list[str] = []

    def behave(handler: Handler, _: bytes | None) -> bool:
        if handler.path not in failed:
            failed.append(handler.path)
            return answer(503)(handler, None)
        return answer(200, handler.path.encode())(handler, None)

    server.misbehave = behave
    with ThreadPoolExecutor(8) as executor:
        pages = executor.map(lambda number: get(f"{server.url}{number}", limit=9).content, range(16))
        assert [*pages] == [f"/{number}".encode() for number in range(16)]
