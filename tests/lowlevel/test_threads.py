"""Work in several threads."""

from __future__ import annotations

from threading import Barrier, get_ident

import pytest

from variant_backend._internal.lowlevel.threads import map_in_threads


def test_results_have_the_order_of_the_items() -> None:
    met = Barrier(4, timeout=10)

    def square(number: int) -> tuple[int, int]:
        met.wait()  # four calls run at the same time
        return number * number, get_ident()

    results = map_in_threads(square, range(4))
    assert [result for result, _ in results] == [0, 1, 4, 9]
    assert len({thread for _, thread in results}) == 4
    assert map_in_threads(square, ()) == []


def test_an_error_is_raised_and_later_items_are_not_started() -> None:
    started: list[int] = []

    def fail(number: int) -> None:
        started.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"\d"):
        map_in_threads(fail, range(1000))
    assert len(started) <= 16


def test_threads_that_cannot_be_started_are_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("variant_backend._internal.lowlevel.threads.Thread.start", refuse)
    assert map_in_threads(str, range(3)) == ["0", "1", "2"]
