"""The recorder: watches builds and pods, and saves what fails at the moment it does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from bakeryops.blackbox.capture import Capture
from bakeryops.keeping.blackbox import BlackBoxStore
from bakeryops.read.blackbox_signs import Sign, has_failed, is_asked_to_stop, is_over, of_build, of_pod, of_taskrun
from bakeryops.read.build_tasks import RUN_LABEL, belongs

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.wire.tekton import PipelineRun, TaskRun

__all__ = ["Recorder"]

KINDS = ("pipelineruns", "pods", "events")
_MARKS_MOST = 20_000
_LINGER = 15.0
"""Seconds for which the tasks of a build are still looked at after its end."""
_LOOK = 5.0
"""Seconds after which it is looked again whether any of these is over."""
_EARLIER = 8
"""Failed builds from before that are looked at when it begins."""
_SLICE = 200
"""Pods that are looked at before others have their turn."""
_LONGEST_SELECTOR = 40
"""Builds whose tasks are watched at once."""
_WAITING_MOST = 200
"""Failures that wait to be fetched; with more the oldest are given up."""
_HZ = 20.0


class Recorder:
    """Saves failures as long as `run` is awaited; one for a console, or for `bakeryops blackbox record`."""

    def __init__(
        self,
        session: Session,
        store: BlackBoxStore,
        *,
        namespace: str | None = None,
        clock: Callable[[], float] = time.time,
        tell: Callable[[str], None] = lambda text: None,
        unseen: Callable[[str], None] = lambda text: None,
        on_saved: Callable[[Any], None] = lambda saved: None,
    ) -> None:
        """Take the cluster, where to save, the only namespace to watch (None for all).

        `tell` is given a sentence for people when the store fails, once each; `unseen` one for each kind that may
        not be watched or is not there; `on_saved` what was saved.
        """
        self._session = session
        self._store = store
        self._namespace = namespace
        self._clock = clock
        self._tell = tell
        self._unseen = unseen
        self._blind: set[str] = set()
        self._on_saved = on_saved
        self._capture = Capture(session)
        self._marks: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._work: OrderedDict[tuple[str, ...], asyncio.Task[None]] = OrderedDict()
        self._known: set[tuple[str, str]] = set()
        self._until: dict[str, float] = {}
        self._chosen: frozenset[str] = frozenset()
        self._tasks: Feed | None = None
        self._choice = asyncio.Event()
        self._told = ""

    @property
    def cluster(self) -> str:
        """What failures of this cluster are kept under."""
        return self._session.target.server

    async def run(self) -> None:
        """Record until cancelled."""
        self._known = await asyncio.to_thread(self._store.known, self.cluster)
        self._say()
        feed = self._session.feed(KINDS, namespace=self._namespace)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(feed), name="black box: builds and pods")
                group.create_task(self._follow_tasks(feed), name="black box: tasks")
        finally:
            feed.close()
            if self._tasks is not None:
                self._tasks.close()
            work = list(self._work.values())
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def settled(self) -> None:
        """Wait until everything noticed so far is saved."""
        while self._work:
            await asyncio.wait(list(self._work.values()))

    async def _follow(self, feed: Feed) -> None:
        """Look at every build and pod that changes."""
        first = True
        async for changes in feed.changes(_HZ):
            if "pipelineruns" in changes.by_kind or first:
                self._builds(feed, changes, first=first)
            await self._pods(feed, changes)
            if changes.states:
                self._say_unseen(feed)
            first = first and not feed.store("pipelineruns").state.settled

    def _say_unseen(self, feed: Feed) -> None:
        """Tell of kinds that are not there to be watched, or that may not be, once each."""
        for kind in feed.kinds:
            state = feed.store(kind).state
            if state.phase in ("forbidden", "absent") and kind not in self._blind:
                self._blind.add(kind)
                self._unseen(f"{kind} are left out: {state.reason or state.phase}")

    def _builds(self, feed: Feed, changes: Changes, *, first: bool) -> None:
        runs: Mapping[str, PipelineRun] = feed.store("pipelineruns").items
        now = self._clock()
        changed = changes.by_kind.get("pipelineruns")
        for uid in changed.changed if changed is not None else ():
            run = runs.get(uid)
            if run is None:
                continue
            if not is_over(run):
                self._until[uid] = float("inf")
            elif uid in self._until:
                self._until[uid] = min(self._until[uid], now + _LINGER)
                # Its TaskRuns may have been read already, and say nothing more.
                self._of_tasks(feed, uids=None, only=uid)
            if is_asked_to_stop(run):
                self._of_tasks(feed, uids=None, only=uid)
        if first:
            failed = [(run.metadata.creationTimestamp or "", uid) for uid, run in runs.items() if has_failed(run)]
            for _, uid in sorted(failed, reverse=True)[:_EARLIER]:
                self._until.setdefault(uid, now + _LINGER)
        self._until = {uid: end for uid, end in self._until.items() if uid in runs and end > now}
        self._choose(runs)

    def _choose(self, runs: Mapping[str, PipelineRun]) -> None:
        """Choose the builds whose tasks are watched."""
        open_first = sorted(self._until, key=lambda uid: (-self._until[uid], runs[uid].metadata.name))
        chosen = frozenset(runs[uid].metadata.name for uid in open_first[:_LONGEST_SELECTOR])
        if chosen != self._chosen:
            self._chosen = chosen
            self._choice.set()

    async def _follow_tasks(self, feed: Feed) -> None:
        """Watch the tasks of the builds that go on, and look at every one that changes."""
        while True:
            self._choice.clear()
            names = sorted(name for name in self._chosen if len(name) <= 63)
            before, self._tasks = self._tasks, self._open(names)
            if before is not None:
                before.close()
            if self._tasks is None:
                await self._wait(feed, None)
                continue
            async with asyncio.TaskGroup() as group:
                group.create_task(self._wait(feed, self._tasks), name="black box: choice")
                async for changes in self._tasks.changes(_HZ):
                    if found := changes.by_kind.get("taskruns"):
                        self._of_tasks(feed, uids=found.changed)

    def _open(self, names: list[str]) -> Feed | None:
        if not names:
            return None
        selector = f"{RUN_LABEL} in ({','.join(names)})"
        return self._session.feed(("taskruns",), namespace=self._namespace, selectors={"taskruns": selector})

    async def _wait(self, feed: Feed, tasks: Feed | None) -> None:
        """Wait until other builds are chosen, by what happens or by time; then end the watch of their tasks."""
        while not self._choice.is_set():
            now = self._clock()
            left = min((end - now for end in self._until.values() if end != float("inf")), default=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK if left is None else min(_LOOK, max(0.05, left))):
                    await self._choice.wait()
            runs = feed.store("pipelineruns").items
            self._until = {uid: end for uid, end in self._until.items() if uid in runs and end > self._clock()}
            self._choose(runs)
        if tasks is not None:
            # The next one is opened before this one's watch ends: it lingers.
            tasks.close()

    def _of_tasks(self, feed: Feed, *, uids: Iterable[str] | None, only: str = "") -> None:
        """Look at tasks: those that changed, or all of one build."""
        if self._tasks is None:
            return
        tasks: Mapping[str, TaskRun] = self._tasks.store("taskruns").items
        runs: Mapping[str, PipelineRun] = feed.store("pipelineruns").items
        now = self._clock()
        owners: dict[str, PipelineRun] = {}
        for uid in tasks if uids is None else uids:
            task = tasks.get(uid)
            run = _run_of(task, runs, only) if task is not None else None
            if task is None or (run is None and only):
                continue
            if run is not None:
                owners[run.metadata.uid] = run
            for sign in of_taskrun(task, run, stopping=run is not None and is_asked_to_stop(run), now=now):
                self._take(sign, feed)
        for run in owners.values():
            if is_over(run):
                own = [each for each in tasks.values() if belongs(each, run)]
                if (whole := of_build(run, own, now=now)) is not None:
                    self._take(whole, feed)

    async def _pods(self, feed: Feed, changes: Changes) -> None:
        found = changes.by_kind.get("pods")
        pods, now = feed.store("pods").items, self._clock()
        for number, uid in enumerate(found.changed if found is not None else (), start=1):
            pod = pods.get(uid)
            if pod is not None and pod.status is not None:
                for sign in of_pod(pod, now=now):
                    self._take(sign, feed)
            if not number % _SLICE:
                await asyncio.sleep(0)

    def _take(self, sign: Sign, feed: Feed) -> None:
        """Fetch and save what a sign tells of, once."""
        if sign.mark in self._marks:
            return
        self._marks[sign.mark] = None
        while len(self._marks) > _MARKS_MOST:
            self._marks.popitem(last=False)
        saved = sign.saved
        ended = saved.verdict != "cancelled" or saved.reason != "Stopping"
        if ended and (saved.uid, saved.part) in self._known and self._clock() - saved.when > _LINGER:
            return
        if saved.verdict == "green" and self._clock() - saved.when > _LINGER:
            return
        while len(self._work) >= _WAITING_MOST:
            _, oldest = self._work.popitem(last=False)
            oldest.cancel()
        task = asyncio.create_task(self._save(sign, feed), name=f"black box: {saved.title}")
        self._work[sign.mark] = task
        task.add_done_callback(lambda _: self._work.pop(sign.mark, None))

    async def _save(self, sign: Sign, feed: Feed) -> None:
        events = list(feed.store("events").items.values())
        whole = await self._capture.fill(sign, events, self._clock())
        number = await asyncio.to_thread(self._store.save, self.cluster, whole, self._clock())
        self._say()
        if whole.verdict != "green":
            self._known.add((whole.uid, whole.part))
            self._on_saved(msgspec.structs.replace(whole, id=number))

    def _say(self) -> None:
        """Tell what is the matter with the store, once."""
        text = self._store.trouble or self._store.word
        if text and text != self._told:
            self._told = text
            self._tell(text)


def _run_of(task: TaskRun, runs: Mapping[str, PipelineRun], only: str) -> PipelineRun | None:
    """Return the build that a task is of; with `only`, None where that is another one."""
    owners = [each.uid for each in task.metadata.ownerReferences or () if each.uid in runs]
    if owners:
        return runs[owners[0]] if not only or only in owners else None
    name = (task.metadata.labels or {}).get(RUN_LABEL, "")
    named = (each for each in runs.values() if each.metadata.name == name and belongs(task, each))
    run = next(named, None)
    return run if run is not None and (not only or run.metadata.uid == only) else None
