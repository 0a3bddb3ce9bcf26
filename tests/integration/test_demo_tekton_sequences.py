"""The embedded cluster's Tekton goes through the states that a real one was recorded in, in that order."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from bakeryops.demo.tekton.words import PIPELINE_RUNS, PIPELINES, TASK_RUNS
from tests.support.recordings import RECORDINGS, events, final_list, needs_recordings, scenarios
from tests.support.tekton import BUILDS, TektonCluster, state_of_run

pytestmark = needs_recordings
Object = dict[str, Any]
_VOLATILE = {
    "startTime", "completionTime", "finallyStartTime", "lastTransitionTime", "startedAt", "finishedAt", "containerID",
    "imageID", "uid",
}  # fmt: skip


@dataclass
class Scenario:
    """What was recorded, and how far the embedded cluster may differ."""

    name: str
    seconds: float = 90.0
    """Cluster time to play; what is compared is the order, not the pace."""
    end_only: frozenset[str] = frozenset()
    """Objects of which only the last state is compared."""
    loose_steps: bool = False
    """Whether the states of steps at the end depend on the moment of the cancellation."""
    why: str = ""


_MOMENT = "what a pod was doing when it was cancelled depends on the pace of its node"
_BACK_OFF = re.compile(r'Back-off pulling image \\+"[^"]+\\+": ErrImagePull: ')
"""What a kubelet says between two attempts to pull; the recorded one was too slow to say it."""
SCENARIOS = [
    Scenario("tekton-bad-workspace"),
    Scenario("tekton-build-fails"),
    Scenario("tekton-cancelled", loose_steps=True, why=_MOMENT),
    Scenario("tekton-cancelled-run-finally", loose_steps=True, why=_MOMENT),
    Scenario("tekton-image-not-on-node"),
    Scenario("tekton-image-pull-failure"),
    Scenario("tekton-missing-param"),
    Scenario("tekton-missing-result"),
    Scenario("tekton-missing-secret"),
    Scenario("tekton-no-pipeline"),
    Scenario("tekton-no-task"),
    Scenario("tekton-nothing-changed"),
    Scenario("tekton-oom"),
    Scenario("tekton-pending-then-started"),
    Scenario("tekton-pod-admission-failed"),
    Scenario("tekton-quota-exceeded-recovers", 180),
    Scenario(
        "tekton-rerun-as-new-object",
        180,
        end_only=frozenset({"bakery-q8w3e"}),
        why="the run that is run again had ended before the recording began",
    ),
    Scenario("tekton-retry-then-success"),
    Scenario("tekton-step-onerror-continue"),
    Scenario("tekton-stopped-run-finally"),
    Scenario("tekton-success-one"),
    Scenario("tekton-success-three"),
    Scenario("tekton-task-onerror-continue"),
    Scenario(
        "tekton-timeout-one-task",
        end_only=frozenset({"bakery-t5k2o"}),
        why="the recorded pods took so long to start that the task with the timeout was the first to end",
    ),
    Scenario("tekton-timeout-pipeline"),
    Scenario("tekton-timeout-tasks"),
]


def test_every_recording_is_played() -> None:
    recorded = {name for name in scenarios("tekton-") if name != "tekton-namespace-after"}
    assert {each.name for each in SCENARIOS} == recorded


class Play:
    """States by the kind and name of the objects, in the order they were seen; equal neighbours count once."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        self.last: dict[tuple[str, str], Object] = {}

    def see(self, plural: str, change: str, obj: Object) -> None:
        key = (plural, obj["metadata"]["name"])
        self.last[key] = obj
        states = self.states.setdefault(key, [])
        state = state_of_run(obj)
        if change != "DELETED" and (not states or states[-1] != state):
            states.append(state)


