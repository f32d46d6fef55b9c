"""Read several releases at a time, because requests to a server one after the other take long."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future  # takes long to import

_T = TypeVar("_T")
_R = TypeVar("_R")

# The most requests at a time.
AT_ONCE = 8


def read_ahead(
    read: Callable[[_T], _R], items: Iterable[_T], most: int = AT_ONCE
) -> Iterator[tuple[_T, Callable[[], _R]]]:
    """Yield each item with a function that returns the result of *read*, or raises its error.

    Usually the caller needs only the first item. It is read by the calling thread, when its function is
    called. Later items are read in threads: 2, then 4, up to *most* items at a time. When the caller stops,
    no item is started any more, and items in work are not waited for.
    """
    items = iter(items)
    for item in islice(items, 1 if most > 1 else None):
        yield item, partial(read, item)
    waiting: deque[tuple[_T, Future[_R]]] = deque()
    count = 1
    while True:
        count = min(2 * count, most)
        waiting.extend((item, _started(read, item)) for item in islice(items, count - len(waiting)))
        if not waiting:
            return
        item, future = waiting.popleft()
        yield item, future.result


def _started(read: Callable[[_T], _R], item: _T) -> Future[_R]:
    """Read an item in a thread that does not keep the program from ending.

    If the system starts no more threads, it is read at once.
    """
    from concurrent.futures import Future

    future: Future[_R] = Future()

    def run() -> None:
        try:
            future.set_result(read(item))
        except BaseException as error:  # raised by `Future.result`
            future.set_exception(error)

    try:
        threading.Thread(target=run, daemon=True).start()
    except RuntimeError:  # a limit of the user or the container
        run()
    return future
