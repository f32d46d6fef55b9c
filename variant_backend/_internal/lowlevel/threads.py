"""Do several pieces of work at a time, because requests to a server one after the other take long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock, Thread
from typing import TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")

_AT_ONCE = 16


def map_in_threads(function: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Call *function* for each item, several at a time, and return the results in order.

    The calling thread helps; the others do not keep the program from ending. If a call raises an error, it is
    raised here, and later items are not started.
    """
    waiting = [*items]
    numbers = iter(range(len(waiting)))
    results: dict[int, _R] = {}
    errors: dict[int, BaseException] = {}
    lock = Lock()

    def work() -> None:
        while not errors:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                results[number] = function(waiting[number])
            except BaseException as error:  # raised by the calling thread
                errors[number] = error

    threads = [Thread(target=work, daemon=True) for _ in waiting[1:_AT_ONCE]]
    with suppress(RuntimeError):  # a limit of the user or the container: fewer threads do the work
        for thread in threads:
            thread.start()
    work()
    for thread in threads:
        if thread.ident is not None and not errors:
            thread.join()
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(waiting))]
