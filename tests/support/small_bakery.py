"""A few objects of a small bakery, as an API server would send them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.support.fake_session import NOW, FakeSession

Object = dict[str, Any]


def stamp(age: float) -> str:
    """Return the time `age` seconds before now, as the API writes it."""
    return datetime.fromtimestamp(NOW - age, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(
    name: str,
    app: str,
    *,
    namespace: str = "bakery-ia",
    ready: bool = True,
    restarts: int = 0,
    waiting: str = "",
    image: str = "gitea.local/bakery/{app}:20261118-0900-9f3c2a1",
    age: float = 36_000,
    exit_code: int = 1,
    memory: str = "256Mi",
) -> Object:
    state: Object = {"running": {"startedAt": stamp(age)}}
    last: Object = {}
    if waiting:
        state = {"waiting": {"reason": waiting, "message": f"back-off restarting failed container {app}"}}
    if restarts:
        last = {"terminated": {"exitCode": exit_code, "reason": "OOMKilled" if exit_code == 137 else "Error",
                               "startedAt": stamp(700), "finishedAt": stamp(660)}}  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", "resourceVersion": "1",
            "creationTimestamp": stamp(age), "labels": {"app.kubernetes.io/name": app, "pod-template-hash": "6d5f8c7b9"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-6d5f8c7b9",
                                 "uid": f"rs-{namespace}-{app}", "controller": True}],
        },
        "spec": {
            "nodeName": "bakery-vps",
            "containers": [{"name": app, "image": image.format(app=app),
                            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"},
                                          "limits": {"cpu": "500m", "memory": memory}}}],
        },
        "status": {
            "phase": "Running", "qosClass": "Burstable", "startTime": stamp(age), "podIP": "10.1.0.9",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False",
                            "lastTransitionTime": stamp(660)},
                           {"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(age)}],
            "containerStatuses": [{"name": app, "ready": ready, "restartCount": restarts, "state": state,
                                   "lastState": last, "image": image.format(app=app), "imageID": "",
                                   "started": ready}],
        },
    }  # fmt: skip


def deployment(app: str, *, namespace: str = "bakery-ia", replicas: int = 1, ready: int = 1) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": app, "namespace": namespace, "uid": f"d-{namespace}-{app}", "resourceVersion": "1",
            "generation": 1, "creationTimestamp": stamp(90_000), "labels": {"app.kubernetes.io/name": app},
            "annotations": {"deployment.kubernetes.io/revision": "3"},
        },
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app.kubernetes.io/name": app}},
            "template": {"metadata": {"labels": {"app.kubernetes.io/name": app}},
                         "spec": {"containers": [{"name": app,
                                  "image": f"gitea.local/bakery/{app}:20261118-0900-9f3c2a1"}]}},
        },
        "status": {
            "observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": [{"type": "Available", "status": "True" if ready == replicas else "False",
                            "lastTransitionTime": stamp(660)},
                           {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
                            "lastTransitionTime": stamp(660)}],
        },
    }  # fmt: skip


def node(name: str = "bakery-vps") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "uid": f"n-{name}", "resourceVersion": "1", "creationTimestamp": stamp(9e6)},
        "spec": {},
        "status": {
            "capacity": {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"},
            "allocatable": {"cpu": "4", "memory": "15Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": stamp(9e5),
                            "lastHeartbeatTime": stamp(5)}],
            "nodeInfo": {"kubeletVersion": "v1.33.2", "osImage": "Ubuntu 24.04", "containerRuntimeVersion": "c://1"},
            "addresses": [{"type": "InternalIP", "address": "10.0.0.5"}],
        },
    }  # fmt: skip


def usage(pod_name: str, cpu: str, memory: str, *, namespace: str = "bakery-ia", age: float = 10) -> Object:
    container = pod_name.rsplit("-", 2)[0]
    return {"metadata": {"name": pod_name, "namespace": namespace}, "timestamp": stamp(age), "window": "15s",
            "containers": [{"name": container, "usage": {"cpu": cpu, "memory": memory}}]}  # fmt: skip


def event(name: str, about: str, reason: str, message: str, *, kind: str = "Pod", warning: bool = True,
          namespace: str = "bakery-ia", count: int = 1, age: float = 30) -> Object:  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace, "uid": f"e-{name}", "resourceVersion": "1"},
        "involvedObject": {"kind": kind, "namespace": namespace, "name": about, "uid": f"uid-{namespace}-{about}"},
        "type": "Warning" if warning else "Normal", "reason": reason, "message": message, "count": count,
        "firstTimestamp": stamp(age + 600), "lastTimestamp": stamp(age), "source": {"component": "kubelet"},
    }  # fmt: skip


APPS = ("auth", "tenant", "orders", "inventory", "forecasting", "gateway")


def fill(session: FakeSession) -> None:
    """Fill a session: six services, one of them crash-looping, and the node."""
    for app in APPS:
        bad = app == "auth"
        session.put("deployments", deployment(app, ready=0 if bad else 1))
        session.put("pods", pod(f"{app}-6d5f8c7b9-x2x4z", app, ready=not bad, restarts=7 if bad else 0,
                                waiting="CrashLoopBackOff" if bad else ""))  # fmt: skip
        session.put("podmetrics", usage(f"{app}-6d5f8c7b9-x2x4z", "40m", "96Mi"))
    session.put("nodes", node())
    session.put("namespaces", {"metadata": {"name": "bakery-ia", "uid": "ns-1", "resourceVersion": "1"}},
                {"metadata": {"name": "gitea", "uid": "ns-2", "resourceVersion": "1"}})  # fmt: skip
    session.put("nodemetrics", {"metadata": {"name": "bakery-vps"}, "timestamp": stamp(10), "window": "15s",
                                "usage": {"cpu": "1200m", "memory": "9Gi"}})  # fmt: skip
    session.put("events", event("e1", "auth-6d5f8c7b9-x2x4z", "BackOff", "Back-off restarting failed container auth",
                                count=31),
                event("e2", "tenant-6d5f8c7b9-x2x4z", "Pulled", "Container image pulled", warning=False))  # fmt: skip
