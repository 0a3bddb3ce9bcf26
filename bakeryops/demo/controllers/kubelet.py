"""The kubelet of the one node: a worker for each pod that does something."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster, Key
from bakeryops.demo.controllers.behaviour import annotated
from bakeryops.demo.controllers.images import Images
from bakeryops.demo.controllers.objects import key_of
from bakeryops.demo.controllers.podworker import PodWorker

__all__ = ["Kubelet"]


class Kubelet:
    """Runs the pods bound to its node.

    A pod that was settled when the world was built has no worker until something happens to it.
    """

    def __init__(
        self, cluster: Cluster, images: Images, *, address: str = "192.0.2.10", first_pod: int = 2
    ) -> None:
        """Take the node's address, and the number from which pod addresses of 10.1.0.0/16 are given out."""
        self.cluster = cluster
        self.images = images
        self.address = address
        self._number = first_pod
        self._workers: dict[Key, PodWorker] = {}

    def start(self) -> None:
        """Follow the pods of the store, and take up those that are in trouble or say how they behave."""
        self.cluster.store.listen("pods", self._changed)
        for pod in self.cluster.store.list("pods"):
            if pod["spec"].get("nodeName") != self.cluster.node:
                continue
            status = pod.get("status") or {}
            if pod["metadata"].get("deletionTimestamp") or not status.get("startTime"):
                self._changed("ADDED", pod, None)
            elif status.get("phase") in ("Running", "Pending") and (annotated(pod) or not _is_ready(status)):
                self.worker(*key_of(pod))

    def next_address(self) -> str:
        """Return the address of the next pod."""
        number = self._number = self._number % 65_000 + 1
        return f"10.1.{number // 250}.{number % 250 + 1}"

    def worker(self, namespace: str, name: str) -> PodWorker | None:
        """Return the worker of a pod on this node, taking the pod up if nobody has; None for no such pod."""
        found = self._workers.get((namespace, name))
        if found is not None:
            return found
        pod = self.cluster.store.get("pods", namespace, name)
        if pod is None or pod["spec"].get("nodeName") != self.cluster.node:
            return None
        worker = self._workers[namespace, name] = PodWorker(self, pod)
        worker.adopt()
        return worker

    def end_container(
        self, namespace: str, name: str, container: str, code: int, *, reason: str = "", message: str = ""
    ) -> bool:
        """Let a running container's process end; False when there is no such container running.

        `message` is what the process leaves in its termination file.
        """
        worker = self.worker(namespace, name)
        for each in worker.containers if worker is not None else ():
            if worker is not None and each.name == container and each.state == "running":
                worker.ended(each, code, reason=reason, message=message)
                return True
        return False

    def _changed(self, change: str, pod: Object, previous: Object | None) -> None:
        if pod["spec"].get("nodeName") != self.cluster.node:
            return
        key = key_of(pod)
        worker = self._workers.get(key)
        if change == "DELETED":
            self.cluster.book.forget(pod["metadata"]["uid"])
            if worker is not None and worker.uid == pod["metadata"]["uid"]:
                worker.stop()
                del self._workers[key]
            return
        if worker is None and not (pod.get("status") or {}).get("startTime"):
            worker = self._workers[key] = PodWorker(self, pod)
            worker.start()
        asked = pod["metadata"].get("deletionTimestamp")
        if asked and (previous is None or _grace(previous) != _grace(pod)):
            worker = worker or self.worker(*key)
            if worker is not None:
                worker.refresh(pod)


def _grace(pod: Object) -> tuple[str | None, int | None]:
    metadata = pod["metadata"]
    return metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")


def _is_ready(status: Object) -> bool:
    return any(
        entry.get("type") == "Ready" and entry.get("status") == "True" for entry in status.get("conditions") or ()
    )
