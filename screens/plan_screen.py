"""A plan on screen: computed, looked after while it is shown, and computed anew when the world has moved."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.message import Message

from bakeryops.errors import BakeryopsError
from bakeryops.model.plan import Plan
from bakeryops.read.index import KINDS
from screens.base import ConsoleScreen
from screens.delivery import BUILD_KINDS, FLUX_KINDS
from screens.planning import acting_config
from screens.proposal import Proposal

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed

__all__ = ["PlanScreen"]

PATIENCE = 8.0
"""Seconds for which a plan waits until everything that it looks at is read."""


class PlanScreen(ConsoleScreen):
    """Has a plan, or is computing one, or knows why there is none."""

    KINDS: ClassVar[tuple[str, ...]] = (*BUILD_KINDS, *FLUX_KINDS, *KINDS)
    MAX_HZ: ClassVar[float] = 4

    class Planned(Message):
        """The plan is computed, or could not be."""

        def __init__(self, plan: Plan | None, stamp: object, error: BakeryopsError | None) -> None:
            """Take the plan and what it depends on, and what stands against it."""
            super().__init__()
            self.plan = plan
            self.stamp = stamp
            self.error = error

    def __init__(self, proposal: Proposal) -> None:
        """Take what is proposed; a plan that was computed before and still holds is shown at once."""
        super().__init__()
        self._proposal = proposal
        self._stamp: object = proposal.warm_stamp
        warm = proposal.warm
        self._plan: Plan | None = warm if warm is not None and self._stamp == proposal.stamped() else None
        self._error: BakeryopsError | None = None
        self._changed: tuple[str, ...] = ()
        self._since: float | None = None
        """When computing began; None while nothing is computed."""
        self._starting = False
        self._commands = False
        self._read = asyncio.Event()

    async def show_changes(self, feed: Feed, changes: Sequence[Changes], *, first: bool) -> None:
        """Keep what plans are computed from current, and look whether the plan still holds."""
        picture = self.console.picture
        await picture.take(feed, changes, first=first)
        await picture.delivery.take(feed, changes, first=first)
        if all(feed.store(kind).state.settled for kind in feed.kinds):
            self._read.set()
        self.look()

    def feed_namespace(self) -> str | None:
        """Watch all namespaces: builds, Flux and the app live in different ones."""
        return None

    def show_code(self) -> None:
        """Look whether the plan still holds."""
        self.look()

    def show_session(self) -> None:
        """Compute anew: it is another cluster, or another link to it."""
        self.compute()

    def show_ticks(self) -> None:
        """Say how long computing has taken."""
        if self._since is not None:
            self.draw_plan()

    def look(self) -> None:
        """Compute anew where what the plan was computed from has changed."""
        if self._plan is None or self._starting or self._since is not None:
            return
        if not self.reading() and self._proposal.stamped() != self._stamp:
            self.compute()

    def compute(self) -> None:
        """Begin to compute the plan."""
        self._since = time.monotonic()
        self._make()
        self.draw_plan()

    @work(group="plan", exclusive=True, exit_on_error=False)
    async def _make(self) -> None:
        from bakeryops.jobs.gate import permit

        stamp: object = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._read.wait()
            stamp = self._proposal.stamped()
            plan = await self._proposal.make()
        except BakeryopsError as error:
            self.post_message(self.Planned(None, stamp, error))
            return
        except Exception as error:
            self.log.error("plan", error)
            fault = BakeryopsError(
                f"the plan cannot be computed: {type(error).__name__}: {error}"[:300],
                why="this is a fault of bakeryops itself; nothing was changed",
                hint="The command line tells more: bakeryops --help",
            )
            self.post_message(self.Planned(None, stamp, fault))
            return
        refused: BakeryopsError | None = None
        if not plan.blocked:
            try:
                await permit(plan, acting_config(self.console), self.session)
            except BakeryopsError as error:
                refused = error
        self.post_message(self.Planned(plan, stamp, refused))

    @work(group="permit", exclusive=True, exit_on_error=False)
    async def check(self, plan: Plan) -> None:
        """Ask whether a plan that was computed before may be carried out."""
        from bakeryops.jobs.gate import permit

        if plan.blocked:
            return
        try:
            await permit(plan, acting_config(self.console), self.session)
        except BakeryopsError as error:
            if self._plan is plan:
                self.post_message(self.Planned(plan, self._stamp, error))

    def on_plan_screen_planned(self, event: PlanScreen.Planned) -> None:
        """Show the plan; what differs from the one shown before is said, and has to be confirmed anew."""
        before, self._plan, self._error = self._plan, event.plan, event.error
        self._stamp, self._since = event.stamp, None
        moved = before is not None and event.plan is not None and _essence(before) != _essence(event.plan)
        if moved and before is not None and event.plan is not None:
            self._changed = _differences(before, event.plan)
        self.draw_plan(first=moved or before is None)

    def draw_plan(self, *, first: bool = False) -> None:
        """Draw it all; `first` where a person has to look at it anew."""
        raise NotImplementedError


def _essence(plan: Plan) -> object:
    """Return what a person confirms, without what tells of the time."""
    steps = [(step.id, step.title) for step in plan.steps]
    diffs = [section for section in plan.sections if section.form == "diff"]
    return steps, diffs, plan.basis, plan.typed, plan.blocked


def _differences(before: Plan, after: Plan) -> tuple[str, ...]:
    """Return in sentences what is different between two plans for the same."""
    old = {fact.label: fact.text for fact in before.facts}
    found = [f"{fact.label}: {fact.text}" for fact in after.facts if old.get(fact.label) != fact.text]
    known = {note.text for note in before.notes}
    found += [note.text for note in after.notes if note.text not in known]
    if not found and [step.title for step in before.steps] != [step.title for step in after.steps]:
        found.append("the steps are different")
    return tuple(found[:4]) or ("the plan was computed anew: look at it again",)
