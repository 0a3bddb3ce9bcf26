"""A build of four tasks that goes on, put into a session step by step."""

from __future__ import annotations

from typing import Any

from tests.support.build_values import open_session, put_run, put_taskrun
from tests.support.builds import child, condition, plan, raw_run, raw_taskrun
from tests.support.fake_session import FakeLog, FakeSession
from tests.support.reading import stamp

__all__ = ["RUN", "going", "put_build", "put_task", "ran", "step"]

RUN = "bakery-ia-ci-a1b2c"
"""Its name."""

PLAN = plan(
    {"name": "clone", "taskRef": {"name": "clone"}},
    {"name": "build", "taskRef": {"name": "build"}, "runAfter": ["clone"]},
    {"name": "update-tag", "taskRef": {"name": "t"}, "runAfter": ["build"], "when": [
        {"input": "$(tasks.build.results.any)", "operator": "in", "values": ["true"]}]},
    closing=({"name": "report-status", "taskRef": {"name": "r"}},),
)  # fmt: skip


def step(name: str, **state: Any) -> dict[str, Any]:
    """Return the state of a step."""
    return {"name": name, "container": f"step-{name}", **state}


def ran(name: str, begin: float, end: float, code: int = 0) -> dict[str, Any]:
    """Return a step that began and ended so many seconds ago."""
    reason = "Error" if code else "Completed"
    return step(name, terminated={"exitCode": code, "reason": reason, "startedAt": stamp(begin),
                                  "finishedAt": stamp(end)})  # fmt: skip


def put_build(
    session: FakeSession, *, status: str = "Unknown", reason: str = "Running", tasks: int = 2, **more: Any
) -> None:
    """Put the PipelineRun, with so many of its tasks begun."""
    names = ("clone", "build", "update-tag")[:tasks]
    put_run(session, raw_run(
        RUN, startTime=stamp(118), pipelineSpec=PLAN, conditions=condition(status, reason),
        childReferences=[child(f"{RUN}-{name}", name) for name in names], **more,
    ))  # fmt: skip


def put_task(
    session: FakeSession,
    name: str,
    *steps: dict[str, Any],
    ends: tuple[str, str] = ("Unknown", "Running"),
    message: str = "",
    pod: bool = True,
    **more: Any,
) -> None:
    """Put the TaskRun of a task with its steps."""
    status: dict[str, Any] = {
        "startTime": stamp(100),
        "conditions": condition(*ends, message),
        "steps": list(steps),
    }
    if pod:
        status["podName"] = f"{RUN}-{name}-pod"
    put_taskrun(session, raw_taskrun(f"{RUN}-{name}", name, run=RUN, **(status | more)))


def going() -> FakeSession:
    """Return a session in which one task is done and the next one runs."""
    session, _ = open_session()
    put_build(session)
    put_task(session, "clone", ran("fetch", 98, 95), ends=("True", "Succeeded"), completionTime=stamp(95))
    put_task(session, "build", ran("prepare", 90, 80), step("kaniko", running={"startedAt": stamp(80)}))
    session.container_logs[f"{RUN}-build-pod", "step-kaniko", False] = FakeLog([b"INFO taking layers"])
    return session
