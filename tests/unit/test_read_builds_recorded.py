"""Every recorded build replayed through decoder, store and index: at each moment, and at the end, what the objects say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bakeryops.cluster.decode import Decoder
from bakeryops.model.build import Build, BuildTask, Step
from bakeryops.model.health import Health
from bakeryops.read.build_index import BuildIndex
from bakeryops.read.builds import build_of
from bakeryops.units import parse_time
from tests.support.builds import RUNS, TASKRUNS, BuildFold
from tests.support.reading import Held
from tests.support.recordings import RECORDINGS, needs_recordings, scenarios

pytestmark = needs_recordings

SCENARIOS = [each for each in scenarios("tekton-") if each != "tekton-namespace-after"]

END: dict[str, tuple[str, Health, str, tuple[str, ...] | None]] = {
    # scenario: state, health, beginning of why, services
    "tekton-bad-workspace": ("failed", Health.BAD, "A workspace that the pipeline requires was not given", None),
    "tekton-build-fails": ("failed", Health.BAD, "build web: Step build failed", ("api", "web", "worker")),
    "tekton-cancelled": ("cancelled", Health.HELD, "It was cancelled.", ("api", "worker")),
    "tekton-cancelled-run-finally": ("cancelled", Health.HELD, "It was cancelled.", ("api", "web")),
    "tekton-image-not-on-node": ("timed out", Health.BAD, "It did not finish within 30s. scan: The build ran out", None),
    "tekton-image-pull-failure": ("timed out", Health.BAD, "It did not finish within 40s. scan: The build ran out", None),
    "tekton-missing-param": ("failed", Health.BAD, "A parameter that the pipeline requires was not given", None),
    "tekton-missing-result": ("failed", Health.BAD, "What its tasks handed on does not fit the pipeline", None),
    "tekton-missing-secret": ("failed", Health.BAD, "login: A container lacks something it refers to", None),
    "tekton-no-pipeline": ("failed", Health.BAD, "Its pipeline cannot be found or read", None),
    "tekton-no-task": ("failed", Health.BAD, "Its pipeline names a task that cannot be found or read", None),
    "tekton-nothing-changed": ("succeeded", Health.FINE, "Finished well; some tasks had nothing to do", ()),
    "tekton-oom": ("failed", Health.BAD, "bundle: Step bundle was killed: out of memory", None),
    "tekton-pending-then-started": ("succeeded", Health.FINE, "", ("worker",)),
    "tekton-pod-admission-failed": ("failed", Health.BAD, "clone (and 1 more): The namespace does not admit", None),
    "tekton-quota-exceeded-recovers": ("succeeded", Health.FINE, "", None),
    "tekton-rerun-as-new-object": ("succeeded", Health.FINE, "", ("api", "web", "worker")),
    "tekton-retry-then-success": ("succeeded", Health.FINE, "", None),
    "tekton-step-onerror-continue": ("succeeded", Health.FINE, "", None),
    "tekton-stopped-run-finally": ("cancelled", Health.HELD, "It was cancelled.", ("api", "web")),
    "tekton-success-one": ("succeeded", Health.FINE, "", ("web",)),
    "tekton-success-three": ("succeeded", Health.FINE, "", ("api", "web", "worker")),
    "tekton-task-onerror-continue": ("succeeded", Health.FINE, "Finished well; smoke failed and was allowed to.", None),
    "tekton-timeout-one-task": ("failed", Health.BAD, "slow: It did not finish within 7s.", None),
    "tekton-timeout-pipeline": ("timed out", Health.BAD, "It did not finish within 9s. slow: The build ran out", None),
    "tekton-timeout-tasks": ("timed out", Health.BAD, "Its tasks did not finish within 9s. slow: The build", None),
}  # fmt: skip

ON_THE_WAY: dict[str, list[tuple[str, Health]]] = {
    # States in this order; others may lie between.
    "tekton-build-fails": [("queued", Health.WORKING), ("running", Health.WORKING), ("stopping", Health.BAD),
                           ("failed", Health.BAD)],
    "tekton-cancelled": [("running", Health.WORKING), ("stopping", Health.WORKING), ("cancelled", Health.HELD)],
    "tekton-image-pull-failure": [("running", Health.WORKING), ("running", Health.BAD), ("timed out", Health.BAD)],
    "tekton-pending-then-started": [("pending", Health.HELD), ("running", Health.WORKING),
                                    ("succeeded", Health.FINE)],
    "tekton-retry-then-success": [("running", Health.WORKING), ("running", Health.SOON), ("running", Health.WORKING),
                                  ("succeeded", Health.FINE)],
    "tekton-timeout-tasks": [("running", Health.WORKING), ("stopping", Health.BAD), ("timed out", Health.BAD)],
}  # fmt: skip

FAILING_STEP: dict[str, tuple[str, str, str, int | None]] = {
    # scenario: title of the task, step, pod, exit code
    "tekton-build-fails": ("build web", "build", "bakery-q8w3e-build-1-pod", 1),
    "tekton-image-not-on-node": ("scan", "scan", "", None),
    "tekton-image-pull-failure": ("scan", "scan", "", None),
    "tekton-missing-secret": ("login", "login", "", None),
    "tekton-oom": ("bundle", "bundle", "bakery-o6m4k-bundle-pod", 137),
    "tekton-pod-admission-failed": ("clone", "", "", None),
    "tekton-timeout-one-task": ("slow", "run", "bakery-t5k2o-slow-pod", None),
    "tekton-timeout-pipeline": ("slow", "run", "bakery-t1p8l-slow-pod", None),
    "tekton-timeout-tasks": ("slow", "run", "bakery-t9r4e-slow-pod", None),
}


def said(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the condition of a raw run."""
    conditions = (raw.get("status") or {}).get("conditions") or [{}]
    return next((each for each in conditions if each.get("type") == "Succeeded"), {})


