"""Every recorded workload read back: rows and states are what the objects say, at the end and on the way."""

from __future__ import annotations

import msgspec
import pytest

from bakeryops.model.health import Health
from bakeryops.model.workload import PodView, WorkloadView
from bakeryops.read.workloads import read_all
from tests.support.reading import STRUCTS, Fold, Held, Uids, decode
from tests.support.recordings import events, final_list, needs_recordings, scenarios

pytestmark = needs_recordings

END: dict[str, tuple[str, Health, str, str, tuple[int, int]]] = {
    # scenario: workload, health, status, words of the reason, (ready, desired)
    "workload-config-error": ("Deployment/shop/recipe", Health.FINE, "Running", "", (1, 1)),
    "workload-crashloop": (
        "Deployment/shop/oven", Health.BAD, "CrashLoopBackOff", "oven: crash-looping: exit 3, 4 restarts", (0, 1)),
    "workload-image-pull-backoff": (
        "Deployment/shop/icing", Health.BAD, "ImagePullBackOff",
        "cannot pull registry.invalid/bakery/icing:2.0: the registry's name does not resolve; no progress within 20 s",
        (0, 1)),
    "workload-init-and-sidecar": ("Pod/shop/starter", Health.FINE, "Completed", "", (0, 0)),
    "workload-job-complete": ("Job/shop/invoice", Health.FINE, "Complete", "took 13s", (2, 2)),
    "workload-job-deadline": (
        "Job/shop/stocktake", Health.BAD, "Failed",
        "failed: DeadlineExceeded: Job was active longer than specified deadline", (0, 1)),
    "workload-job-failed": (
        "Job/shop/payroll", Health.BAD, "Failed",
        "failed: BackoffLimitExceeded: Job has reached the specified backoff limit; last pod failed: exit 2", (0, 1)),
    "workload-liveness-restarts": (
        "Deployment/shop/mixer", Health.BAD, "CrashLoopBackOff",
        "crash-looping: exit 137 (killed, perhaps by its liveness probe), 3 restarts", (1, 1)),
    "workload-never-ready": (
        "Deployment/shop/till", Health.BAD, "Stalled", "no progress within 15 s: runs, not ready yet", (0, 1)),
    "workload-oom-killed": (
        "Deployment/shop/dough", Health.BAD, "OOMKilled",
        "killed again and again: out of memory at its limit of 20M, 2 restarts", (0, 1)),
    "workload-rolling-update": ("Deployment/shop/counter", Health.FINE, "Running", "", (4, 4)),
    "workload-statefulset-pvc": (
        "StatefulSet/shop/ledger", Health.WORKING, "Starting",
        "1 of 2 ready: 1 of 2 pods: waits for its volume: claim data-ledger-1 is not bound", (1, 2)),
    "workload-unschedulable": (
        "Deployment/shop/giant", Health.WORKING, "Starting",
        "0 of 1 ready: fits on no node: 1 Insufficient cpu, 1 Insufficient memory", (0, 1)),
}  # fmt: skip

GONE = {"workload-evicted-ephemeral-storage", "workload-pod-deleted-gracefully"}
"""Scenarios at whose end nothing is left."""

