"""Builds out of objects with any field missing, null or odd: nothing raises, and nothing is fine for it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeryops.cluster.decode import Broken, Decoder
from bakeryops.cluster.wire import tekton
from bakeryops.model.build import Build
from bakeryops.model.health import Health
from bakeryops.read.build_index import BuildIndex, slots
from bakeryops.read.build_reasons import RUN_SENTENCES, TASK_SENTENCES
from bakeryops.read.builds import build_key, build_of
from bakeryops.text import clean
from tests.support.builds import DATA, RUNS, TASKRUNS, run_of
from tests.support.reading import NOW, Held, stamp

_TEXTS = [
    "", "True", "False", "Unknown", "Succeeded", "a", "b", "uid-1", "build", "test", "TaskRun", "PipelineRun",
    "build $(params.service)", "$(tasks.a.results.x[*])", "$(tasks.b.results['y'])", "service", "services", "tag",
    "step-a", "0", "9f3c2a1b9f3c", "h/o/auth:1@sha256:" + "a" * 64, '["auth","pos"]', "{", "[1,", "in", "9s",
    stamp(5), stamp(5000), stamp(-500), "9999-99-99T99:99:99Z", "\x1b[2J\u202e", "tekton.dev/pipelineRun",
    "Tasks Completed: 2 (Failed: 1 (Ignored: 1), Cancelled 0), Incomplete: 1, Skipped: 0", "Skipped", "Continued",
    'TaskRun "x" failed to finish within "7s"', "has timed out. Previous status: [PullImageFailed] y",
    *RUN_SENTENCES, *TASK_SENTENCES,
]  # fmt: skip
TEXTS = st.deferred(lambda: st.sampled_from(_TEXTS))
"""Deferred, so that a failing example does not print them all."""
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
LIKELY = {
    "type": ["Succeeded", "Succeeded", "Ready"],
    "status": ["True", "False", "Unknown", "Unknown", "", "Cancelled"],
    "name": ["a", "b", "test", "build", "services", "tag", ""],
    "pipelineTaskName": ["a", "b", "test", "build"],
    "reason": ["", "Skipped", "Continued", "Error", *RUN_SENTENCES, *TASK_SENTENCES],
}
"""What some fields hold mostly, as pure chance would hardly ever meet it."""

PARTS = {
    "childReferences": list[tekton.ChildReference],
    "skippedTasks": list[tekton.SkippedTask],
    "taskRuns": dict[str, tekton.EmbeddedRun],
}
DECODERS: dict[type, Decoder[Any]] = {tekton.PipelineRun: RUNS, tekton.TaskRun: TASKRUNS}


def raw_of(kind: Any, name: str = "") -> st.SearchStrategy[Any]:
    """Return JSON values that msgspec takes for a type, every optional part missing, null or there."""
    inspect = msgspec.inspect
    if isinstance(kind, inspect.StructType):
        return st.fixed_dictionaries(
            {}, optional={each.encode_name: raw_of(each.type, each.encode_name) for each in kind.fields}
        )
    if isinstance(kind, inspect.UnionType):
        return st.one_of(*(raw_of(part, name) for part in kind.types))
    if isinstance(kind, inspect.ListType):
        return st.lists(raw_of(kind.item_type), max_size=3)
    if isinstance(kind, inspect.DictType):
        return st.dictionaries(TEXTS, raw_of(kind.value_type), max_size=3)
    if isinstance(kind, inspect.RawType):
        return raw_of(inspect.type_info(PARTS[name])) | VALUES
    if isinstance(kind, inspect.AnyType):
        return VALUES
    if isinstance(kind, inspect.NoneType):
        return st.none()
    if isinstance(kind, inspect.IntType):
        return st.integers(-(2**62), 2**62)
    if isinstance(kind, inspect.BoolType):
        return st.booleans()
    return st.sampled_from(LIKELY[name]) | TEXTS if name in LIKELY else TEXTS


def any_of(struct: type) -> st.SearchStrategy[Any]:
    return raw_of(msgspec.inspect.type_info(struct)).map(lambda raw: decoded(struct, raw))


def decoded(struct: type, raw: Any) -> Any:
    found = DECODERS[struct].object(json.dumps(raw).encode())
    assert not isinstance(found, Broken), found.error
    return found


def texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts_of(each)]
    return [text for each in value for text in texts_of(each)] if isinstance(value, list) else []


def sound(build: Build, run: tekton.PipelineRun) -> None:
    """Check what must hold of any build."""
    assert all(clean(text) == text for text in texts_of(json.loads(msgspec.json.encode(build))))
    conditions = (run.status.conditions if run.status is not None else None) or ()
    status = next((each.status for each in conditions if each.type == "Succeeded"), None)
    assert build.health is not Health.FINE or status == "True"
    assert build.finished == (status in ("True", "False"))
    assert len({task.key for task in build.tasks}) == len(build.tasks)
    for task in build.tasks:
        assert task.health is not Health.FINE or task.state == "succeeded"
        assert task.health is Health.FINE or task.why or task.state not in ("failed", "skipped")
        for step in task.steps:
            assert step.health is not Health.FINE or step.state in ("ended", "continued")
    if build.state in ("failed", "timed out"):
        assert build.failure is not None
        assert build.why
    assert build.failure is None or build.failure.text
    if build.failure is not None and build.failure.task:
        assert build.failure.task in {task.key for task in build.tasks}


@settings(max_examples=300, deadline=None)
@given(any_of(tekton.PipelineRun), st.lists(any_of(tekton.TaskRun), max_size=3), st.floats(-1e12, 1e12))
def test_any_run_with_any_taskruns(run: tekton.PipelineRun, taskruns: list[tekton.TaskRun], now: float) -> None:
    for each in taskruns:
        # So that they are taken for this run's.
        each.metadata.namespace = run.metadata.namespace
        each.metadata.ownerReferences = None
        each.metadata.labels = {**(each.metadata.labels or {}), "tekton.dev/pipelineRun": run.metadata.name}
    for made in (taskruns, (), None):
        sound(build_of(run, made, now=now), run)


EXCERPTS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(DATA.glob("*.json"))}


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the ways to everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, each in inner for way in ((*path, key), *paths_of(each, (*path, key)))]


PATHS = {name: paths_of(each["pipelinerun"]) for name, each in EXCERPTS.items()}
TASK_PATHS = {name: [paths_of(one) for one in each["taskruns"]] for name, each in EXCERPTS.items()}


def mangled(data: st.DataObject, raw: Any, paths: list[tuple[Any, ...]]) -> Any:
    """Return a copy with a few of its parts missing, null or odd."""
    copy = json.loads(json.dumps(raw))
    for path in data.draw(st.lists(st.sampled_from(paths), max_size=8)):
        at = copy
        for key in path[:-1]:
            there = key in at if isinstance(at, dict) else isinstance(at, list) and key in range(len(at))
            at = at[key] if there else None
        # What an earlier change took away cannot be changed again.
        if isinstance(at, dict):
            if data.draw(st.booleans()):
                at.pop(path[-1], None)
            else:
                at[path[-1]] = data.draw(TEXTS | VALUES)
    return copy


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_recorded_builds_with_parts_missing_or_odd(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(EXCERPTS)))
    held = EXCERPTS[name]
    run = RUNS.object(json.dumps(mangled(data, held["pipelinerun"], PATHS[name])).encode())
    if isinstance(run, Broken):
        # Not of its kind's shape: the store has a placeholder of it.
        run = tekton.PipelineRun(metadata=run_of(held["pipelinerun"]).metadata)
    raws = [mangled(data, each, paths) for each, paths in zip(held["taskruns"], TASK_PATHS[name], strict=True)]
    taskruns = [TASKRUNS.object(json.dumps(each).encode()) for each in raws]
    for made in ([each for each in taskruns if not isinstance(each, Broken)], (), None):
        sound(build_of(run, made, now=NOW), run)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_of(tekton.PipelineRun), max_size=4), st.lists(any_of(tekton.TaskRun), max_size=4))
def test_any_index(runs: list[tekton.PipelineRun], taskruns: list[tekton.TaskRun]) -> None:
    index = BuildIndex(clock=lambda: NOW)
    stores = {"pipelineruns": Held({f"r{place}": each for place, each in enumerate(runs)}),
              "taskruns": Held({f"t{place}": each for place, each in enumerate(taskruns)})}  # fmt: skip
    index.load({"pipelineruns": stores["pipelineruns"]})
    index.load(stores)
    index.tick()
    assert {each.key for each in index.builds} == {build_key(each) for each in runs}
    assert slots(index.builds).builds_running >= 0
    stores["pipelineruns"].items.clear()
    stores["taskruns"].items.clear()
    index.load(stores)
    assert not index.builds


@settings(max_examples=100, deadline=None)
@given(VALUES, VALUES, VALUES)
def test_parts_of_any_shape_cost_no_more_than_themselves(children: Any, skipped: Any, embedded: Any) -> None:
    status = {"childReferences": children, "skippedTasks": skipped, "taskRuns": embedded,
              "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded"}]}  # fmt: skip
    run = decoded(tekton.PipelineRun, {"metadata": {"name": "x", "namespace": "n"}, "status": status})
    assert build_of(run, now=NOW).state == "succeeded"
