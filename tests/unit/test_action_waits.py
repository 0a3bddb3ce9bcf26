"""What waits go by: tokens, revisions, rollouts, owners, told from objects as the cluster sends them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bakeryops.actions import rollout_wait
from bakeryops.actions.flux_wait import asked, is_revision, make_token
from bakeryops.actions.owners import field_managers, flux_owner, git_owns, undone_by
from bakeryops.actions.rollout_state import is_new, rollout, trouble
from bakeryops.cluster.wire import apps, flux
from bakeryops.cluster.wire.core import Pod
from bakeryops.jobs.step import StepFailedError
from bakeryops.read.flux import sync_of
from bakeryops.read.pods import pod as read_pod
from bakeryops.units import parse_time
from tests.support.fake_session import NOW
from tests.support.small_bakery import pod, stamp

SHA = "9f3c2a1d" * 5
Object = dict[str, Any]


def kustomization(requested: str, handled: str) -> flux.Kustomization:
    body = {
        "metadata": {"name": "shop", "annotations": {"reconcile.fluxcd.io/requestedAt": requested}},
        "status": {"lastHandledReconcileAt": handled},
    }
    return msgspec.convert(body, flux.Kustomization)


def test_tokens_differ_and_are_times() -> None:
    tokens = {make_token(1_700_000_000.25) for _ in range(200)}
    assert len(tokens) > 190
    assert all(token.startswith("2023-11-14T22:13:20.250") and len(token) == 30 for token in tokens)
    assert all(parse_time(token) is not None for token in tokens)


def test_a_request_counts_as_handled_by_its_own_token_or_by_a_later_one() -> None:
    ours, before, after = "2026-11-24T09:00:05.1Z", "2026-11-24T09:00:00Z", "2026-11-24T09:00:09Z"
    assert asked(kustomization(ours, ours), ours)
    assert not asked(kustomization(ours, before), ours)
    assert asked(kustomization(after, after), ours)
    assert not asked(kustomization(before, before), ours)
    # The clocks of those who ask may differ: the order of the changes counts where it is known.
    late, early = kustomization(before, before), kustomization(after, after)
    late.metadata.resourceVersion, early.metadata.resourceVersion = "120", "90"
    assert asked(late, ours, "100")
    assert not asked(early, ours, "100")
    # What was seen before our patch arrived in the watch is not the answer to it.
    assert not asked(kustomization("yesterday", "yesterday"), ours)
    assert not asked(msgspec.convert({"metadata": {"name": "shop"}}, flux.Kustomization), ours)


@pytest.mark.parametrize(
    ("revision", "wanted", "same"),
    [
        (f"main@sha1:{SHA}", SHA, True),
        (f"main@sha1:{SHA}", SHA[:7], True),
        (f"main@sha1:{SHA}", f"main@sha1:{SHA}", True),
        (f"main/{SHA}", f"main@sha1:{SHA}", True),
        (f"main@sha1:{SHA}", "b" * 40, False),
        (f"main@sha1:{SHA}", "", False),
        ("", SHA, False),
        (None, SHA, False),
        ("6.2.0", "6.2.0", True),
        ("6.2.0", "6.2.1", False),
        (f"main@sha1:{SHA}", "main", False),
    ],
)
def test_revisions_are_the_same_commit_however_they_are_written(
    revision: str | None, wanted: str, same: bool
) -> None:
    assert is_revision(revision, wanted) is same


def deployment(generation: int = 2, observed: int = 2, **status: Any) -> apps.Deployment:
    conditions = status.pop("conditions", [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
                                           {"type": "Available", "status": "True"}])  # fmt: skip
    body = {
        "metadata": {
            "name": "auth",
            "generation": generation,
            "annotations": {"deployment.kubernetes.io/revision": "4"},
        },
        "spec": {"replicas": status.pop("wanted", 2)},
        "status": {"observedGeneration": observed, "conditions": conditions, **status},
    }
    return msgspec.convert(body, apps.Deployment)


FULL = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("status", "done", "text"),
    [
        (FULL, True, "2 of 2 new pods are ready"),
        ({**FULL, "observed": 1}, False, "its controller has not taken up the change yet"),
        ({**FULL, "updatedReplicas": 1}, False, "1 of 2 pods are new"),
        ({**FULL, "replicas": 3}, False, "1 former pods are still there"),
        ({**FULL, "readyReplicas": 1}, False, "1 of 2 new pods are ready"),
        ({**FULL, "availableReplicas": 1}, False, "2 of 2 new pods are ready"),
        ({**FULL, "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]}, False,
         "2 of 2 new pods are ready"),
        ({"wanted": 0}, True, "0 of 0 new pods are ready"),
    ],
)  # fmt: skip
def test_a_deployment_has_rolled_out_only_when_every_account_says_so(
    status: Object, done: bool, text: str
) -> None:
    found = rollout(deployment(**status))
    assert (found.done, found.text, found.failed) == (done, text, "")


def test_a_deployment_past_its_deadline_has_failed_but_not_for_an_older_template() -> None:
    over = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    assert rollout(deployment(conditions=over, **FULL)).failed == "no progress within 600 s"
    assert rollout(deployment(observed=1, conditions=over, **FULL)).failed == ""


@pytest.mark.parametrize(
    ("status", "spec", "done"),
    [
        ({"currentRevision": "a", "updateRevision": "a"}, {}, True),
        ({"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 1}, {}, False),
        ({"currentRevision": "a", "updateRevision": "b"}, {}, False),
        ({"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 0},
         {"updateStrategy": {"type": "OnDelete"}}, True),
        ({"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 1},
         {"updateStrategy": {"rollingUpdate": {"partition": 1}}}, True),
        ({"currentRevision": "a", "updateRevision": "a", "readyReplicas": 1}, {}, False),
    ],
)  # fmt: skip
def test_a_statefulset_has_rolled_out_when_its_revisions_agree(status: Object, spec: Object, done: bool) -> None:
    body = {
        "metadata": {"name": "db", "generation": 1},
        "spec": {"replicas": 2, **spec},
        "status": {"observedGeneration": 1, "replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, **status},
    }
    assert rollout(msgspec.convert(body, apps.StatefulSet)).done is done


def test_only_pods_of_the_newest_replicaset_are_new() -> None:
    sets = [
        msgspec.convert(
            {"metadata": {"name": f"auth-{revision}", "uid": f"rs-{revision}",
                          "annotations": {"deployment.kubernetes.io/revision": revision}}},
            apps.ReplicaSet,
        )
        for revision in ("3", "4")
    ]  # fmt: skip
    owned = [
        msgspec.convert({"metadata": {"name": "p", "ownerReferences": [{"kind": "ReplicaSet", "name": "x", "uid": uid,
                                                                        "controller": True}]}}, Pod)
        for uid in ("rs-3", "rs-4")
    ]  # fmt: skip
    assert [is_new(deployment(**FULL), each, sets) for each in owned] == [False, True]


def seen(**more: Any) -> Any:
    return read_pod(msgspec.convert(pod("auth-x", "auth", **more), Pod), now=NOW)


def test_what_cannot_be_pulled_or_crashes_again_and_again_is_trouble_and_one_crash_is_none() -> None:
    assert trouble([seen()]) == ""
    assert "ImagePullBackOff" in trouble([seen(ready=False, waiting="ImagePullBackOff")])
    assert trouble([seen(ready=False, waiting="CrashLoopBackOff", restarts=1)]) == ""
    told = trouble([seen(ready=False, waiting="CrashLoopBackOff", restarts=2, exit_code=3)])
    assert told.startswith("pod auth-x: crash-looping: exit 3")
    assert "out of memory" in trouble([seen(ready=False, waiting="CrashLoopBackOff", restarts=4, exit_code=137)])


OWNED: Object = {
    "metadata": {
        "labels": {"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"},
        "managedFields": [
            {"manager": "kustomize-controller", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}},
            {"manager": "odd", "fieldsV1": None}, "odd",
        ],
    }
}  # fmt: skip


def test_who_owns_an_object_and_its_fields() -> None:
    assert flux_owner(OWNED) == "kustomizations/flux-system/shop"
    assert flux_owner({}) == ""
    assert git_owns(OWNED, "spec", "replicas")
    assert not git_owns(OWNED, "spec", "paused")
    assert field_managers(OWNED, "spec", "paused") == ["kubectl"]
    assert not git_owns({"metadata": {"managedFields": "odd"}}, "spec", "replicas")


def test_who_takes_a_change_back_and_when() -> None:
    body: Object = {
        "metadata": {"name": "shop", "namespace": "flux-system", "generation": 1},
        "spec": {"interval": "10m", "path": "./deploy"},
        "status": {
            "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True", "reason": "ReconciliationSucceeded",
                            "lastTransitionTime": stamp(180)}],
        },
    }  # fmt: skip
    view = sync_of("kustomizations", msgspec.convert(body, flux.Kustomization), now=NOW)
    assert undone_by(view, NOW) == "Flux Kustomization shop applies Git again in 7m and takes it back"
    body["spec"]["suspend"] = True
    view = sync_of("kustomizations", msgspec.convert(body, flux.Kustomization), now=NOW)
    assert undone_by(view, NOW).endswith("applies Git again when it is resumed and takes it back")


def test_a_digest_counts_as_seen_only_where_every_pod_tells_it() -> None:
    image, digest = "registry/auth:1", "sha256:" + "ab" * 32

    def told(*ids: str) -> bool:
        pods = [
            msgspec.structs.replace(
                seen(), containers=(msgspec.structs.replace(seen().containers[0], image=image, image_id=each),)
            )
            for each in ids
        ]
        return rollout_wait._check_digest("Deployment auth", pods, image, digest)

    assert told(f"registry/auth@{digest}")
    assert not told(f"registry/auth@{digest}", "")
    with pytest.raises(StepFailedError, match="another image than the registry has"):
        told(f"registry/auth@{digest}", "registry/auth@sha256:" + "cd" * 32)
