"""Where the tasks of a PipelineRun stand: what may start, what is skipped and why, and what it all amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.tekton.graph import needs, results_needed
from bakeryops.demo.tekton.matrix import Combination, combinations
from bakeryops.demo.tekton.substitution import substitute
from bakeryops.demo.tekton.words import CANCELLED_BY_TIMEOUT, is_done, succeeded

__all__ = ["Counts", "Progress", "TaskState"]

_WHEN = "When Expressions evaluated to false"
_PARENTS = "Parent Tasks were skipped"
_STOPPING = "PipelineRun was stopping"
_CANCELLED = "PipelineRun was gracefully cancelled"
_STOPPED = "PipelineRun was gracefully stopped"
_MISSING = "Results were missing"
_TASKS_TIMEOUT = "PipelineRun Tasks timeout has been reached"
_FINALLY_TIMEOUT = "PipelineRun Finally timeout has been reached"
_EMPTY = "Matrix Parameters have an empty array"


@dataclass
class TaskState:
    """One pipeline task and its TaskRuns."""

    task: Object
    final: bool
    runs: list[Object] = field(default_factory=list)
    expected: int = 1
    """How many TaskRuns there are to be."""
    invalid: str = ""
    """Why it cannot run although what it needs went well: a result that was not written."""

    @property
    def name(self) -> str:
        """The pipeline task's name."""
        return str(self.task["name"])

    @property
    def started(self) -> bool:
        """Whether it has a TaskRun."""
        return bool(self.runs)

    @property
    def done(self) -> bool:
        """Whether all its TaskRuns are there and have ended."""
        return self.started and len(self.runs) >= self.expected and all(is_done(run) for run in self.runs)

    @property
    def outcome(self) -> str:
        """`succeeded`, `failed`, `cancelled` or `ignored` once it is done, "" before."""
        if not self.done:
            return ""
        reasons = {succeeded(run).get("reason") for run in self.runs if succeeded(run).get("status") == "False"}
        if not reasons:
            return "succeeded"
        if reasons == {"FailureIgnored"}:
            return "ignored"
        failed = [run for run in self.runs if succeeded(run).get("status") == "False"]
        if any(_was_cancelled(run) for run in failed):
            return "cancelled"
        return "failed"

    @property
    def cancelling(self) -> bool:
        """Whether one of its TaskRuns was told to stop."""
        return any(
            run["spec"].get("status") == "TaskRunCancelled"
            and run["spec"].get("statusMessage") != CANCELLED_BY_TIMEOUT
            for run in self.runs
        )


def _was_cancelled(run: Object) -> bool:
    by_timeout = run["spec"].get("statusMessage") == CANCELLED_BY_TIMEOUT
    return succeeded(run).get("reason") == "TaskRunCancelled" and not by_timeout


@dataclass(frozen=True)
class Counts:
    """How many pipeline tasks are in which state."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    ignored: int = 0
    skipped: int = 0
    incomplete: int = 0
    invalid: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the message of the run's condition."""
        completed = self.succeeded + self.failed + self.cancelled + self.ignored
        failed = f"Failed: {self.failed}"
        if self.ignored and not self.incomplete:
            failed = f"Failed: {self.failed + self.ignored} (Ignored: {self.ignored})"
        head = f"Tasks Completed: {completed} ({failed}, Cancelled {self.cancelled})"
        if self.incomplete:
            return f"{head}, Incomplete: {self.incomplete}, Skipped: {self.skipped}"
        tail = f", Failed Validation: {len(self.invalid)} ({', '.join(self.invalid)})" if self.invalid else ""
        return f"{head}, Skipped: {self.skipped}{tail}"


