"""Short ways to Structs for the tests of reading, and recordings folded event by event."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from bakeryops.cluster.wire import apps, batch, core, metrics
from bakeryops.read.index import WorkloadIndex
from bakeryops.units import parse_time
from tests.support.recordings import events

NOW = 1_790_000_000.0
"""The moment the tests' made-up objects are read at."""

STRUCTS: dict[str, type] = {
    "pods": core.Pod,
    "nodes": core.Node,
    "events": core.Event,
    "persistentvolumeclaims": core.PersistentVolumeClaim,
    "deployments": apps.Deployment,
    "replicasets": apps.ReplicaSet,
    "statefulsets": apps.StatefulSet,
    "daemonsets": apps.DaemonSet,
    "jobs": batch.Job,
    "cronjobs": batch.CronJob,
    "podmetrics": metrics.PodMetrics,
}


@dataclass
class Held:
    """Objects by uid, as a store has them."""

    items: dict[str, Any] = field(default_factory=dict)


@dataclass
class Uids:
    """A change set."""

    changed: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)


def stamp(ago: float, now: float = NOW) -> str:
    """Return the RFC 3339 time of `ago` seconds before `now`."""
    return datetime.fromtimestamp(now - ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def decode(plural: str, raw: Mapping[str, Any]) -> Any:
    """Return a raw object as its Struct."""
    return msgspec.json.decode(json.dumps(raw), type=STRUCTS[plural])


def raw_pod(name: str = "auth-5f6d-abcde", *, namespace: str = "bakery-ia", **status: Any) -> dict[str, Any]:
    """Return a healthy pod of Deployment "auth" with one container; `status` replaces parts of its status."""
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "creationTimestamp": stamp(7200),
            "labels": {"app.kubernetes.io/name": "auth", "pod-template-hash": "5f6d"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "auth-5f6d", "uid": "rs-1", "controller": True}],
        },
        "spec": {
            "nodeName": "bakery-vps",
            "restartPolicy": "Always",
            "containers": [{"name": "auth", "image": "gitea.local/bakery/auth:20261122-0258-9f3c2a1"}],
        },
        "status": {
            "phase": "Running",
            "qosClass": "Burstable",
            "podIP": "10.1.0.7",
            "startTime": stamp(7200),
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(7200)},
                {"type": "Ready", "status": "True", "lastTransitionTime": stamp(7190)},
            ],
            "containerStatuses": [running("auth", 7195)],
            **status,
        },
    }


def running(name: str, ago: float, *, ready: bool = True, restarts: int = 0, **more: Any) -> dict[str, Any]:
    """Return the status of a container that has run for `ago` seconds."""
    return {
        "name": name,
        "ready": ready,
        "restartCount": restarts,
        "started": True,
        "state": {"running": {"startedAt": stamp(ago)}},
        "lastState": {},
        **more,
    }


def ended(code: int, ago: float, *, ran: float = 1, reason: str = "Error") -> dict[str, Any]:
    """Return the state of a container that ended `ago` seconds ago after running for `ran`."""
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            "startedAt": stamp(ago + ran),
            "finishedAt": stamp(ago),
        }
    }


def not_ready(ago: float) -> list[dict[str, Any]]:
    """Return the conditions of a scheduled pod that has been unready for `ago` seconds."""
    return [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(7200)},
        {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": stamp(ago)},
    ]


def raw_deployment(name: str = "auth", *, replicas: int = 1, **status: Any) -> dict[str, Any]:
    """Return a Deployment that says all of its replicas are up; `status` replaces parts of its status."""
    return {
        "metadata": {
            "name": name,
            "namespace": "bakery-ia",
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": stamp(7200),
            "labels": {"app.kubernetes.io/name": name},
        },
        "spec": {
            "replicas": replicas,
            "template": {
                "spec": {
                    "containers": [{"name": name, "image": f"gitea.local/bakery/{name}:20261122-0258-9f3c2a1"}]
                }
            },
        },
        "status": {
            "observedGeneration": 1,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": replicas,
            "availableReplicas": replicas,
            "conditions": [
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
                {"type": "Available", "status": "True", "lastTransitionTime": stamp(7000)},
            ],
            **status,
        },
    }


class Fold:
    """A recorded scenario folded into an index event by event; yields after each event."""

    def __init__(self, scenario: str) -> None:
        self.scenario = scenario
        self.stores = {plural: Held() for plural in STRUCTS}
        self.now = 0.0
        self.index = WorkloadIndex(clock=lambda: self.now)
        self.changed: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        base: float | None = None
        for seconds, plural, kind, raw in events(self.scenario):
            if plural not in STRUCTS:
                continue
            if base is None:
                base = parse_time(raw["metadata"]["creationTimestamp"])
                assert base is not None
            # Stamps are cut to whole seconds: half a second later nothing seems to come from the future.
            self.now = base + seconds + 0.5
            uid = raw["metadata"]["uid"]
            uids = Uids()
            if kind == "DELETED":
                self.stores[plural].items.pop(uid, None)
                uids.removed.add(uid)
            else:
                self.stores[plural].items[uid] = decode(plural, raw)
                uids.changed.add(uid)
            done = self.index.update(self.stores, {plural: uids})
            self.changed = done.workloads
            yield plural
