"""What Tekton's webhook fills in and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.demo.status import StatusError
from bakeryops.demo.tekton.words import PIPELINE_RUNS, PIPELINES, TASK_RUNS, TASKS
from tests.support.tekton import TektonCluster, pipeline_task, step

Object = dict[str, Any]
TASK: Object = {"name": "a", "taskRef": {"name": "x"}}


@pytest.fixture
def cluster() -> TektonCluster:
    return TektonCluster()


@pytest.mark.parametrize(
    ("plural", "spec", "why"),
    [
        (PIPELINES, {"tasks": [TASK, TASK]}, "expected exactly one, got both: spec.tasks[1].name"),
        (PIPELINES, {}, "expected at least one, got none: spec.description, spec.params"),
        (PIPELINES, {"tasks": [{"name": "a"}]}, "got neither: spec.tasks[0].taskRef, spec.tasks[0].taskSpec"),
        (PIPELINES, {"tasks": [TASK | {"runAfter": ["b"]}]}, "task a depends on b but b wasn't present in Pipeline"),
        (
            PIPELINES,
            {"tasks": [TASK | {"runAfter": ["b"]}, TASK | {"name": "b", "runAfter": ["a"]}]},
            'cycle detected; task "a" depends on "b": spec.tasks',
        ),
        (PIPELINES, {"tasks": [TASK], "finally": [TASK | {"name": "f", "runAfter": ["a"]}]}, "no runAfter allowed"),
        (
            PIPELINES,
            {"tasks": [TASK | {"params": [{"name": "p", "value": "$(params.who)"}]}]},
            'non-existent variable in "$(params.who)"',
        ),
        (PIPELINES, {"tasks": [{"name": "a", "taskSpec": {"steps": []}}]}, "missing field(s): spec.tasks[0].steps"),
        (PIPELINES, {"tasks": [TASK | {"when": [{"cel": "'a' == 'b'"}]}]}, "enable-cel-in-whenexpression"),
        (TASKS, {"steps": [step("s", "echo $(params.who)")]}, "spec.steps[0].script"),
        (TASKS, {"steps": [step("s", "x"), step("s", "y")]}, "spec.steps[1].name"),
        (TASKS, {"steps": [{"name": "s", "script": "x"}]}, "missing field(s): spec.steps[0].Image"),
        (TASKS, {}, "missing field(s): spec.steps"),
        (TASK_RUNS, {}, "expected exactly one, got neither: spec.taskRef, spec.taskSpec"),
        (TASK_RUNS, {"taskRef": {"name": "x"}, "status": "Stop"}, "Stop should be TaskRunCancelled: spec.status"),
        (PIPELINE_RUNS, {"pipelineRef": {"name": "p"}, "pipelineSpec": {"tasks": [TASK]}}, "got both: spec.pipelineRef"),
        (PIPELINE_RUNS, {"pipelineRef": {"name": "p"}, "timeouts": {"tasks": "2h"}}, "should be <= pipeline duration"),
        (
            PIPELINE_RUNS,
            {"pipelineRef": {"name": "p"}, "timeouts": {"pipeline": "5m", "tasks": "4m", "finally": "2m"}},
            "4m0s + 2m0s should be <= pipeline duration",
        ),
        (PIPELINE_RUNS, {"pipelineRef": {"name": "p"}, "params": [{"name": "a"}, {"name": "a"}]}, "spec.params[a].name"),
    ],
)  # fmt: skip
def test_what_is_not_valid_is_refused(cluster: TektonCluster, plural: str, spec: Object, why: str) -> None:
    with pytest.raises(StatusError) as refused:
        cluster.create(plural, {"metadata": {"name": "x"}, "spec": spec})
    assert refused.value.code == 400
    assert str(refused.value).startswith('admission webhook "validation.webhook.pipeline.tekton.dev" denied')
    assert why in str(refused.value)


def test_params_of_the_pipeline_are_known_in_its_tasks(cluster: TektonCluster) -> None:
    tasks = [{"name": "a", "taskSpec": {"steps": [step("s", "echo $(params.who) $(params.list[0])")]}}]
    params = [{"name": "who"}, {"name": "list", "default": ["x"]}]
    made = cluster.create(PIPELINES, {"metadata": {"name": "p"}, "spec": {"params": params, "tasks": tasks}})
    assert [each["type"] for each in made["spec"]["params"]] == ["string", "array"]
    assert made["spec"]["tasks"][0]["taskSpec"]["steps"][0]["computeResources"] == {}


def test_a_run_is_given_its_defaults(cluster: TektonCluster) -> None:
    spec = {"pipelineRef": {"name": "p"}, "timeouts": {"tasks": "90s"}}
    made = cluster.create(PIPELINE_RUNS, {"metadata": {"name": "r"}, "spec": spec})
    assert made["spec"]["timeouts"] == {"pipeline": "1h0m0s", "tasks": "1m30s"}
    assert made["spec"]["taskRunTemplate"] == {"serviceAccountName": "default"}


def test_a_run_that_started_may_only_be_stopped(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("slow", "sleep 30")])
    cluster.until(TASK_RUNS, "r-slow", "Running")
    with pytest.raises(StatusError, match="Once the PipelineRun has started, only status updates are allowed"):
        cluster.patch(PIPELINE_RUNS, "r", params=[{"name": "x", "value": "y"}])
    with pytest.raises(StatusError, match="cannot be Pending after it is started"):
        cluster.patch(PIPELINE_RUNS, "r", status="PipelineRunPending")
    cluster.patch(PIPELINE_RUNS, "r", status="Cancelled")
    cluster.until_done("r")
    with pytest.raises(StatusError, match="Once the PipelineRun is complete, no updates are allowed"):
        cluster.patch(PIPELINE_RUNS, "r", status=None)


@pytest.mark.parametrize(
    "spec",
    [
        {"tasks": "x"}, {"tasks": [None, 5]}, {"pipelineSpec": []}, {"timeouts": "1h"}, {"params": {"a": 1}},
        {"pipelineSpec": {"tasks": [{"name": 5, "taskSpec": {"steps": [1]}}]}}, {"status": ["x"]}, {"steps": 5},
        {"tasks": 7}, {"retries": True}, {"params": [{"value": "x"}]}, None, [], "text", {"taskRunTemplate": 1},
    ],
)  # fmt: skip
@pytest.mark.parametrize("plural", [PIPELINES, PIPELINE_RUNS, TASKS, TASK_RUNS])
def test_nonsense_is_refused_not_crashed_on(cluster: TektonCluster, plural: str, spec: Object) -> None:
    with pytest.raises(StatusError):
        cluster.create(plural, {"metadata": {"name": "x"}, "spec": spec})
