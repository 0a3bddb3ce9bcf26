"""Controllers read: how far, how well, and why not."""

from __future__ import annotations

from typing import Any

import pytest

from bakeryops.model.health import Health, worst
from bakeryops.model.workload import WorkloadView
from bakeryops.read.index import WorkloadIndex
from bakeryops.read.pods import pod
from bakeryops.read.restarts import RestartLog
from bakeryops.read.workloads import order, read_all, workloads
from tests.support.reading import (
    NOW,
    Held,
    decode,
    ended,
    not_ready,
    raw_deployment,
    raw_pod,
    running,
    stamp,
)


def read(now: float = NOW, **objects: list[dict[str, Any]]) -> WorkloadIndex:
    return read_all({plural: [decode(plural, raw) for raw in found] for plural, found in objects.items()}, now=now)


def one(now: float = NOW, **objects: list[dict[str, Any]]) -> WorkloadView:
    found = read(now, **objects).workloads
    assert len(found) == 1, found
    return next(iter(found.values()))


def pods(count: int, **status: Any) -> list[dict[str, Any]]:
    return [raw_pod(f"auth-5f6d-{place}", **status) for place in range(count)]


def crashing(name: str = "auth-5f6d-bad") -> dict[str, Any]:
    status = {"name": "auth", "ready": False, "restartCount": 4, "state": ended(1, 20)}
    return raw_pod(name, conditions=not_ready(20), containerStatuses=[status])


def test_a_deployment_that_is_fine() -> None:
    view = one(deployments=[raw_deployment(replicas=2)], pods=pods(2))
    assert (view.health, view.status, view.reason) == (Health.FINE, "Running", "")
    assert (view.ready, view.desired, view.updated, view.available) == (2, 2, 2, 2)
    assert (view.service, view.tag, view.commit) == ("auth", "20261122-0258-9f3c2a1", "9f3c2a1")
    assert view.pods == ("bakery-ia/auth-5f6d-0", "bakery-ia/auth-5f6d-1")


def test_the_controller_alone_does_not_make_it_fine() -> None:
    view = one(deployments=[raw_deployment(replicas=2)], pods=pods(1))
    assert view.health is Health.WORKING
    assert view.reason == "1 of 2 ready: 1 pod not created yet"


def test_where_pods_cannot_be_seen_the_controller_is_believed() -> None:
    assert one(deployments=[raw_deployment(replicas=2)]).health is Health.FINE
    view = one(deployments=[raw_deployment(replicas=2, readyReplicas=1, availableReplicas=1)])
    assert (view.health, view.reason) == (Health.SOON, "1 of 2 ready, after all of them were")


def test_one_bad_pod_of_several() -> None:
    view = one(
        deployments=[raw_deployment(replicas=3, readyReplicas=2, availableReplicas=2)], pods=[*pods(2), crashing()]
    )
    assert (view.health, view.status) == (Health.BAD, "CrashLoopBackOff")
    assert view.reason == "1 of 3 pods: crash-looping: exit 1, 4 restarts"


def test_a_rollout_that_breaks_says_what_still_serves() -> None:
    rolling = raw_deployment(replicas=2)
    rolling["status"] |= {"replicas": 3, "updatedReplicas": 1, "readyReplicas": 2, "availableReplicas": 2}
    view = one(deployments=[rolling], pods=[*pods(2), crashing()])
    assert view.reason.endswith("2 of 2 still ready on the former revision")


def test_a_change_not_taken_up_yet_is_not_fine() -> None:
    raw = raw_deployment()
    raw["metadata"]["generation"] = 2
    assert one(deployments=[raw], pods=pods(1)).health is Health.WORKING


def test_no_progress() -> None:
    conditions = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    view = one(deployments=[raw_deployment(readyReplicas=0, conditions=conditions)], pods=[])
    assert (view.health, view.status, view.reason) == (Health.BAD, "Stalled", "no progress within 600 s")


