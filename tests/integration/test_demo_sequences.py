"""The embedded cluster's controllers go through the states that a real cluster was recorded in, in that order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from bakeryops.demo.clock import ManualClock
from bakeryops.demo.controllers import Cluster, Images, start_controllers
from bakeryops.demo.controllers.events import Recorder
from bakeryops.demo.store import ObjectStore
from tests.support.recordings import RECORDINGS, events, needs_recordings, scenarios
from tests.support.sequences import Sequences

NAMESPACE = "shop"
KINDS = ("deployments", "replicasets", "statefulsets", "jobs", "pods", "persistentvolumeclaims")


@dataclass
class Scenario:
    """What was recorded, and how far the embedded cluster may differ."""

    name: str
    seconds: float
    """Cluster time to play; longer than recorded, for what is compared is the order, not the pace."""
    may_skip: dict[str, int] = field(default_factory=dict)
    """States of a kind that the recording shows and the embedded cluster leaves out, for each object at most."""
    may_add: dict[str, int] = field(default_factory=dict)
    """States of a kind that the embedded cluster shows and the recording has not, for each object at most."""
    loose: frozenset[str] = frozenset()
    """Kinds of which only the conditions and the last state are compared: their counts halfway depend on how
    the events of several ReplicaSets interleave, in a real cluster too."""
    why: str = ""
    """Why the embedded cluster differs."""


SCENARIOS = [
    Scenario("workload-config-error", 60),
    Scenario("workload-crashloop", 130),
    Scenario(
        "workload-evicted-ephemeral-storage",
        60,
        may_skip={"pods": 1},
        why="a pod that has ended is deleted in one step, without a last revision that says so",
    ),
    Scenario("workload-image-pull-backoff", 60),
    Scenario("workload-init-and-sidecar", 60),
    Scenario("workload-job-complete", 60),
    Scenario("workload-job-deadline", 90),
    Scenario(
        "workload-job-failed",
        60,
        may_skip={"jobs": 2},
        why="the recorded pod took a second to fail, so that the Job was seen with a ready pod for that second",
    ),
    Scenario("workload-liveness-restarts", 60),
    Scenario(
        "workload-never-ready",
        60,
        may_add={"pods": 1},
        why="the recorded kubelet was late: its first status had the sandbox ready already",
    ),
    Scenario("workload-oom-killed", 60),
    Scenario("workload-pod-deleted-gracefully", 60),
    Scenario("workload-rolling-update", 60, loose=frozenset({"deployments", "replicasets"})),
    Scenario("workload-statefulset-pvc", 60),
    Scenario("workload-unschedulable", 60),
]


def recorded(name: str) -> Sequences:
    found = Sequences()
    for _, plural, change, obj in events(name):
        if plural in KINDS:
            found.see(plural, change, obj)
    return found


def _manifest(obj: dict[str, Any]) -> dict[str, Any]:
    kept = ("name", "namespace", "labels", "annotations", "finalizers")
    metadata = {name: obj["metadata"][name] for name in kept if name in obj["metadata"]}
    manifest = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata, "spec": obj["spec"]}
    # The first status of a pod is the API server's, not a controller's.
    return manifest | ({"status": obj["status"]} if obj["kind"] == "Pod" else {})


class Stage:
    """An empty cluster with one node like the recorded one, on which a scenario is played."""

    def __init__(self, name: str) -> None:
        self.clock = ManualClock()
        self.store = ObjectStore(self.clock)
        self.store.create("namespaces", {"metadata": {"name": NAMESPACE}}, manager="test")
        allocatable = {"cpu": "2", "memory": "24581684Ki", "pods": "110"}
        node = {"metadata": {"name": "rc-node"}, "spec": {}, "status": {"allocatable": allocatable}}
        self.store.create("nodes", node, manager="test")
        recorder = Recorder(self.store, self.clock, "rc-node")
        cluster = Cluster(self.store, self.clock, "rc-node", recorder)
        start_controllers(cluster, Images(present={"localhost/busybox:1.35.0"}))
        self.clock.advance(1.0)
        self.seen = Sequences()
        for plural in KINDS:
            self.store.listen(
                plural, lambda change, obj, _before, plural=plural: self.seen.see(plural, change, obj)
            )
        self.begun = self.clock.now()
        self.name = name

    def until(self, seconds: float) -> None:
        self.clock.advance(max(0.0, self.begun + seconds - self.clock.now()))

    def play(self, seconds: float) -> None:
        if self.name == "workload-statefulset-pvc":
            self._volume()
        for _, plural, change, obj in events(self.name):
            if change != "ADDED" or obj["metadata"].get("ownerReferences") or plural not in KINDS:
                continue
            if plural != "persistentvolumeclaims":
                self.store.create(plural, _manifest(obj), manager="test")
        for line in (RECORDINGS / self.name / "actions.jsonl").read_text(encoding="utf-8").splitlines():
            self._act(json.loads(line)["action"])
        self.until(seconds)

    def _volume(self) -> None:
        spec = {
            "capacity": {"storage": "64Mi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/tmp/ledger"},
            "storageClassName": "",
            "persistentVolumeReclaimPolicy": "Retain",
        }
        volume = {"metadata": {"name": "shop-ledger"}, "spec": spec}
        self.store.create("persistentvolumes", volume, manager="test")

    def _act(self, action: str) -> None:
        """Do what the recorder did, once the cluster is where the recorded one was."""
        if action.startswith("create ConfigMap"):
            self.until(6.0)
            body = {"metadata": {"name": "recipes"}, "data": {"flour": "500 g"}}
            self.store.create("configmaps", body, manager="test", namespace=NAMESPACE)
        elif action == "DELETE deployment":
            self.until(15.2)
            deployment = self.store.get("deployments.apps", NAMESPACE, "crumbs")
            assert deployment is not None
            # The garbage collector belongs to the API server; here the dependents are deleted by hand.
            self.store.delete("deployments.apps", NAMESPACE, "crumbs")
            for plural in ("replicasets", "pods"):
                for each in self.store.list(plural, NAMESPACE):
                    self.store.delete(plural, NAMESPACE, each["metadata"]["name"])
        elif action.startswith("patch env"):
            self.until(1.85)
            self.store.mutate("deployments.apps", NAMESPACE, "counter", _second_version, manager="test")
        elif action.startswith("DELETE pod"):
            self.until(7.46)
            self.store.delete("pods", NAMESPACE, self.seen.names("pods")[4])
        elif action.startswith("DELETE (grace"):
            self.until(2.6)
            self.store.delete("pods", NAMESPACE, "courier")
        elif action == "remove finalizer":
            self.until(16.6)
            self.store.mutate("pods", NAMESPACE, "courier", _without_finalizers, manager="test")


def _second_version(obj: dict[str, Any]) -> dict[str, Any]:
    obj["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "VERSION", "value": "2"}]
    return obj


def _without_finalizers(obj: dict[str, Any]) -> dict[str, Any]:
    obj["metadata"]["finalizers"] = []
    return obj


def differences(want: list[Any], have: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the recorded states that are missing, and those seen before the last recorded one that are not in it.

    The recording stopped somewhere: what the embedded cluster shows after its last state does not count.
    """
    size = [[0] * (len(have) + 1) for _ in range(len(want) + 1)]
    for row in range(len(want) - 1, -1, -1):
        for column in range(len(have) - 1, -1, -1):
            same = want[row] == have[column]
            size[row][column] = (
                1 + size[row + 1][column + 1] if same else max(size[row + 1][column], size[row][column + 1])
            )
    missing, extra, row, column = [], [], 0, 0
    while row < len(want) and column < len(have):
        if want[row] == have[column]:
            row, column = row + 1, column + 1
        elif size[row + 1][column] >= size[row][column + 1]:
            missing.append(want[row])
            row += 1
        else:
            extra.append(have[column])
            column += 1
    missing += want[row:]
    return missing, extra


