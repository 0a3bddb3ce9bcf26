"""A small cluster with Tekton on it, and the states that runs go through."""

from __future__ import annotations

from typing import Any

from bakeryops.demo import crds, gc
from bakeryops.demo.bakery.crds import definitions
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.contracts import LogLine
from bakeryops.demo.controllers import Cluster, Images, start_controllers
from bakeryops.demo.controllers.events import Recorder
from bakeryops.demo.logs import Logs
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.tekton import Work, start_tekton
from bakeryops.demo.tekton.words import PIPELINE_RUNS, TASK_RUNS, succeeded

__all__ = ["BUILDS", "TektonCluster", "pipeline_task", "state_of_run", "step"]

BUILDS = "bakery-ci"
"""The namespace that builds run in."""
Object = dict[str, Any]


class TektonCluster:
    """One node with 8 cores and 16 GiB, a namespace for builds, all controllers, Tekton, time moved by hand."""

    def __init__(self, work: Work | None = None, *, pods: int = 110) -> None:
        self.clock = ManualClock()
        self.store = ObjectStore(self.clock)
        for definition in definitions():
            self.store.create("customresourcedefinitions.apiextensions.k8s.io", definition, manager="test")
        crds.install(self.store)
        gc.install(self.store)
        self.store.create("namespaces", {"metadata": {"name": BUILDS}}, manager="test")
        allocatable = {"cpu": "8", "memory": "16Gi", "pods": str(pods)}
        node = {"metadata": {"name": "node-1"}, "spec": {}, "status": {"allocatable": allocatable}}
        self.store.create("nodes", node, manager="test")
        self.cluster = Cluster(self.store, self.clock, "node-1", Recorder(self.store, self.clock, "node-1"))
        present = {"busybox:1.35", "localhost/busybox:1.35.0", "localhost/tekton/entrypoint:v1.15.0"}
        self.kubelet = start_controllers(self.cluster, Images(present=present))
        self.tekton = start_tekton(self.cluster, self.kubelet, work)
        self.logs = Logs(self.store, self.clock, book=self.cluster.book)
        self.clock.advance(1.0)

    def create(self, plural: str, obj: Object) -> Object:
        return self.store.create(plural, obj, manager="test", namespace=BUILDS)

    def run(self, name: str, tasks: list[Object], *, final: list[Object] | None = None, **spec: Any) -> None:
        """Create a PipelineRun with the Pipeline written into it."""
        pipeline: Object = {"tasks": tasks} | ({"finally": final} if final else {})
        pipeline |= {
            key: spec.pop(key) for key in ("params_declared", "results", "workspaces_declared") if key in spec
        }
        for key in ("params", "workspaces"):
            if f"{key}_declared" in pipeline:
                pipeline[key] = pipeline.pop(f"{key}_declared")
        self.create(PIPELINE_RUNS, {"metadata": {"name": name}, "spec": {"pipelineSpec": pipeline, **spec}})

    def pipeline_run(self, name: str) -> Object:
        return self._get(PIPELINE_RUNS, name)

    def task_run(self, name: str) -> Object:
        return self._get(TASK_RUNS, name)

    def pod(self, name: str) -> Object | None:
        return self.store.get("pods", BUILDS, name)

    def task_runs(self) -> list[str]:
        return [run["metadata"]["name"] for run in self.store.list(TASK_RUNS, BUILDS)]

    def condition(self, run: Object) -> tuple[str, str]:
        entry = succeeded(run)
        return entry.get("status", ""), entry.get("reason", "")

    def until_done(self, name: str, timeout: float = 600.0) -> Object:
        """Move time on until a PipelineRun has ended, and return it."""
        done = self.clock.run_until(
            lambda: self.condition(self.pipeline_run(name))[0] in ("True", "False"), timeout
        )
        assert done, f"{name} has not ended: {self.pipeline_run(name).get('status')}"
        return self.pipeline_run(name)

    def until(self, plural: str, name: str, reason: str, timeout: float = 600.0) -> Object:
        """Move time on until a run's condition has a reason, and return the run."""

        def reached() -> bool:
            run = self.store.get(plural, BUILDS, name)
            return run is not None and self.condition(run)[1] == reason

        assert self.clock.run_until(reached, timeout), f"{name} never says {reason}"
        return self._get(plural, name)

    def patch(self, plural: str, name: str, **fields: Any) -> None:
        """Set fields of an object's spec; None takes one away."""

        def change(obj: Object) -> Object:
            obj["spec"].update(fields)
            obj["spec"] = {key: value for key, value in obj["spec"].items() if value is not None}
            return obj

        self.store.mutate(plural, BUILDS, name, change, manager="test")

    def log(self, pod: str, step_name: str) -> list[bytes]:
        return [line.data for line in self.lines(pod, step_name)]

    def lines(self, pod: str, step_name: str) -> list[LogLine]:
        found = self.pod(pod)
        assert found is not None, f"no pod {pod}"
        return self.logs.read(found, f"step-{step_name}", previous=False)

    def _get(self, plural: str, name: str) -> Object:
        found = self.store.get(plural, BUILDS, name)
        assert found is not None, f"no {plural} {name}"
        return found


def step(name: str, script: str, **more: Any) -> Object:
    """Return a step that runs a script."""
    return {"name": name, "image": "busybox:1.35", "script": f"#!/bin/sh\n{script}\n", **more}


def pipeline_task(name: str, script: str = "true", *, results: tuple[str, ...] = (), **more: Any) -> Object:
    """Return a pipeline task with one step called `run`; `params` of the task are declared as they are given."""
    spec: Object = {"steps": [step("run", script)]}
    if results:
        spec["results"] = [
            {"name": each.partition(":")[0], "type": each.partition(":")[2] or "string"} for each in results
        ]
    given = [*more.get("params", ()), *(more.get("matrix") or {}).get("params", ())]
    if given:
        spec["params"] = [
            {"name": each["name"], "type": "string"}
            if isinstance(each["value"], str) and (each in more.get("params", ()) and "[*]" not in each["value"])
            else {"name": each["name"]}
            for each in given
        ]
    return {"name": name, "taskSpec": spec, **more}


def state_of_run(obj: Object) -> tuple[Any, ...]:
    """Return what a person would call the state of a run."""
    entry = succeeded(obj)
    return (entry.get("status", ""), entry.get("reason", ""), entry.get("message", ""))