def test_pods_that_cannot_be_created() -> None:
    conditions = [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: builds"}]
    raw = raw_deployment(replicas=1, conditions=conditions)
    raw["status"] |= {"replicas": 0, "readyReplicas": 0, "updatedReplicas": 0}
    view = one(deployments=[raw], pods=[])
    assert (view.health, view.reason) == (Health.BAD, "pods cannot be created: exceeded quota: builds")


@pytest.mark.parametrize(("left", "health"), [(0, Health.HELD), (1, Health.WORKING)])
def test_scaled_to_nothing(left: int, health: Health) -> None:
    view = one(deployments=[raw_deployment(replicas=0)], pods=pods(left))
    assert view.health is health


def test_paused() -> None:
    raw = raw_deployment()
    raw["spec"]["paused"] = True
    assert one(deployments=[raw], pods=pods(1)).health is Health.HELD
    raw["status"] |= {"replicas": 2}
    assert one(deployments=[raw], pods=pods(1)).reason == "rollout paused: 1 of 1 updated"


def test_a_statefulset_rolls() -> None:
    raw: dict[str, Any] = {
        "metadata": {"name": "db", "namespace": "bakery-ia", "uid": "s", "generation": 2},
        "spec": {"replicas": 3},
        "status": {
            "observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 1,
            "currentRevision": "db-1", "updateRevision": "db-2",
        },
    }  # fmt: skip
    assert one(statefulsets=[raw]).reason == "rolling out: 1 of 3 updated, 3 ready"
    raw["spec"]["updateStrategy"] = {"type": "OnDelete"}
    view = one(statefulsets=[raw])
    assert (view.health, view.reason) == (
        Health.SOON, "2 of 3 pods keep the former revision until they are deleted (OnDelete)",
    )  # fmt: skip
    raw["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    assert "partition 2" in one(statefulsets=[raw]).reason


def test_a_daemonset() -> None:
    raw: dict[str, Any] = {
        "metadata": {"name": "agent", "namespace": "signoz", "uid": "d", "generation": 1},
        "spec": {},
            "status": {
            "observedGeneration": 1, "desiredNumberScheduled": 1, "currentNumberScheduled": 1, "numberReady": 1,
            "numberAvailable": 1, "updatedNumberScheduled": 1,
        },
    }  # fmt: skip
    assert one(daemonsets=[raw]).health is Health.FINE
    raw["status"]["updatedNumberScheduled"] = None
    assert one(daemonsets=[raw]).status == "Rolling"
    raw["status"] = {"observedGeneration": 1}
    assert one(daemonsets=[raw]).reason == "no node asks for it"
    raw["status"] = None
    assert one(daemonsets=[raw]).health is Health.WORKING


def test_what_was_evicted_is_told_for_an_hour() -> None:
    evicted = raw_pod(
        "auth-5f6d-old",
        phase="Failed",
        reason="Evicted",
        message="low on memory",
        containerStatuses=[{"name": "auth", "state": ended(137, 600)}],
    )
    objects: dict[str, Any] = {"deployments": [raw_deployment()], "pods": [*pods(1), evicted]}
    view = one(**objects)
    assert (view.health, view.recheck) == (Health.SOON, NOW + 3000)
    assert view.reason == "1 of its pods failed and were replaced: evicted from its node: low on memory"
    assert one(NOW + 3001, **objects).health is Health.FINE


def test_pods_whose_deployment_is_not_known() -> None:
    assert one(pods=pods(2)).health is Health.UNKNOWN
    assert one(pods=[crashing()]).health is Health.BAD


def test_ended_pods_of_a_job_that_is_gone() -> None:
    good, bad = raw_pod("seed-1", phase="Succeeded"), raw_pod("seed-2", phase="Failed", reason="Evicted")
    for raw in (good, bad):
        raw["metadata"]["ownerReferences"] = [{"kind": "Job", "name": "seed", "uid": "j", "controller": True}]
    assert one(pods=[good]).health is Health.FINE
    assert one(pods=[good, bad]).reason == "its Job is gone; evicted from its node"


def test_a_bare_pod_and_a_static_one() -> None:
    bare = raw_pod("backup")
    bare["metadata"]["ownerReferences"] = None
    static = raw_pod("kube-proxy-vps")
    static["metadata"]["ownerReferences"] = [{"kind": "Node", "name": "vps", "uid": "n"}]
    found = read(pods=[bare, static]).workloads
    assert set(found) == {"Pod/bakery-ia/backup", "Pod/bakery-ia/kube-proxy-vps"}
    assert {view.health for view in found.values()} == {Health.FINE}


def raw_job(name: str, *, ago: float, owner: str = "", **status: Any) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "metadata": {
            "name": name, "namespace": "bakery-ia", "uid": f"uid-{name}", "creationTimestamp": stamp(ago),
        },
        "status": {"startTime": stamp(ago), **status},
    }  # fmt: skip
    if owner:
        raw["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": owner, "uid": "c", "controller": True}]
    return raw


