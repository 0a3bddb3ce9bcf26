"""EventListeners: the objects that each needs, its status, and what it answers to a request."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers import Cluster
from bakeryops.demo.controllers.base import Key, Queue
from bakeryops.demo.controllers.objects import condition, fresh_conditions, key_of, owner_reference, put_condition
from bakeryops.demo.objects import uid
from bakeryops.demo.triggers.expressions import Event, canonical
from bakeryops.demo.triggers.firing import Firing
from bakeryops.demo.triggers.journal import Journal

__all__ = ["IMAGE", "PORT", "Listeners", "host_of"]

PORT = 8080
"""Port of the Service of an EventListener."""
IMAGE = "ghcr.io/tektoncd/triggers/cmd/eventlistenersink:v0.37.0"
_MANAGER = "tekton-triggers-controller"
_PROCESSING = 0.05
"""Seconds from the answer to the objects."""


def host_of(namespace: str, name: str) -> str:
    """Return the address of an EventListener within the cluster."""
    return f"el-{name}.{namespace}.svc.cluster.local:{PORT}"


class Listeners:
    """Keeps EventListeners in order and answers for them."""

    def __init__(self, cluster: Cluster, *, seed: int = 0) -> None:
        """Take the cluster; `seed` makes the ids of events."""
        self._cluster = cluster
        self._random = random.Random(f"triggers/{seed}")
        self._queue = Queue(cluster.clock, self._reconcile)
        self.journal = Journal(cluster)
        self._firing = Firing(cluster.store, self.journal, self._random)

    def start(self) -> None:
        """Follow EventListeners and their Deployments."""
        store = self._cluster.store
        store.listen("eventlisteners", lambda change, obj, previous: self._queue.add(key_of(obj)))
        store.listen("deployments.apps", self._deployment_changed)
        for listener in store.list("eventlisteners"):
            self._queue.add(key_of(listener))

    def is_up(self, namespace: str, name: str) -> bool:
        """Tell whether a pod of the EventListener takes requests."""
        deployment = self._cluster.store.get("deployments.apps", namespace, f"el-{name}")
        return deployment is not None and bool((deployment.get("status") or {}).get("readyReplicas"))

    def receive(self, namespace: str, name: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Object]:
        """Take a request and return (HTTP status, JSON); what it leads to is worked out afterwards."""
        listener = self._cluster.store.get("eventlisteners", namespace, name)
        if listener is None:
            return 404, {"errorMessage": f"no EventListener {name} in {namespace}"}
        answer: Object = {
            "eventListener": name,
            "namespace": namespace,
            "eventListenerUID": listener["metadata"]["uid"],
        }
        try:
            value = json.loads(body)
            if not isinstance(value, dict):
                raise TypeError("it is no object")
        except (ValueError, TypeError) as error:
            text = f"Invalid event body format : {error}"
            self.journal.say(listener, text, level="error")
            return 400, {**answer, "errorMessage": text}
        identity = uid(self._random)
        known = {canonical(key): text for key, text in headers.items()}
        event = Event(body, value, known, identity)
        self._cluster.clock.call_later(_PROCESSING, lambda: self._firing.process(listener, event))
        return 202, {**answer, "eventID": identity}

    # ---- the objects --------------------------------------------------------------------------------------------

    def _deployment_changed(self, change: str, obj: Object, previous: Object | None) -> None:
        namespace, name = key_of(obj)
        if name.startswith("el-"):
            self._queue.add((namespace, name.removeprefix("el-")))

    def _reconcile(self, key: Key) -> None:
        store = self._cluster.store
        listener = store.get("eventlisteners", *key)
        if listener is None or listener["metadata"].get("deletionTimestamp"):
            return
        name = f"el-{key[1]}"
        if store.get("deployments.apps", key[0], name) is None:
            store.create("deployments.apps", _deployment(listener), manager=_MANAGER)
        if store.get("services", key[0], name) is None:
            store.create("services", _service(listener), manager=_MANAGER)
        deployment = store.get("deployments.apps", key[0], name)
        assert deployment is not None

        def change(obj: Object) -> Object:
            status = obj.setdefault("status", {})
            status["address"] = {"url": f"http://{host_of(*key)}"}
            status["configuration"] = {"generatedName": name}
            self._conditions(status, deployment)
            return obj

        store.mutate("eventlisteners", *key, change, manager=_MANAGER, subresource="status")
        for pod in self.journal.pods(*key):
            # From now on its log is what it says, nothing is made up.
            self._cluster.book.write(pod["metadata"]["uid"], pod["spec"]["containers"][0]["name"], ())

    def _conditions(self, status: Object, deployment: Object) -> None:
        entries = fresh_conditions(status)
        wanted: list[tuple[str, str, str, str]] = [
            ("Deployment", "True", "", "Deployment exists"),
            ("Service", "True", "", "Service exists"),
        ]
        state = (condition(deployment, "Available") or {}).get("status", "Unknown")
        for kind in ("Available", "Progressing"):
            entry = condition(deployment, kind)
            if entry:
                wanted.append((kind, entry["status"], entry.get("reason", ""), entry.get("message", "")))
        wanted.append(
            ("Ready", state, "", "EventListener is ready" if state == "True" else "Condition Ready has error")
        )
        for kind, value, reason, message in wanted:
            entry = {
                "type": kind,
                "status": value,
                "lastTransitionTime": self._cluster.stamp(),
                "message": message,
            }
            put_condition(entries, entry | ({"reason": reason} if reason else {}), keep_place=True)
        entries.sort(key=lambda each: str(each["type"]))


def _labels(listener: Object) -> dict[str, str]:
    return {
        "app.kubernetes.io/managed-by": "EventListener",
        "app.kubernetes.io/part-of": "Triggers",
        "eventlistener": listener["metadata"]["name"],
    }


def _deployment(listener: Object) -> Object:
    namespace, name = key_of(listener)
    labels = _labels(listener)
    container = {
        "name": "event-listener",
        "image": IMAGE,
        "ports": [{"name": "event-listener", "containerPort": PORT, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/live", "port": PORT, "scheme": "HTTP"}, "periodSeconds": 10},
        "resources": {
            "requests": {"cpu": "50m", "memory": "48Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
    }
    spec: Object = {"containers": [container]}
    if account := (listener.get("spec") or {}).get("serviceAccountName"):
        spec["serviceAccountName"] = account
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"el-{name}", "namespace": namespace, "labels": labels,
            "ownerReferences": [owner_reference(listener)],
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }  # fmt: skip


def _service(listener: Object) -> Object:
    namespace, name = key_of(listener)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": f"el-{name}", "namespace": namespace, "labels": _labels(listener),
            "ownerReferences": [owner_reference(listener)],
        },
        "spec": {
            "type": "ClusterIP",
            "selector": _labels(listener),
            "ports": [{"name": "http-listener", "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
        },
    }  # fmt: skip
