"""Builds for tests: made-up PipelineRuns and TaskRuns, excerpts of recordings, and recordings folded event by event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bakeryops.cluster.decode import Broken, Decoder
from bakeryops.cluster.store import Store, key_of
from bakeryops.cluster.wire import tekton
from bakeryops.model.build import Build, BuildTask
from bakeryops.read.build_index import BuildChanges, BuildIndex
from bakeryops.read.builds import build_of
from bakeryops.units import parse_time
from tests.support.reading import NOW, Uids, stamp
from tests.support.recordings import RECORDINGS

DATA = Path(__file__).resolve().parents[1] / "data" / "tekton"
RUNS: Decoder[tekton.PipelineRun] = Decoder(tekton.PipelineRun)
TASKRUNS: Decoder[tekton.TaskRun] = Decoder(tekton.TaskRun)


def condition(status: str, reason: str, message: str = "") -> list[dict[str, Any]]:
    """Return the conditions of a run."""
    return [{"type": "Succeeded", "status": status, "reason": reason, "message": message,
             "lastTransitionTime": stamp(10)}]  # fmt: skip


GOING = condition("Unknown", "Running", "Tasks Completed: 0 (Failed: 0, Cancelled 0), Incomplete: 2, Skipped: 0")
"""The conditions of a run that goes on."""


def raw_run(name: str = "ci-a1b2c", *, spec: Any = None, meta: Any = None, **status: Any) -> dict[str, Any]:
    """Return a PipelineRun two minutes old; without a status where none is given."""
    made: dict[str, Any] = {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": "bakery-ci", "uid": f"uid-{name}", "resourceVersion": "1",
                     "creationTimestamp": stamp(120), **(meta or {})},
        "spec": {"pipelineRef": {"name": "bakery-ia-ci"}, **(spec or {})},
    }  # fmt: skip
    return {**made, "status": {"startTime": stamp(118), **status}} if status else made


def raw_taskrun(
    name: str, task: str, *, run: str = "ci-a1b2c", params: Any = None, meta: Any = None, **status: Any
) -> dict[str, Any]:
    """Return a TaskRun of that run."""
    return {
        "metadata": {"name": name, "namespace": "bakery-ci", "uid": f"uid-{name}", "resourceVersion": "1",
                     "creationTimestamp": stamp(100),
                     "labels": {"tekton.dev/pipelineRun": run, "tekton.dev/pipelineTask": task},
                     "ownerReferences": [{"kind": "PipelineRun", "name": run, "uid": f"uid-{run}"}],
                     **(meta or {})},
        "spec": {"params": [{"name": key, "value": value} for key, value in (params or {}).items()]},
        "status": status,
    }  # fmt: skip


def plan(*tasks: dict[str, Any], closing: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Return a pipeline's specification."""
    return {"tasks": list(tasks), "finally": list(closing)}


def child(name: str, task: str, display: str = "", kind: str = "TaskRun") -> dict[str, Any]:
    """Return a reference of a run to what it made."""
    return {"apiVersion": "tekton.dev/v1", "kind": kind, "name": name, "pipelineTaskName": task,
            **({"displayName": display} if display else {})}  # fmt: skip


def run_of(raw: Any) -> tekton.PipelineRun:
    """Return a raw PipelineRun as the store would hold it."""
    found = RUNS.object(json.dumps(raw).encode())
    assert not isinstance(found, Broken), found.error
    return found


def taskrun_of(raw: Any) -> tekton.TaskRun:
    """Return a raw TaskRun as the store would hold it."""
    found = TASKRUNS.object(json.dumps(raw).encode())
    assert not isinstance(found, Broken), found.error
    return found


def read(raw: Any, *taskruns: Any, now: float = NOW) -> Build:
    """Return raw objects as a build."""
    return build_of(run_of(raw), [taskrun_of(each) for each in taskruns], now=now)


def excerpt(name: str) -> Build:
    """Return the build of an excerpt of a recording, ten seconds after its last change."""
    held = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    return read(held["pipelinerun"], *held["taskruns"], now=(parse_time(held["now"]) or 0.0) + 10)


def task_of(build: Build, key: str) -> BuildTask:
    """Return the one task of that key."""
    found = [each for each in build.tasks if each.key == key]
    assert len(found) == 1, [each.key for each in build.tasks]
    return found[0]


def states_of(build: Build) -> list[tuple[str, str, str]]:
    """Return title, state and health of the tasks."""
    return [(each.title, each.state, each.health.value) for each in build.tasks]


def raw_step(name: str, code: int | None = None, *, reason: str = "", **more: Any) -> dict[str, Any]:
    """Return a step's status: ended a moment ago with `code`, or as `more` says."""
    ended = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed",
                            "startedAt": stamp(60), "finishedAt": stamp(50)}}  # fmt: skip
    return {"name": name, "container": f"step-{name}", **({} if code is None else ended), **more,
            **({"terminationReason": reason} if reason else {})}  # fmt: skip


class BuildFold:
    """A recorded scenario folded into an index through the real decoder and stores; yields after each event."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.stores: dict[str, Store[Any]] = {kind: Store(kind) for kind in ("pipelineruns", "taskruns")}
        self.raw: dict[str, dict[str, Any]] = {}
        """The objects as they are now, by uid."""
        self.now = 0.0
        self.index = BuildIndex(clock=lambda: self.now)
        self.changes = BuildChanges()

    def __iter__(self) -> Iterator[str]:
        base: float | None = None
        decoders: dict[str, Decoder[Any]] = {"pipelineruns": RUNS, "taskruns": TASKRUNS}
        with (RECORDINGS / self.scenario / "watch.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                plural = entry["kind"]
                if plural not in decoders:
                    continue
                raw = entry["event"]["object"]
                base = base or parse_time(raw["metadata"]["creationTimestamp"]) or 0.0
                # Stamps are cut to whole seconds: half a second later nothing seems to come from the future.
                self.now = base + entry["t"] + 0.5
                event = decoders[plural].event(json.dumps(entry["event"]).encode())
                item = decoders[plural].object(event.object)
                assert not isinstance(item, Broken), item.error
                uid = key_of(item.metadata)
                uids = Uids()
                if event.type == "DELETED":
                    self.stores[plural].remove(uid)
                    self.raw.pop(uid, None)
                    uids.removed.add(uid)
                else:
                    self.stores[plural].put(item, item.metadata)
                    self.raw[uid] = raw
                    uids.changed.add(uid)
                self.changes = self.index.update(self.stores, {plural: uids})
                yield plural
