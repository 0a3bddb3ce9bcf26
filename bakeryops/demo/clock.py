"""The cluster's time: one that follows the wall, faster if asked, and one that a test moves by hand.

Both run what was asked for in the order of its due time, and within one instant in the order it was asked for.
While a call runs, `now()` is the time it was due at, so that the same seed gives the same cluster however late
the machine is.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count

__all__ = ["ManualClock", "WallClock"]

_SLICE = 0.008
"""Wall seconds that due calls may take before the event loop gets its turn."""

_FEW = 64
"""Cancelled calls that are not worth throwing out."""


class _Call:
    """A call due at a cluster time; it forgets its action when cancelled."""

    __slots__ = ("_agenda", "action", "order", "when")

    def __init__(self, agenda: _Agenda, when: float, order: int, action: Callable[[], None]) -> None:
        self._agenda = agenda
        self.when = when
        self.order = order
        self.action: Callable[[], None] | None = action

    def __lt__(self, other: _Call) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        """Take the call back; harmless when it has been made."""
        if self.action is not None:
            self.action = None
            self._agenda.forget_one()


class _Agenda:
    """Calls in the order they are due."""

    def __init__(self) -> None:
        self._heap: list[_Call] = []
        self._order = count()
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, when: float, action: Callable[[], None]) -> _Call:
        call = _Call(self, when, next(self._order), action)
        heapq.heappush(self._heap, call)
        return call

    def forget_one(self) -> None:
        """Count a call that was taken back; when they are the most, all of them are thrown out."""
        self._cancelled += 1
        if self._cancelled > max(_FEW, len(self._heap) // 2):
            self._heap = [call for call in self._heap if call.action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def next_due(self) -> float | None:
        """Return the time of the earliest call that was not taken back."""
        while self._heap and self._heap[0].action is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0].when if self._heap else None

    def pop(self) -> tuple[float, Callable[[], None]]:
        """Take out the earliest call, which `next_due` has just found."""
        call = heapq.heappop(self._heap)
        action = call.action
        call.action = None
        assert action is not None
        return call.when, action


class ManualClock:
    """Time that stands still until `advance` or `run_until` moves it."""

    speed: float = 1.0
    """Cluster seconds per wall second, for those who must know; nothing here waits."""

    def __init__(self, start: float = 1_790_000_000.0) -> None:
        """Take the cluster time to begin at, seconds since the epoch."""
        self._now = start
        self._agenda = _Agenda()

    def now(self) -> float:
        """Return the cluster's time in seconds since the epoch."""
        return self._now

    def call_at(self, when: float, action: Callable[[], None]) -> _Call:
        """Call `action` once, at the cluster time `when`, or at the next step where that has passed."""
        return self._agenda.add(max(when, self._now), action)

    def call_later(self, delay: float, action: Callable[[], None]) -> _Call:
        """Call `action` once, `delay` cluster seconds from now."""
        return self._agenda.add(self._now + max(0.0, delay), action)

    def advance(self, seconds: float) -> None:
        """Move time on, making every call that falls due on the way."""
        end = self._now + seconds
        while (due := self._agenda.next_due()) is not None and due <= end:
            self._step()
        self._now = end

    def run_until(self, condition: Callable[[], bool], timeout: float = 3600.0) -> bool:
        """Move time on call by call until `condition` holds; False when that takes over `timeout` seconds."""
        end = self._now + timeout
        while not condition():
            due = self._agenda.next_due()
            if due is None or due > end:
                return False
            self._step()
        return True

    def _step(self) -> None:
        when, action = self._agenda.pop()
        self._now = max(self._now, when)
        action()


class WallClock:
    """Time that runs with the wall's, `speed` times as fast, its calls made by the running event loop."""

    def __init__(self, speed: float = 1.0, *, start: float | None = None) -> None:
        """Take the speed and the cluster time to begin at (the wall's by default)."""
        if speed <= 0:
            raise ValueError(f"the clock's speed must be above 0, not {speed}")
        self.speed = speed
        self._origin = time.time() if start is None else start
        self._zero = time.monotonic()
        self._agenda = _Agenda()
        self._acting: float | None = None
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = 0.0
        self._closed = False

    def now(self) -> float:
        """Return the cluster's time in seconds since the epoch."""
        if self._acting is not None:
            return self._acting
        return self._origin + (time.monotonic() - self._zero) * self.speed

    def call_at(self, when: float, action: Callable[[], None]) -> _Call:
        """Call `action` once, at the cluster time `when`, from the event loop."""
        call = self._agenda.add(when, action)
        if self._acting is None:
            self._arm()
        return call

    def call_later(self, delay: float, action: Callable[[], None]) -> _Call:
        """Call `action` once, `delay` cluster seconds from now, from the event loop."""
        return self.call_at(self.now() + max(0.0, delay), action)

    def start(self) -> None:
        """Begin making calls in the running event loop; needed only when calls were asked for before it ran."""
        self._arm()

    def close(self) -> None:
        """Make no further call."""
        self._closed = True
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None

    def _arm(self) -> None:
        due = None if self._closed else self._agenda.next_due()
        if due is None:
            return
        if self._wake is not None:
            if self._wake_at <= due:
                return
            self._wake.cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._wake = None
            return
        self._wake_at = due
        self._wake = loop.call_later(max(0.0, (due - self.now()) / self.speed), self._run)

    def _run(self) -> None:
        self._wake = None
        present = self.now()
        end = time.monotonic() + _SLICE
        try:
            while (due := self._agenda.next_due()) is not None and due <= present and not self._closed:
                when, action = self._agenda.pop()
                self._acting = when
                action()
                if time.monotonic() > end:
                    break
        finally:
            self._acting = None
            self._arm()