def honest(build: Build, raw: dict[str, dict[str, Any]]) -> None:
    """Check that nothing is fine that its object does not say so of, and that names and numbers hold together."""
    run = raw[build.uid]
    assert build.health is not Health.FINE or said(run).get("status") == "True"
    assert build.finished == (said(run).get("status") in ("True", "False"))
    by_name = {each["metadata"]["name"]: each for each in raw.values() if each["kind"] == "TaskRun"}
    assert len({task.key for task in build.tasks}) == len(build.tasks)
    for task in build.tasks:
        made = by_name.get(task.run)
        if made is None:
            assert task.health is not Health.FINE or said(run).get("status") == "True"
            continue
        assert task.health is not Health.FINE or said(made).get("status") == "True"
        assert (task.state == "succeeded") == (said(made).get("status") == "True")
        assert task.pod in ("", (made.get("status") or {}).get("podName"))
        ends = {each["name"]: each.get("terminated") for each in (made.get("status") or {}).get("steps") or ()}
        for step in task.steps:
            end = ends.get(step.name) or {}
            assert step.health is not Health.FINE or end.get("exitCode") == 0
        assert sum(step.state == "running" for step in task.steps) <= 1
    assert (
        not build.finished
        or all(not running(task) for task in build.tasks)
        or build.state in ("timed out", "cancelled")
    )


def running(task: BuildTask) -> bool:
    return any(step.state == "running" for step in task.steps)


def agrees(build: Build, raw: dict[str, dict[str, Any]]) -> None:
    """Check a finished build field by field against its objects, read here in another way."""
    run = raw[build.uid]
    status = run["status"]
    assert build.started == parse_time(status.get("startTime"))
    assert build.ended == parse_time(status["completionTime"])
    assert build.finally_started == parse_time(status.get("finallyStartTime"))
    assert build.reason == said(run)["reason"]
    assert [each.name for each in build.params] == [each["name"] for each in run["spec"].get("params") or ()]
    assert [each.name for each in build.results] == [each["name"] for each in status.get("results") or ()]
    plan = status.get("pipelineSpec") or {}
    children = {each["name"]: each for each in status.get("childReferences") or ()}
    skipped = {each["name"]: each for each in status.get("skippedTasks") or ()}
    assert {task.run for task in build.tasks if task.run} == set(children)
    assert {task.task for task in build.tasks if task.state == "skipped"} == set(skipped)
    closing = {each["name"] for each in plan.get("finally") or ()}
    assert {task.task for task in build.tasks} == {each["name"] for each in plan.get("tasks") or ()} | closing
    for place, task in enumerate(build.tasks):
        assert task.finally_ == (task.task in closing)
        assert {other.task for other in build.tasks[:place]} >= set(task.after)
        if not task.run:
            assert (task.pod, task.steps) == ("", ())
            assert task.state in ("skipped", "not started")
            continue
        made = next(each for each in raw.values() if each["metadata"]["name"] == task.run)
        assert task.task == children[task.run]["pipelineTaskName"]
        assert task.title == children[task.run].get("displayName", task.task)
        assert task.pod == made["status"].get("podName", "")
        assert task.started == parse_time(made["status"].get("startTime"))
        assert task.ended == parse_time(made["status"].get("completionTime"))
        assert [each.name for each in task.params] == [each["name"] for each in made["spec"].get("params") or ()]
        assert [each.name for each in task.results] == [
            each["name"] for each in made["status"].get("results") or ()
        ]
        assert [each.name for each in task.steps] == [each["name"] for each in made["status"].get("steps") or ()]
        assert len(task.attempts) == len(made["status"].get("retriesStatus") or ())
        for step, end in zip(task.steps, made["status"].get("steps") or (), strict=True):
            same_step(step, end)


