"""Bakery-IA in the embedded cluster: its size, its past, its troubles, its life; the same for the same seed."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from bakeryops.demo.bakery.inventory import APP, DATABASES, SERVICES
from bakeryops.demo.clock import ManualClock
from bakeryops.demo.controllers.objects import condition, template_hash
from bakeryops.demo.controllers.pods import is_ready
from bakeryops.demo.controllers.scheduler import requests_of
from bakeryops.demo.life_commits import Commits
from bakeryops.demo.world import World, build_world
from bakeryops.units import parse_quantity, parse_time


@pytest.fixture
def still() -> World:
    return build_world(ManualClock(), life=False)


def clock_of(world: World) -> ManualClock:
    assert isinstance(world.clock, ManualClock)
    return world.clock


def dump(world: World) -> str:
    kinds = ("pods", "deployments.apps", "replicasets", "statefulsets", "events", "jobs", "services", "secrets")
    return json.dumps({kind: world.store.list(kind) for kind in kinds}, sort_keys=True)


def test_it_has_the_full_size(still: World) -> None:
    assert len(SERVICES) == 19
    assert len(DATABASES) == 22
    postgres = [each for each in still.store.list("statefulsets") if "postgres:" in json.dumps(each["spec"])]
    assert len(postgres) == 22
    deployments = {each["metadata"]["name"] for each in still.store.list("deployments.apps", APP)}
    assert {each.name for each in SERVICES} | {"gateway", "frontend"} <= deployments
    claims = still.store.list("persistentvolumeclaims")
    assert sum(1 for each in claims if each["status"]["phase"] == "Bound") >= 25
    for kind in (
        "pipelines.tekton.dev",
        "pipelineruns",
        "tasks",
        "gitrepositories",
        "kustomizations",
        "eventlisteners",
    ):
        assert still.store.list(kind), kind


def test_it_is_settled_controllers_find_nothing_to_do_but_the_known_troubles(still: World) -> None:
    before = still.store.revision
    clock_of(still).advance(4.0)
    touched = Counter()
    assert still.store.revision - before < 60
    still.store.listen("deployments.apps", lambda change, obj, old: touched.update([obj["metadata"]["name"]]))
    clock_of(still).advance(60.0)
    assert set(touched) <= {"pos-service"}


def test_most_is_healthy_and_the_troubles_are_there(still: World) -> None:
    unready = {
        each["metadata"]["name"].rpartition("-")[0].rpartition("-")[0]
        for each in still.store.list("pods")
        if not is_ready(each) and each["status"]["phase"] not in ("Succeeded", "Failed")
    }
    assert unready == {"pos-service", "distribution-service", "report-archive"}
    states = {}
    for pod in still.store.list("pods", APP):
        for status in pod["status"].get("containerStatuses") or ():
            states[status["name"]] = status
    assert states["pos-service"]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert states["pos-service"]["restartCount"] > 10
    assert states["forecasting-service"]["lastState"]["terminated"]["reason"] == "OOMKilled"
    deployment = still.store.get("deployments.apps", APP, "distribution-service")
    assert condition(deployment, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert still.store.get("persistentvolumeclaims", APP, "report-archive")["status"]["phase"] == "Pending"
    reasons = {each["reason"] for each in still.store.list("events", APP)}
    assert {"BackOff", "FailedScheduling"} <= reasons


def test_everything_has_a_past(still: World) -> None:
    now = still.clock.now()
    ages = [now - parse_time(each["metadata"]["creationTimestamp"]) for each in still.store.list("pods")]
    assert min(ages) > 600
    assert max(ages) > 30 * 86_400
    for pod in still.store.list("pods"):
        for status in pod["status"].get("containerStatuses") or ():
            ended = (status["lastState"].get("terminated") or {}).get("finishedAt")
            assert ended is None or parse_time(pod["status"]["startTime"]) <= parse_time(ended) <= now
    history = [
        each
        for each in still.store.list("replicasets", APP)
        if each["metadata"]["name"].startswith("auth-service-")
    ]
    assert len(history) == 4


def test_pods_belong_to_their_owners_and_fit_the_node(still: World) -> None:
    node = still.store.list("nodes")[0]["status"]["allocatable"]
    total: Counter[str] = Counter()
    for pod in still.store.list("pods"):
        total.update(requests_of(pod))
    assert total["cpu"] < parse_quantity(node["cpu"])
    assert total["memory"] < parse_quantity(node["memory"])
    assert total["pods"] < parse_quantity(node["pods"])
    sets = {each["metadata"]["uid"]: each for each in still.store.list("replicasets")}
    for deployment in still.store.list("deployments.apps"):
        own = [
            each
            for each in sets.values()
            if each["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"]
        ]
        wanted = template_hash(deployment["spec"]["template"])
        assert wanted in {template_hash(each["spec"]["template"]) for each in own}


def test_environment_comes_from_objects_that_exist(still: World) -> None:
    for deployment in still.store.list("deployments.apps", APP):
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env") or ():
                source = (variable.get("valueFrom") or {}).get("secretKeyRef")
                if source:
                    assert source["key"] in still.store.get("secrets", APP, source["name"])["data"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_hour_and_another_seed_another() -> None:
    def hour(seed: int) -> str:
        world = build_world(ManualClock(), seed=seed)
        clock_of(world).advance(3600)
        return dump(world)

    assert hour(1) == hour(1)
    assert hour(1) != hour(2)


@pytest.mark.slow
def test_life_goes_on() -> None:
    world = build_world(ManualClock())
    seen: Counter[str] = Counter()
    world.store.listen(
        "events", lambda change, obj, old: seen.update([obj["reason"]]) if change != "DELETED" else None
    )
    restarts: set[str] = set()

    def watch(change: str, pod: dict[str, Any], before: dict[str, Any] | None) -> None:
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            if (status["lastState"].get("terminated") or {}).get("reason") == "OOMKilled":
                restarts.add(f"{pod['metadata']['name']}/{status['restartCount']}")

    world.store.listen("pods", watch)
    clock_of(world).advance(2 * 3600)
    assert {"ScalingReplicaSet", "ReconciliationSucceeded", "Unhealthy", "Completed", "BackOff", "Killing"} <= set(
        seen
    )
    assert len(restarts) >= 2, "the leak ends in an OOM kill now and then"
    events = world.store.list("events")
    assert 0 < len(events) < 300, "Events expire"
    assert all(len(world.store.list(kind)) < 130 for kind in ("pods", "jobs"))


@pytest.mark.slow
def test_a_pruner_takes_away_the_oldest_build_for_a_further_one() -> None:
    world = build_world(ManualClock())
    runs = sorted(world.store.list("pipelineruns"), key=lambda run: run["metadata"]["creationTimestamp"])
    oldest, latest = runs[0], runs[-1]
    metadata = {"name": "one-more", "namespace": "bakery-ci"}
    further = {"metadata": metadata, "spec": latest["spec"], "status": latest["status"]}
    world.store.create("pipelineruns", further, manager="test")
    clock_of(world).advance(1300)
    left = {run["metadata"]["name"] for run in world.store.list("pipelineruns")}
    assert left == {run["metadata"]["name"] for run in runs[1:]} | {"one-more"}
    labels = {"tekton.dev/pipelineRun": oldest["metadata"]["name"]}
    assert world.store.list("taskruns", "bakery-ci", labels) == []


@pytest.mark.slow
def test_a_large_cluster_has_its_pods_and_its_churn() -> None:
    world = build_world(ManualClock(), size="large", pods=300, churn=100.0)
    assert len(world.store.list("pods")) == 300
    assert len(world.store.list("pipelineruns")) > 500
    before, begun = world.store.revision, world.clock.now()
    clock_of(world).advance(30.0)
    rate = (world.store.revision - before) / (world.clock.now() - begun)
    assert 40 < rate < 250
    clock_of(world).advance(30.0)
    assert 270 < len(world.store.list("pods")) < 360


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(ValueError, match="normal"):
        build_world(ManualClock(), size="huge")


def test_life_goes_on_after_a_turn_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[float] = []
    clock = ManualClock()

    def fail(_commits: Commits) -> None:
        turns.append(clock.now())
        raise RuntimeError("the user took something apart")

    monkeypatch.setattr(Commits, "push", fail)
    world = build_world(clock)
    try:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="took something apart"):
                clock.advance(3600.0)
    finally:
        world.clean_up()
    assert len(turns) == 2
