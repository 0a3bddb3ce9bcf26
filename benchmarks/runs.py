"""PipelineRuns and TaskRuns for measurements: as large as those of the shipped pipeline, some of them failed."""

from __future__ import annotations

import json
import time
from typing import Any

SERVICES = ("auth", "tenant", "sales", "orders", "pos", "recipes")
NAMESPACE = "bakery-ci"
_TASKS = ("clone", "detect-changes", "test", "build", "update-tag", "report-status")


def run_name(index: int) -> str:
    return f"bakery-ia-ci-{index:05d}"


def failed(index: int) -> bool:
    return index % 7 == 3


def width(index: int) -> int:
    """Return how many services a run builds: mostly two, now and then twenty."""
    return 20 if index % 50 == 3 else 2


def services(index: int) -> list[str]:
    return [SERVICES[place] if place < len(SERVICES) else f"service-{place}" for place in range(width(index))]


def stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def children(index: int) -> list[tuple[str, str, str]]:
    """Return (TaskRun, pipeline task, display name) of every task of a run."""
    name, found = run_name(index), []
    for task in _TASKS:
        if task in ("test", "build"):
            if task == "build" and failed(index):
                continue
            found += [
                (f"{name}-{task}-{place}", task, f"{task} {each}") for place, each in enumerate(services(index))
            ]
        elif not (task == "update-tag" and failed(index)):
            found.append((f"{name}-{task}", task, ""))
    return found


def _plan() -> dict[str, Any]:
    script = "#!/bin/sh\nset -eu\n" + "echo a line of the script\n" * 12
    matrix = {"params": [{"name": "service", "value": "$(tasks.detect-changes.results.services[*])"}]}

    def task(name: str, **more: Any) -> dict[str, Any]:
        spec = {"steps": [{"name": name, "image": "busybox:1.36", "script": script, "computeResources": {}}]}
        return {"name": name, "taskSpec": {"metadata": {}, "spec": None, **spec}, **more}

    return {
        "tasks": [
            task("clone"), task("detect-changes", runAfter=["clone"]),
            task("test", matrix=matrix, displayName="test $(params.service)"),
            task("build", matrix=matrix, displayName="build $(params.service)", runAfter=["test"]),
            task("update-tag", runAfter=["build"]),
        ],
        "finally": [task("report-status")],
    }  # fmt: skip


PLAN = _plan()


def pipelinerun(index: int, now: float) -> dict[str, Any]:
    name, bad = run_name(index), failed(index)
    start = now - 3600 - (100_000 - index) * 60
    message = (
        "Tasks Completed: 4 (Failed: 1, Cancelled 0), Skipped: 2"
        if bad
        else "Tasks Completed: 8 (Failed: 0, Cancelled 0), Skipped: 0"
    )
    return {
        "metadata": {
            "name": name, "namespace": NAMESPACE, "uid": f"{index:08d}-0000-4000-8000-00000000c1c1",
            "resourceVersion": str(500_000 + index), "creationTimestamp": stamp(start - 2),
            "labels": {"tekton.dev/pipeline": "bakery-ia-ci", "bakery.dev/revision": f"{index:040x}"},
            "managedFields": [{"manager": "controller", "operation": "Update", "fieldsV1": {f"f:{place}": {} for place in range(60)}}],
        },
        "spec": {"pipelineRef": {"name": "bakery-ia-ci"}, "params": [{"name": "revision", "value": f"{index:040x}"}],
                 "timeouts": {"pipeline": "2h0m0s"}},
        "status": {
            "startTime": stamp(start), "completionTime": stamp(start + 240),
            "conditions": [{"type": "Succeeded", "status": "False" if bad else "True", "message": message,
                            "reason": "Failed" if bad else "Succeeded", "lastTransitionTime": stamp(start + 240)}],
            "pipelineSpec": PLAN,
            "results": [{"name": "services", "value": services(index)}, {"name": "tag", "value": f"20261120-{index:012x}"}],
            "skippedTasks": [{"name": "build", "reason": "PipelineRun was stopping"}, {"name": "update-tag", "reason": "PipelineRun was stopping"}] if bad else [],
            "childReferences": [
                {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": child, "pipelineTaskName": task,
                 **({"displayName": title} if title else {})}
                for child, task, title in children(index)
            ],
        },
    }  # fmt: skip


def taskruns(index: int, now: float) -> list[dict[str, Any]]:
    found = []
    start = now - 3600 - (100_000 - index) * 60
    for place, (child, task, title) in enumerate(children(index)):
        bad = failed(index) and task == "test" and child.endswith("-0")
        begin, end = start + place, start + place + 20
        step = {"name": task, "container": f"step-{task}", "terminated": {
            "exitCode": 1 if bad else 0, "reason": "Error" if bad else "Completed",
            "startedAt": stamp(begin + 2), "finishedAt": stamp(end)}}  # fmt: skip
        found.append({
            "metadata": {
                "name": child, "namespace": NAMESPACE, "uid": f"{index:08d}-{place:04d}-4000-8000-00000000c2c2",
                "resourceVersion": str(600_000 + index), "creationTimestamp": stamp(begin),
                "labels": {"tekton.dev/pipelineRun": run_name(index), "tekton.dev/pipelineTask": task},
                "ownerReferences": [{"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "name": run_name(index),
                                     "uid": f"{index:08d}-0000-4000-8000-00000000c1c1", "controller": True}],
            },
            "spec": {"params": [{"name": "service", "value": title.rpartition(" ")[2]}] if title else []},
            "status": {
                "podName": f"{child}-pod", "startTime": stamp(begin), "completionTime": stamp(end), "steps": [step],
                "conditions": [{"type": "Succeeded", "status": "False" if bad else "True",
                                "reason": "StepFailed" if bad else "Succeeded", "lastTransitionTime": stamp(end),
                                "message": "\"step-test\" exited with code 1: Error" if bad else "All Steps have completed executing"}],
            },
        })  # fmt: skip
    return found


def log_lines() -> bytes:
    """Return the log of a failing step: 400 lines, an error near the end."""
    lines = [f"tests/test_model.py::test_{number} PASSED" for number in range(390)]
    lines += [
        "tests/test_model.py::test_seasonal FAILED",
        "E   AssertionError: expected 7 periods, got 0",
        "1 failed, 390 passed",
    ]
    return "".join(f"2026-11-22T10:00:00.{number:09d}Z {line}\n" for number, line in enumerate(lines)).encode()


class Runs:
    """So many runs, as encoded objects; TaskRuns are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self.now = time.time()
        self.count = count
        self.items = [json.dumps(pipelinerun(index, self.now)).encode() for index in range(count)]

    def tasks_of(self, selector: str) -> list[bytes]:
        """Return the TaskRuns that `tekton.dev/pipelineRun=NAME` selects, none without a selector."""
        name = selector.rpartition("=")[2]
        if not name.startswith("bakery-ia-ci-"):
            return []
        return [json.dumps(each).encode() for each in taskruns(int(name.rpartition("-")[2]), self.now)]
