"""PipelineRuns and TaskRuns decoded: what is kept, what is shared, and what bad parts cost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bakeryops.cluster.wire import tekton
from tests.support.builds import RUNS, TASKRUNS, child, plan, raw_run, raw_taskrun


def run_from(raw: Any) -> tekton.PipelineRun:
    _, (run,), broken = RUNS.page(json.dumps({"metadata": {}, "items": [raw]}).encode())
    assert not broken
    return run


def test_equal_plans_are_one_object_whatever_the_parameters() -> None:
    def made(name: str, revision: str) -> tekton.PipelineRun:
        tasks = plan(
            {"name": "clone", "params": [{"name": "revision", "value": revision}], "taskSpec": {"steps": [{}]}},
            {"name": "build", "params": [{"name": "c", "value": "$(tasks.clone.results.commit)"}]},
        )
        return run_from(raw_run(name, pipelineSpec=tasks))

    one, two = made("a", "9f3c2a1"), made("b", "a71b90c")
    assert one.status is not None
    assert two.status is not None
    assert one.status.pipelineSpec is two.status.pipelineSpec
    assert one.status.pipelineSpec is not None
    assert one.status.pipelineSpec.tasks is not None
    clone, build = one.status.pipelineSpec.tasks
    assert clone.params is None
    assert [each.value for each in build.params or ()] == ["$(tasks.clone.results.commit)"]


def test_parts_left_as_json_do_not_hold_the_page() -> None:
    run = run_from(raw_run(childReferences=[child("x-clone", "clone")], conditions=[]))
    assert run.status is not None
    kept = run.status.childReferences
    assert json.loads(bytes(memoryview(kept)))[0]["name"] == "x-clone"
    # A copy of a part that holds its own bytes is the part itself; of a view of a page it is another.
    assert kept.copy() is kept
    assert run.status.skippedTasks is tekton.NOTHING


@pytest.mark.parametrize("part", ["childReferences", "skippedTasks", "taskRuns"])
@pytest.mark.parametrize("odd", [None, 7, "text", [1], {"a": 1}, [[]]])
def test_an_odd_part_breaks_neither_the_run_nor_the_list(part: str, odd: Any) -> None:
    assert run_from(raw_run(**{part: odd, "conditions": []})).metadata.name == "ci-a1b2c"


def test_one_bad_run_costs_one_row() -> None:
    bad = raw_run("bad", conditions="none")
    page = json.dumps({"metadata": {}, "items": [raw_run("a"), bad, raw_run("b")]}).encode()
    _, objects, broken = RUNS.page(page)
    assert [each.metadata.name for each in objects] == ["a", "b"]
    assert [each.meta.name for each in broken if each.meta is not None] == ["bad"]
    assert broken[0].meta is not None
    placeholder = RUNS.placeholder(broken[0].meta)
    assert placeholder is not None
    assert placeholder.status is None


def test_annotations_that_hold_whole_objects_are_dropped() -> None:
    notes = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 5000, "bakery.dev/revision": "9f3c2a1"}
    assert run_from(raw_run(meta={"annotations": notes})).metadata.annotations == {
        "bakery.dev/revision": "9f3c2a1"
    }


def test_texts_of_runs_of_one_pipeline_are_one_object() -> None:
    labels = {"tekton.dev/pipeline": "bakery-ia-ci-of-today", "bakery.dev/revision": "9f3c2a1b" * 5}
    one, two = (run_from(raw_run(name, meta={"labels": labels})) for name in "ab")
    assert one.metadata.labels is not None
    assert two.metadata.labels is not None
    assert one.metadata.namespace is two.metadata.namespace
    assert one.metadata.labels["tekton.dev/pipeline"] is two.metadata.labels["tekton.dev/pipeline"]
    assert two.metadata.labels == labels


def test_values_may_be_texts_lists_and_mappings() -> None:
    results = [{"name": "a", "value": "x"}, {"name": "b", "type": "array", "value": ["x", "y"]},
               {"name": "c", "type": "object", "value": {"k": "v"}}]  # fmt: skip
    raw = raw_taskrun(
        "x", "x", params={"list": ["a"], "map": {"k": "v"}}, results=results, taskResults=results[:1]
    )
    taskrun = TASKRUNS.object(json.dumps(raw).encode())
    assert isinstance(taskrun, tekton.TaskRun)
    assert taskrun.spec is not None
    assert taskrun.status is not None
    assert [each.value for each in taskrun.spec.params or ()] == [["a"], {"k": "v"}]
    assert [each.value for each in taskrun.status.results or ()] == ["x", ["x", "y"], {"k": "v"}]
    assert [each.value for each in taskrun.status.taskResults or ()] == ["x"]
