"""Which step of a build is looked at, and where its log is, or why there is none; no Textual in here."""

from __future__ import annotations

from typing import NamedTuple

from bakeryops.model.build import Attempt, Build, BuildTask, Step
from bakeryops.model.health import Health
from screens.log_source import Source

__all__ = ["Chosen", "Spot", "attempt_row", "default_spot", "gone_why", "log_of", "resolve", "sources_of_build"]


class Spot(NamedTuple):
    """A row of the time line, a task or one of its earlier attempts, and the name of a step; "" for none."""

    row: str = ""
    step: str = ""


class Chosen(NamedTuple):
    """What a spot stands for in a build as it is now."""

    task: BuildTask
    attempt: Attempt | None
    """An earlier attempt; None for the present one."""
    step: Step | None

    @property
    def spot(self) -> Spot:
        """The spot of exactly this."""
        row = self.task.key if self.attempt is None else attempt_row(self.task, self.attempt)
        return Spot(row, self.step.name if self.step is not None else "")

    @property
    def title(self) -> str:
        """What people call it: "test auth, attempt 1 / pytest"."""
        again = f", attempt {self.attempt.number}" if self.attempt is not None else ""
        return f"{self.task.title}{again}" + (f" / {self.step.name}" if self.step is not None else "")


def attempt_row(task: BuildTask, attempt: Attempt) -> str:
    """Return the key of the row of an earlier attempt."""
    return f"{task.key}#{attempt.number}"


def default_spot(build: Build) -> Spot:
    """Return what is worth a look first: the first failing step, else the first running one, else the last."""
    failure = build.failure
    if failure is not None and failure.task:
        return Spot(failure.task, failure.step)
    if not build.finished:
        for states in (("running",), ("retrying", "queued")):
            for task in build.tasks:
                if task.state in states:
                    return Spot(task.key, _step_of(task.steps, "").name if task.steps else "")
    ran = [task for task in build.tasks if task.steps and task.started is not None]
    last = max(ran, key=lambda task: (task.ended or 0.0, not task.finally_), default=None)
    if last is None:
        last = build.tasks[0] if build.tasks else None
    if last is None:
        return Spot()
    return Spot(last.key, last.steps[-1].name if last.steps else "")


def resolve(build: Build, spot: Spot) -> Chosen | None:
    """Return what a spot stands for now: without a step, the one of that row that is worth a look first."""
    row, mark, number = spot.row.rpartition("#")
    attempt_of = row if mark and number.isdecimal() else ""
    task = next((each for each in build.tasks if each.key in (spot.row, attempt_of)), None)
    if task is None:
        # The only child of a task has the task's name for a key until it gets a sibling.
        name = spot.row.partition("/")[0]
        task = next((each for each in build.tasks if name and each.task == name), None)
    if task is None:
        return None
    attempt = None
    if task.key != spot.row:
        attempt = next((each for each in task.attempts if str(each.number) == number), None)
    steps = attempt.steps if attempt is not None else task.steps
    return Chosen(task, attempt, _step_of(steps, spot.step) if steps else None)


def _step_of(steps: tuple[Step, ...], name: str) -> Step:
    """Return the step of a name, else the first that failed, else that runs, else the last that began."""
    found = next((each for each in steps if each.name == name), None)
    if found is not None:
        return found
    bad = next((each for each in steps if each.state == "ended" and each.health is Health.BAD), None)
    if bad is not None:
        return bad
    for state in ("running", "waiting"):
        found = next((each for each in steps if each.state == state), None)
        if found is not None:
            return found
    return next((each for each in reversed(steps) if each.started is not None), steps[-1])


def log_of(build: Build, chosen: Chosen) -> Source | str:
    """Return where the log of a step is, or why there is none (a sentence for people)."""
    task, attempt, step = chosen
    pod = attempt.pod if attempt is not None else task.pod
    if attempt is None and task.state in ("not started", "unknown"):
        return task.why or f"not started yet: waits for {', '.join(task.after) or 'the controller'}"
    if attempt is None and task.state == "skipped":
        when = f"  ({'; '.join(task.when)})" if task.when else ""
        return f"{task.why or 'It was skipped.'}{when}"
    if not pod:
        return f"There is no pod{' yet' if not build.finished else ''}, and no log: {_waits(task)}"
    if step is None:
        return f"No step has begun: {_waits(task)}"
    if step.state == "skipped":
        failed = next((each for each in task.steps if each.health is Health.BAD), None)
        return f"It never ran: step {failed.name} before it failed." if failed is not None else "It never ran."
    if step.started is None:
        said = ": ".join(part for part in (step.reason, step.message) if part)
        return f"Step {step.name} has not begun: {said or _before(task, step) or _waits(task)}"
    label = f"{task.title}{f' #{attempt.number}' if attempt is not None else ''}"
    return Source(build.namespace, pod, step.container, label, gone_why(build, task, attempt))


def _waits(task: BuildTask) -> str:
    return task.why or task.message or task.reason or "nothing is known of why"


def _before(task: BuildTask, step: Step) -> str:
    running = next((each for each in task.steps if each.state == "running"), None)
    return f"step {running.name} runs before it" if running is not None and running is not step else ""


def gone_why(build: Build, task: BuildTask, attempt: Attempt | None = None) -> str:
    """Return why a log may be gone, as far as the build tells, "" where it should be there."""
    if attempt is not None:
        return f"Its pod was deleted; of attempt {attempt.number} is left: {attempt.message or attempt.reason}"
    match task.state:
        case "cancelled":
            return "The pod was deleted when the build was cancelled, and its log went with it."
        case "timed out":
            return "The pod was deleted when its time ran out, and its log went with it."
    if not build.finished and task.ended is None:
        return "The pod was deleted while it ran, by a person or an eviction, and its log went with it."
    left = f" What is left: {task.why}" if task.why else ""
    return f"The pod was deleted after the build, as pruning does, and its log went with it.{left}"


def sources_of_build(build: Build, spot: Spot | None = None) -> list[Source]:
    """Return the logs there are, in the order of the tasks: of all steps that began, or of one row or step."""
    found: list[Source] = []
    for task in build.tasks:
        for attempt in (*task.attempts, None):
            steps = task.steps if attempt is None else attempt.steps
            row = task.key if attempt is None else attempt_row(task, attempt)
            if spot is not None and spot.row != row:
                continue
            mark = f" #{attempt.number}" if attempt is not None else f" #{len(task.attempts) + 1}"
            for step in steps:
                if spot is not None and spot.step not in ("", step.name):
                    continue
                source = log_of(build, Chosen(task, attempt, step))
                if isinstance(source, Source):
                    label = f"{task.title}{mark if task.attempts else ''}"
                    label += f"/{step.name}" if len(steps) > 1 else ""
                    found.append(Source(source.namespace, source.pod, source.container, label, source.gone))
    return found