def _inputs(name: str) -> list[Object]:
    """Return the PipelineRuns that the recorder created, as it did."""
    found: dict[str, Object] = {}
    for _, plural, _, obj in events(name):
        if plural == "pipelineruns" and obj["metadata"]["name"] not in found:
            spec = {key: value for key, value in obj["spec"].items() if key != "status"}
            if name == "tekton-pending-then-started":
                spec["status"] = "PipelineRunPending"
            labels = {
                key: value
                for key, value in (obj["metadata"].get("labels") or {}).items()
                if "tekton.dev" not in key
            }
            found[obj["metadata"]["name"]] = {
                "metadata": {"name": obj["metadata"]["name"], "labels": labels}, "spec": spec,
            }  # fmt: skip
    return list(found.values())


def _actions(name: str) -> list[Object]:
    lines = (RECORDINGS / name / "actions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _moment(name: str, cluster: TektonCluster) -> None:
    """Move time on to where the recorded cluster was when the recorder acted."""
    run = _inputs(name)[0]["metadata"]["name"]
    if name == "tekton-pending-then-started":
        cluster.clock.advance(5.0)
    elif name == "tekton-stopped-run-finally":
        cluster.until(TASK_RUNS, f"{run}-test-1", "Running")
        cluster.until(TASK_RUNS, f"{run}-test-0", "Running")
        cluster.clock.advance(0.2)
    else:
        for index in (0, 1):
            cluster.until(TASK_RUNS, f"{run}-build-{index}", "Running")
        if name == "tekton-cancelled":
            cluster.clock.advance(1.0)


def played(scenario: Scenario, told: list[Object] | None = None) -> tuple[Play, TektonCluster]:
    """Play a scenario; the Events that appear are added to `told`."""
    cluster = TektonCluster()
    name = scenario.name
    for pipeline in final_list("tekton-namespace-after", "pipelines"):
        cluster.create(PIPELINES, {"metadata": {"name": pipeline["metadata"]["name"]}, "spec": pipeline["spec"]})
    if name == "tekton-pod-admission-failed":
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        cluster.store.mutate(
            "namespaces", None, BUILDS, lambda obj: {**obj, "metadata": {**obj["metadata"], "labels": labels}},
            manager="test",
        )  # fmt: skip
    if name == "tekton-quota-exceeded-recovers":
        cluster.create("resourcequotas", {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "1"}}})
    seen = Play()
    for plural in (PIPELINE_RUNS, TASK_RUNS):
        short = plural.partition(".")[0]
        cluster.store.listen(plural, lambda change, obj, _before, short=short: seen.see(short, change, obj))
    if told is not None:
        cluster.store.listen(
            "events", lambda change, obj, _before: told.append(obj) if change == "ADDED" else None
        )
    inputs = _inputs(name)
    for run in inputs:
        cluster.create(PIPELINE_RUNS, run)
        if run is not inputs[-1]:
            cluster.clock.advance(scenario.seconds / 2)
    for action in _actions(name):
        if "spec.status" in action["action"]:
            _moment(name, cluster)
            value = None if "null" in action["action"] else action["value"]
            run = _inputs(name)[0]["metadata"]["name"]
            cluster.patch(PIPELINE_RUNS, run, status=value)
    cluster.clock.advance(scenario.seconds)
    return seen, cluster


def recorded(name: str) -> Play:
    found = Play()
    for _, plural, change, obj in events(name):
        if plural in ("pipelineruns", "taskruns"):
            found.see(plural, change, obj)
    return found


def _normal(state: tuple[Any, ...]) -> tuple[Any, ...]:
    status, reason, message = state
    # What a container runtime says of a registry it cannot reach names its name server.
    message = re.sub(r"lookup (\S+)( on \S+)?: no such host", r"lookup \1: no such host", message)
    message = message.replace("/bakery-locked/", "/bakery-ci/").replace("bakery-locked/", "bakery-ci/")
    return (status, reason, _BACK_OFF.sub("", message).replace("bakery-quota/", "bakery-ci/"))


