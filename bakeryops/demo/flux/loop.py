"""How Flux' controllers come to look at an object: one reconcile of an object at a time, in small steps.

A reconcile is a generator: each number it yields is cluster time until it goes on, so that long work never holds
the loop and waits read as waits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from bakeryops.demo.contracts import Clock
from bakeryops.demo.controllers.base import Key
from bakeryops.demo.flux.conditions import GoneError
from bakeryops.demo.status import StatusError

__all__ = ["Loop", "Outcome", "Steps"]

_FIRST_RETRY, _LAST_RETRY = 0.75, 900.0
"""Seconds; the wait doubles with each failure in a row, as the recorded controllers' does."""
_START = 0.004


@dataclass(frozen=True, slots=True)
class Outcome:
    """When an object is to be looked at again."""

    after: float | None = None
    """Seconds; None: when something happens."""
    backoff: bool = False
    """Look again after a wait that grows with each time."""


Steps = Generator[float, None, Outcome]


@dataclass(slots=True)
class _Work:
    active: bool = False
    again: bool = False
    """Something happened while the object was being looked at."""
    trigger: str = ""
    """What happened, as kind/namespace/name."""
    failures: int = 0
    turn: int = 0
    """Number of the last look asked for; earlier ones are void."""
    due: float | None = field(default=None)


class Loop:
    """The queue of one controller."""

    def __init__(self, clock: Clock, reconcile: Callable[[Key], Steps]) -> None:
        """Take what looks at an object, given its namespace and name."""
        self._clock = clock
        self._reconcile = reconcile
        self._works: dict[Key, _Work] = {}

    def add(self, key: Key, delay: float = _START, *, trigger: str = "") -> None:
        """Have an object looked at in `delay` seconds or sooner, and after the look that is under way, if any."""
        work = self._works.setdefault(key, _Work())
        if work.active:
            work.again = True
            work.trigger = trigger or work.trigger
            return
        when = self._clock.now() + delay
        if work.due is not None and work.due <= when:
            return
        work.due = when
        work.turn += 1
        turn = work.turn
        self._clock.call_at(when, lambda: self._start(key, turn))

    def forget(self, key: Key) -> None:
        """Forget an object that is gone."""
        work = self._works.get(key)
        if work is not None and not work.active:
            del self._works[key]

    def disturbed(self, key: Key) -> str:
        """Return what asked for another look while this one is under way, as kind/namespace/name, or ""."""
        work = self._works.get(key)
        return work.trigger if work is not None and work.again else ""

    def _start(self, key: Key, turn: int) -> None:
        work = self._works.get(key)
        if work is None or work.active or work.turn != turn:
            return
        work.active, work.again, work.trigger, work.due = True, False, "", None
        self._step(key, work, self._reconcile(key))

    def _step(self, key: Key, work: _Work, steps: Steps) -> None:
        try:
            delay = next(steps)
        except StopIteration as end:
            self._ended(key, work, end.value)
        except GoneError:
            self._ended(key, work, Outcome())
        except StatusError:
            # The API refused a write, for instance because the namespace is going: looked at again later.
            self._ended(key, work, Outcome(backoff=True))
        except Exception:
            # A fault of this program or of a git server's double: seen in the log, and not the end of the object.
            self._ended(key, work, Outcome(backoff=True))
            raise
        else:
            self._clock.call_later(delay, lambda: self._step(key, work, steps))

    def _ended(self, key: Key, work: _Work, outcome: Outcome) -> None:
        work.active = False
        delay = outcome.after
        if outcome.backoff:
            delay = min(_LAST_RETRY, _FIRST_RETRY * 2.0 ** min(work.failures, 20))
            work.failures += 1
        else:
            work.failures = 0
        if work.again:
            delay = _START
        if delay is not None:
            self.add(key, delay)
        elif not work.failures:
            self._works.pop(key, None)