ON_THE_WAY: dict[str, list[tuple[Health, str]]] = {
    # What is said in between, in this order; other states may lie between.
    "workload-config-error": [(Health.WORKING, "Starting"), (Health.BAD, "CreateContainerConfigError"),
                              (Health.FINE, "Running")],
    "workload-crashloop": [(Health.WORKING, "Pending"), (Health.WORKING, "Starting"), (Health.FINE, "Running"),
                           (Health.BAD, "Error"), (Health.SOON, "Running"), (Health.BAD, "CrashLoopBackOff")],
    "workload-evicted-ephemeral-storage": [(Health.FINE, "Running"), (Health.WORKING, "Starting"),
                                           (Health.SOON, "Running"), (Health.WORKING, "Deleting")],
    "workload-image-pull-backoff": [(Health.BAD, "ErrImagePull"), (Health.BAD, "ImagePullBackOff"),
                                    (Health.BAD, "ErrImagePull"), (Health.BAD, "ImagePullBackOff")],
    "workload-init-and-sidecar": [(Health.WORKING, "Pending"), (Health.WORKING, "Init:0/2"),
                                  (Health.WORKING, "Init:1/2"), (Health.WORKING, "ContainerCreating"),
                                  (Health.FINE, "Running"), (Health.WORKING, "Completed"), (Health.FINE, "Completed")],
    "workload-job-complete": [(Health.WORKING, "Pending"), (Health.WORKING, "Running"), (Health.FINE, "Complete")],
    "workload-job-deadline": [(Health.WORKING, "Running"), (Health.BAD, "Failed")],
    "workload-job-failed": [(Health.WORKING, "Running"), (Health.SOON, "Retrying"), (Health.BAD, "Error"),
                            (Health.BAD, "Failed")],
    "workload-liveness-restarts": [(Health.FINE, "Running"), (Health.SOON, "Running"),
                                   (Health.BAD, "CrashLoopBackOff")],
    "workload-never-ready": [(Health.WORKING, "Starting"), (Health.BAD, "Stalled")],
    "workload-oom-killed": [(Health.FINE, "Running"), (Health.BAD, "OOMKilled"), (Health.SOON, "Running"),
                            (Health.BAD, "OOMKilled")],
    "workload-pod-deleted-gracefully": [(Health.FINE, "Running"), (Health.WORKING, "Terminating")],
    "workload-rolling-update": [(Health.WORKING, "Starting"), (Health.FINE, "Running"), (Health.WORKING, "Rolling"),
                                (Health.WORKING, "Starting"), (Health.FINE, "Running"),
                                (Health.WORKING, "Starting"), (Health.FINE, "Running")],
    "workload-statefulset-pvc": [(Health.WORKING, "Pending"), (Health.WORKING, "Starting")],
    "workload-unschedulable": [(Health.WORKING, "Pending"), (Health.WORKING, "Starting")],
}  # fmt: skip

FOLDED = [name for name in scenarios("workload-") if name != "workload-node"]


def test_every_scenario_has_its_expectation() -> None:
    assert set(FOLDED) == set(END) | GONE == set(ON_THE_WAY)


def _truly_fine(view: PodView, fold: Fold) -> bool:
    raw = fold.stores["pods"].items[view.uid]
    if raw.metadata.deletionTimestamp is not None:
        return False
    if raw.status.phase == "Succeeded":
        return True
    ready = {condition.type: condition.status for condition in raw.status.conditions or ()}
    statuses = raw.status.containerStatuses or []
    return (
        raw.status.phase == "Running"
        and ready.get("Ready") == "True"
        and len(statuses) == len(raw.spec.containers)
        and all(status.ready and status.restartCount == 0 for status in statuses)
    )


def _truly_up(view: WorkloadView, fold: Fold) -> bool:
    raw = next(
        each
        for plural in ("deployments", "statefulsets", "jobs")
        for each in fold.stores[plural].items.values()
        if each.metadata.uid == view.uid
    )
    if view.kind == "Job":
        return any(each.type == "Complete" and each.status == "True" for each in raw.status.conditions or ())
    status, wanted = raw.status, raw.spec.replicas
    pods = [pod for pod in fold.index.pods_of(view.key) if pod.terminating is None and not pod.finished]
    return (
        status.observedGeneration == raw.metadata.generation
        and status.readyReplicas == status.updatedReplicas == status.replicas == wanted == len(pods)
        and all(pod.ready == pod.total for pod in pods)
    )


@pytest.mark.parametrize("scenario", FOLDED)
def test_nothing_is_fine_that_is_not_and_the_story_is_told_in_order(scenario: str) -> None:
    fold = Fold(scenario)
    told: list[tuple[Health, str]] = []
    for _ in fold:
        for view in fold.index.pods.values():
            assert view.health is not Health.FINE or _truly_fine(view, fold), view
            assert view.health in (Health.FINE, Health.HELD) or view.reason, view
        for workload in fold.index.workloads.values():
            if workload.health is Health.FINE and workload.kind != "Pod":
                assert _truly_up(workload, fold), workload
            assert workload.health is Health.FINE or workload.reason, workload
        told += [
            (fold.index.workloads[key].health, fold.index.workloads[key].status) for key in sorted(fold.changed)
        ]
    rest = iter(told)
    for state in ON_THE_WAY[scenario]:
        assert state in rest, f"{state} is missing, or comes too early, in {told}"


