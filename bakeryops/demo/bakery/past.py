"""The past: a clock that is set back, and pods as they look after having run for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bakeryops.demo.contracts import Clock, Object, Timer
from bakeryops.demo.controllers.behaviour import behaviour_of
from bakeryops.demo.controllers.container import Container
from bakeryops.demo.controllers.images import Images
from bakeryops.demo.controllers.objects import digest, fresh_conditions, timestamp
from bakeryops.demo.controllers.podstatus import qos_class, write_conditions

__all__ = ["Past", "PodPast", "Trouble"]


class Past:
    """A clock whose time the builder of the past sets: the store stamps what is created with it."""

    speed = 1.0
    """Cluster seconds per wall second, of no meaning here."""

    def __init__(self, real: Clock) -> None:
        """Take the clock of the present; until `age` is set the time is its."""
        self._real = real
        self.age = 0.0
        """Seconds before the present."""

    def now(self) -> float:
        """Return the time that lies `age` seconds back."""
        return self._real.now() - self.age

    def present(self) -> float:
        """Return the time of the present."""
        return self._real.now()

    def call_at(self, when: float, action: Callable[[], None]) -> Timer:
        """Have the real clock call: nothing is arranged for in the past."""
        return self._real.call_at(when, action)

    def call_later(self, delay: float, action: Callable[[], None]) -> Timer:
        """Have the real clock call, `delay` seconds from the present."""
        return self._real.call_later(delay, action)


@dataclass
class Trouble:
    """What ails the pods of a workload, for their statuses."""

    waiting: str = ""
    """Reason that the container waits for, "" when it runs."""
    message: str = ""
    restarts: int = 0
    ended: Object = field(default_factory=dict)
    """exitCode and reason of the last end."""
    ended_ago: float = 3600.0
    unscheduled: str = ""
    """Why no node takes the pod, "" when one has."""


class PodPast:
    """Writes the statuses of pods that have been running."""

    def __init__(self, past: Past, images: Images, address: str) -> None:
        """Take the node's address."""
        self._past = past
        self._images = images
        self._address = address
        self.number = 2
        """The number of the pod address that was given out last."""

    def status(self, pod: Object, age: float, trouble: Trouble | None) -> Object:
        """Return the status of a pod that was started `age` seconds ago and is settled."""
        present = self._past.present()
        if trouble is not None and trouble.unscheduled:
            entry = {"type": "PodScheduled", "status": "False", "lastProbeTime": None, "reason": "Unschedulable",
                     "lastTransitionTime": timestamp(present - age), "message": trouble.unscheduled}  # fmt: skip
            return {"phase": "Pending", "conditions": [entry], "qosClass": qos_class(pod["spec"])}
        started = present - age + 2.0
        uid = digest(pod["metadata"]["namespace"], pod["metadata"]["name"])
        containers, known = [], self._images.behaviours
        for spec in pod["spec"].get("initContainers") or ():
            each = Container(spec, behaviour_of(pod, spec, init=True, by_image=known), init=True)
            each.run(started, uid, self._images.image_id(spec["image"]))
            if not each.sidecar:
                each.end(started + 1.5, 0)
            else:
                each.ready = True
            containers.append(each)
        for spec in pod["spec"]["containers"]:
            each = Container(spec, behaviour_of(pod, spec, by_image=known))
            self._settle(each, pod["metadata"]["name"], uid, started + 2.0, present, trouble)
            containers.append(each)
        running = any(each.instance for each in containers if not each.init)
        status: Object = {"phase": "Running" if running else "Pending"}
        write_conditions(fresh_conditions(status), containers, sandbox=True, result="", now=started)
        if trouble is not None and trouble.ended:
            for entry in status["conditions"]:
                if entry["type"] in ("Ready", "ContainersReady"):
                    entry["lastTransitionTime"] = timestamp(present - trouble.ended_ago + 12.0)
        self.number = self.number % 65_000 + 1
        address = f"10.1.{self.number // 250}.{self.number % 250 + 1}"
        status |= {
            "hostIP": self._address,
            "hostIPs": [{"ip": self._address}],
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": timestamp(present - age),
            "qosClass": qos_class(pod["spec"]),
        }
        for name, init in (("initContainerStatuses", True), ("containerStatuses", False)):
            every = [each.status("PodInitializing") for each in containers if each.init == init]
            if every:
                status[name] = every
        return status

    def _settle(
        self, each: Container, pod: str, uid: str, started: float, present: float, trouble: Trouble | None
    ) -> None:
        image = self._images.image_id(each.spec["image"])
        if trouble is not None and trouble.waiting and not trouble.ended:
            each.reason, each.message = trouble.waiting, trouble.message.replace("{pod}", pod)
            return
        each.run(started, uid, image)
        if trouble is not None and trouble.ended:
            ended = max(started + 30.0, present - trouble.ended_ago)
            each.restarts = max(0, trouble.restarts - 1)
            each.started_at = max(started, ended - 6.0) if trouble.waiting else max(started, ended - 30_000.0)
            each.end(ended, trouble.ended["exitCode"], trouble.ended.get("reason", ""))
            if trouble.waiting:
                each.restarts = trouble.restarts
                each.reason, each.message = trouble.waiting, trouble.message.replace("{pod}", pod)
                return
            each.run(ended + 1.0, uid, image)
        elif trouble is not None:
            each.restarts = trouble.restarts
        each.ready = each.started = True
