"""How long a server may take: until the data of its answer begins, for each further part, and in total.

The timeout of a socket only limits the wait for the next byte: a server that sends a byte now and then would
keep a program waiting for ever. DNS lookups cannot be interrupted; their time counts when they end.
"""

from __future__ import annotations

from time import monotonic

from ..errors import VariantError

PATIENCE = 60  # seconds until the first data of an answer, redirects included, and for each further part
LEAST = 60_000  # bytes of a part: slower lines than 1 kB/s are given up
LAST_TRY = 120  # seconds without data, after which no further try begins


class Deadline:
    """The time of a request: *total* seconds for all tries, and the moment when the current step ends.

    Only data counts as progress, not what frames it: headers, chunk sizes, trailers.
    """

    def __init__(self, total: float) -> None:
        now = monotonic()
        self._total = total
        self._last = now + total
        self._end = self._heard = now
        self._part = 0
        self.received: int = 0
        self.in_headers: bool = True

    def begin_try(self) -> None:
        """Begin a try: it must bring the first data within `PATIENCE` seconds."""
        self._end = monotonic() + PATIENCE
        self._part = self.received = 0
        self.in_headers = True

    def left(self) -> float:
        """Return how many seconds are left; raises TimeoutError if none are."""
        left = min(self._end, self._last) - monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def count(self, size: int) -> None:
        """Count data of an answer; its first data, and each complete part, begin a new part."""
        self._heard = monotonic()
        self._part += size
        if not self.received or self._part >= LEAST:
            self._end, self._part = self._heard + PATIENCE, 0
        self.received += size

    def add(self, seconds: float) -> None:
        """Give a part more time, because the receiver of the data was busy."""
        self._end += seconds
        self._heard += seconds

    def allows_try_in(self, seconds: float) -> bool:
        """Return whether a further try may begin after a pause."""
        now = monotonic()
        return now + seconds < self._last and now < self._heard + LAST_TRY

    def error(self, remedy: str | None = None) -> VariantError:
        """Return the error for the end of the time."""
        if monotonic() >= self._last:
            return ServerFailedError(f"no complete answer in {self._total:g} seconds", remedy=remedy)
        if not self.received:
            return TransientError(f"no answer in {PATIENCE:g} seconds", remedy=remedy)
        return TransientError(f"too slow: less than {LEAST} bytes in {PATIENCE:g} seconds", remedy=remedy)


class ServerFailedError(VariantError):
    """A server does not answer, or refuses to: what it has is unknown."""


class TransientError(ServerFailedError):
    """A failure that may pass: the request is sent again, after *pause* seconds if the server says so."""

    pause: float | None = None
