"""Builds of recordings, with made-up logs, in a session without a cluster."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from bakeryops.cluster.logs import LogEntry
from bakeryops.cluster.store import Store
from bakeryops.cluster.wire.tekton import PipelineRun, TaskRun
from bakeryops.units import parse_time
from screens.app import BakeryOpsApp
from tests.support.builds import DATA, run_of, taskrun_of
from tests.support.fake_session import FakeLog, FakeSession

__all__ = ["GONE", "app_at", "failing_log", "load", "open_session", "put_run", "put_taskrun"]

_VERSIONS = count(1)

GONE = LogEntry(notice='pods "{}" not found; the log of a deleted pod is gone with it')
"""What a stream says of a pod that is not there."""


def put_run(session: FakeSession, raw: dict[str, Any]) -> PipelineRun:
    """Put a PipelineRun as the API sends it into a session's store."""
    found = run_of(_newer(session.store("pipelineruns"), raw))
    session.store("pipelineruns").put(found, found.metadata)
    session.objects["pipelineruns", raw["metadata"]["namespace"], raw["metadata"]["name"]] = raw
    return found


def put_taskrun(session: FakeSession, raw: dict[str, Any]) -> TaskRun:
    """Put a TaskRun as the API sends it into a session's store."""
    found = taskrun_of(_newer(session.store("taskruns"), raw))
    session.store("taskruns").put(found, found.metadata)
    session.objects["taskruns", raw["metadata"]["namespace"], raw["metadata"]["name"]] = raw
    return found


def load(session: FakeSession, excerpt: str) -> tuple[str, str, float]:
    """Put a recorded build into a session; return its namespace, its name, and the time ten seconds after it."""
    held = json.loads((DATA / f"{excerpt}.json").read_text("utf-8"))
    run = put_run(session, held["pipelinerun"])
    for raw in held["taskruns"]:
        made = put_taskrun(session, raw)
        pod = raw.get("status", {}).get("podName", "")
        for step in raw.get("status", {}).get("steps") or ():
            lines = [b"%d: working on it" % number for number in range(3)]
            session.container_logs[pod, step.get("container", ""), False] = FakeLog(lines, ends=True)
        assert made.metadata.name
    return run.metadata.namespace or "", run.metadata.name, (parse_time(held["now"]) or 0.0) + 10


def _newer(store: Store[Any], raw: dict[str, Any]) -> dict[str, Any]:
    """Return an object with a version of its own: a store takes no notice of one that it has."""
    meta = raw["metadata"]
    known = store.get(meta["namespace"], meta["name"])
    return (
        {**raw, "metadata": {**meta, "resourceVersion": f"{meta['resourceVersion']}{id(known)}"}} if known else raw
    )


def failing_log(before: int = 411, after: int = 200) -> FakeLog:
    """Return a log of which line `before` + 1 is the first that says what went wrong."""
    lines = [b"tests/test_model.py::test_%d PASSED" % number for number in range(before)]
    lines.append(b"E   AssertionError: expected 7 periods, got 0")
    lines += [b"  at line %d" % number for number in range(after)]
    return FakeLog([*lines, LogEntry(notice="the container has ended: exit 1")], ends=True)


def open_session(*excerpts: str) -> tuple[FakeSession, list[tuple[str, str, float]]]:
    """Return a session with recorded builds."""
    session = FakeSession()
    for kind in ("pipelineruns", "taskruns", "resourcequotas"):
        session.store(kind)
    return session, [load(session, each) for each in excerpts]


def app_at(session: FakeSession, now: float, **options: Any) -> BakeryOpsApp:
    """Return a console on a session, at a time in seconds since the epoch."""
    return BakeryOpsApp(session.target, connect=lambda _: session, clock=lambda: now, **options)  # type: ignore[arg-type,return-value]
