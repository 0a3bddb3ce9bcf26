"""Whether the API server is there: one heartbeat for the whole session, and word to all when that changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from bakeryops.cluster.backoff import Backoff
from bakeryops.cluster.decode import UNREADABLE
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.state import reason_of
from bakeryops.cluster.timing import Timing
from bakeryops.text import clean

__all__ = ["Link", "LinkPhase", "Probe"]

LinkPhase = Literal["connecting", "live", "stale", "unauthorized"]
"""connecting: no answer yet; live: it answers; stale: it did, not now; unauthorized: it does not accept us."""

Probe = Callable[[float], Awaitable[bytes]]
"""GET /version with a time-out in seconds; raises KubeError."""

_REACHED = frozenset({"forbidden", "not_found", "absent", "throttled", "conflict", "gone", "invalid", "exists"})
"""Refusals that only a working API server gives."""

_SHORTEST_GAP = 0.25
"""Seconds between two heartbeats that suspicions ask for: fifteen watches that end together are one suspicion."""

_GAP_WHILE_LOST = 1.0
"""The same while the server is lost, when bytes that come on any connection are a reason to ask."""


class _Version(msgspec.Struct):
    gitVersion: str = ""


class Link:
    """The connection to one API server, as people see it; times are seconds since the epoch."""

    def __init__(self, probe: Probe, timing: Timing | None = None) -> None:
        """Take how to ask the server for its version."""
        self._probe = probe
        self._timing = timing or Timing()
        self._backoff = Backoff(self._timing.backoff_first, self._timing.heartbeat_retry_cap)
        self._signal = asyncio.Event()
        self._probes: set[asyncio.Task[None]] = set()
        self._heard_at = -1e9
        self._asked_at = -1e9
        self._slowest = 0.0
        self._back_at = -1e9
        self.phase: LinkPhase = "connecting"
        self.since = time.time()
        """When this phase began."""
        self.reason = ""
        """Why it is not live, as one sentence."""
        self.hint = ""
        """What mends it."""
        self.kind = ""
        """The kind of the error behind the reason, as in `KubeError.kind`; empty while all is well."""
        self.next_try: float | None = None
        """When the next heartbeat goes out while the server is lost."""
        self.last_data: float | None = None
        """When the server was last heard."""
        self.server_version = ""
        """As in "v1.32.3"; empty until known."""
        self.watched: Callable[[], bool] = lambda: True
        """Whether anything is watched, which decides how often the server is asked."""
        self.on_change: list[Callable[[], None]] = []
        """Called after any of the above changed."""
        self.on_lost: list[Callable[[], None]] = []
        """Called when the server is lost, or refuses us."""
        self.on_back: list[Callable[[], None]] = []
        """Called when the server answers for the first time, and again after each loss."""

    def __repr__(self) -> str:
        return f"<Link {self.phase} {self.reason!r}>"

    @property
    def live(self) -> bool:
        """Whether the server answered lately."""
        return self.phase == "live"

    @property
    def heard_at(self) -> float:
        """The event loop's time when the server was last heard."""
        return self._heard_at

    def heard(self) -> None:
        """Note that bytes came from the server, on whatever connection."""
        self._heard_at = asyncio.get_running_loop().time()
        self.last_data = time.time()
        if self.phase == "live":
            return
        if self.phase == "connecting":
            self._back()
        elif self.phase != "unauthorized":
            self._ask_soon(_GAP_WHILE_LOST)

    def suspect(self) -> None:
        """Ask the server now: something failed that may have been the connection's fault.

        What fails while the server is lost tells nothing more.
        """
        if self.phase == "live":
            self._ask_soon(_SHORTEST_GAP)

    def _ask_soon(self, gap: float) -> None:
        """Ask now, unless the last heartbeat went out less than `gap` seconds ago."""
        if asyncio.get_running_loop().time() - self._asked_at >= gap:
            self._signal.set()

    def refused(self, error: KubeError) -> None:
        """Note that the server did not accept us, in an answer to any request."""
        self._lose("unauthorized", error)

    def wake(self) -> None:
        """Ask the server now, whatever the pause."""
        self._backoff.reset()
        self._signal.set()

    async def run(self) -> None:
        """Keep asking, for ever; ends by cancellation."""
        try:
            while True:
                if self.phase == "live":
                    if await self._until_due():
                        await self._ask(self._patience())
                    continue
                self._signal.clear()
                if self.phase == "unauthorized":
                    await self._pause()
                    self._ask_beside()
                else:
                    self._ask_beside()
                    await self._pause()
        finally:
            for task in self._probes:
                task.cancel()

    async def _until_due(self) -> bool:
        """Return when the server has been silent for a heartbeat's time or is suspected; False when it is lost."""
        loop = asyncio.get_running_loop()
        while True:
            period = self._timing.heartbeat if self.watched() else self._timing.heartbeat_unwatched
            wait = max(self._heard_at, self._asked_at) + period - loop.time()
            if wait <= 0 or await self._signalled(wait) or self.phase != "live":
                return self.phase == "live"

    async def _pause(self) -> None:
        """Wait for the next heartbeat while the server is lost, or for an answer to one that is under way."""
        wait = self._timing.unauthorized_retry if self.phase == "unauthorized" else self._backoff.next()
        self.next_try = time.time() + wait
        self._tell()
        await self._signalled(wait)

    async def _signalled(self, wait: float) -> bool:
        """Wait for a signal, at most `wait` seconds; return whether it came."""
        try:
            async with asyncio.timeout(wait):
                await self._signal.wait()
        except TimeoutError:
            return False
        finally:
            self._signal.clear()
        return True

    def _patience(self) -> float:
        """Return how long to wait for an answer: longer on a link that has shown itself slow."""
        return min(max(self._timing.heartbeat_timeout, 3 * self._slowest), self._timing.heartbeat_patience)

    def _ask_beside(self) -> None:
        """Send a heartbeat without waiting for it: one that hangs must not keep the next one from going out."""
        task = asyncio.create_task(self._ask(self._timing.heartbeat_patience), name="heartbeat")
        self._probes.add(task)
        task.add_done_callback(self._probes.discard)

    async def _ask(self, timeout: float) -> None:
        """Send one heartbeat and draw the conclusions."""
        loop = asyncio.get_running_loop()
        began = self._asked_at = loop.time()
        try:
            data = await self._probe(timeout)
            version = msgspec.json.decode(data, type=_Version).gitVersion
        except KubeError as error:
            if error.kind in _REACHED:
                self._answered("", began)
            elif error.kind == "unauthorized":
                self._lose("unauthorized", error)
            elif self._heard_at < began:
                self._lose("stale", error)
        except UNREADABLE:
            self._lose("stale", _not_an_api_server())
        else:
            self._answered(version, began)

    def _answered(self, version: str, began: float) -> None:
        """Note an answer to a heartbeat that went out at the loop's time `began`."""
        now = asyncio.get_running_loop().time()
        took = now - began
        if self.phase != "live":
            self._slowest = took
            self._back_at = now
        elif began < self._back_at:
            # Heartbeats of an outage are answered together when it ends: the shortest of them tells how slow the
            # link is, the others how long the outage was.
            self._slowest = min(took, self._slowest)
        else:
            self._slowest = max(took, self._slowest * 0.9)
        self._heard_at = now
        self.last_data = time.time()
        if version and version != self.server_version:
            self.server_version = clean(version)
            self._tell()
        if self.phase != "live":
            self._back()

    def _back(self) -> None:
        """Become live."""
        self._backoff.reset()
        self._enter("live", "", "", "")
        self.next_try = None
        self._signal.set()
        for call in self.on_back:
            call()
        self._tell()

    def _lose(self, phase: LinkPhase, error: KubeError) -> None:
        """Become stale or unauthorized; what was never live stays "connecting", with the reason."""
        was_live = self.phase == "live"
        if phase == "stale" and self.last_data is None:
            phase = "connecting"
        reason = reason_of(error)
        if (phase, reason, error.hint) == (self.phase, self.reason, self.hint):
            return
        self._enter(phase, reason, error.hint, error.kind)
        if was_live:
            self._signal.set()
            for call in self.on_lost:
                call()
        self._tell()

    def _enter(self, phase: LinkPhase, reason: str, hint: str, kind: str) -> None:
        """Set phase and reason; `since` moves only with the phase."""
        if phase != self.phase:
            self.phase = phase
            self.since = time.time()
        self.reason = reason
        self.hint = hint
        self.kind = kind

    def _tell(self) -> None:
        """Say that something changed."""
        for call in self.on_change:
            call()


def _not_an_api_server() -> KubeError:
    """Return the error for an answer to /version that is no version."""
    return KubeError(
        "the answer is not that of a Kubernetes API server",
        kind="protocol",
        hint="Check the server's address: a proxy or a login page may have answered instead.",
    )
