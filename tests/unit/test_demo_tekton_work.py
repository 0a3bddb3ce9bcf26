"""Steps whose work is planned, and their logs while they run, after they ended, and when their pod is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bakeryops.demo.contracts import LogUnavailableError
from bakeryops.demo.tekton import StepEnd, StepPlan
from bakeryops.demo.tekton.words import PIPELINE_RUNS, TASK_RUNS
from tests.support.tekton import BUILDS, TektonCluster, pipeline_task, step

Object = dict[str, Any]


class Planned:
    """Plans the steps that it has a plan for, and remembers what it was asked."""

    def __init__(self, **plans: Callable[[], StepPlan]) -> None:
        self.plans = plans
        self.asked: list[tuple[str, str, str]] = []

    def plan(self, run: Object, pod: Object, step_name: str) -> StepPlan | None:
        self.asked.append((run["metadata"]["name"], pod["metadata"]["name"], step_name))
        return self.plans[step_name]() if step_name in self.plans else None


def test_a_planned_step_prints_its_lines_in_time_and_leaves_its_results() -> None:
    done: list[float] = []

    def finish() -> StepEnd:
        done.append(cluster.clock.now())
        return StepEnd(results={"tag": "v1", "undeclared": "x"}, lines=("pushed",))

    work = Planned(run=lambda: StepPlan(10.0, ((1.0, "\x1b[32mone\x1b[0m"), (4.0, "two")), finish))
    cluster = TektonCluster(work)
    cluster.run("r", [pipeline_task("build", "echo never", results=("tag",))])
    cluster.until(TASK_RUNS, "r-build", "Running")
    assert cluster.clock.run_until(lambda: bool(work.asked))
    started = cluster.clock.now()
    cluster.clock.advance(2.0)
    assert cluster.log("r-build-pod", "run") == [b"\x1b[32mone\x1b[0m\n"]
    assert not done
    cluster.until_done("r")
    assert done == [pytest.approx(started + 10.0)]
    assert [line.data for line in cluster.lines("r-build-pod", "run")[1:]] == [b"two\n", b"pushed\n"]
    assert cluster.task_run("r-build")["status"]["results"] == [{"name": "tag", "type": "string", "value": "v1"}]
    assert work.asked == [("r-build", "r-build-pod", "run")]


def test_steps_are_planned_one_after_another() -> None:
    work = Planned(one=lambda: StepPlan(3.0), two=lambda: StepPlan(2.0, finish=lambda: StepEnd(exit_code=7)))
    cluster = TektonCluster(work)
    spec = {"steps": [step("one", ""), step("two", ""), step("three", "echo never")]}
    cluster.run("r", [{"name": "t", "taskSpec": spec}])
    cluster.until_done("r")
    steps = cluster.task_run("r-t")["status"]["steps"]
    assert [each["terminationReason"] for each in steps] == ["Completed", "Error", "Skipped"]
    assert [each["terminated"]["exitCode"] for each in steps] == [0, 7, 1]
    assert [name for _, _, name in work.asked] == ["one", "two"]
    assert b"Skipping step because a previous step failed" in cluster.log("r-t-pod", "three")[0]


def test_a_planned_step_may_run_out_of_memory() -> None:
    cluster = TektonCluster(Planned(run=lambda: StepPlan(1.0, finish=lambda: StepEnd(out_of_memory=True))))
    cluster.run("r", [pipeline_task("build")])
    cluster.until_done("r")
    assert cluster.condition(cluster.task_run("r-build")) == ("False", "StepOOM")


def test_nothing_happens_at_the_end_of_a_step_that_was_cancelled() -> None:
    done: list[int] = []

    def finish() -> StepEnd:
        done.append(1)
        return StepEnd()

    cluster = TektonCluster(Planned(run=lambda: StepPlan(30.0, finish=finish)))
    cluster.run("r", [pipeline_task("build")])
    cluster.until(TASK_RUNS, "r-build", "Running")
    cluster.clock.advance(5)
    cluster.patch(PIPELINE_RUNS, "r", status="Cancelled")
    cluster.clock.advance(120)
    assert done == []


def test_secrets_and_config_reach_the_environment_of_a_script() -> None:
    cluster = TektonCluster()
    cluster.create("secrets", {"metadata": {"name": "login"}, "data": {"user": "YmFrZXI="}})
    cluster.create("configmaps", {"metadata": {"name": "settings"}, "data": {"OVEN": "hot"}})
    env = [
        {"name": "LOGIN", "valueFrom": {"secretKeyRef": {"name": "login", "key": "user"}}},
        {"name": "PLAIN", "value": "p"},
    ]
    source = [{"configMapRef": {"name": "settings"}}]
    spec = {"steps": [step("run", 'echo "$LOGIN $PLAIN $OVEN"', env=env, envFrom=source)]}
    cluster.run("r", [{"name": "t", "taskSpec": spec}])
    cluster.until_done("r")
    assert cluster.log("r-t-pod", "run") == [b"baker p hot\n"]


def test_logs_go_with_their_pod() -> None:
    cluster = TektonCluster()
    cluster.run("r", [pipeline_task("build", "echo built")])
    cluster.until_done("r")
    pod = cluster.pod("r-build-pod")
    assert pod is not None
    uid = pod["metadata"]["uid"]
    assert cluster.cluster.book.lines(uid, "step-run", cluster.clock.now()) is not None
    cluster.store.delete(PIPELINE_RUNS, BUILDS, "r")
    cluster.clock.advance(60)
    assert cluster.cluster.book.lines(uid, "step-run", cluster.clock.now()) is None


def test_a_step_that_waits_for_its_pod_has_no_log() -> None:
    cluster = TektonCluster()
    cluster.run("r", [pipeline_task("build")])
    cluster.clock.advance(0.6)
    pod = cluster.pod("r-build-pod")
    assert pod is not None
    with pytest.raises(LogUnavailableError, match="is waiting to start: PodInitializing"):
        cluster.logs.read(pod, "step-run", previous=False)


async def test_a_log_is_followed_until_its_step_ends() -> None:
    cluster = TektonCluster()
    cluster.run("r", [pipeline_task("build", "for i in 1 2 3; do echo $i; sleep 2; done")])
    cluster.until(TASK_RUNS, "r-build", "Running")
    pod = cluster.pod("r-build-pod")
    assert pod is not None
    found: list[bytes] = []

    async def follow() -> None:
        found.extend([line.data async for line in cluster.logs.follow(pod, "step-run", 0)])

    task = asyncio.create_task(follow())
    while not task.done():
        await asyncio.sleep(0)
        cluster.clock.advance(0.5)
    assert found == [b"1\n", b"2\n", b"3\n"]