class Progress:
    """The tasks of one run at one moment."""

    def __init__(
        self, spec: Object, runs: list[Object], *, mode: str = "", tasks_late: bool = False,
        finally_late: bool = False,
    ) -> None:  # fmt: skip
        """Take the Pipeline, the run's TaskRuns, its `spec.status`, and which timeouts have passed."""
        self.states = {
            task["name"]: TaskState(task, final)
            for part, final in (("tasks", False), ("finally", True))
            for task in spec.get(part) or ()
        }
        for run in runs:
            state = self.states.get((run["metadata"].get("labels") or {}).get("tekton.dev/pipelineTask", ""))
            if state is not None:
                state.runs.append(run)
        for state in self.states.values():
            state.runs.sort(key=_place)
        self._mode = mode
        self._tasks_late, self._finally_late = tasks_late, finally_late
        self._skips: dict[str, str] = {}
        self._filled: dict[str, Object] = {}
        for state in self.states.values():
            if state.started and state.task.get("matrix"):
                state.expected = len(combinations(self.filled(state)))
        self._validate()

    # ---- what others need ---------------------------------------------------------------------------------------

    def results(self, name: str) -> dict[str, Any]:
        """Return the results of a task by name; those of a matrix are lists of what its TaskRuns wrote."""
        state = self.states.get(name)
        if state is None:
            return {}
        found: dict[str, Any] = {}
        for run in state.runs:
            for result in (run.get("status") or {}).get("results") or ():
                if state.task.get("matrix"):
                    found.setdefault(result["name"], []).append(result["value"])
                else:
                    found[result["name"]] = result["value"]
        return found

    def filled(self, state: TaskState) -> Object:
        """Return a pipeline task with the results of others filled in: all of them, or none if one is missing."""
        known = self._filled.get(state.name)
        if known is not None:
            return known
        values: dict[str, Any] = {}
        wanted = results_needed(state.task)
        complete = True
        for each in wanted:
            value = self.results(each.task).get(each.name)
            if value is None or not self._over(each.task):
                complete = False
            else:
                values[f"tasks.{each.task}.results.{each.name}"] = value
        if not complete:
            values = {}
        for name, other in self.states.items():
            if other.task.get("matrix") and other.done:
                values[f"tasks.{name}.matrix.length"] = str(other.expected)
        if state.final:
            values.update(self._statuses())
        fields = {key: value for key, value in state.task.items() if key != "taskSpec"}
        found = substitute(fields, values)
        if state.task.get("taskSpec"):
            results = {key: value for key, value in values.items() if ".results." in key}
            found["taskSpec"] = substitute(state.task["taskSpec"], results)
        if complete and (not wanted or self.parents_done(state)):
            self._filled[state.name] = found
        return dict(found)

    def _statuses(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        aggregate = "Succeeded"
        words = {"succeeded": "Succeeded", "ignored": "Failed", "failed": "Failed", "cancelled": "Failed"}
        for name, state in self.states.items():
            if state.final:
                continue
            found[f"tasks.{name}.status"] = words.get(state.outcome, "None")
            reasons = [str(succeeded(run).get("reason", "")) for run in state.runs if is_done(run)]
            found[f"tasks.{name}.reason"] = next(
                (each for each in reasons if each != "Succeeded"), "".join(reasons[:1])
            )
            if state.outcome in ("failed", "cancelled"):
                aggregate = "Failed"
            elif aggregate == "Succeeded" and self.skip(state):
                aggregate = "Completed"
        return {**found, "tasks.status": aggregate}

    def _over(self, name: str) -> bool:
        state = self.states.get(name)
        return state is None or state.done or bool(state.invalid) or bool(self.skip(state))

    def parents_done(self, state: TaskState) -> bool:
        """Tell whether all that a task needs has ended or is skipped."""
        return all(self._over(name) for name in needs(state.task) if name in self.states)

    def _validate(self) -> None:
        for state in self.states.values():
            if state.started or state.final:
                continue
            for each in results_needed(state.task):
                other = self.states.get(each.task)
                if other is None or other.outcome not in ("succeeded", "ignored") or other.task.get("matrix"):
                    continue
                if each.name not in self.results(each.task):
                    how = "completed successfully" if other.outcome == "succeeded" else "failed"
                    lost = f'task "{each.task}" {how} but did not emit the result "{each.name}"'
                    state.invalid = f'{lost}, which is referenced by task "{state.name}"'
                    break

    # ---- skipping -----------------------------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        """Whether a task failed or is being stopped, so that no further one begins."""
        return any(
            state.outcome in ("failed", "cancelled") or state.cancelling or state.invalid
            for state in self.states.values()
            if not state.final
        )

    def skip(self, state: TaskState) -> str:
        """Return why a task will not run, "" while it may."""
        if state.started or state.invalid:
            return ""
        known = self._skips.get(state.name)
        if known is None:
            self._skips[state.name] = ""
            known = self._skips[state.name] = self._why_final(state) if state.final else self._why(state)
        return known

    def _why(self, state: TaskState) -> str:
        if self.stopping:
            return _STOPPING
        if self._mode == "CancelledRunFinally":
            return _CANCELLED
        if self._mode == "StoppedRunFinally":
            return _STOPPED
        parents = [self.states[name] for name in needs(state.task) if name in self.states]
        if any(self.skip(parent) not in ("", _WHEN) for parent in parents):
            return _PARENTS
        if self.parents_done(state):
            filled = self.filled(state)
            if not _holds(filled.get("when") or ()):
                return _WHEN
            if any(
                self.skip(self.states[each.task])
                for each in results_needed(state.task)
                if each.task in self.states
            ):
                return _MISSING
            if state.task.get("matrix") and not combinations(filled):
                return _EMPTY
        return _TASKS_TIMEOUT if self._tasks_late else ""

    def _why_final(self, state: TaskState) -> str:
        if not self.tasks_over:
            return ""
        wanted = results_needed(state.task)
        if any(each.name not in self.results(each.task) for each in wanted):
            return _MISSING
        filled = self.filled(state)
        if not _holds(filled.get("when") or ()):
            return _WHEN
        if state.task.get("matrix") and not combinations(filled):
            return _EMPTY
        return _FINALLY_TIMEOUT if self._finally_late else ""

    def skipped(self) -> list[Object]:
        """Return `status.skippedTasks`."""
        found = []
        for state in self.states.values():
            if reason := self.skip(state):
                entry: Object = {"name": state.name, "reason": reason}
                if when := self.filled(state).get("when"):
                    entry["whenExpressions"] = when
                found.append(entry)
        return found

    # ---- going on -----------------------------------------------------------------------------------------------

    @property
    def tasks_over(self) -> bool:
        """Whether all tasks but the final ones have ended, are skipped or cannot run."""
        return all(
            state.done or state.invalid or self.skip(state) for state in self.states.values() if not state.final
        )

    def ready(self) -> list[tuple[TaskState, Object, list[Combination]]]:
        """Return the tasks that may start or lack TaskRuns, filled in, with their combinations."""
        final = self.tasks_over
        found = []
        for state in self.states.values():
            if state.final != final or state.invalid or self.skip(state):
                continue
            if state.started and len(state.runs) >= state.expected:
                continue
            if not state.started and not state.final and (self.stopping or not self.parents_done(state)):
                continue
            filled = self.filled(state)
            combos = combinations(filled)
            state.expected = len(combos)
            found.append((state, filled, combos))
        return found

    def counts(self) -> Counts:
        """Count the tasks by their states."""
        outcomes: dict[str, int] = {}
        for state in self.states.values():
            word = "invalid" if state.invalid else "skipped" if self.skip(state) else state.outcome or "incomplete"
            outcomes[word] = outcomes.get(word, 0) + 1
        invalid = tuple(state.invalid for state in self.states.values() if state.invalid)
        outcomes.pop("invalid", None)
        return Counts(**outcomes, invalid=invalid)

    def final_results(self, wanted: list[Object]) -> list[Object]:
        """Return the run's results, without those that cannot be told."""
        values: dict[str, Any] = {}
        for name, state in self.states.items():
            if state.outcome != "cancelled":
                for result, value in self.results(name).items():
                    values[f"tasks.{name}.results.{result}"] = value
        found = []
        for each in wanted:
            value = substitute(each.get("value"), values)
            if "$(tasks." not in str(value):
                found.append({"name": each["name"], "value": value})
        return found


def _place(run: Object) -> tuple[int, str]:
    name = run["metadata"]["name"]
    index = name.rpartition("-")[2]
    return (int(index) if index.isdigit() else 0, name)


def _holds(when: Any) -> bool:
    for each in when:
        if not isinstance(each, Mapping) or "cel" in each:
            continue
        inside = each.get("input", "") in (each.get("values") or ())
        if inside != (str(each.get("operator", "in")).lower() == "in"):
            return False
    return True
