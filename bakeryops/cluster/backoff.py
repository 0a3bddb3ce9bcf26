"""How long to wait before trying again: ever longer, never for ever, never all at the same moment."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["Backoff"]

LONGEST_RETRY_AFTER = 300.0
"""Seconds of a server's Retry-After that are honoured; beyond that a person would think the console dead."""


class Backoff:
    """Delays of `first` x 2^n seconds, at most `cap`, each times a random factor of 0.5 to 1."""

    def __init__(self, first: float = 0.5, cap: float = 8.0, *, rng: Callable[[], float] = random.random) -> None:
        """Take the first delay and the longest (seconds), and a source of random numbers in [0, 1)."""
        self._first = first
        self._cap = cap
        self._rng = rng
        self.failures = 0
        """Failures since the last success."""

    def next(self, retry_after: float | None = None, *, steps: int = 1) -> float:
        """Count a failure (as `steps` of them where it is a costly one) and return the seconds to wait.

        `retry_after`, where the server gave one, wins over the computed delay.
        """
        exponent = min(self.failures + steps - 1, 32)
        self.failures += steps
        if retry_after is not None and retry_after > 0:
            return min(retry_after, LONGEST_RETRY_AFTER) + self._rng() * self._first / 2
        return float(min(self._cap, self._first * 2.0**exponent)) * (0.5 + self._rng() / 2)

    def reset(self) -> None:
        """Begin again with the shortest delay."""
        self.failures = 0
