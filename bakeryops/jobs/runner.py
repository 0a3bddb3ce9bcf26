"""Carries out one job, step by step: check, apply, verify, each of them journaled first."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bakeryops.cluster.errors import KubeError
from bakeryops.errors import BakeryopsError, CredentialError, RefusedError, UnreachableError, UsageError
from bakeryops.jobs.control import forget_stop
from bakeryops.jobs.gate import permit
from bakeryops.jobs.holding import Holding
from bakeryops.jobs.journal import Entry, Journal, read_entries
from bakeryops.jobs.step import CHANGED, FAILED, Step, StepFailedError, Stopped, step_of
from bakeryops.jobs.store import JobStore
from bakeryops.jobs.view import Fold
from bakeryops.jobs.work import Work, World
from bakeryops.masking import mask_text
from bakeryops.model.plan import PlanStep
from bakeryops.text import clean

__all__ = ["run_job"]

_PATIENCE = 1.0
"""Seconds to wait for the lock of a job before another runner is said to have it."""

_CUTS = 45.0
"""Seconds for which a step is begun again and again after its connection was cut the first time."""
_PAUSE = 1.0
"""Seconds between a cut and the next try."""
_BACK = 5.0
"""Seconds within which the cluster has to answer then."""


async def run_job(store: JobStore, job: str) -> int:
    """Carry out a saved job and return what to exit with; raises `UsageError` where it is running already."""
    folder = store.folder(job)
    descriptor = os.open(folder / "runner.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        await _alone(descriptor, job)
        plan, settings = store.plan(job), store.settings(job)
        fold = Fold(folder.name, plan)
        fold.take(read_entries(folder / "journal.jsonl"))
        if fold.view.state == "done":
            return 0
        journal = Journal(folder / "journal.jsonl")
        world = World(settings, plan.basis)
        try:
            return await _Runner(store, folder, journal, fold, world).run()
        finally:
            await world.close()
            journal.close()
    finally:
        os.close(descriptor)


async def _alone(descriptor: int, job: str) -> None:
    """Lock the job for this runner; raises `UsageError` where another one has it.

    Whoever looks whether a runner is alive holds the lock for an instant too.
    """
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise UsageError(f"the job {job} is running already") from None
            await asyncio.sleep(0.01)
        else:
            return


class _Runner:
    """One run of one job."""

    def __init__(self, store: JobStore, folder: Path, journal: Journal, fold: Fold, world: World) -> None:
        self._folder = folder
        self._journal = journal
        self._fold = fold
        self._world = world
        self._plan = fold.view.plan
        self._who = fold.view.who
        self._holding = Holding(
            world,
            self._plan,
            folder.name,
            self._who,
            store.root.parent / "locks",
            self._lock_told,
            self._lock_lost,
        )

    async def run(self) -> int:
        """Carry out what is left of the job, and say how it ended."""
        again = self._fold.view.started is not None
        if again:
            # A stop that was asked for before the job began is meant for it.
            forget_stop(self._folder)
        # The audit log first: killed in between, a run that began is told twice there rather than not at all.
        self._audit("resumed" if again else "begun")
        self._write(Entry(time.time(), "run", data={"pid": os.getpid()}))
        try:
            for step in self._plan.steps:
                step_of(step.kind)
            await self._permitted()
            await self._holding.acquire(self._heed)
            evidence = await self._steps()
        except Stopped as stopped:
            return self._stopped(stopped)
        except BakeryopsError as error:
            return self._failed(error)
        except Exception as error:
            fault = BakeryopsError(
                f"a fault of bakeryops itself: {type(error).__name__}", why=mask_text(clean(str(error)))[:300]
            )
            self._failed(fault)
            raise
        finally:
            await self._holding.release()
        text = next((each for each in reversed(evidence) if each), "done")
        return self._end("done", text, evidence=evidence)

    async def _permitted(self) -> None:
        """Refuse what may not be done; where the cluster is away the attempt itself will tell."""
        session = None
        try:
            session = await self._world.session()
        except CredentialError:
            raise
        except UnreachableError:
            pass
        await permit(self._plan, self._world.settings.config, session)

    async def _steps(self) -> list[str]:
        evidence = []
        for step in self._plan.steps:
            at = self._work(step)
            if step.changes:
                at.heed()
            evidence.append(await self._through(step_of(step.kind), at))
        return evidence

    def _work(self, step: PlanStep) -> Work:
        return Work(
            self._world,
            self._journal,
            self._fold,
            step,
            folder=self._folder,
            who=self._who,
            lost=self._holding.check,
        )

    async def _through(self, step: Step, at: Work) -> str:
        """Carry out one step, from its check again where a connection was cut to a cluster that answers."""
        end: float | None = None
        while True:
            try:
                return await self._step(step, at)
            except KubeError as error:
                end = end or time.monotonic() + _CUTS
                if error.kind != "unreachable" or time.monotonic() >= end or not await self._answers(at):
                    raise
                await at.sleep(_PAUSE)

    async def _answers(self, at: Work) -> bool:
        try:
            await at.reached(_BACK)
        except UnreachableError:
            return False
        return True

    async def _step(self, step: Step, at: Work) -> str:
        """Carry out one step; raises what it raises, after having journaled it."""
        applied = sent = False
        try:
            self._state(at, "checking")
            found = await step.check(at)
            if found.done:
                self._state(at, "done", found.evidence, outputs=found.outputs, already=True)
                return found.evidence
            self._state(at, "applying")
            sent = at.step.changes
            outputs = await step.apply(at)
            applied = at.step.changes
            self._state(at, "verifying", outputs=dict(outputs or {}))
            evidence = await step.verify(at)
        except Stopped:
            self._changed(at, applied)
            self._state(at, "stopped")
            raise
        except BakeryopsError as error:
            self._changed(at, applied)
            if sent and isinstance(error, KubeError) and error.kind == "timeout":
                self._changed(at, True, f"whether this was done is not known ({at.step.title})")
            if isinstance(error, StepFailedError) and at.memo(FAILED) is not True:
                at.note(FAILED, True)
            self._state(at, "failed", clean(error.message))
            raise
        except Exception:
            self._state(at, "failed", "a fault of bakeryops itself")
            raise
        self._state(at, "done", evidence)
        return evidence

    def _changed(self, at: Work, applied: bool, text: str = "") -> None:
        if applied and not at.memo(CHANGED):
            at.note(CHANGED, text or at.step.partial or f"{at.step.title} is done, not verified")

    def _state(
        self, at: Work, state: str, text: str = "", *, outputs: dict[str, Any] | None = None, already: bool = False
    ) -> None:
        data: dict[str, Any] = {}
        if outputs:
            data["outputs"] = outputs
        if already:
            data["already"] = True
        self._write(Entry(time.time(), "step", at.step.id, state, clean(text), data=data))

    def _heed(self) -> None:
        self._work(self._plan.steps[0]).heed()

    def _stopped(self, stopped: Stopped) -> int:
        partial = self._partial()
        if partial is None:
            return self._end("cancelled", f"{stopped.message}; nothing was changed", code=130)
        hint = f"Go on with: bakeryops jobs resume {self._folder.name}"
        return self._end("partial", f"{partial}: {stopped.message}", hint=hint, code=130)

    def _failed(self, error: BakeryopsError) -> int:
        # A step that failed by its own judgement says itself how things are.
        partial = self._partial(noted=not isinstance(error, StepFailedError))
        outcome = getattr(error, "outcome", "refused" if isinstance(error, RefusedError) else "failed")
        code = 5 if outcome == "refused" else error.exit_code
        hint = error.hint
        text = clean(error.message)
        if partial is not None:
            outcome, code, text = "partial", 1, f"{partial}: {text}"
            hint = hint or f"Go on with: bakeryops jobs resume {self._folder.name}"
        return self._end(outcome, text, why=clean(error.why), hint=clean(hint), code=code)

    def _partial(self, *, noted: bool = True) -> str | None:
        """Return what the world is called after what was changed so far, None where nothing was.

        With `noted` a step counts too that has sent its request and did not come to its end.
        """
        found = None
        for step, view in zip(self._plan.steps, self._fold.view.steps, strict=True):
            text = self._fold.notes.get(step.id, {}).get(CHANGED) if step.changes else None
            if step.changes and view.state == "done" and (not view.already or step.partial or text):
                found = step.partial or found or f"{step.title} is done"
            elif noted and text and view.state != "done":
                found = found or clean(str(text))
        return found

    def _end(
        self, state: str, text: str, *, why: str = "", hint: str = "", code: int = 0, evidence: Sequence[str] = ()
    ) -> int:
        data = {"code": code, "evidence": list(dict.fromkeys(each for each in evidence if each))}
        entry = Entry(time.time(), "end", "", state, text, why, hint, data)
        self._fold.take([entry])
        # Once the journal has its end nobody runs the job again, and nobody would make up for the record.
        self._audit("ended")
        self._journal.append(entry)
        return code

    def _lock_told(self, state: str, text: str) -> None:
        self._write(Entry(time.time(), "lock", "", state, clean(text)))

    def _lock_lost(self, text: str) -> StepFailedError:
        return StepFailedError(
            "the lock was taken away", why=clean(text), hint="Ask them, then resume the job or make a new plan."
        )

    def _audit(self, event: str) -> None:
        """Write an audit record; a log that cannot be written is told in the journal and stops nothing."""
        from bakeryops.jobs.auditing import audit_job

        trouble = audit_job(event, self._fold.view, self._world.settings)
        if trouble:
            self._write(Entry(time.time(), "lock", "", "", f"not in the audit log: {clean(trouble)}"))

    def _write(self, entry: Entry) -> None:
        self._journal.append(entry)
        self._fold.take([entry])
