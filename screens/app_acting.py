"""Changing things from the console: previews, the jobs that carry them out, and plans computed beforehand."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING, Any, cast

from textual import on, work
from textual.message import Message

from bakeryops.errors import BakeryopsError
from bakeryops.text import clean
from screens.app_connection import ConnectedApp
from screens.base import ConsoleScreen
from screens.drill import DrillWatch, drill_line
from screens.job_watch import JobWatch
from screens.lines import Line
from screens.proposal import Proposal
from screens.warm import WarmPlans

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from bakeryops.cluster.session import Session
    from bakeryops.cluster.target import Target
    from bakeryops.model.plan import Plan
    from screens.console import Console

__all__ = ["ActingApp"]


class ActingApp(ConnectedApp):
    """Proposes, starts jobs and finds them again; nothing of the engine is imported before a key needs it."""

    class JobsChanged(Message):
        """A job is further, began or ended."""

        def can_replace(self, message: Message) -> bool:
            """Let a later message stand for an earlier one."""
            return isinstance(message, ActingApp.JobsChanged)

    def __init__(self, target: Target | Awaitable[Target], **options: Any) -> None:
        """Take what the connection takes."""
        super().__init__(target, **options)
        self.jobs = JobWatch()
        self.warm = WarmPlans(self._warm_proposal)
        self.drill = DrillWatch()
        self._proposals: dict[str, Proposal] = {}

    @property
    def _console(self) -> Console:
        """This, as screens see it."""
        return cast("Console", self)

    def begin_jobs(self) -> None:
        """Look for jobs, and compute plans beforehand, from now on."""
        self._watch_jobs()
        self._keep_warm()

    @work(group="jobs", exclusive=True, exit_on_error=False)
    async def _watch_jobs(self) -> None:
        await self.jobs.run(self._tell_jobs)

    @work(group="warm", exclusive=True, exit_on_error=False)
    async def _keep_warm(self) -> None:
        await self.warm.run()

    def _warm_proposal(self, service: str) -> Proposal:
        from screens.plans import rollback

        return rollback(self._console, service)

    @on(ConnectedApp.Connected)
    def _acting_connected(self, event: ConnectedApp.Connected) -> None:
        """Forget plans of another cluster; look how the drill stands, where this is the embedded one."""
        self.warm.forget()
        self.drill = DrillWatch()
        if self.demo:
            self._watch_drill(event.session, self.drill)

    @work(group="drill", exclusive=True, exit_on_error=False)
    async def _watch_drill(self, session: Session, drill: DrillWatch) -> None:
        told = False

        def changed() -> None:
            nonlocal told
            if not told:
                told = True
                self.notify(drill.story(), title=f"drill {clean(str(drill.drill.get('name', '')))}", markup=False,
                            timeout=20)  # fmt: skip
            self._tell_jobs()

        await drill.run(session, changed)

    def drill_lines(self, width: int) -> list[Line]:
        """Return what is said of the drill that is on, nothing where none is."""
        return drill_line(self.drill.drill, width)

    @work(group="hint", exclusive=True, exit_on_error=False)
    async def do_drill_hint(self) -> None:
        """Give the next hint of the drill."""
        if self.session is None or not self.drill.drill:
            self.notify("no drill is on: start one with bakeryops demo --scenario bad-deploy", markup=False)
            return
        try:
            hint = await self.drill.hint(self.session)
        except BakeryopsError as error:
            hint = " ".join(error.lines())
        self.notify(clean(hint), title="hint", markup=False, timeout=20)

    def _tell_jobs(self) -> None:
        self.post_message(self.JobsChanged())

    @on(JobsChanged)
    def _jobs_changed(self) -> None:
        # While the console is being left there is no screen any more.
        screen = self.screen if self._has_screen() else None
        if isinstance(screen, ConsoleScreen) and screen.stands:
            screen.draw_frame()
            screen.show_jobs()

    def job_now(self) -> float:
        """Return the time of this machine, by which journals go, as seconds since the epoch."""
        return time.time()

    def who(self) -> str:
        """Return who acts, as jobs and the audit log call it."""
        from bakeryops.jobs.person import operator
        from screens.planning import acting_config

        return operator(acting_config(self._console)).label

    async def is_held(self, service: str) -> bool:
        """Return whether a service is held, be it over; raises `BakeryopsError` where that is unknown."""
        from bakeryops.actions.hold_store import read_holds
        from screens.planning import ground_of

        ground = ground_of(self._console)
        assert ground.session is not None
        return service in await read_holds(ground.session, ground.holds_namespace)

    def propose(self, proposal: Proposal) -> None:
        """Show the preview of a change."""
        from screens.confirm import ConfirmScreen

        self.push_screen(ConfirmScreen(proposal))

    async def start_job(self, plan: Plan, proposal: Proposal | None = None) -> str:
        """Save a confirmed plan as a job, start its process and return its id; raises `BakeryopsError`."""
        from bakeryops.jobs.gate import permit
        from bakeryops.jobs.settings import settings_of
        from screens.planning import acting_config

        config = acting_config(self._console)
        await permit(plan, config, self.session)
        settings, who = settings_of(config, self.session), self.who()

        def begin() -> str:
            from bakeryops.jobs.spawn import launch
            from bakeryops.jobs.store import JobStore

            try:
                store = JobStore()
            except OSError as error:
                raise BakeryopsError(f"the job cannot be saved: {error.strerror or error}") from None
            job = store.create(plan, settings, who)
            launch(store, job)
            return job

        # Shielded: a screen that is left while the process starts must not leave a job that nobody started.
        job = await asyncio.shield(asyncio.to_thread(begin))
        if proposal is not None:
            self._proposals[job] = dataclasses.replace(proposal, warm=None, warm_stamp=None)
        self.jobs.poke()
        return job

    async def resume_job(self, job: str) -> None:
        """Start the process of a job again; raises `BakeryopsError`."""

        def begin() -> None:
            from bakeryops.jobs.spawn import resume
            from bakeryops.jobs.store import JobStore

            resume(JobStore(), job)

        await asyncio.shield(asyncio.to_thread(begin))
        self.jobs.poke()

    def open_job(self, job: str, *, instead: bool = False) -> None:
        """Follow a job; `instead` of the screen that is shown, so that going back does not lead there."""
        from screens.job import JobScreen

        known = next((view for view in self.jobs.views if view.id == job), None)
        screen = JobScreen(job, known)
        if instead and len(self.screen_stack) > 1:
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def do_jobs_open(self) -> None:
        """Show the jobs; the one that runs, where it is the only one and nothing else was asked for."""
        from screens.jobs import JobsScreen

        if not isinstance(self.screen, JobsScreen):
            self.push_screen(JobsScreen())

    def propose_command(self, command: str, *, job: str = "") -> None:
        """Show the preview of what a command line does; of a job of this console, of what made its plan."""
        proposal = self._proposals.get(job) if job else None
        if proposal is not None:
            self.propose(proposal)
            return
        from screens.replanning import proposal_of

        found = proposal_of(self._console, command)
        if found is None:
            self.notify(f"do it on the command line: {command}", markup=False, timeout=10)
        else:
            self.propose(found)
