"""When a container is started again, and how long it waits before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeryops.demo.controllers.container import Container

if TYPE_CHECKING:
    from bakeryops.demo.controllers.podworker import PodWorker

__all__ = ["is_over", "may_restart", "restarts"]

_RESYNC = 60.0
"""Seconds after which a pod that only waits is looked at again."""


def may_restart(worker: PodWorker, container: Container, since: float | None) -> bool:
    """Tell whether a container may start now, its last instance ended at `since`; else arrange for later."""
    now = worker.now()
    if not container.in_backoff(now, since):
        container.lengthen_backoff(now, since)
        return True
    wait = f"back-off {_go_duration(container.backoff)} restarting failed container={container.name}"
    first = container.reason != "CrashLoopBackOff"
    full_name = f"{worker.name}_{worker.namespace}({worker.uid})"
    container.reason, container.message = "CrashLoopBackOff", f"{wait} pod={full_name}"
    text = f"Back-off restarting failed container {container.name} in pod {full_name}"
    worker.event("Warning", "BackOff", text, container)
    if first:
        jitter = 1.0 + 0.5 * worker.kubelet.cluster.random.random()
        delay = (container.ended_at or now) + container.backoff * jitter - now
        worker.sync_soon(max(0.5, delay))
        if delay > _RESYNC:
            worker.later(_RESYNC, lambda: _resync(worker))
    return False


def is_over(worker: PodWorker) -> bool:
    """Whether no container that matters will run again."""
    if worker.is_ending:
        return True
    plain = [each for each in worker.containers if not each.sidecar]
    failed_init = any(
        each.init and each.state == "terminated" and each.ended.get("exitCode") and not restarts(worker, each)
        for each in plain
    )
    mains = [each for each in plain if not each.init]
    return failed_init or all(each.state == "terminated" and not restarts(worker, each) for each in mains)


def restarts(worker: PodWorker, container: Container) -> bool:
    """Tell whether the pod's restart policy starts a container again that has ended."""
    policy = "Always" if container.sidecar else worker.pod["spec"].get("restartPolicy", "Always")
    if policy == "Always":
        return not (container.init and not container.sidecar and container.ended.get("exitCode") == 0)
    return bool(policy == "OnFailure" and container.ended.get("exitCode"))


def _resync(worker: PodWorker) -> None:
    if not worker.busy and not worker.is_ending and not worker.finished:
        worker.publish()


def _go_duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