def same_step(step: Step, raw: dict[str, Any]) -> None:
    end = raw.get("terminated")
    if end is None:
        assert step.exit_code is None
        return
    made_up = raw.get("terminationReason") in ("Skipped", "TaskRunCancelled", "TaskRunTimeout")
    assert step.exit_code == (None if made_up else end["exitCode"])
    assert step.state == {"Skipped": "skipped", "Continued": "continued"}.get(
        raw.get("terminationReason", ""), "ended"
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_recorded_build(scenario: str) -> None:
    fold = BuildFold(scenario)
    seen: list[tuple[str, Health]] = []
    for _ in fold:
        for build in fold.index.builds:
            honest(build, fold.raw)
            # As a row of a list, and before its TaskRuns are read.
            run = fold.stores["pipelineruns"].items[build.uid]
            row = build_of(run, None, now=fold.now)
            bare = build_of(run, (), now=fold.now)
            assert (row.finished, row.uid) == (bare.finished, bare.uid) == (build.finished, build.uid)
            assert not row.finished or row.state == bare.state == build.state
            honest(bare, {build.uid: fold.raw[build.uid]})
        newest = fold.index.builds[0] if fold.index.builds else None
        if newest is not None and (not seen or seen[-1] != (newest.state, newest.health)):
            seen.append((newest.state, newest.health))
    for build in fold.index.builds:
        assert build.finished
        assert build == build_of(
            fold.stores["pipelineruns"].items[build.uid], fold.stores["taskruns"].items.values(), now=fold.now
        )
    newest = fold.index.builds[0]
    agrees(newest, fold.raw)
    state, health, why, services = END[scenario]
    assert (newest.state, newest.health, newest.services) == (state, health, services)
    assert newest.why.startswith(why)
    assert why or not newest.why
    left = iter(seen)
    assert all(any(each == wanted for each in left) for wanted in ON_THE_WAY.get(scenario, [])), seen
    if newest.state in ("succeeded", "cancelled"):
        assert newest.failure is None
    else:
        assert newest.failure is not None
        found = (newest.failure.title, newest.failure.step, newest.failure.pod, newest.failure.exit_code)
        assert found == FAILING_STEP.get(scenario, ("", "", "", None))
        assert newest.failure.text


def test_a_rerun_is_a_build_of_its_own() -> None:
    fold = BuildFold("tekton-rerun-as-new-object")
    for _ in fold:
        pass
    assert [each.state for each in fold.index.builds] == ["succeeded", "failed"]


def test_the_lists_of_the_namespace_afterwards() -> None:
    folder = RECORDINGS / "tekton-namespace-after"
    stores = {}
    decoders: dict[str, Decoder[Any]] = {"pipelineruns": RUNS, "taskruns": TASKRUNS}
    for plural, decoder in decoders.items():
        _, objects, broken = decoder.page((folder / f"list-{plural}.json").read_bytes())
        assert not broken
        stores[plural] = Held({each.metadata.uid: each for each in objects})
    raw = json.loads((folder / "list-pipelineruns.json").read_text("utf-8"))["items"]
    index = BuildIndex(clock=lambda: 0.0)
    index.load({"pipelineruns": stores["pipelineruns"]})
    assert len(index.builds) == len(raw)
    rows = {each.uid: each for each in index.builds}
    assert [each.created for each in index.builds] == sorted((each.created for each in index.builds), reverse=True)
    index.load(stores)
    for each in raw:
        build = index.get(f"{each['metadata']['namespace']}/{each['metadata']['name']}")
        assert build is not None
        assert build.reason == said(each)["reason"] == rows[build.uid].reason
        assert (build.health is Health.FINE) == (said(each)["status"] == "True")
        assert not rows[build.uid].tasks
