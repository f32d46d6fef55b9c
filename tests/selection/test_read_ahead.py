"""Releases are read ahead: the newest alone, older ones several at a time, with the results in order."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from helpers.programs import start
from helpers.range_server import Handler, Server
from helpers.sample_release import DOCUMENT, encoded, only, patched
from packaging.tags import Tag
from packaging.version import Version

from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine.support import Machine, Policy
from variant_backend._internal.selection.read_ahead import AT_ONCE, read_ahead
from variant_backend._internal.selection.releases import Sources, find_listings
from variant_backend._internal.selection.select import Selection, select
from variant_backend._internal.selection.target import Target
from variant_backend._internal.selection.uv_selection import uv_select
from variant_backend._internal.variants.requirements import PackageRequest

TARGET = Target(Version("3.12.1"), (Tag("py3", "none", "any"),), here=False)
FIT = encoded(only(DOCUMENT, "fast"))
UNFIT = encoded(patched(only(DOCUMENT, "fast"), {"variants": {"fast": {"speed": {"mode": ["other"]}}}}))


class Reading:
    """Reads items when it is allowed to, and notes how many are in work."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing
        self.started: list[int] = []
        self.threads: set[threading.Thread] = set()
        self.gates = [threading.Event() for _ in range(100)]
        self.most = self.now = 0
        self.lock = threading.Lock()

    def __call__(self, item: int) -> int:
        with self.lock:
            self.started.append(item)
            self.threads.add(threading.current_thread())
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.gates[item].wait(10)
        with self.lock:
            self.now -= 1
        if item == self.failing:
            raise VariantError(f"item {item}")
        return item * 10

    def allow_all(self) -> Reading:
        for gate in self.gates:
            gate.set()
        return self


def test_the_first_item_alone_is_read_by_the_calling_thread() -> None:
    reading = Reading().allow_all()
    item, result = next(read_ahead(reading, range(100)))
    assert (item, result()) == (0, 0)
    assert (reading.started, reading.threads) == ([0], {threading.current_thread()})


def test_more_items_are_in_work_with_each_result_up_to_a_bound() -> None:
    reading = Reading()
    reading.gates[0].set()
    started = []
    for item, result in islice(read_ahead(reading, range(100)), 20):
        if item:
            wait_until(lambda: len(reading.started) >= min(2**item, AT_ONCE) + item)  # noqa: B023
            started.append(len(reading.started) - item)
            reading.gates[item].set()
        assert result() == item * 10
    assert started == [2, 4, *[8] * 17]
    assert reading.most == AT_ONCE
    reading.allow_all()


def test_results_are_in_order_whichever_comes_first() -> None:
    reading = Reading()
    results = []
    for item, result in read_ahead(reading, range(5)):
        for gate in reversed(reading.gates[: item + 3]):
            gate.set()
        results.append((item, result()))
    assert results == [(item, item * 10) for item in range(5)]


def test_an_error_is_raised_where_its_item_is_and_nowhere_else() -> None:
    outcomes: list[int | str] = []
    for _, result in read_ahead(Reading(failing=5).allow_all(), range(8)):
        try:
            outcomes.append(result())
        except VariantError as error:
            outcomes.append(str(error))
    assert outcomes == [0, 10, 20, 30, 40, "item 5", 60, 70]


def test_no_item_is_started_after_the_caller_has_stopped() -> None:
    reading = Reading().allow_all()
    for item, result in read_ahead(reading, range(100)):
        result()
        if item == 3:
            break
    time.sleep(0.01)
    assert len(reading.started) == 4 + AT_ONCE - 1


def test_items_are_read_by_the_caller_if_no_thread_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    reading = Reading(failing=2).allow_all()
    results = [result for _, result in read_ahead(reading, range(4)) if _ != 2]
    assert [result() for result in results] == [0, 10, 30]
    assert reading.threads == {threading.current_thread()}


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)


