"""Runs of pipelines on the embedded cluster: order, fan-out, skipping, ends, and what goes with a run."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.demo.tekton.words import PIPELINE_RUNS, TASK_RUNS, TASKS
from tests.support.tekton import BUILDS, TektonCluster, pipeline_task, step

Object = dict[str, Any]


@pytest.fixture
def cluster() -> TektonCluster:
    return TektonCluster()


def reasons(run: Object) -> dict[str, str]:
    return {each["name"]: each["reason"] for each in run["status"].get("skippedTasks") or ()}


def children(run: Object) -> dict[str, str]:
    return {each["name"]: each.get("displayName", "") for each in run["status"].get("childReferences") or ()}


def matrix(*values: str, **more: Any) -> Object:
    return {"params": [{"name": "service", "value": list(values)}], **more}


def test_a_pipeline_runs_its_tasks_in_order(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("one", "sleep 1"), pipeline_task("two", runAfter=["one"])])
    cluster.until(TASK_RUNS, "r-one", "Running")
    assert cluster.task_runs() == ["r-one"]
    run = cluster.until_done("r")
    assert cluster.condition(run) == ("True", "Succeeded")
    assert list(children(run)) == ["r-one", "r-two"]


def test_results_reach_the_tasks_that_name_them(cluster: TektonCluster) -> None:
    emit = pipeline_task("emit", "printf abc > /tekton/results/tag", results=("tag",))
    use = pipeline_task(
        "use", "echo got $(params.tag)", params=[{"name": "tag", "value": "$(tasks.emit.results.tag)"}]
    )
    cluster.run("r", [use, emit], results=[{"name": "tag", "value": "$(tasks.emit.results.tag)"}])
    run = cluster.until_done("r")
    assert cluster.log("r-use-pod", "run") == [b"got abc\n"]
    assert run["status"]["results"] == [{"name": "tag", "value": "abc"}]


def test_a_matrix_makes_a_task_run_for_each_combination(cluster: TektonCluster) -> None:
    build = pipeline_task("build", "echo $(params.service)", matrix=matrix("api", "web"))
    cluster.run("r", [build | {"displayName": "build $(params.service)"}])
    run = cluster.until_done("r")
    assert children(run) == {"r-build-0": "build api", "r-build-1": "build web"}
    assert cluster.log("r-build-1-pod", "run") == [b"web\n"]


def test_one_combination_has_no_number(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("build", matrix=matrix("api"))])
    assert list(children(cluster.until_done("r"))) == ["r-build"]


def test_a_matrix_is_the_product_of_its_params(cluster: TektonCluster) -> None:
    both = {"params": [{"name": "os", "value": ["a", "b"]}, {"name": "arch", "value": ["x", "y"]}]}
    cluster.run("r", [pipeline_task("t", "echo $(params.os)$(params.arch)", matrix=both)])
    cluster.until_done("r")
    printed = [cluster.log(f"r-t-{index}-pod", "run")[0] for index in range(4)]
    assert printed == [b"ax\n", b"ay\n", b"bx\n", b"by\n"]


def test_includes_add_to_combinations_and_make_further_ones(cluster: TektonCluster) -> None:
    include = [
        {"name": "special", "params": [{"name": "service", "value": "web"}, {"name": "flag", "value": "-s"}]},
        {"name": "other", "params": [{"name": "service", "value": "db"}]},
    ]
    task = pipeline_task("t", "echo $(params.service)", matrix=matrix("api", "web", include=include))
    task["taskSpec"]["params"].append({"name": "flag", "default": ""})
    cluster.run("r", [task])
    run = cluster.until_done("r")
    assert children(run) == {"r-t-0": "", "r-t-1": "special", "r-t-2": "other"}
    assert cluster.task_run("r-t-1")["spec"]["params"][-1] == {"name": "flag", "value": "-s"}


def test_a_matrix_of_nothing_is_skipped(cluster: TektonCluster) -> None:
    detect = pipeline_task("detect", "printf '[]' > /tekton/results/services", results=("services:array",))
    fan = [{"name": "service", "value": "$(tasks.detect.results.services[*])"}]
    cluster.run("r", [detect, pipeline_task("build", matrix={"params": fan})])
    run = cluster.until_done("r")
    assert reasons(run) == {"build": "Matrix Parameters have an empty array"}
    assert cluster.condition(run) == ("True", "Completed")


def test_more_combinations_than_are_made_in_one_go(cluster: TektonCluster) -> None:
    names = [f"s{number}" for number in range(30)]
    cluster.run("r", [pipeline_task("build", matrix=matrix(*names))])
    run = cluster.until_done("r")
    assert len(children(run)) == 30
    assert run["status"]["conditions"][0]["message"] == "Tasks Completed: 1 (Failed: 0, Cancelled 0), Skipped: 0"


def test_when_compares_results(cluster: TektonCluster) -> None:
    emit = pipeline_task("emit", "printf no > /tekton/results/any", results=("any",))
    when = [{"input": "$(tasks.emit.results.any)", "operator": "in", "values": ["yes"]}]
    unless = [{"input": "$(tasks.emit.results.any)", "operator": "notin", "values": ["yes"]}]
    cluster.run("r", [emit, pipeline_task("a", when=when), pipeline_task("b", when=unless)])
    run = cluster.until_done("r")
    assert reasons(run) == {"a": "When Expressions evaluated to false"}
    assert run["status"]["skippedTasks"][0]["whenExpressions"] == [
        {"input": "no", "operator": "in", "values": ["yes"]}
    ]


def test_order_goes_on_behind_a_task_that_was_not_wanted(cluster: TektonCluster) -> None:
    when = [{"input": "a", "operator": "in", "values": ["b"]}]
    never = pipeline_task("never", when=when, results=("x",))
    after = pipeline_task("after", runAfter=["never"])
    needs = pipeline_task("needs", params=[{"name": "x", "value": "$(tasks.never.results.x)"}])
    cluster.run("r", [never, after, needs, pipeline_task("last", runAfter=["needs"])])
    run = cluster.until_done("r")
    assert list(children(run)) == ["r-after"]
    assert reasons(run) == {
        "never": "When Expressions evaluated to false",
        "needs": "Results were missing",
        "last": "Parent Tasks were skipped",
    }


def test_a_failure_stops_what_has_not_begun_and_final_tasks_run(cluster: TektonCluster) -> None:
    final = pipeline_task(
        "report", "echo $(params.all) $(params.one)",
        params=[{"name": "all", "value": "$(tasks.status)"}, {"name": "one", "value": "$(tasks.bad.status)"}],
    )  # fmt: skip
    tasks = [pipeline_task("bad", "exit 4"), pipeline_task("next", runAfter=["bad"])]
    cluster.run("r", tasks, final=[final])
    run = cluster.until_done("r")
    assert cluster.condition(run) == ("False", "Failed")
    assert reasons(run) == {"next": "PipelineRun was stopping"}
    assert cluster.log("r-report-pod", "run") == [b"Failed Failed\n"]
    assert run["status"]["finallyStartTime"]


def test_a_run_without_final_tasks_says_that_it_is_stopping(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("bad", "exit 1"), pipeline_task("slow", "sleep 20")])
    run = cluster.until(PIPELINE_RUNS, "r", "PipelineRunStopping")
    assert run["status"]["conditions"][0]["message"].startswith("Tasks Completed: 1 (Failed: 1, Cancelled 0)")
    assert cluster.condition(cluster.until_done("r")) == ("False", "Failed")


def test_every_retry_has_a_pod_of_its_own(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("flaky", "echo try; exit 1", retries=2)])
    run = cluster.until_done("r")
    assert cluster.condition(run) == ("False", "Failed")
    status = cluster.task_run("r-flaky")["status"]
    assert [each["podName"] for each in status["retriesStatus"]] == ["r-flaky-pod", "r-flaky-pod-retry1"]
    assert status["podName"] == "r-flaky-pod-retry2"
    assert cluster.log("r-flaky-pod", "run") == [b"try\n"]


def test_a_cancelled_task_is_not_tried_again(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("slow", "sleep 60", retries=3)])
    cluster.until(TASK_RUNS, "r-slow", "Running")
    cluster.patch(PIPELINE_RUNS, "r", status="Cancelled")
    assert cluster.condition(cluster.until_done("r")) == ("False", "Cancelled")
    cluster.clock.advance(5)
    assert cluster.condition(cluster.task_run("r-slow")) == ("False", "TaskRunCancelled")
    assert cluster.pod("r-slow-pod") is None


def test_pods_of_cancelled_builds_may_be_kept(cluster: TektonCluster) -> None:
    cluster.store.create("namespaces", {"metadata": {"name": "tekton-pipelines"}}, manager="test")
    flags = {"metadata": {"name": "feature-flags"}, "data": {"keep-pod-on-cancel": "true"}}
    cluster.store.create("configmaps", flags, manager="test", namespace="tekton-pipelines")
    cluster.run("r", [pipeline_task("slow", "for i in $(seq 60); do echo $i; sleep 1; done")])
    cluster.until(TASK_RUNS, "r-slow", "Running")
    cluster.clock.advance(3.2)
    cluster.patch(PIPELINE_RUNS, "r", status="Cancelled")
    cluster.clock.advance(60)
    pod = cluster.pod("r-slow-pod")
    assert pod is not None
    assert pod["status"]["phase"] == "Failed"
    assert cluster.log("r-slow-pod", "run") == [b"1\n", b"2\n", b"3\n"]


def test_cancelling_gracefully_runs_the_final_tasks(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("slow", "sleep 60")], final=[pipeline_task("report", "echo over")])
    cluster.until(TASK_RUNS, "r-slow", "Running")
    cluster.patch(PIPELINE_RUNS, "r", status="CancelledRunFinally")
    assert cluster.condition(cluster.until_done("r")) == ("False", "Cancelled")
    assert cluster.log("r-report-pod", "run") == [b"over\n"]


def test_a_final_task_that_takes_too_long_is_stopped(cluster: TektonCluster) -> None:
    timeouts = {"pipeline": "1m", "tasks": "40s", "finally": "10s"}
    cluster.run("r", [pipeline_task("quick")], final=[pipeline_task("slow", "sleep 50")], timeouts=timeouts)
    run = cluster.until_done("r")
    assert cluster.condition(run)[0] == "False"
    assert cluster.condition(cluster.task_run("r-slow")) == ("False", "TaskRunCancelled")


def test_a_task_in_the_namespace_is_found_and_its_labels_are_taken_over(cluster: TektonCluster) -> None:
    spec = {"params": [{"name": "who", "default": "you"}], "steps": [step("hello", "echo hello $(params.who)")]}
    cluster.create(TASKS, {"metadata": {"name": "greet", "labels": {"team": "ovens"}}, "spec": spec})
    cluster.run("r", [{"name": "one", "taskRef": {"name": "greet"}}])
    cluster.until_done("r")
    assert cluster.log("r-one-pod", "hello") == [b"hello you\n"]
    labels = cluster.task_run("r-one")["metadata"]["labels"]
    assert (labels["team"], labels["tekton.dev/task"]) == ("ovens", "greet")


def test_labels_of_a_run_reach_its_task_runs_and_pods(cluster: TektonCluster) -> None:
    metadata = {"name": "r", "labels": {"bakery.dev/revision": "abc"}, "annotations": {"note": "x"}}
    spec = {"pipelineSpec": {"tasks": [pipeline_task("one")]}}
    cluster.create(PIPELINE_RUNS, {"metadata": metadata, "spec": spec})
    cluster.until_done("r")
    pod = cluster.pod("r-one-pod")
    assert pod is not None
    assert pod["metadata"]["labels"]["bakery.dev/revision"] == "abc"
    assert pod["metadata"]["annotations"]["note"] == "x"
    assert pod["metadata"]["labels"]["tekton.dev/taskRun"] == "r-one"


def test_what_belongs_to_a_run_goes_with_it(cluster: TektonCluster) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
             "storageClassName": "hostpath"}  # fmt: skip
    storage = {"metadata": {"name": "hostpath"}, "provisioner": "microk8s.io/hostpath",
               "volumeBindingMode": "WaitForFirstConsumer"}  # fmt: skip
    cluster.store.create("storageclasses", storage, manager="test")
    task = pipeline_task("clone", "echo $(workspaces.source.path)", workspaces=[{"name": "source"}])
    task["taskSpec"]["workspaces"] = [{"name": "source"}]
    binding = {"name": "source", "volumeClaimTemplate": {"spec": claim}}
    cluster.run("r", [task], workspaces_declared=[{"name": "source"}], workspaces=[binding])
    cluster.until_done("r")
    claims = cluster.store.list("persistentvolumeclaims", BUILDS)
    assert [each["status"]["phase"] for each in claims] == ["Bound"]
    assert claims[0]["metadata"]["name"].startswith("pvc-")
    assert cluster.log("r-clone-pod", "run") == [b"/workspace/source\n"]
    cluster.store.delete(PIPELINE_RUNS, BUILDS, "r")
    cluster.clock.advance(60)
    assert cluster.task_runs() == []
    assert cluster.store.list("pods", BUILDS) == []
    assert cluster.store.list("persistentvolumeclaims", BUILDS) == []


def test_a_secret_is_mounted_as_a_workspace(cluster: TektonCluster) -> None:
    cluster.create("secrets", {"metadata": {"name": "login"}, "data": {}})
    task = pipeline_task("push", workspaces=[{"name": "docker"}])
    task["taskSpec"]["workspaces"] = [{"name": "docker", "mountPath": "/kaniko/.docker"}]
    binding = {"name": "docker", "secret": {"secretName": "login"}}
    cluster.run("r", [task], workspaces_declared=[{"name": "docker"}], workspaces=[binding])
    cluster.until_done("r")
    pod = cluster.pod("r-push-pod")
    assert pod is not None
    volume = next(each for each in pod["spec"]["volumes"] if each.get("secret"))
    mounts = pod["spec"]["containers"][0]["volumeMounts"]
    assert {"name": volume["name"], "mountPath": "/kaniko/.docker"} in mounts


def test_settings_of_a_task_reach_its_pods(cluster: TektonCluster) -> None:
    own = {
        "pipelineTaskName": "build",
        "podTemplate": {"priorityClassName": "ci-build"},
        "serviceAccountName": "b",
    }
    template = {"serviceAccountName": "ci", "podTemplate": {"nodeSelector": {}}}
    cluster.run(
        "r", [pipeline_task("clone"), pipeline_task("build")], taskRunSpecs=[own], taskRunTemplate=template
    )
    cluster.until_done("r")
    clone, build = cluster.pod("r-clone-pod"), cluster.pod("r-build-pod")
    assert clone is not None
    assert build is not None
    assert (clone["spec"]["serviceAccountName"], build["spec"]["serviceAccountName"]) == ("ci", "b")
    assert "priorityClassName" not in clone["spec"]
    assert build["spec"]["priorityClassName"] == "ci-build"


def test_builds_wait_for_a_quota_of_their_class(cluster: TektonCluster) -> None:
    scope = {"scopeName": "PriorityClass", "operator": "In", "values": ["ci-build"]}
    quota = {"hard": {"pods": "2"}, "scopeSelector": {"matchExpressions": [scope]}}
    cluster.create("resourcequotas", {"metadata": {"name": "builds"}, "spec": quota})
    own = {"pipelineTaskName": "build", "podTemplate": {"priorityClassName": "ci-build"}}
    tasks = [pipeline_task("other"), pipeline_task("build", "sleep 5", matrix=matrix("a", "b", "c"))]
    cluster.run("r", tasks, taskRunSpecs=[own])
    cluster.clock.advance(2)
    waiting = cluster.task_run("r-build-2")
    assert cluster.condition(waiting) == ("Unknown", "ExceededResourceQuota")
    assert "startTime" not in waiting["status"]
    assert cluster.condition(cluster.until_done("r")) == ("True", "Succeeded")


def test_a_result_of_the_wrong_type_fails_the_task(cluster: TektonCluster) -> None:
    task = pipeline_task("emit", "echo not-json > /tekton/results/list", results=("list:array",))
    cluster.run("r", [task])
    cluster.until_done("r")
    assert cluster.condition(cluster.task_run("r-emit")) == ("False", "TaskRunValidationFailed")


def test_a_result_that_is_too_large_fails_the_step(cluster: TektonCluster) -> None:
    script = "for i in $(seq 2000); do printf xxxx >> /tekton/results/big; done"
    cluster.run("r", [pipeline_task("emit", script, results=("big",))])
    assert cluster.condition(cluster.until_done("r")) == ("False", "Failed")


def test_a_task_run_alone_runs_and_misses_its_params(cluster: TektonCluster) -> None:
    spec = {"params": [{"name": "who"}], "steps": [step("hello", "echo hello $(params.who)")]}
    given = [{"name": "who", "value": "baker"}]
    cluster.create(TASK_RUNS, {"metadata": {"name": "good"}, "spec": {"taskSpec": spec, "params": given}})
    cluster.create(TASK_RUNS, {"metadata": {"name": "bad"}, "spec": {"taskSpec": spec}})
    cluster.clock.advance(30)
    assert cluster.condition(cluster.task_run("good")) == ("True", "Succeeded")
    assert cluster.condition(cluster.task_run("bad")) == ("False", "TaskRunValidationFailed")


def test_a_deleted_pod_fails_its_task(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("slow", "sleep 60")])
    cluster.until(TASK_RUNS, "r-slow", "Running")
    cluster.store.delete("pods", BUILDS, "r-slow-pod")
    cluster.clock.advance(5)
    assert cluster.condition(cluster.task_run("r-slow"))[0] == "False"
    assert cluster.condition(cluster.until_done("r")) == ("False", "Failed")


def test_sidecars_end_with_the_last_step(cluster: TektonCluster) -> None:
    task = pipeline_task("test", "sleep 3")
    task["taskSpec"]["sidecars"] = [{"name": "db", "image": "example.org/postgres:16"}]
    cluster.run("r", [task])
    assert cluster.condition(cluster.until_done("r")) == ("True", "Succeeded")
    cluster.clock.advance(10)
    pod = cluster.pod("r-test-pod")
    assert pod is not None
    assert pod["status"]["phase"] == "Succeeded"
    assert cluster.task_run("r-test")["status"]["sidecars"][0]["name"] == "db"


def test_runs_of_others_are_left_alone(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("one")], managedBy="kueue.x-k8s.io/multikueue")
    cluster.clock.advance(30)
    assert "status" not in cluster.pipeline_run("r")


def test_long_names_are_shortened(cluster: TektonCluster) -> None:
    name = "bakery-ia-ci-" + "x" * 40
    cluster.run(name, [pipeline_task("detect-changes")])
    run = cluster.until_done(name)
    child = next(iter(children(run)))
    assert len(child) <= 63
    assert len(cluster.task_run(child)["status"]["podName"]) <= 63


def test_runs_that_have_ended_cost_nothing(cluster: TektonCluster) -> None:
    cluster.run("r", [pipeline_task("one")])
    done = cluster.until_done("r")
    cluster.clock.advance(400)
    for number in range(300):
        body = {key: done[key] for key in ("spec", "status")}
        cluster.create(PIPELINE_RUNS, {"metadata": {"name": f"old-{number}"}, **body})
    before = cluster.store.revision
    cluster.clock.advance(600)
    assert cluster.store.revision == before
