"""What a journal tells, as a job to look at: pure, total on whatever a journal holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from bakeryops.jobs.journal import Entry
from bakeryops.model.job import FINISHED, JobState, JobView, StepState, StepView
from bakeryops.model.plan import Plan

__all__ = ["Fold"]

_LOG = 200
"""Lines of one step that are kept to look at."""
_STATES = frozenset(get_args(JobState))
_STEP_STATES = frozenset(get_args(StepState))


class Fold:
    """A job's view, brought up to date entry by entry."""

    def __init__(self, job: str, plan: Plan) -> None:
        """Begin with nothing but the plan."""
        steps = tuple(StepView(step.id, step.title) for step in plan.steps)
        self.view = JobView(job, plan, "waiting", "", plan.created, steps)
        self.notes: dict[str, dict[str, Any]] = {}
        """What steps noted, by step and key."""
        self._places = {step.id: number for number, step in enumerate(plan.steps)}

    def take(self, entries: Iterable[Entry]) -> JobView:
        """Take entries in and return the view."""
        for entry in entries:
            self._one(entry)
        return self.view

    def _one(self, entry: Entry) -> None:
        match entry.event:
            case "created":
                self._set(who=entry.text, created=entry.at)
            case "run":
                begun = self.view.started is not None
                self._set(
                    state="running", started=self.view.started or entry.at, ended=None, text="", why="", hint="",
                    resumes=self.view.resumes + begun,
                )  # fmt: skip
                for number, step in enumerate(self.view.steps):
                    if step.state != "done":
                        self._step(number, state="pending", text="")
            case "lock":
                self._set(lock=entry.text)
                if entry.state == "waiting":
                    self._set(state="waiting", text=entry.text)
                elif self.view.state == "waiting":
                    self._set(state="running", text="")
            case "stop":
                self._set(state="stopping", text=entry.text)
            case "end" if entry.state in FINISHED:
                self._end(entry)
            case "note":
                self.notes.setdefault(entry.step, {})[str(entry.data.get("key", ""))] = entry.data.get("value")
            case "step" | "tell" | "progress" if entry.step in self._places:
                self._of_step(self._places[entry.step], entry)

    def _of_step(self, number: int, entry: Entry) -> None:
        step = self.view.steps[number]
        if entry.event == "tell":
            self._step(number, text=entry.text, log=(*step.log, entry.text)[-_LOG:])
        elif entry.event == "progress":
            figures = {
                name: float(value) if isinstance(value, int | float) else None
                for name in ("done", "total", "rate", "eta")
                for value in (entry.data.get(name),)
            }
            self._step(number, unit=entry.text, **figures)
        elif entry.state in _STEP_STATES:
            changes: dict[str, Any] = {"state": entry.state, "text": entry.text}
            if entry.state == "checking":
                changes |= {"started": entry.at, "ended": None, "already": False}
            if entry.state in ("done", "failed", "stopped"):
                changes |= {"ended": entry.at}
            outputs = entry.data.get("outputs")
            if isinstance(outputs, dict):
                changes["outputs"] = step.outputs | outputs
            if entry.data.get("already") is True:
                changes["already"] = True
            if entry.text:
                changes["log"] = (*step.log, entry.text)[-_LOG:]
            self._step(number, **changes)

    def _end(self, entry: Entry) -> None:
        code = entry.data.get("code")
        evidence = entry.data.get("evidence")
        self._set(
            state=entry.state,
            text=entry.text,
            why=entry.why,
            hint=entry.hint,
            ended=entry.at,
            exit_code=code if isinstance(code, int) else 1,
            evidence=tuple(str(each) for each in evidence) if isinstance(evidence, list) else (),
        )

    def _set(self, **changes: Any) -> None:
        self.view = msgspec.structs.replace(self.view, **changes)

    def _step(self, number: int, **changes: Any) -> None:
        steps = list(self.view.steps)
        steps[number] = msgspec.structs.replace(steps[number], **changes)
        self._set(steps=tuple(steps))