@pytest.mark.parametrize("scenario", sorted(END))
def test_the_end_is_what_the_objects_say(scenario: str) -> None:
    fold = Fold(scenario)
    for _ in fold:
        pass
    key, health, status, reason, counts = END[scenario]
    assert set(fold.index.workloads) == {key}
    view = fold.index.workloads[key]
    assert (view.health, view.status, view.reason) == (health, status, reason)
    assert (view.ready, view.desired) == counts


@pytest.mark.parametrize("scenario", sorted(GONE))
def test_nothing_is_left_of_what_was_deleted(scenario: str) -> None:
    fold = Fold(scenario)
    for _ in fold:
        pass
    assert not fold.index.pods
    assert not fold.index.workloads


_HISTORY = ("restarts_hour", "restarts_at_least", "oom_kills", "recheck", "pods")


def _without_history(view: WorkloadView) -> dict[str, object]:
    return {key: value for key, value in msgspec.structs.asdict(view).items() if key not in _HISTORY}


@pytest.mark.parametrize("scenario", sorted(END))
def test_following_and_listing_come_to_the_same(scenario: str) -> None:
    fold = Fold(scenario)
    for _ in fold:
        pass
    listed = {
        plural: [decode(plural, raw) for raw in final_list(scenario, plural)]
        for plural in STRUCTS
        if plural == "pods" or final_list(scenario, plural)
    }
    fresh = read_all(listed, now=fold.now)
    assert {key: _without_history(view) for key, view in fresh.workloads.items()} == {
        key: _without_history(view) for key, view in fold.index.workloads.items()
    }
    assert set(fresh.pods) == set(fold.index.pods)


def test_restarts_and_kills_are_counted_as_they_happen() -> None:
    fold = Fold("workload-crashloop")
    for _ in fold:
        pass
    oven = fold.index.workloads["Deployment/shop/oven"]
    assert (oven.restarts, oven.restarts_hour, oven.restarts_at_least) == (4, 4, False)
    fold = Fold("workload-oom-killed")
    for _ in fold:
        pass
    dough = fold.index.workloads["Deployment/shop/dough"]
    assert (dough.restarts_hour, dough.oom_kills) == (2, 3)


def test_time_alone_makes_an_unschedulable_pod_bad() -> None:
    fold = Fold("workload-unschedulable")
    for _ in fold:
        pass
    fold.now += 30
    assert "Deployment/shop/giant" in fold.index.tick().workloads
    view = fold.index.workloads["Deployment/shop/giant"]
    assert view.health is Health.BAD
    assert view.reason == "fits on no node: 1 Insufficient cpu, 1 Insufficient memory"


def test_churn_leaves_what_is_there_and_nothing_else() -> None:
    fold = Fold("pod-churn")
    seen = 0
    there: dict[str, str] = {}
    for _, _, kind, raw in events("pod-churn"):
        if kind == "DELETED":
            there.pop(raw["metadata"]["uid"], None)
        else:
            there[raw["metadata"]["uid"]] = raw["metadata"]["name"]
    for _ in fold:
        seen += 1
    assert seen == 2069
    assert sorted(view.name for view in fold.index.pods.values()) == sorted(there.values())


@pytest.mark.parametrize("batch", [7, 200])
def test_coalesced_changes_come_to_the_same_as_single_ones(batch: int) -> None:
    single = Fold("pod-churn")
    many = Fold("pod-churn")
    store, uids = Held(), Uids()
    for _ in single:
        pass
    for count, (_, plural, kind, raw) in enumerate(events("pod-churn"), 1):
        uid = raw["metadata"]["uid"]
        if kind == "DELETED":
            store.items.pop(uid, None)
            uids.removed.add(uid)
            uids.changed.discard(uid)
        else:
            store.items[uid] = decode(plural, raw)
            uids.changed.add(uid)
            uids.removed.discard(uid)
        if count % batch == 0:
            many.now = single.now
            many.index.update({"pods": store}, {"pods": uids})
            uids = Uids()
    many.now = single.now
    many.index.update({"pods": store}, {"pods": uids})
    assert set(many.index.pods) == set(single.index.pods)
    assert set(many.index.workloads) == set(single.index.workloads)
