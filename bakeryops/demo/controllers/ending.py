"""The end of a pod: its containers stopped in order, its last status, its removal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bakeryops.demo.controllers.container import Container

if TYPE_CHECKING:
    from bakeryops.demo.controllers.podworker import PodWorker

__all__ = ["evict", "finish", "remove", "stop_sidecars", "terminate"]


def terminate(worker: PodWorker, grace: float) -> None:
    """Stop all containers, those that do not obey after `grace` seconds."""
    deadline = worker.now() + grace + 0.1
    first = worker.deadline is None
    if not first and deadline >= (worker.deadline or 0.0):
        return
    worker.deadline = deadline
    for each in worker.containers:
        if each.state != "running":
            continue
        if first:
            worker.event("Normal", "Killing", f"Stopping container {each.name}", each)
            obeys = each.behaviour.stops_after
            if obeys is not None and obeys <= grace:
                worker.later(obeys, _ender(worker, each, each.behaviour.stop_code))
        worker.later(grace + 0.1, _ender(worker, each, 137))
    worker.sync_soon(0.05)


def evict(worker: PodWorker, message: str, reason: str = "Evicted") -> None:
    """End the pod as the kubelet does when it takes more than it may."""
    if worker.finished or worker.is_ending:
        return
    worker.failure = (reason, message)
    worker.event("Warning", reason, message)
    terminate(worker, float(worker.pod["spec"].get("terminationGracePeriodSeconds", 30)))


def stop_sidecars(worker: PodWorker) -> None:
    """Stop the sidecars of a pod whose other containers have ended."""
    grace = float(worker.pod["spec"].get("terminationGracePeriodSeconds", 30))
    for each in worker.containers:
        if each.sidecar and each.state == "running":
            worker.event("Normal", "Killing", f"Stopping container {each.name}", each)
            obeys = each.behaviour.stops_after
            quick = obeys is not None and obeys <= grace
            end = _ender(worker, each, each.behaviour.stop_code if quick else 137, sandbox=False)
            worker.later(obeys if quick and obeys is not None else grace + 0.2, end)


def finish(worker: PodWorker, result: str) -> Iterator[float]:
    """Say the pod's end: sandbox gone, phase final; then remove a pod that was deleted."""
    worker.sandbox = False
    if worker.is_ending and all(not each.instance for each in worker.containers):
        yield 0.1
    for each in worker.containers:
        each.reason = ""
    worker.finished = True
    worker.publish("Failed" if worker.failure else result)
    if worker.pod["metadata"].get("deletionTimestamp"):
        yield 0.4
        remove(worker)


def remove(worker: PodWorker) -> None:
    """Take the pod out of the store: the last step of its deletion."""
    worker.kubelet.cluster.store.delete("pods", worker.namespace, worker.name, grace=0)


def _ender(worker: PodWorker, container: Container, code: int, *, sandbox: bool = True) -> Callable[[], None]:
    instance = container.instance

    def end() -> None:
        if container.instance == instance and container.state == "running":
            worker.sandbox = worker.sandbox and sandbox
            worker.ended(container, code)

    return end
