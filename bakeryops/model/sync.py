"""What Flux fetches and applies: sources, appliers (Kustomization, HelmRelease), their inventories.

Times are seconds since the epoch, intervals seconds.
"""

from __future__ import annotations

import msgspec

from bakeryops.model.health import Health
from bakeryops.model.hold import Suspension, WriteBack
from bakeryops.model.overview import ObjectRef

__all__ = [
    "ConditionView",
    "FluxObject",
    "Inventory",
    "InventoryEntry",
    "Node",
    "Past",
    "Revision",
    "Source",
    "Sync",
]


class Revision(msgspec.Struct, frozen=True, gc=False):
    """A revision taken apart: `main@sha1:9f3c…`; `hash` is "" for a chart's version, which stands in `ref`."""

    text: str
    ref: str
    algorithm: str
    hash: str

    @property
    def short(self) -> str:
        """The first seven digits of a commit, the first twelve of a digest, or the text."""
        if not self.hash:
            return self.text
        return self.hash[: 7 if self.algorithm == "sha1" or len(self.hash) == 40 else 12]


class ConditionView(msgspec.Struct, frozen=True, gc=False):
    """One condition as people read it."""

    type: str
    status: str
    reason: str
    message: str
    since: float | None


class Source(msgspec.Struct, frozen=True):
    """A GitRepository, OCIRepository, HelmRepository, HelmChart or Bucket.

    `state` is one or two words (ready, fetching, failing, suspended, waiting), `why` a sentence where it is not
    plainly good. `revision` is what is in store, which stays while later fetches fail.
    """

    key: str
    """"plural/namespace/name"."""
    ref: ObjectRef
    kind: str
    namespace: str
    name: str
    state: str
    health: Health
    reason: str
    message: str
    why: str
    url: str
    wants: str
    """Branch, tag, semver range or commit it follows."""
    revision: Revision | None
    fetched: float | None
    """When the artifact last changed."""
    interval: float | None
    next: float | None
    """When it looks again, as far as that can be told."""
    suspended: bool
    token: str
    """The last reconcile request that it handled."""
    since: float | None
    conditions: tuple[ConditionView, ...]
    suspension: Suspension | None = None
    """Who suspended it and why, as far as that was kept; None where it is not suspended."""


class InventoryEntry(ObjectRef, frozen=True, gc=False):
    """One object of an inventory: also its API group ("" for the core group) and kind."""

    group: str
    kind: str


class Past(msgspec.Struct, frozen=True, gc=False):
    """One entry of an applier's history: a revision (or chart version) and how it went."""

    revision: str
    status: str
    health: Health
    first: float | None
    last: float | None
    seconds: float | None
    times: int | None


class Sync(msgspec.Struct, frozen=True):
    """A Kustomization or HelmRelease.

    `state` is ready, applying, checking (health checks), failing, blocked (dependency), suspended or waiting;
    `applied` is the last revision applied in full, `attempted` the last one tried: when they differ the newer one
    is on its way or failed, and its objects may be in the cluster already.
    """

    key: str
    ref: ObjectRef
    kind: str
    namespace: str
    name: str
    state: str
    health: Health
    reason: str
    message: str
    why: str
    source: str
    """Key of its source."""
    path: str
    """Path in the source, or the chart."""
    applied: Revision | None
    attempted: Revision | None
    interval: float | None
    timeout: float | None
    last: float | None
    """When it was last reconciled, as far as that can be told."""
    next: float | None
    suspended: bool
    prune: bool
    wait: bool
    token: str
    since: float | None
    depends_on: tuple[str, ...]
    """Keys of what it waits for."""
    blocked_by: tuple[str, ...]
    """Those of them that are not ready."""
    inventory: tuple[InventoryEntry, ...]
    history: tuple[Past, ...]
    """Newest first."""
    conditions: tuple[ConditionView, ...]
    suspension: Suspension | None = None
    write_backs: tuple[WriteBack, ...] = ()
    """What was set past Git and waits to be written back: with any it is bad, whatever else it says."""


class FluxObject(msgspec.Struct, frozen=True):
    """Any other Flux object: Receiver, Alert, Provider, image automation; `facts` are label and value."""

    key: str
    ref: ObjectRef
    kind: str
    namespace: str
    name: str
    state: str
    health: Health
    reason: str
    message: str
    why: str
    suspended: bool
    since: float | None
    facts: tuple[tuple[str, str], ...]
    suspension: Suspension | None = None


class Node(msgspec.Struct, frozen=True):
    """One line of an inventory tree. `health` is UNKNOWN for what is not watched; `facts` is a short text."""

    key: str
    ref: ObjectRef
    kind: str
    title: str
    health: Health
    state: str
    why: str
    children: tuple[Node, ...] = ()


class Inventory(msgspec.Struct, frozen=True):
    """The objects of an applier as a tree: workloads down to pods, other kinds gathered."""

    key: str
    roots: tuple[Node, ...]
    total: int
