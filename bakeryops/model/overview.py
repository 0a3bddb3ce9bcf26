"""One screen that answers "is it all right?"."""

from __future__ import annotations

import msgspec

from bakeryops.model.health import Health
from bakeryops.model.hold import Hold, Suspension, WriteBack
from bakeryops.model.node import NodeView

__all__ = ["NeedsYou", "ObjectRef", "Overview", "Part", "Share"]


class ObjectRef(msgspec.Struct, frozen=True, gc=False):
    """Which object to open: the plural of its kind ("pods"), namespace (empty for none) and name."""

    plural: str
    namespace: str
    name: str


class Part(msgspec.Struct, frozen=True, gc=False):
    """One part of the installation (Gitea, Tekton, Flux, SigNoz, the app).

    `ready` and `total` count its workloads; memory and `budget` are bytes, `cpu` is cores; None is unknown or no
    budget. `present` is False where nothing of it was found.
    """

    name: str
    namespaces: tuple[str, ...]
    health: Health
    reason: str
    present: bool
    version: str
    ready: int
    total: int
    memory: float | None
    cpu: float | None
    budget: float | None


class Share(msgspec.Struct, frozen=True, gc=False):
    """What one namespace uses and asks for: memory in bytes, CPU in cores; None where not measured."""

    namespace: str
    pods: int
    memory: float | None
    memory_request: float
    cpu: float | None
    cpu_request: float


class NeedsYou(msgspec.Struct, frozen=True, gc=False):
    """One thing that wants a person: what it is, why, since when, and what to open.

    `pod` and `container` say whose log to read, where there is one; `service` is what is held or was set past Git.
    """

    health: Health
    name: str
    what: str
    why: str
    since: float | None
    ref: ObjectRef
    namespace: str = ""
    pod: str = ""
    container: str = ""
    restarts: int = 0
    service: str = ""


class Overview(msgspec.Struct, frozen=True, gc=False):
    """The whole; `health` is the worst of it, `unknowns` are sentences about what could not be looked at."""

    health: Health
    parts: tuple[Part, ...]
    needs: tuple[NeedsYou, ...]
    shares: tuple[Share, ...]
    nodes: tuple[NodeView, ...]
    workloads_ready: int
    workloads_total: int
    databases_ready: int
    databases_total: int
    pods_total: int
    restarts_hour: int
    restarts_at_least: bool
    cicd_memory: float | None
    cicd_budget: float
    builds_running: int | None
    unknowns: tuple[str, ...]
    holds: tuple[Hold, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    write_backs: tuple[WriteBack, ...] = ()
