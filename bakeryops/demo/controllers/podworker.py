"""The life of one pod on the node: sandbox, containers in their order, restarts, end.

A worker goes round as a kubelet does: it says what it knows (`publish`), then acts, then waits for what happens
next. Scripts of several steps are generators that yield the seconds to the next step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers import ending, probes
from bakeryops.demo.controllers.behaviour import behaviour_of
from bakeryops.demo.controllers.container import Container
from bakeryops.demo.controllers.objects import fresh_conditions, timestamp
from bakeryops.demo.controllers.podstatus import outcome, qos_class, write_conditions
from bakeryops.demo.controllers.restarting import is_over, may_restart, restarts
from bakeryops.demo.controllers.starting import launch, missing_volume

if TYPE_CHECKING:
    from bakeryops.demo.controllers.kubelet import Kubelet

__all__ = ["PodWorker"]


class PodWorker:
    """Runs one pod; made when the pod is bound to the node, or for one that ran before."""

    def __init__(self, kubelet: Kubelet, pod: Object) -> None:
        """Take the pod as it is in the store."""
        self.kubelet = kubelet
        self.pod = pod
        self.namespace: str = pod["metadata"]["namespace"]
        self.name: str = pod["metadata"]["name"]
        self.uid: str = pod["metadata"]["uid"]
        self.sandbox = False
        self.address = ""
        self.failure: tuple[str, str] | None = None
        """Reason and message of the whole pod's failure (Evicted, DeadlineExceeded)."""
        self.deadline: float | None = None
        """When the containers are killed, once the pod is being ended."""
        self.busy = False
        """Whether a script of several steps is being played."""
        self.finished = False
        """Whether the last status is written."""
        self._alive = True
        self._again = False
        spec = pod["spec"]
        known = kubelet.images.behaviours
        self.containers = [
            *(
                Container(each, behaviour_of(pod, each, init=True, by_image=known), True)
                for each in spec.get("initContainers") or ()
            ),
            *(Container(each, behaviour_of(pod, each, by_image=known)) for each in spec["containers"]),
        ]

    # ---- from outside -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a pod that was just bound."""
        self._play(self._start())

    def adopt(self) -> None:
        """Take up a pod that ran before, from its status."""
        now = self.now()
        status = self.pod.get("status") or {}
        states = {
            each["name"]: each
            for field in ("initContainerStatuses", "containerStatuses")
            for each in status.get(field) or ()
        }
        self.containers = [
            Container.adopt(each.spec, each.behaviour, states.get(each.name) or {}, init=each.init, now=now)
            for each in self.containers
        ]
        self.sandbox, self.address = True, status.get("podIP", "")
        self.finished = status.get("phase") in ("Succeeded", "Failed")
        if self.finished:
            return
        for each in self.containers:
            if each.state == "running":
                self._watch(each)
        if not self.is_ending and any(each.state != "running" for each in self.containers if not each.init):
            self.later(5.0 + 60.0 * self.kubelet.cluster.random.random(), self.sync)

    def stop(self) -> None:
        """Forget the pod: it is gone from the store."""
        self._alive = False

    def refresh(self, pod: Object) -> None:
        """Take the pod as it was changed; a deletion that was asked for begins, or gets shorter."""
        self.pod = pod
        metadata = pod["metadata"]
        if not metadata.get("deletionTimestamp"):
            return
        if self.finished:
            self.later(0.3, lambda: ending.remove(self))
            return
        ending.terminate(self, float(metadata.get("deletionGracePeriodSeconds") or 0))

    # ---- what others of the kubelet use -------------------------------------------------------------------------

    @property
    def is_ending(self) -> bool:
        """Whether no container is started any more."""
        return self.deadline is not None

    def now(self) -> float:
        """Return the cluster's time."""
        return self.kubelet.cluster.clock.now()

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Call `action` in `delay` seconds, unless the pod is gone by then."""
        self.kubelet.cluster.clock.call_later(delay, lambda: action() if self._alive else None)

    def event(self, kind: str, reason: str, message: str, container: Container | None = None) -> None:
        """Record an Event of the kubelet about the pod or one of its containers."""
        group = "initContainers" if container is not None and container.init else "containers"
        self.kubelet.cluster.events.record(
            self.pod,
            kind,
            reason,
            message,
            component="kubelet",
            field_path=f"spec.{group}{{{container.name}}}" if container is not None else "",
        )

    def sync_soon(self, delay: float = 0.1) -> None:
        """Go round once more in a moment."""
        self.later(delay, self.sync)

    def sync(self) -> None:
        """Go round: say what is known, then act."""
        if self.busy:
            self._again = True
        elif self._alive and not self.finished:
            self._play(self._round())

    def ended(self, container: Container, code: int, *, reason: str = "", message: str = "") -> None:
        """Take in that a container's process has ended, and go round."""
        if container.state != "running":
            return
        container.end(self.now(), code, reason, message)
        self.sync_soon()

    def restart_killed(self, container: Container) -> None:
        """Start a container again that was killed for its liveness probe."""
        before = container.ended_at
        container.end(self.now(), 137)
        if self.busy:
            self.sync_soon()
            return
        self._play(self._restart(container, before))

    # ---- one round ----------------------------------------------------------------------------------------------

    def _play(self, steps: Iterator[float]) -> None:
        self.busy = True
        delay = next(steps, None)
        if delay is not None:
            self.later(delay, lambda: self._play(steps))
            return
        self.busy = False
        if self._again:
            self._again = False
            self.sync_soon(0.02)

    def _start(self) -> Iterator[float]:
        yield 0.02
        self.publish()
        while problem := missing_volume(self):
            self.event("Warning", "FailedMount", problem)
            yield 8.0 + 4.0 * self.kubelet.cluster.random.random()
        yield 0.35 + 0.2 * self.kubelet.cluster.random.random()
        if self.is_ending:
            return
        self.sandbox = True
        self.publish()
        self.address = self.kubelet.next_address()
        yield from self._act()

    def _round(self) -> Iterator[float]:
        result = outcome(self.containers, ended=is_over(self))
        if self.is_ending:
            if any(each.state == "running" for each in self.containers):
                return
            yield from ending.finish(self, result or "Failed")
            return
        self.publish()
        if result:
            yield 1.1
            yield from ending.finish(self, result)
            return
        if is_over(self):
            ending.stop_sidecars(self)
            return
        if not self.sandbox:
            return
        yield from self._act()

    def _act(self) -> Iterator[float]:
        """Start what is to run now: the next init container, or all containers."""
        started = False
        for each in self.containers:
            if each.init and not each.sidecar:
                if each.state == "terminated" and each.ended.get("exitCode") == 0:
                    continue
                if each.state != "running":
                    started = yield from self._try(each)
                break
            if each.state != "running":
                ok = yield from self._try(each)
                started = started or ok
                if each.sidecar and ok:
                    self.publish()
                if each.sidecar and not ok:
                    break
        if started and not self.is_ending:
            self.publish()
        if self.is_ending:
            self._again = True

    def _try(self, container: Container) -> Generator[float, None, bool]:
        """Start a container unless it must wait or stays ended; tells whether it runs."""
        if self.is_ending or (container.state == "terminated" and not restarts(self, container)):
            return False
        if not may_restart(self, container, container.ended_at):
            return False
        return (yield from launch(self, container, self._watch))

    def _restart(self, container: Container, before: float | None) -> Iterator[float]:
        if not may_restart(self, container, before):
            self.sync_soon()
            return
        if (yield from launch(self, container, self._watch)):
            self.publish()

    def _watch(self, container: Container) -> None:
        """Arrange for what the container's behaviour has in store for this instance."""
        behaviour, instance = container.behaviour, container.instance

        def still(action: Callable[[], None]) -> Callable[[], None]:
            return lambda: action() if container.instance == instance and container.state == "running" else None

        if behaviour.ends_after is not None:
            reason = "OOMKilled" if behaviour.out_of_memory else ""
            end = still(lambda: self.ended(container, behaviour.exit_code, reason=reason))
            self.later(max(0.05, behaviour.ends_after), end)
        if behaviour.evicted_after is not None:
            self.later(behaviour.evicted_after, still(lambda: ending.evict(self, behaviour.eviction_message)))
        probes.begin(self, container, still)

    # ---- saying it ----------------------------------------------------------------------------------------------

    def publish(self, phase: str = "") -> None:
        """Write the pod's status as the kubelet knows it."""
        result = phase or outcome(self.containers, ended=is_over(self))
        waiting = "PodInitializing" if any(each.init for each in self.containers) else "ContainerCreating"
        ran = any(each.instance for each in self.containers if not each.init)

        def change(pod: Object) -> Object:
            status: Object = dict(pod.get("status") or {})
            pod["status"] = status
            status["phase"] = phase or ("Running" if ran else "Pending")
            entries = fresh_conditions(status)
            write_conditions(entries, self.containers, sandbox=self.sandbox, result=result, now=self.now())
            status["hostIP"], status["hostIPs"] = self.kubelet.address, [{"ip": self.kubelet.address}]
            if self.address:
                status["podIP"], status["podIPs"] = self.address, [{"ip": self.address}]
            status.setdefault("startTime", timestamp(self.now()))
            for field, init in (("initContainerStatuses", True), ("containerStatuses", False)):
                every = [each.status(waiting) for each in self.containers if each.init == init]
                if every:
                    status[field] = every
            status.setdefault("qosClass", qos_class(pod["spec"]))
            if self.failure and phase:
                status["reason"], status["message"] = self.failure
            return pod

        found = self.kubelet.cluster.store.mutate(
            "pods", self.namespace, self.name, change, manager="kubelet", subresource="status"
        )
        if found is not None:
            self.pod = found
