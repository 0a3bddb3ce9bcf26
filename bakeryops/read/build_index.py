"""Builds kept read: fed with change sets, it reads again only what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from bakeryops.cluster.wire.tekton import PipelineRun, TaskRun
from bakeryops.model.build import Build
from bakeryops.read.build_tasks import RUN_LABEL
from bakeryops.read.builds import PATIENCE, build_key, build_of
from bakeryops.read.index import ChangedUids, Items

__all__ = ["KINDS", "BuildChanges", "BuildIndex", "Slots", "slots"]

KINDS = ("pipelineruns", "taskruns")
"""The kinds the index reads, by their plural; without `taskruns` builds are rows of a list, without tasks."""

_WAITING_STATES = ("queued", "pending")


class BuildChanges(msgspec.Struct):
    """Keys ("namespace/name") of the builds that became different, and of those that went."""

    builds: set[str] = msgspec.field(default_factory=set)
    removed: set[str] = msgspec.field(default_factory=set)

    def __bool__(self) -> bool:
        """Return whether anything is different."""
        return bool(self.builds or self.removed)


class Slots(msgspec.Struct, frozen=True):
    """How busy building is; counts of tasks are None where no tasks of unfinished builds were read."""

    builds_running: int
    builds_waiting: int
    """Not taken up yet, or created to wait."""
    tasks_running: int | None
    tasks_waiting: int | None
    """TaskRuns that wait for a build slot: the quota refuses their pods."""


def slots(builds: Iterable[Build]) -> Slots:
    """Return how busy building is."""
    unfinished = [each for each in builds if not each.finished]
    tasks = [task for each in unfinished for task in each.tasks]
    waiting = sum(1 for task in tasks if task.reason == "ExceededResourceQuota" and task.state == "queued")
    running = sum(1 for task in tasks if task.run and task.state in ("running", "retrying"))
    runs = sum(1 for each in unfinished if each.state not in _WAITING_STATES)
    known = bool(tasks) or not unfinished
    return Slots(runs, len(unfinished) - runs, running if known else None, waiting if known else None)


class BuildIndex:
    """Every PipelineRun, read as a build."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        """Take what tells the time, in seconds since the epoch."""
        self._clock = clock
        self._views: dict[str, Build] = {}
        self._sorted: list[Build] | None = None
        self._runs: dict[str, PipelineRun] = {}
        self._key_of: dict[str, str] = {}
        self._uid_of: dict[str, str] = {}
        self._taskruns: dict[str, TaskRun] = {}
        self._groups: dict[str, dict[str, TaskRun]] = {}
        self._with_tasks = False
        self._due: set[str] = set()

    @property
    def builds(self) -> list[Build]:
        """The builds, newest first; do not change the list."""
        if self._sorted is None:
            self._sorted = sorted(self._views.values(), key=lambda each: (-each.created, each.key))
        return self._sorted

    def get(self, key: str) -> Build | None:
        """Return the build of a key ("namespace/name")."""
        return self._views.get(key)

    def load(self, stores: Mapping[str, Items]) -> BuildChanges:
        """Read everything in `stores`, by plural, that was not read yet, and drop what they do not have."""
        return self.update(stores, self.differences(stores))

    def differences(self, stores: Mapping[str, Items]) -> dict[str, ChangedUids]:
        """Return, by plural, the objects that are not those that were read last, and those that are gone."""
        found: dict[str, ChangedUids] = {}
        read: Mapping[str, Mapping[str, Any]] = {"pipelineruns": self._runs, "taskruns": self._taskruns}
        for plural in KINDS:
            if plural in stores:
                items, known = stores[plural].items, read[plural]
                changed = {uid for uid, each in items.items() if known.get(uid) is not each}
                found[plural] = _Uids(changed, known.keys() - items.keys())
        return found

    def update(self, stores: Mapping[str, Items], changes: Mapping[str, ChangedUids]) -> BuildChanges:
        """Read again what `changes` names, by plural, from `stores`; other kinds are ignored.

        Where `stores` has runs and no TaskRuns (any more), builds are rows of a list (again).
        """
        done = BuildChanges()
        dirty: dict[str, None] = {}
        if self._with_tasks != ("taskruns" in stores):
            self._with_tasks = not self._with_tasks
            self._taskruns.clear()
            self._groups.clear()
            dirty.update(dict.fromkeys(self._runs))
        if "taskruns" in stores and "taskruns" in changes:
            self._take_taskruns(stores["taskruns"].items, changes["taskruns"], dirty)
        if "pipelineruns" in stores and "pipelineruns" in changes:
            self._take_runs(stores["pipelineruns"].items, changes["pipelineruns"], done, dirty)
        now = self._clock()
        for uid in dirty:
            self._read(uid, now, done)
        return done

    def tick(self) -> BuildChanges:
        """Read again what time alone changes: builds that nobody takes up. Cheap; call it every second."""
        done = BuildChanges()
        now = self._clock()
        for uid in list(self._due):
            view = self._views.get(self._key_of.get(uid, ""))
            if view is not None and now - view.created > PATIENCE:
                self._read(uid, now, done)
        return done

    def _take_taskruns(self, items: Mapping[str, TaskRun], uids: ChangedUids, dirty: dict[str, None]) -> None:
        for uid in (*uids.removed, *uids.changed):
            before, after = self._taskruns.pop(uid, None), items.get(uid)
            if before is not None:
                group = _group_of(before)
                self._groups.get(group, {}).pop(uid, None)
                if not self._groups.get(group, True):
                    del self._groups[group]
            if after is not None:
                self._taskruns[uid] = after
                self._groups.setdefault(_group_of(after), {})[uid] = after
            for each in (before, after):
                if each is not None:
                    dirty.update(dict.fromkeys(self._owners(each)))

    def _take_runs(
        self, items: Mapping[str, PipelineRun], uids: ChangedUids, done: BuildChanges, dirty: dict[str, None]
    ) -> None:
        for uid in (*uids.removed, *uids.changed):
            run = items.get(uid)
            if run is None:
                self._drop(uid, done)
                dirty.pop(uid, None)
                continue
            key = build_key(run)
            other = self._uid_of.get(key)
            if other is not None and other != uid:
                # Its predecessor of the same name is gone, whether or not that was said yet.
                self._drop(other, done)
                dirty.pop(other, None)
            self._runs[uid], self._key_of[uid], self._uid_of[key] = run, key, uid
            dirty[uid] = None

    def _owners(self, taskrun: TaskRun) -> list[str]:
        """Return the uids of the runs that a TaskRun may be of."""
        found = [each.uid for each in taskrun.metadata.ownerReferences or () if each.uid in self._runs]
        named = self._uid_of.get(_group_by_name(taskrun))
        return found or ([named] if named is not None else [])

    def _read(self, uid: str, now: float, done: BuildChanges) -> None:
        run = self._runs.get(uid)
        if run is None:
            return
        key = self._key_of[uid]
        made: list[TaskRun] | None = None
        if self._with_tasks:
            made = [*self._groups.get(uid, {}).values(), *self._groups.get(key, {}).values()]
        view = build_of(run, made, now=now)
        if view.state == "queued":
            self._due.add(uid)
        else:
            self._due.discard(uid)
        if self._views.get(key) == view:
            return
        self._views[key] = view
        self._sorted = None
        done.builds.add(key)
        done.removed.discard(key)

    def _drop(self, uid: str, done: BuildChanges) -> None:
        self._runs.pop(uid, None)
        self._due.discard(uid)
        key = self._key_of.pop(uid, None)
        if key is None or self._uid_of.get(key) != uid:
            return
        del self._uid_of[key]
        self._views.pop(key, None)
        self._sorted = None
        done.removed.add(key)
        done.builds.discard(key)


class _Uids(msgspec.Struct):
    changed: set[str]
    removed: set[str]


def _group_by_name(taskrun: TaskRun) -> str:
    meta = taskrun.metadata
    return f"{meta.namespace}/{(meta.labels or {}).get(RUN_LABEL, '')}"


def _group_of(taskrun: TaskRun) -> str:
    """Return what TaskRuns of one run are filed under: the uid of the run that owns them, else its name."""
    owners = (each.uid for each in taskrun.metadata.ownerReferences or () if each.kind == "PipelineRun")
    return next((uid for uid in owners if uid), "") or _group_by_name(taskrun)
