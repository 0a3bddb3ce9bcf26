"""One container of a running pod: its instances one after the other, as the pod's status shows them."""

from __future__ import annotations

from dataclasses import dataclass, field

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.behaviour import Behaviour
from bakeryops.demo.controllers.objects import digest, timestamp

__all__ = ["BACKOFF_FIRST", "BACKOFF_MOST", "Container"]

BACKOFF_FIRST = 10.0
"""Seconds of the first wait before a restart; every further wait is twice as long."""
BACKOFF_MOST = 300.0
_BACKOFF_FORGOTTEN = 2 * BACKOFF_MOST


@dataclass
class Container:
    """A container's state as the kubelet knows it, and what it last said about it."""

    spec: Object
    behaviour: Behaviour
    init: bool = False
    state: str = "waiting"
    """waiting, running or terminated."""
    reason: str = ""
    """Why it waits, as the last attempt to start it found: CrashLoopBackOff, ErrImagePull …"""
    message: str = ""
    started_at: float = 0.0
    ended: Object = field(default_factory=dict)
    """The `terminated` state of the latest instance that ended."""
    ended_before: Object = field(default_factory=dict)
    """The one before that."""
    ended_at: float | None = None
    """When the latest instance ended."""
    instance: int = 0
    """Number of instances started."""
    restarts: int = 0
    ready: bool = False
    started: bool = False
    container_id: str = ""
    image_id: str = ""
    backoff: float = 0.0
    backoff_set_at: float = 0.0
    pull_backoff: float = 0.0
    pull_failed_at: float = 0.0
    failed_probes: int = 0

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.spec["name"])

    @property
    def sidecar(self) -> bool:
        """Whether it is an init container that keeps running beside the others."""
        return self.init and self.spec.get("restartPolicy") == "Always"

    def in_backoff(self, now: float, since: float | None) -> bool:
        """Tell whether a restart must wait still, the instance before having ended at `since`."""
        if since is None or not self.backoff or since - self.backoff_set_at > _BACKOFF_FORGOTTEN:
            return False
        return now - since < self.backoff

    def lengthen_backoff(self, now: float, since: float | None) -> None:
        """Set the wait that the next failure will meet; called when a restart goes ahead.

        The first start of a container, which no end came before (`since` is None), sets none.
        """
        if since is None:
            return
        forgotten = not self.backoff or since - self.backoff_set_at > _BACKOFF_FORGOTTEN
        self.backoff = BACKOFF_FIRST if forgotten else min(BACKOFF_MOST, self.backoff * 2)
        self.backoff_set_at = now

    def run(self, now: float, pod_uid: str, image_id: str) -> None:
        """Enter the running state with a new instance."""
        if self.instance:
            self.restarts += 1
        self.instance += 1
        self.state, self.reason, self.message = "running", "", ""
        self.started_at = now
        self.ready = False
        self.started = "startupProbe" not in self.spec
        self.failed_probes = 0
        self.container_id = f"containerd://{digest(pod_uid, self.name, self.restarts)}"
        self.image_id = image_id

    def end(self, now: float, code: int, reason: str = "", message: str = "") -> None:
        """Enter the terminated state; `message` is what the process left in its termination file."""
        self.ended_before = self.ended
        self.ended = {
            "exitCode": code,
            "reason": reason or ("Completed" if code == 0 else "Error"),
            "startedAt": timestamp(self.started_at),
            "finishedAt": timestamp(now),
            "containerID": self.container_id,
        }
        if message:
            self.ended["message"] = message
        self.ended_at = now
        self.state, self.reason, self.message = "terminated", "", ""
        self.ready = self.started = False

    def status(self, waiting: str) -> Object:
        """Return the containerStatus; `waiting` is the reason shown while nothing has been tried."""
        last: Object = {}
        if self.state == "running":
            state: Object = {"running": {"startedAt": timestamp(self.started_at)}}
            last = self.ended
        elif self.reason:
            state = {"waiting": {"reason": self.reason}}
            if self.message:
                state["waiting"]["message"] = self.message
            last = self.ended
        elif self.state == "terminated":
            state = {"terminated": self.ended}
            last = self.ended_before
        else:
            state = {"waiting": {"reason": waiting}}
        done = self.init and not self.sidecar and self.state == "terminated" and self.ended.get("exitCode") == 0
        status: Object = {
            "name": self.name,
            "state": state,
            "lastState": {"terminated": last} if last else {},
            "ready": self.ready or done,
            "restartCount": self.restarts,
            "image": self.spec.get("image", ""),
            "imageID": self.image_id,
            "started": self.started,
        }
        if self.container_id:
            status["containerID"] = self.container_id
        if self.spec.get("resources"):
            status["resources"] = self.spec["resources"]
            if requests := self.spec["resources"].get("requests"):
                status["allocatedResources"] = requests
        if self.spec.get("volumeMounts"):
            status["volumeMounts"] = [
                {
                    "name": mount["name"],
                    "mountPath": mount["mountPath"],
                    "readOnly": True,
                    "recursiveReadOnly": "Disabled",
                }
                if mount.get("readOnly")
                else {"name": mount["name"], "mountPath": mount["mountPath"]}
                for mount in self.spec["volumeMounts"]
            ]
        return status

    @classmethod
    def adopt(cls, spec: Object, behaviour: Behaviour, status: Object, *, init: bool, now: float) -> Container:
        """Return the container that a status written earlier speaks of."""
        found = cls(spec, behaviour, init)
        state = status.get("state") or {}
        found.restarts = status.get("restartCount", 0)
        found.container_id = status.get("containerID", "")
        found.image_id = status.get("imageID", "")
        found.ready, found.started = bool(status.get("ready")), bool(status.get("started"))
        found.ended = (status.get("lastState") or {}).get("terminated") or {}
        found.instance = found.restarts + (1 if found.container_id else 0)
        found.ended_at = now if found.ended else None
        if "running" in state:
            found.state, found.started_at = "running", now
        elif "terminated" in state:
            found.state, found.ended_before, found.ended = "terminated", found.ended, state["terminated"]
            found.ended_at = now
        else:
            waiting = state.get("waiting") or {}
            found.state = "terminated" if found.ended else "waiting"
            found.reason, found.message = waiting.get("reason", ""), waiting.get("message", "")
        if found.restarts:
            found.backoff = min(BACKOFF_MOST, BACKOFF_FIRST * 2 ** min(found.restarts, 6))
            found.backoff_set_at = now
        return found
