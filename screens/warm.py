"""Plans of rolling back what is red, computed while nobody waits, so that the preview is there at once."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from screens.proposal import Proposal

if TYPE_CHECKING:
    from bakeryops.model.plan import Plan

__all__ = ["WarmPlans"]

MOST = 3
"""Services whose plans are kept."""

PAUSE = 0.3
"""Seconds before a plan is computed: keys and paints come first, and changes come in bursts."""

AGAIN = 60.0
"""Seconds after which what could not be computed is tried again."""


class WarmPlans:
    """One plan a service; each holds as long as what it was computed from is the same."""

    def __init__(self, propose: Callable[[str], Proposal]) -> None:
        """Take what proposes to roll a service back."""
        self._propose = propose
        self._wanted: tuple[str, ...] = ()
        self._plans: dict[str, tuple[object, Plan]] = {}
        self._failed: dict[str, tuple[object, float]] = {}
        self._poked = asyncio.Event()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The services that are worth a plan."""
        return self._wanted

    def want(self, services: Iterable[str]) -> None:
        """Say which services are worth a plan, those first that are worth it most; cheap, for every change."""
        found: dict[str, None] = {}
        for service in services:
            # Where hundreds are broken, to name them all would cost more than it is worth.
            found[service] = None
            if len(found) == MOST:
                break
        wanted = tuple(found)
        if wanted != self._wanted:
            self._wanted = wanted
            self._plans = {name: kept for name, kept in self._plans.items() if name in wanted}
        if wanted:
            self._poked.set()

    def forget(self) -> None:
        """Forget everything: it was another cluster."""
        self._wanted, self._plans, self._failed = (), {}, {}

    def ready(self, proposal: Proposal, service: str) -> Proposal:
        """Return a proposal with the plan that is there for it, or as it is."""
        kept = self._plans.get(service)
        return proposal if kept is None else dataclasses.replace(proposal, warm=kept[1], warm_stamp=kept[0])

    def lacking(self) -> Sequence[str]:
        """Return the services whose plans are missing or hold no more."""
        return [name for name in self._wanted if self._lacks(name)]

    def _lacks(self, service: str) -> bool:
        stamp = self._propose(service).stamped()
        kept, failed = self._plans.get(service), self._failed.get(service)
        if kept is not None and kept[0] == stamp:
            return False
        return failed is None or failed[0] != stamp or time.monotonic() - failed[1] > AGAIN

    async def run(self) -> None:
        """Compute what is lacking, one plan after the other, as long as it is awaited."""
        while True:
            await self._poked.wait()
            await asyncio.sleep(PAUSE)
            self._poked.clear()
            for service in self.lacking():
                await self._compute(service)

    async def _compute(self, service: str) -> None:
        proposal = self._propose(service)
        stamp = proposal.stamped()
        try:
            plan = await proposal.make()
        except Exception:
            # The preview says why, a fault of our own too, when a person asks for it.
            self._failed[service] = (stamp, time.monotonic())
            return
        self._failed.pop(service, None)
        if service in self._wanted:
            self._plans[service] = (stamp, plan)
