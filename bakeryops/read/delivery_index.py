"""Builds and Flux kept read together, and what follows with Git and workloads: chain, follow, service."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bakeryops.model.build import Build
from bakeryops.model.chain import Chain, Follow, ServiceView
from bakeryops.model.code import CodeView
from bakeryops.model.hold import Hold
from bakeryops.model.sync import Inventory, Sync
from bakeryops.read.build_index import BuildIndex
from bakeryops.read.build_tasks import RUN_LABEL
from bakeryops.read.builds import build_key, build_of
from bakeryops.read.chain import chain_of
from bakeryops.read.chain_parts import Situation
from bakeryops.read.flux_index import KINDS as FLUX_KINDS
from bakeryops.read.flux_index import FluxIndex, FluxView
from bakeryops.read.flux_inventory import inventory_of
from bakeryops.read.follow import follow
from bakeryops.read.holds import HOLD_KINDS, holds_of
from bakeryops.read.images import split_image
from bakeryops.read.index import ChangedUids, Items, WorkloadIndex
from bakeryops.read.service import service_view, services

__all__ = ["BUILD_KINDS", "FLUX_KINDS", "HOLD_KINDS", "KINDS", "DeliveryIndex", "tasks_selector"]

BUILD_KINDS = ("pipelineruns",)
"""Kinds of builds that are read for all of them; TaskRuns are read for those that are looked at."""

KINDS = (*BUILD_KINDS, *FLUX_KINDS, *HOLD_KINDS)
"""Every kind that is read here."""

_PARTS = {
    "builds": ("pipelineruns",),
    "flux": ("kustomizations", "gitrepositories"),
    "workloads": ("pods", "deployments"),
}
"""The kinds without which a part is not known."""
_NAMED = {"builds": "builds are", "flux": "Flux is"}
_NONE = frozenset({"absent", "forbidden", "unauthorized"})
_COMING = frozenset({"waiting", "syncing"})


def tasks_selector(builds: Sequence[Build]) -> str:
    """Return the label selector of the TaskRuns of these builds; without builds one that finds none."""
    names = sorted({build.name for build in builds if len(build.name) <= 63})
    return f"{RUN_LABEL} in ({','.join(names)})" if names else f"{RUN_LABEL},!{RUN_LABEL}"


class DeliveryIndex:
    """Every build and every Flux object, read."""

    def __init__(self, *, clock: Callable[[], float] = time.time, builds: BuildIndex | None = None) -> None:
        """Take what tells the time, in seconds since the epoch, and an index of builds that others read too."""
        self.builds = builds or BuildIndex(clock=clock)
        self.flux = FluxIndex(clock=clock)
        self.holds: dict[str, Hold] = {}
        """Those that are over too, by service."""
        self._clock = clock
        self._detailed: dict[str, Build] = {}
        self._unseen: dict[str, str] = {}
        self._namespace = ""

    def load(self, stores: Mapping[str, Items]) -> bool:
        """Read everything that was not read yet, and drop what is gone; return whether anything is different."""
        done = self.update(stores, self.builds.differences(stores))
        held = self.read_holds(stores)
        return bool(self.flux.load(stores)) or done or held

    def update(self, stores: Mapping[str, Items], changes: Mapping[str, ChangedUids]) -> bool:
        """Read again what changed; return whether anything is different.

        TaskRuns in `stores` are read for the builds that they belong to, and forgotten when they are not there.
        """
        runs = {kind: store for kind, store in stores.items() if kind in BUILD_KINDS}
        done = self.builds.update(runs, changes)
        different = bool(self.flux.update(stores, changes)) or bool(done)
        if not changes.keys().isdisjoint(HOLD_KINDS):
            different |= self.read_holds(stores)
        if "taskruns" in stores and "pipelineruns" in stores:
            different |= self._read_tasks(stores)
        elif done:
            # Nobody tells of their tasks any more: what was read of them does not go with what the runs say now.
            self._detailed.clear()
        return different

    def read_holds(self, stores: Mapping[str, Items]) -> bool:
        """Read the holds, where `stores` has them; return whether any is different."""
        before = self.holds
        for kind in (each for each in HOLD_KINDS if each in stores):
            self.holds = holds_of(stores[kind].items.values())
        return self.holds != before

    def tick(self) -> bool:
        """Read again what time alone may have changed; return whether anything is different."""
        done = self.builds.tick()
        return bool(self.flux.tick()) or bool(done)

    def set_states(self, states: Mapping[str, Any], namespace: str | None = None) -> None:
        """Take the states of the kinds (phase, reason), and the only namespace that is looked at, if any.

        A part that may not be seen, or that is kept in another namespace, is unknown and not empty.
        """
        self._namespace = namespace or ""
        self._unseen = {
            kind: (states[kind].reason or f"{kind} are {states[kind].phase}")
            if states[kind].phase in _NONE
            else f"{kind} are not read yet" + (f": {states[kind].reason}" if states[kind].reason else "")
            for kind in (each for kinds in _PARTS.values() for each in kinds)
            if kind in states and states[kind].phase in _NONE | _COMING
        }

    @property
    def _reasons(self) -> dict[str, str]:
        """Why parts are not seen."""
        found = {
            part: next(self._unseen[kind] for kind in kinds if kind in self._unseen)
            for part, kinds in _PARTS.items()
            if not self._unseen.keys().isdisjoint(kinds)
        }
        if self._namespace:
            empty = {"builds": not self.builds.builds, "flux": not (self.flux.syncs or self.flux.sources)}
            for part in (part for part, none in empty.items() if none):
                found.setdefault(part, f"{_NAMED[part]} not looked at: only {self._namespace} is")
        return found

    def revisions(self) -> tuple[Any, ...]:
        """Return what tells that Git may have moved: revisions of sources, the newest build and what it wrote."""
        newest = self.builds.builds[:1]
        return (
            *sorted(each.revision.text for each in self.flux.sources.values() if each.revision is not None),
            *((each.key, each.deploy_commit) for each in newest),
        )

    def flux_tree(self) -> list[tuple[int, FluxView]]:
        """Return sources, what hangs on them, and other objects, each with its depth."""
        return self.flux.tree()

    def inventory(self, view: Sync, workloads: WorkloadIndex) -> Inventory:
        """Return the objects of an applier as a tree down to pods."""
        return inventory_of(view, workloads, self.flux.syncs)

    def chain(self, code: CodeView, workloads: WorkloadIndex, now: float) -> Chain:
        """Return the newest change on its way."""
        return chain_of(code, *self._parts(workloads), now=now, reasons=self._reasons, holds=self.holds)

    def situation(self, code: CodeView, workloads: WorkloadIndex, now: float) -> Situation:
        """Return all parts at this moment, joined."""
        return Situation(code, *self._parts(workloads), now=now, reasons=self._reasons, holds=self.holds)

    def follow(self, what: str, code: CodeView, workloads: WorkloadIndex, now: float) -> Follow | None:
        """Return the way of a commit, build, image or service; None where nothing is called so.

        `HEAD` is the newest commit that is on its way, or the newest build where Git is not known.
        """
        if what.upper() == "HEAD":
            commit = self.chain(code, workloads, now).commit
            what = commit.sha if commit is not None else next((each.name for each in self.builds.builds), what)
        pods = list(workloads.pods.values())
        parts = self._parts(workloads)
        return follow(what, code, *parts, now=now, pods=pods, reasons=self._reasons, holds=self.holds)

    def service(
        self,
        name: str,
        code: CodeView,
        workloads: WorkloadIndex,
        now: float,
        stored: Collection[str] | None = None,
    ) -> ServiceView | None:
        """Return one service, by its name or that of its workload; None where nothing is called so.

        `stored` are the tags that the registry has of its image, where it was asked.
        """
        name = self.service_named(name, code, workloads)
        pods, parts = list(workloads.pods.values()), self._parts(workloads)
        view = service_view(
            name, code, *parts, pods, now=now, reasons=self._reasons, stored=stored, holds=self.holds
        )
        known = view.workload is not None or view.releases or name in self.services(code, workloads)
        return view if known else None

    def services(self, code: CodeView, workloads: WorkloadIndex) -> list[str]:
        """Return the names of all services."""
        return services(code, list(workloads.workloads.values()))

    def service_named(self, text: str, code: CodeView, workloads: WorkloadIndex) -> str:
        """Return the service that a name means: its own, that of its workload, or the label that others carry.

        A name that means none is returned as it is.
        """
        names = set(self.services(code, workloads))
        if text in names:
            return text
        for view in workloads.workloads.values():
            if view.image and text in (view.name, view.service):
                found = split_image(view.image).name.rpartition("/")[2]
                if found in names:
                    return found
        short = text.removesuffix("-service")
        return short if short in names else text

    def _read_tasks(self, stores: Mapping[str, Items]) -> bool:
        groups: dict[tuple[str, str], list[Any]] = {}
        for task in stores["taskruns"].items.values():
            name = (task.metadata.labels or {}).get(RUN_LABEL, "")
            groups.setdefault((task.metadata.namespace, name), []).append(task)
        now, before = self._clock(), self._detailed
        self._detailed = {
            build_key(run): build_of(run, groups[run.metadata.namespace, run.metadata.name], now=now)
            for run in stores["pipelineruns"].items.values()
            if (run.metadata.namespace, run.metadata.name) in groups
        }
        return self._detailed != before

    def _parts(self, workloads: WorkloadIndex) -> tuple[Any, Any, Any, Any]:
        detailed, unseen, reasons = self._detailed, self._unseen, self._reasons
        # Of Flux, what may be read is known though the rest may not.
        flux = "flux" not in reasons or not unseen.keys().isdisjoint(_PARTS["flux"])
        return (
            None if "builds" in reasons else [detailed.get(each.key, each) for each in self.builds.builds],
            list(self.flux.sources.values()) if flux and "gitrepositories" not in unseen else None,
            list(self.flux.syncs.values()) if flux and "kustomizations" not in unseen else None,
            None if "workloads" in reasons else list(workloads.workloads.values()),
        )
