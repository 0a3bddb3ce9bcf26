"""The tasks of a build: their order, the children of a matrix, what never ran, steps and attempts."""

from __future__ import annotations

from typing import Any

from bakeryops.model.health import Health
from bakeryops.read.builds import build_of
from tests.support.builds import (
    GOING,
    child,
    condition,
    plan,
    raw_run,
    raw_step,
    raw_taskrun,
    read,
    run_of,
    states_of,
    task_of,
)
from tests.support.reading import NOW, stamp

TESTS = {
    "name": "test",
    "displayName": "test $(params.service)",
    "matrix": {"params": [{"name": "service", "value": "$(tasks.detect.results.services[*])"}]},
}


# Tasks.


def test_tasks_come_in_the_order_of_their_dependencies() -> None:
    spec = plan(
        {"name": "tag", "params": [{"name": "image", "value": "$(tasks.build.results.IMAGE_REF[*])"}]},
        {"name": "build", "when": [{"cel": "'$(tasks.detect.results.any)' == 'true'"}], "runAfter": ["test"]},
        {**TESTS},
        {"name": "detect", "params": [{"name": "a", "value": {"k": "$(tasks.clone.results.commit)"}}]},
        {"name": "clone", "params": [{"name": "s", "value": "$(tasks.status)"}]},
        closing=({"name": "report", "params": [{"name": "x", "value": "$(tasks.tag.results.y)"}]},),
    )
    build = read(raw_run(conditions=GOING, pipelineSpec=spec))
    assert [(each.task, each.after) for each in build.tasks] == [
        ("clone", ()),
        ("detect", ("clone",)),
        ("test", ("detect",)),
        ("build", ("test", "detect")),
        ("tag", ("build",)),
        ("report", ()),
    ]
    assert [each.finally_ for each in build.tasks] == [False] * 5 + [True]
    assert {each.state for each in build.tasks} == {"not started"}
    assert task_of(build, "build").when == ("'$(tasks.detect.results.any)' == 'true'",)


def test_a_circle_of_tasks_is_shown_all_the_same() -> None:
    spec = plan(
        {"name": "a", "runAfter": ["b"]}, {"name": "b", "runAfter": ["a"]}, {"name": "c", "runAfter": ["c"]}
    )
    build = read(
        raw_run(conditions=condition("False", "PipelineInvalidGraph", "cycle detected"), pipelineSpec=spec)
    )
    assert [each.task for each in build.tasks] == ["c", "a", "b"]
    assert build.why == (
        "The tasks of the pipeline wait for each other, or for one that is not there: cycle detected")  # fmt: skip


def test_children_of_a_matrix_are_told_apart_without_their_index() -> None:
    done = {"conditions": condition("True", "Succeeded")}
    spec = plan({"name": "detect"}, TESTS)
    made = [raw_taskrun("x-test-0", "test", params={"service": "pos"}, **done),
            raw_taskrun("x-test-1", "test", params={"service": "auth"}, **done)]  # fmt: skip
    # By parameters, as the reference has no display name (Tekton before 0.59) or is not written yet.
    build = read(raw_run(conditions=GOING, pipelineSpec=spec), *made)
    assert [each.title for each in build.tasks] == ["detect", "test auth", "test pos"]
    assert [each.matrix_title for each in build.tasks[1:]] == ["auth", "pos"]
    assert build.services == ("auth", "pos")
    # By parameters where the pipeline declares no display name either.
    bare = {key: value for key, value in TESTS.items() if key != "displayName"}
    build = read(raw_run(conditions=GOING, pipelineSpec=plan({"name": "detect"}, bare)), *made)
    assert [each.title for each in build.tasks] == ["detect", "test auth", "test pos"]
    # By the display name of the reference.
    refs = [child("x-test-0", "test", "Unit tests of pos"), child("x-test-1", "test", "Unit tests of auth")]
    build = read(raw_run(conditions=GOING, pipelineSpec=spec, childReferences=refs), *made)
    assert [each.title for each in build.tasks] == ["detect", "Unit tests of auth", "Unit tests of pos"]
    # By their own names where nothing else differs.
    same = [raw_taskrun("x-test-0", "test", **done), raw_taskrun("x-test-1", "test", **done)]
    build = read(raw_run(conditions=GOING, pipelineSpec=plan({"name": "test", "matrix": {}})), *same)
    assert [each.title for each in build.tasks] == ["test (x-test-0)", "test (x-test-1)"]
    assert len({each.key for each in build.tasks}) == 2


