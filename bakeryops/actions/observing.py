"""Waiting for objects to become what a step wants: by watch, past outages of the API server, until time is up."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from bakeryops.cluster.errors import KubeError
from bakeryops.errors import RefusedError, UnreachableError
from bakeryops.jobs.step import StepFailedError

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Feed
    from bakeryops.cluster.session import Session
    from bakeryops.jobs.step import At

__all__ = ["World", "observing", "patiently"]

_T = TypeVar("_T")

_BEAT = 0.1
"""Seconds between looks into memory; requests it costs none."""
_IDLE = 1.0
"""Seconds after which to look again though nothing changed: time alone changes things too."""
_TELL = 5.0
"""Seconds after which the same sentence with other numbers is worth telling."""
_AWAY_MOST = 1800.0
"""Seconds for which an API server that is away is waited for."""
_DIGITS = re.compile(r"[0-9]+")


async def patiently(at: At, work: Callable[[], Awaitable[_T]], *, tries: int = 30) -> _T:
    """Do what is safe to repeat, again where the API server did not answer; raises `KubeError` in the end."""
    while True:
        tries -= 1
        try:
            return await work()
        except KubeError as error:
            if error.kind not in ("unreachable", "timeout", "unavailable") or tries <= 0:
                raise
            at.tell(f"the API server does not answer, tried again in 2 s: {error.message}")
            await at.sleep(2.0)


class World:
    """Objects of some kinds in one namespace, kept current while a step waits; made by `observing`."""

    def __init__(self, at: At, session: Session, feed: Feed, seconds: float) -> None:
        """Take the step's means, the feed, and how long may be waited in all."""
        self._at = at
        self._session = session
        self._feed = feed
        self._left = seconds
        self._seen = time.monotonic()
        self._first = True
        self._told = ("", 0.0)

    def items(self, kind: str) -> list[Any]:
        """Return the objects of a kind."""
        return list(self._feed.store(kind).items.values())

    def find(self, kind: str, name: str) -> Any:
        """Return the object of that name, None where there is none."""
        return next((each for each in self.items(kind) if each.metadata.name == name), None)

    def tell(self, text: str) -> None:
        """Say what is waited for; the same sentence with other numbers only now and then."""
        shape, now = _DIGITS.sub("#", text), time.monotonic()
        if shape != self._told[0] or now - self._told[1] >= _TELL:
            self._told = (shape, now)
            self._at.tell(text)

    async def look(self) -> bool:
        """Wait for something new to look at; return False when time is up.

        Time in which the API server is away does not count. Raises `RefusedError` where a kind may not be looked
        at, `UnreachableError` where the API server stays away, `StepFailedError` where it serves no such kind, and
        `Stopped`.
        """
        if self._first:
            self._first = False
        elif self._spend() <= 0:
            return False
        else:
            idle = time.monotonic() + _IDLE
            while not self._feed.take() and time.monotonic() < idle:
                await self._at.sleep(_BEAT)
        await self._there()
        return True

    def _spend(self) -> float:
        now = time.monotonic()
        self._left -= now - self._seen
        self._seen = now
        return self._left

    async def _there(self) -> None:
        """Wait until every kind is as the cluster has it."""
        self._spend()
        begun, away = time.monotonic(), False
        while waiting := self._missing():
            if time.monotonic() - begun > _AWAY_MOST:
                raise UnreachableError(
                    f"{self._session.target.server} did not come back within {_AWAY_MOST / 60:.0f} min",
                    why=waiting,
                )
            if self._session.link.phase == "unauthorized":
                raise UnreachableError(f"{self._session.target.server} refuses the credentials", why=waiting)
            if not away and time.monotonic() - begun > _IDLE:
                away = True
                self._at.tell(f"the API server does not answer, it is waited for: {waiting}")
            await self._at.sleep(_BEAT)
        if away:
            self._at.tell("the API server answers again")
            self._told = ("", 0.0)
        self._seen = time.monotonic()

    def _missing(self) -> str:
        """Return why what is in memory is not to be trusted, "" where it is."""
        for kind in self._feed.kinds:
            state = self._feed.store(kind).state
            if state.phase == "forbidden":
                raise RefusedError(f"{kind} may not be watched", why=state.reason, hint=state.hint)
            if state.phase == "absent":
                raise StepFailedError(f"the cluster serves no {kind}", why=state.reason, hint=state.hint)
            if state.phase not in ("live", "polling"):
                return state.reason or self._session.link.reason or f"{kind} are {state.phase}"
        return ""


@asynccontextmanager
async def observing(
    at: At, kinds: Iterable[str], namespace: str, *, seconds: float, selectors: Mapping[str, str] | None = None
) -> AsyncIterator[World]:
    """Keep `kinds` (plurals) of a namespace current for a block; `seconds` bounds what `World.look` waits in all.

    `selectors` narrows kinds by label, as in `Session.feed`.
    """
    session = await at.session()
    feed = session.feed(kinds, namespace=namespace, selectors=selectors)
    try:
        yield World(at, session, feed, seconds)
    finally:
        feed.close()
