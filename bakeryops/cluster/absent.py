"""Kinds that the cluster does not serve, and the moment when it begins to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from bakeryops.cluster.backoff import Backoff
from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.kinds import Kind
from bakeryops.cluster.state import KindState
from bakeryops.cluster.store import Store
from bakeryops.cluster.timing import Timing

__all__ = ["METRICS", "Absences", "tell_absent"]

METRICS = "metrics.k8s.io"
"""The group of the kinds that an add-on serves, and no CustomResourceDefinition."""


def tell_absent(state: KindState, kind: Kind, error: KubeError) -> None:
    """Put a refusal for want of the kind (404), or of the add-on behind it (503), into the kind's state."""
    if kind.group != METRICS:
        state.enter("absent", error.message, hint=error.hint or error.why)
    elif error.kind == "unavailable":
        state.enter("absent", f"metrics-server does not answer: {error.message}", hint=error.hint)
    else:
        reason = "metrics-server is not installed: CPU and memory use are unknown"
        state.enter("absent", reason, hint="microk8s enable metrics-server")


class _Waiting(Protocol):
    @property
    def kind(self) -> Kind:
        """What it watches."""

    def wake(self) -> None:
        """Try again."""


class _Definitions:
    """Hears of every change to the CustomResourceDefinitions."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def changed(self, _: str) -> None:
        """One was made, or says something new of itself."""
        self.event.set()

    def removed(self, _: str) -> None:
        """Deletions wake nobody."""

    def state_changed(self) -> None:
        """What may be watched has changed."""
        self.event.set()


class Absences:
    """Wakes the watches of absent kinds when discovery shows them.

    While at least one kind is absent, the metadata of the CustomResourceDefinitions is watched; where that is
    forbidden, discovery is asked again every `Timing.absent_retry` seconds.
    """

    def __init__(
        self,
        discovery: Discovery,
        timing: Timing,
        *,
        acquire: Callable[[], Store[Any]],
        release: Callable[[], None],
    ) -> None:
        """Take discovery and how to begin and end the watch of CustomResourceDefinitions."""
        self._discovery = discovery
        self._timing = timing
        self._acquire = acquire
        self._release = release
        self._absent: set[_Waiting] = set()
        self._some = asyncio.Event()

    def add(self, watcher: _Waiting) -> None:
        """Wake this one when its kind is served; it is then forgotten."""
        if watcher.kind.name != "customresourcedefinitions":
            self._absent.add(watcher)
            self._some.set()

    def discard(self, watcher: _Waiting) -> None:
        """Forget one that has ended."""
        self._absent.discard(watcher)

    async def run(self) -> None:
        """Look out for ever; ends by cancellation."""
        while True:
            await self._some.wait()
            definitions = _Definitions()
            store = self._acquire()
            store.connect(definitions)
            try:
                await self._until_none(store, definitions.event)
            finally:
                store.disconnect(definitions)
                self._release()
            self._some.clear()

    async def _until_none(self, store: Store[Any], event: asyncio.Event) -> None:
        """Ask discovery whenever something may have changed, until nothing is absent."""
        backoff = Backoff(self._timing.absent_first, self._timing.absent_retry)
        while self._absent:
            pause: float | None
            if self._defined_but_not_served(store):
                pause = backoff.next()
            else:
                pause = None if store.state.phase == "live" else self._timing.absent_retry
                backoff.reset()
            try:
                async with asyncio.timeout(pause):
                    await event.wait()
            except TimeoutError:
                pause = None
            event.clear()
            await self._look()

    def _defined_but_not_served(self, store: Store[Any]) -> bool:
        """Return whether an absent kind has its definition already: the server takes a moment to serve it."""
        names = {each.metadata.name for each in store.items.values()}
        return any(watcher.kind.qualified in names for watcher in self._absent)

    async def _look(self) -> None:
        """Ask discovery and wake whoever is served now."""
        try:
            await self._discovery.refresh()
            for watcher in list(self._absent):
                if await self._discovery.serves(watcher.kind.name):
                    self._absent.discard(watcher)
                    watcher.wake()
        except KubeError:
            # The link's state tells of it; the next change or pause looks again.
            return