@needs_recordings
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_states_follow_the_recording(scenario: Scenario) -> None:
    want = recorded(scenario.name)
    stage = Stage(scenario.name)
    stage.play(scenario.seconds)
    problems: list[str] = []
    for plural in KINDS:
        expected, found = want.of(plural), stage.seen.of(plural)
        if len(expected) > len(found):
            problems.append(f"{plural}: {len(expected)} objects recorded, {len(found)} seen")
        for number, (before, after) in enumerate(zip(expected, found, strict=False)):
            if plural in scenario.loose:
                if _collapsed(before) != _collapsed(after) or before[-1] != after[-1]:
                    problems.append(f"{plural} {number}: {_collapsed(before)}\nbut {_collapsed(after)}")
                continue
            missing, extra = differences(before, after)
            if len(missing) > scenario.may_skip.get(plural, 0):
                problems.append(f"{plural} {number} never showed: {missing}")
            if len(extra) > scenario.may_add.get(plural, 0):
                problems.append(f"{plural} {number} showed what was not recorded: {extra}")
    assert not problems, "\n".join(problems)


def _collapsed(states: list[Any]) -> list[Any]:
    """Return the conditions of states, equal neighbours once."""
    conditions = [state[-1] for state in states]
    return [each for number, each in enumerate(conditions) if number == 0 or conditions[number - 1] != each]


def test_every_recorded_workload_is_compared() -> None:
    recordings = set(scenarios("workload-")) - {"workload-node"}
    assert recordings <= {each.name for each in SCENARIOS}