def publish(folder: Path, contents: list[bytes]) -> None:
    """Write a page of releases with one variant each, newest first, and their index files."""
    (folder / "demo").mkdir()
    links = []
    for number, content in enumerate(contents):
        version = f"{len(contents) - number}.0"
        names = f"demo-{version}-py3-none-any-fast.whl", f"demo-{version}-variants.json"
        links += [f'<a href="{name}">{name}</a>' for name in names]
        (folder / "demo" / names[1]).write_bytes(content)
    (folder / "demo" / "index.html").write_text("\n".join(links))


def selected_on(server: Server) -> Selection:
    return select(PackageRequest.parse("demo"), Sources((), (server.url,)), Machine(), Policy(), TARGET)


@contextmanager
def counted(server: Server) -> Iterator[list[int]]:
    """Count how many index files the server sends at a time; each takes a moment."""
    lock, counts, now = threading.Lock(), list[int](), 0

    def slow(handler: Handler, _: bytes | None) -> bool:
        nonlocal now
        if handler.path.endswith(".json"):
            with lock:
                now += 1
                counts.append(now)
            time.sleep(0.01)
            with lock:
                now -= 1
        return False

    server.misbehave = slow
    yield counts


def test_a_compatible_newest_release_takes_one_request(server: Server) -> None:
    publish(server.folder, [FIT] * 30)
    selection = selected_on(server)
    assert selection.evaluation is not None
    assert [path for _, path, *_ in server.requests] == ["/demo/", "/demo/demo-30.0-variants.json"]


def test_older_releases_are_requested_at_once_until_one_fits(server: Server) -> None:
    publish(server.folder, [UNFIT] * 19 + [FIT] * 30)
    with counted(server) as counts:
        selection = selected_on(server)
    assert selection.evaluation is not None
    assert str(selection.evaluation.release.version) == "30.0"
    assert [str(passed.release.version) for passed in selection.passed] == [
        f"{n}.0" for n in range(49, 30, -1)
    ]
    assert 1 < max(counts) <= AT_ONCE
    assert 20 <= len(counts) < 20 + AT_ONCE


def test_each_release_is_requested_once_if_none_fits(server: Server) -> None:
    publish(server.folder, [UNFIT] * 30)
    with counted(server) as counts:
        selection = selected_on(server)
    assert selection.evaluation is None
    assert len(selection.passed) == len(counts) == 30


def test_releases_after_the_selected_one_report_no_errors(server: Server) -> None:
    publish(server.folder, [UNFIT, b"{", FIT, b"{", b"{", b"{"])
    selection = selected_on(server)
    assert selection.evaluation is not None
    assert [problem.place for problem in selection.problems] == [f"{server.url}demo/demo-5.0-variants.json"]


def test_releases_are_requested_at_once_to_predict_uv(server: Server) -> None:
    publish(server.folder, [UNFIT] * 24)
    listings = find_listings("demo", Sources((), (server.url,)))
    with counted(server) as counts:
        selection = uv_select(listings, {}, TARGET)
    assert len(selection.without) == len(counts) == 24
    assert 1 < max(counts) <= AT_ONCE


EXPLAIN = "from variant_backend._internal.scripts import variant_backend; variant_backend()"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a process gets no Ctrl-C alone there")
def test_an_interrupt_does_not_wait_for_the_requests_in_work(server: Server) -> None:
    publish(server.folder, [UNFIT] * 30)
    waiting, end = [], threading.Event()

    def hang(handler: Handler, _: bytes | None) -> bool:
        if handler.path.endswith(".json") and "-30.0-" not in handler.path:
            waiting.append(handler.path)
            return end.wait(30)
        return False

    server.misbehave = hang
    with start(sys.executable, "-c", EXPLAIN, "explain", "demo", "-i", server.url) as process:
        try:
            wait_until(lambda: len(waiting) == 2)
            process.send_signal(signal.SIGINT)
            _, printed = process.communicate(timeout=10)
        finally:
            process.kill()
            end.set()
    assert (process.returncode, printed) == (1, "\nerror: interrupted\n")
