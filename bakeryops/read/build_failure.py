"""The first failing step of a build: whose log to open, and what is known without it."""

from __future__ import annotations

from collections.abc import Iterable

from bakeryops.model.build import BuildState, BuildTask, Failure
from bakeryops.model.health import Health
from bakeryops.read.build_taskruns import culprit

__all__ = ["failure_of"]

_FAILED = ("failed", "timed out")
_MADE_UP = ("TaskRunCancelled", "TaskRunTimeout")


def failure_of(state: BuildState, health: Health, why: str, tasks: Iterable[BuildTask]) -> Failure | None:
    """Return what made a build fail, or will: the first task that ended badly, else one that cannot go on.

    The failure is of the run as a whole where no task is to blame, and None where nothing failed; a cancelled
    build has none of its own.
    """
    known = list(tasks)
    ended = [task for task in known if task.state in _FAILED]
    if ended:
        # Where all end together by the pipeline's time, the earliest task is as good as any.
        ended.sort(key=lambda task: (task.finally_, task.state != "failed", task.ended or task.started or 0.0))
        return _of_task(ended[0])
    if state in ("failed", "timed out"):
        return Failure("", "", "", "", "", None, why)
    stuck = next((task for task in known if task.health is Health.BAD), None)
    return _of_task(stuck) if stuck is not None and health is Health.BAD else None


def _of_task(task: BuildTask) -> Failure:
    step = culprit(task.steps)
    if step is None:
        return Failure(task.key, task.title, "", task.pod if task.began is not None else "", "", None, task.why)
    ran = bool(task.pod) and step.started is not None and task.began is not None
    return Failure(
        task=task.key,
        title=task.title,
        step=step.name,
        pod=task.pod if ran else "",
        container=step.container if ran else "",
        exit_code=step.exit_code if step.reason not in _MADE_UP else None,
        text=task.why,
    )