def _states(states: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return states without those of a pod that is being prepared, which come and go as its node is fast."""
    kept: list[tuple[Any, ...]] = []
    for state in map(_normal, states):
        if state[1] == "Pending" and state[2] != "Pending":
            state = (state[0], "Pending", "pod is being prepared")
        if not kept or kept[-1] != state:
            kept.append(state)
    return kept


def _final(obj: Object, *, loose_steps: bool) -> Any:
    status = dict(obj.get("status") or {})
    if loose_steps:
        status["steps"] = [step["name"] for step in status.get("steps") or ()]

    def masked(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: "*" if key in _VOLATILE else masked(item) for key, item in value.items()}
        if isinstance(value, list):
            return [masked(item) for item in value]
        return value

    text = json.dumps(masked(status), sort_keys=True)
    text = _BACK_OFF.sub("", text).replace("bakery-locked/", "bakery-ci/").replace("bakery-quota/", "bakery-ci/")
    return json.loads(re.sub(r"lookup (\S+)( on \S+)?: no such host", r"lookup \1: no such host", text))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_runs_go_through_the_recorded_states(scenario: Scenario) -> None:
    real, (seen, _) = recorded(scenario.name), played(scenario)
    runs = {name for plural, name in real.states if plural == "pipelineruns"} - scenario.end_only
    ours = {key for key in seen.states if key[1].startswith(tuple(runs))} if runs else set(seen.states)
    assert ours == {key for key in real.states if key[1] not in scenario.end_only or not runs}
    for key, states in real.states.items():
        got, wanted = _states(seen.states[key]), _states(states)
        if key[1] in scenario.end_only:
            got, wanted = got[-1:], wanted[-1:]
        assert got == wanted, key


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_runs_end_as_they_were_recorded(scenario: Scenario) -> None:
    real, (seen, _) = recorded(scenario.name), played(scenario)
    for key, obj in real.last.items():
        loose = scenario.loose_steps and key[0] == "taskruns"
        assert _final(seen.last[key], loose_steps=loose) == _final(obj, loose_steps=loose), key
        kept = {name: value for name, value in seen.last[key]["metadata"]["labels"].items() if "UID" not in name}
        assert kept == {name: value for name, value in obj["metadata"]["labels"].items() if "UID" not in name}, key


def _written(scenario: str) -> dict[tuple[str, str], bytes]:
    folder = RECORDINGS / scenario / "logs"
    return {
        (path.parent.name, path.stem): path.read_bytes()
        for path in sorted(folder.glob("*/*.log"))
        if path.stem not in ("prepare", "place-scripts")
    }


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_steps_print_what_was_recorded(scenario: Scenario) -> None:
    written = _written(scenario.name)
    _, cluster = played(scenario)
    for (pod, container), data in written.items():
        found = cluster.pod(pod)
        if found is None:
            continue  # its log is gone with it, as it was soon after the recording was made
        lines = [line.data for line in cluster.logs.read(found, container, previous=False)]
        # Lines of the two streams reach the file in an order of their own. A command that the small shell does not
        # know takes a moment and says nothing, where a real one is not found.
        wanted = [_plain(line) for line in data.split(b"\n") if line and not line.endswith(b": not found")]
        assert sorted(map(_plain, lines)) == sorted(wanted), (pod, container)


def _plain(line: bytes) -> bytes:
    """Return a line without the time that Tekton's own messages begin with."""
    return re.sub(rb"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", b"", line).rstrip(b"\n")


def _told(objects: list[Object]) -> dict[str, list[tuple[Any, ...]]]:
    """Return what Events tell of each run, each once, without the states of pods that are being prepared."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for event in objects:
        about = event["involvedObject"]
        if about["kind"] not in ("PipelineRun", "TaskRun") or str(event.get("message")).startswith("pod status"):
            continue
        message = _normal(("", "", event.get("message", "")))[2]
        entry = (event["type"], event["reason"], "message" in event, message, event["source"]["component"])
        told = found.setdefault(about["name"], [])
        if entry not in told:
            told.append(entry)
    return {name: sorted(told) for name, told in found.items()}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_events_tell_what_was_recorded(scenario: Scenario) -> None:
    told: list[Object] = [obj for _, plural, _, obj in events(scenario.name) if plural == "events"]
    if not told or scenario.end_only:
        return
    seen: list[Object] = []
    played(scenario, seen)
    assert _told(seen) == _told(told)
