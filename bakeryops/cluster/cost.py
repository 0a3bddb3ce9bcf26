"""What the console itself costs the cluster and the link: counted here, shown on demand."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Cost", "Rate"]


class Rate:
    """Counts things over the last `span` seconds in one bucket a second; constant memory and constant time."""

    def __init__(self, span: int = 60, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the length of the window (seconds) and a monotonic clock."""
        self._span = span
        self._clock = clock
        self._buckets = [0] * span
        self._second = int(clock())

    def add(self, count: int = 1) -> None:
        """Count `count` things now."""
        self._roll()
        self._buckets[self._second % self._span] += count

    def total(self) -> int:
        """Return how many there were in the window."""
        self._roll()
        return sum(self._buckets)

    def per_second(self, seconds: int = 10) -> float:
        """Return the mean rate of the last `seconds` seconds, the running one included."""
        self._roll()
        seconds = min(seconds, self._span)
        return sum(self._buckets[(self._second - back) % self._span] for back in range(seconds)) / seconds

    def _roll(self) -> None:
        """Empty the buckets of the seconds that have gone by without a count."""
        now = int(self._clock())
        for second in range(self._second + 1, min(now, self._second + self._span) + 1):
            self._buckets[second % self._span] = 0
        self._second = max(now, self._second)


class Cost:
    """Counters of one session's use of the API server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a monotonic clock."""
        self._clock = clock
        self.requests = 0
        """Requests sent since the session began."""
        self.bytes_in = 0
        """Bytes of answers received, after decompression."""
        self.open_watches = 0
        """Watches open now."""
        self.open_logs = 0
        """Log streams open now."""
        self.lists = 0
        """Collections listed from their first page to the last."""
        self.relists = 0
        """Lists that were repeated: after a 410, or for want of a watch."""
        self.events = 0
        """Watch events received."""
        self._requests = Rate(60, clock)
        self._bytes = Rate(60, clock)
        self._events: dict[str, Rate] = {}

    def request(self) -> None:
        """Count one request sent."""
        self.requests += 1
        self._requests.add()

    def received(self, count: int) -> None:
        """Count bytes of an answer."""
        self.bytes_in += count
        self._bytes.add(count)

    def event(self, kind: str, count: int = 1) -> None:
        """Count watch events of a kind (its plural)."""
        self.events += count
        rate = self._events.get(kind)
        if rate is None:
            rate = self._events[kind] = Rate(60, self._clock)
        rate.add(count)

    def requests_per_minute(self) -> int:
        """Return the requests of the last 60 s."""
        return self._requests.total()

    def bytes_per_second(self) -> float:
        """Return the mean of the bytes received in the last 10 s."""
        return self._bytes.per_second()

    def events_per_second(self) -> dict[str, float]:
        """Return the mean rate of watch events of the last 10 s by kind; kinds without any are left out."""
        rates = {kind: rate.per_second() for kind, rate in self._events.items()}
        return {kind: rate for kind, rate in sorted(rates.items()) if rate}