def condition(kind: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": "True", "reason": reason, "message": message}


def raw_cron(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "backup", "namespace": "bakery-ia", "uid": "c"},
        "spec": {"schedule": "0 3 * * *"},
        "status": status,
    }


def test_a_cronjob_is_as_its_last_job() -> None:
    failed = raw_job(
        "backup-1", ago=7000, owner="backup", conditions=[condition("Failed", "BackoffLimitExceeded")]
    )
    good = raw_job("backup-2", ago=100, owner="backup", conditions=[condition("Complete")])
    cron = raw_cron(lastScheduleTime=stamp(100))
    view = read(cronjobs=[cron], jobs=[failed]).workloads["CronJob/bakery-ia/backup"]
    assert view.health is Health.BAD
    assert view.reason == "its last Job backup-1 failed: BackoffLimitExceeded"
    assert view.schedule == "0 3 * * *"
    view = read(cronjobs=[cron], jobs=[failed, good]).workloads["CronJob/bakery-ia/backup"]
    assert view.health is Health.FINE


def test_a_cronjob_whose_last_job_is_gone() -> None:
    view = one(cronjobs=[raw_cron(lastScheduleTime=stamp(100), lastSuccessfulTime=stamp(90_000))])
    assert (view.health, view.reason) == (Health.UNKNOWN, "how its last Job ended is not known")
    assert (
        one(cronjobs=[raw_cron(lastScheduleTime=stamp(100), lastSuccessfulTime=stamp(50))]).health is Health.FINE
    )
    assert one(cronjobs=[raw_cron()]).reason == "has not run yet"


def test_the_success_before_the_last_run_says_nothing_of_the_last_run() -> None:
    """A Job that failed may be removed at once (ttlSecondsAfterFinished); successes are kept for days."""
    good = raw_job("backup-1", ago=90_000, owner="backup", conditions=[condition("Complete")])
    cron = raw_cron(lastScheduleTime=stamp(100), lastSuccessfulTime=stamp(89_000))
    view = read(cronjobs=[cron], jobs=[good]).workloads["CronJob/bakery-ia/backup"]
    assert (view.health, view.reason) == (Health.UNKNOWN, "how its last Job ended is not known")
    cron = raw_cron(lastScheduleTime=stamp(90_000), lastSuccessfulTime=stamp(89_000))
    view = read(cronjobs=[cron], jobs=[good]).workloads["CronJob/bakery-ia/backup"]
    assert view.health is Health.FINE


@pytest.mark.parametrize("plural", ["deployments", "statefulsets", "daemonsets", "jobs", "cronjobs"])
def test_of_what_only_the_metadata_could_be_read_nothing_is_known(plural: str) -> None:
    view = one(**{plural: [{"metadata": {"name": "odd", "namespace": "bakery-ia", "uid": "o"}}]})
    assert (view.health, view.reason) == (Health.UNKNOWN, "what it asks for could not be read")


def test_a_suspended_job() -> None:
    raw = raw_job("seed", ago=10)
    raw["spec"] = {"suspend": True}
    assert one(jobs=[raw]).health is Health.HELD


def test_restarts_before_anyone_watched_are_a_lower_bound() -> None:
    log = RestartLog()
    old = pod(
        decode("pods", raw_pod(containerStatuses=[running("auth", 1000, restarts=9, lastState=ended(1, 1001))])),
        now=NOW,
    )
    log.see(old, NOW)
    found = log.last_hour(old.uid, NOW)
    assert (found.count, found.at_least) == (1, True)
    more = pod(
        decode("pods", raw_pod(containerStatuses=[running("auth", 0, restarts=11, lastState=ended(1, 1))])),
        now=NOW,
    )
    log.see(more, NOW)
    assert log.last_hour(old.uid, NOW).count == 3
    later = log.last_hour(old.uid, NOW + 3601)
    assert (later.count, later.at_least) == (0, False)


def test_the_worst_comes_first() -> None:
    store = {
        "deployments": Held({"1": decode("deployments", raw_deployment("zeta")), "2": decode("deployments", raw_deployment("auth"))}),
        "pods": Held({"p": decode("pods", crashing())}),
    }  # fmt: skip
    found = workloads(store, now=NOW)
    assert [view.name for view in found] == ["auth", "zeta"]
    assert found == sorted(found, key=order)


def test_symbols_differ_and_ranks_order() -> None:
    assert len({health.symbol for health in Health}) == len(Health)
    assert worst([Health.FINE, Health.BAD, Health.WORKING]) is Health.BAD
    assert worst([]) is Health.UNKNOWN
