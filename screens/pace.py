"""How fast the terminal takes what it is sent: bytes counted, painting held while it is behind.

Over a slow or stalled link the terminal stops reading. Painting is held as soon as two frames wait, and taken up
again when they are gone: what would be painted meanwhile is not worth sending.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from textual.driver import Driver

from screens.driver import Meter, PacedDriver

__all__ = ["Meter", "Pace", "PacedDriver"]

HELD_WRITES = 6
"""Writes waiting (a frame is three) from which painting is held."""

SLOW_SHARE = 0.1
"""Share of the last `WINDOW` seconds that painting was held from which the link counts as slow."""

WINDOW = 10.0
"""Seconds over which rates are taken."""


class Pace:
    """Bytes per second to the terminal, and whether painting is held."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a clock that never goes back."""
        self._clock = clock
        self._driver: PacedDriver | None = None
        self._samples: deque[tuple[float, int]] = deque(maxlen=64)
        self._holds: deque[tuple[float, float]] = deque(maxlen=256)
        self._held_since: float | None = None

    def attach(self, driver: Driver | None) -> None:
        """Measure `driver`; one that is not a `PacedDriver` (tests, other systems) is never slow."""
        self._driver = driver if isinstance(driver, PacedDriver) else None

    @property
    def measured(self) -> bool:
        """Whether there is a terminal to measure."""
        return self._driver is not None

    @property
    def bytes_written(self) -> int:
        """Bytes the terminal has taken since the start."""
        return self._driver.meter.bytes_written if self._driver is not None else 0

    def behind(self) -> bool:
        """Return whether painting should be held now."""
        return self._driver is not None and self._driver.waiting() >= HELD_WRITES

    def drained(self) -> bool:
        """Return whether everything was taken, or nobody is there to take it."""
        return self._driver is None or self._driver.waiting() == 0

    @property
    def gone(self) -> bool:
        """Whether the terminal is no longer there."""
        return self._driver is not None and self._driver.meter.gone

    def held(self) -> None:
        """Note that painting stops."""
        self._held_since = self._clock()

    def released(self) -> None:
        """Note that painting goes on."""
        if self._held_since is not None:
            self._holds.append((self._held_since, self._clock()))
            self._held_since = None

    def sample(self) -> None:
        """Take a sample of the byte count; to be called about once a second."""
        self._samples.append((self._clock(), self.bytes_written))

    def bytes_per_second(self) -> float:
        """Return the mean rate of the last `WINDOW` seconds."""
        now = self._clock()
        recent = [(at, count) for at, count in self._samples if now - at <= WINDOW]
        if len(recent) < 2 or recent[-1][0] <= recent[0][0]:
            return 0.0
        return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])

    @property
    def slow(self) -> bool:
        """Whether the link is slow: painting was held for more than `SLOW_SHARE` of the last `WINDOW`."""
        now = self._clock()
        since = now - WINDOW
        held = sum(max(0.0, end - max(start, since)) for start, end in self._holds)
        if self._held_since is not None:
            held += now - max(self._held_since, since)
        return held > WINDOW * SLOW_SHARE
