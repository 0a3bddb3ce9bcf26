"""The logs that the verb `logs` means: of a pod, a workload or a service, with new pods taken up as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeryops.cli.logs_names import Source, containers_of, pods_named
from bakeryops.cli.logs_print import Follower, Printer, Wanted, ask_leave, read_once
from bakeryops.errors import BakeryopsError

if TYPE_CHECKING:
    from bakeryops.cli.options import Call
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.model.workload import PodView
    from bakeryops.read.index import WorkloadIndex

__all__ = ["Wanted", "read_logs"]

_NOT_STARTED = "waiting"


async def read_logs(call: Call, wanted: Wanted) -> int:
    """Print logs; return the exit code."""
    from bakeryops.cli.cluster import connected, look, watched
    from bakeryops.cluster.feed import Changes
    from bakeryops.read.index import KINDS

    kinds = [kind for kind in KINDS if kind != "podmetrics"]
    following = wanted.follow and not wanted.previous
    async with connected(call) as session:
        feed = await (watched if following else look)(
            session, kinds, namespace=call.namespace, needed=("pods",), quiet=True
        )
        choice = _Choice(wanted)
        choice.update(feed, Changes())
        sources = choice.sources()
        await ask_leave(session, sources[0].namespace)
        printer = Printer(call.out(), wanted, prefix=len(sources) > 1 or (following and not choice.one_pod))
        if following:
            await Follower(session, feed, choice, printer, wanted).run()
            return 0
        await read_once(session, sources, printer, wanted)
        return 1 if printer.notices and not printer.lines else 0


class _Choice:
    """What the name stands for at the moment."""

    def __init__(self, wanted: Wanted) -> None:
        from bakeryops.read.index import WorkloadIndex

        self.index: WorkloadIndex = WorkloadIndex()
        self.wanted = wanted
        self._loaded = False

    def update(self, feed: Feed, changes: Changes) -> None:
        """Take changes in; the first time everything."""
        stores = {kind: feed.store(kind) for kind in feed.kinds}
        if self._loaded:
            self.index.update(stores, changes.by_kind)
        else:
            self.index.load(stores)
            self._loaded = True

    @property
    def pods(self) -> list[PodView]:
        """The pods."""
        return pods_named(self.index, self.wanted.name)

    @property
    def one_pod(self) -> bool:
        """Whether the name is that of a pod, so that no other can come."""
        return any(pod.name == self.wanted.name.rpartition("/")[2] for pod in self.pods)

    @property
    def ends(self) -> bool:
        """Whether there is nothing to wait for when all logs have ended: one pod, or Jobs."""
        try:
            pods = self.pods
        except BakeryopsError:
            return True
        return self.one_pod or all(pod.owner_kind == "Job" and pod.finished for pod in pods)

    def sources(self) -> list[Source]:
        """Return the logs."""
        return containers_of(self.pods, self.wanted.container)

    def startable(self) -> list[Source]:
        """Return the logs of containers that run or have run; none where the pods have gone."""
        try:
            pods = self.pods
            found = self.sources()
        except BakeryopsError:
            return []
        idle = {
            (pod.uid, view.name)
            for pod in pods
            for view in pod.containers
            if view.state == _NOT_STARTED and not view.restarts
        }
        return [source for source in found if (source.uid, source.container) not in idle]
