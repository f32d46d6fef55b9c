"""What a server keeps in memory: values that were used recently, and work that several clients wait for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Event, Lock
from typing import Generic, NoReturn, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class RecentlyUsed(Generic[_K, _V]):
    """Values by keys. Those that were not used for the longest time are removed.

    The weights of all values together are at most *most*, but the newest value always stays. Several threads
    may use it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._values: OrderedDict[_K, tuple[_V, int]] = OrderedDict()
        self._lock = Lock()

    def find(self, key: _K) -> _V | None:
        """Return the value of a key, None if there is none."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: _K, value: _V, weight: int = 1) -> None:
        """Add a value, or replace it."""
        with self._lock:
            if key in self._values:
                self._weight -= self._values.pop(key)[1]
            self._values[key] = value, weight
            self._weight += weight
            while self._weight > self._most and len(self._values) > 1:
                self._weight -= self._values.popitem(last=False)[1][1]

    def remove(self, key: _K) -> None:
        """Remove the value of a key, if there is one."""
        with self._lock:
            if key in self._values:
                self._weight -= self._values.pop(key)[1]


class SharedWork(Generic[_K, _V]):
    """Work that is done once for all threads that ask for it at the same time."""

    def __init__(self) -> None:
        self._running: dict[_K, _Work[_V]] = {}
        self._lock = Lock()

    def result(self, key: _K, work: Callable[[], _V]) -> _V:
        """Return the result of *work*, or raise its error; wait if another thread does it for this key."""
        with self._lock:
            running = self._running.get(key)
            if is_mine := running is None:
                running = self._running[key] = _Work()
        if not is_mine:
            running.ended.wait()
            return running.value()
        try:
            result = work()
            running.value = lambda: result
            return result
        except BaseException as error:
            running.value = _raising(error)
            raise
        finally:
            with self._lock:
                del self._running[key]
            running.ended.set()


class _Work(Generic[_V]):
    """Work of another thread; *value* returns its result or raises its error after it has *ended*."""

    def __init__(self) -> None:
        self.ended = Event()
        self.value: Callable[[], _V] = _raising(RuntimeError("the work has not ended"))


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def value() -> NoReturn:
        raise error

    return value