def test_an_empty_matrix_was_skipped() -> None:
    skipped = [{"name": "test", "reason": "Matrix Parameters have an empty array"}]
    build = read(
        raw_run(conditions=condition("True", "Completed"), pipelineSpec=plan(TESTS), skippedTasks=skipped)
    )
    assert [(each.state, each.why) for each in build.tasks] == [
        ("skipped", "Skipped: there is nothing to do, its list is empty.")]  # fmt: skip
    assert build.services == ()


def test_a_row_of_a_list_knows_its_services_and_no_tasks() -> None:
    refs = [child("x-0", "test", "test pos"), child("x-1", "test", "test auth")]
    build = build_of(
        run_of(raw_run(conditions=GOING, pipelineSpec=plan(TESTS), childReferences=refs)), None, now=NOW
    )
    assert build.tasks == ()
    assert build.services == ("pos", "auth")
    assert (build.done, build.total) == (0, 2)


def test_without_taskruns_children_are_green_only_where_the_run_says_so() -> None:
    spec = plan({"name": "clone"}, TESTS)
    refs = [child("x-clone", "clone"), child("x-test", "test", "test pos")]
    message = "Tasks Completed: 2 (Failed: {}, Cancelled 0), Skipped: 0"
    well = read(
        raw_run(
            conditions=condition("True", "Succeeded", message.format(0)), pipelineSpec=spec, childReferences=refs
        )
    )
    assert states_of(well) == [("clone", "succeeded", "fine"), ("test pos", "succeeded", "fine")]
    for reason in (
        condition("True", "Succeeded", message.format("1 (Ignored: 1)")),
        condition("True", "Succeeded"),
        condition("False", "Failed", message.format(1)),
        GOING,
    ):
        build = read(raw_run(conditions=reason, pipelineSpec=spec, childReferences=refs))
        assert {(each.state, each.health) for each in build.tasks} == {("unknown", Health.UNKNOWN)}
        assert task_of(build, "clone").why == "TaskRun x-clone is gone, or not read yet."


def test_taskruns_of_other_runs_are_left_out() -> None:
    namesake = raw_taskrun("ci-a1b2c-old", "old", meta={"ownerReferences": [
        {"kind": "PipelineRun", "name": "ci-a1b2c", "uid": "uid-of-the-one-before"}]})  # fmt: skip
    elsewhere = raw_taskrun("ci-a1b2c-x", "x", meta={"namespace": "other"})
    other = raw_taskrun("ci-zzzzz-clone", "clone", run="ci-zzzzz")
    mine = raw_taskrun("ci-a1b2c-clone", "clone", meta={"ownerReferences": []})
    build = read(raw_run(conditions=GOING), namesake, elsewhere, other, mine)
    assert [each.run for each in build.tasks] == ["ci-a1b2c-clone"]


def test_child_pipelines_and_custom_runs_break_nothing() -> None:
    refs = [child("x-wait", "wait", kind="CustomRun"), child("x-nested", "nested", kind="PipelineRun")]
    spec = plan({"name": "wait"}, {"name": "nested", "pipelineRef": {"name": "p"}})
    build = read(raw_run(conditions=GOING, pipelineSpec=spec, childReferences=refs))
    assert states_of(build) == [("wait", "running", "unknown"), ("nested", "running", "unknown")]
    assert task_of(build, "nested").why == "It is a PipelineRun: how it goes is kept in that object."
    ended = read(raw_run(conditions=condition("False", "Failed"), pipelineSpec=spec, childReferences=refs))
    assert {each.health for each in ended.tasks} == {Health.UNKNOWN}


def test_statuses_embedded_by_old_releases_are_read() -> None:
    steps = [raw_step("compile", 2)]
    embedded = {
        "old-build-x": {"pipelineTaskName": "build", "status": {
            "podName": "old-build-x-pod", "startTime": stamp(90), "completionTime": stamp(50), "steps": steps,
            "taskResults": [{"name": "IMAGE_REF", "value": "h/o/auth:20261122-abc"}],
            "conditions": condition("False", "Failed", '"step-compile" exited with code 2')}},
    }  # fmt: skip
    build = read(
        raw_run(
            conditions=condition("False", "Failed"), taskRuns=embedded, pipelineSpec=plan({"name": "build"}),
            pipelineResults=[{"name": "deploy-commit", "value": "0123456789abcdef0123456789abcdef01234567"}],
        )
    )  # fmt: skip
    assert states_of(build) == [("build", "failed", "bad")]
    assert build.failure is not None
    assert (build.failure.pod, build.failure.step) == ("old-build-x-pod", "compile")
    assert build.deploy_commit == "0123456789abcdef0123456789abcdef01234567"
    assert build.tag == "20261122-abc"


# Steps.


def test_only_the_first_step_that_has_not_ended_runs() -> None:
    up = {"running": {"startedAt": stamp(58)}}
    steps = [raw_step("a", 0), raw_step("b", **up), raw_step("c", **up)]
    build = read(raw_run(conditions=GOING), raw_taskrun("x", "x", conditions=GOING, steps=steps))
    (one,) = build.tasks
    assert [each.state for each in one.steps] == ["ended", "running", "waiting"]
    # It began when the one before it ended, not when its container did.
    assert one.steps[1].started == NOW - 50
    assert one.began == NOW - 60


def test_the_first_step_that_failed_is_to_blame_without_termination_reasons() -> None:
    steps = [raw_step("a", 0), raw_step("b", 3), raw_step("c", 1)]
    bad = condition("False", "Failed", '"step-b" exited with code 3')
    build = read(raw_run(conditions=GOING), raw_taskrun("x", "x", conditions=bad, steps=steps, podName="p"))
    assert [each.state for each in build.tasks[0].steps] == ["ended", "ended", "skipped"]
    assert build.failure is not None
    assert (build.failure.step, build.failure.exit_code) == ("b", 3)


def test_the_first_task_that_failed_is_the_failure_and_closing_tasks_come_last() -> None:
    def failed(name: str, ended: float, **meta: Any) -> dict[str, Any]:
        return raw_taskrun(name, name, conditions=condition("False", "StepFailed"), completionTime=stamp(ended),
                           steps=[raw_step("s", 1)], podName=f"{name}-pod")  # fmt: skip

    spec = plan({"name": "late"}, {"name": "early"}, closing=({"name": "report"},))
    build = read(raw_run(conditions=condition("False", "Failed"), pipelineSpec=spec),
                 failed("late", 10), failed("early", 40), failed("report", 60))  # fmt: skip
    assert build.failure is not None
    assert build.failure.pod == "early-pod"


def test_a_retry_that_is_about_to_start_has_no_pod() -> None:
    before = {"podName": "x-pod", "conditions": condition("False", "StepFailed"), "steps": [raw_step("s", 1)]}
    for reason in ("ToBeRetried", "Running"):
        now = condition("Unknown", reason, '"step-s" exited with code 1')
        made = raw_taskrun("x", "x", conditions=now, podName="x-pod", steps=[raw_step("s", 1)], retriesStatus=[before],
                           taskSpec={"steps": [{"name": "s"}]})  # fmt: skip
        (one,) = read(raw_run(conditions=GOING), made).tasks
        assert (one.pod, one.began, len(one.attempts)) == ("", None, 1)
        assert [each.state for each in one.steps] == ["waiting"]
        assert one.health is (Health.SOON if reason == "ToBeRetried" else Health.WORKING)


def test_a_pod_that_fits_nowhere_is_told() -> None:
    message = 'pod status "PodScheduled":"False"; message: "0/1 nodes are available: 1 Insufficient memory."'
    made = raw_taskrun("x", "x", conditions=condition("Unknown", "Pending", message))
    build = read(raw_run(conditions=GOING), made)
    assert build.health is Health.SOON
    assert build.why == 'x: Its pod fits on no node: "0/1 nodes are available: 1 Insufficient memory."'
