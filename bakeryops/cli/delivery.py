"""What `status`, `service` and `follow` look at: builds, Flux, workloads and Git, read together."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from bakeryops.model.code import CodeView

if TYPE_CHECKING:
    from bakeryops.cluster.feed import Changes, Feed
    from bakeryops.cluster.store import Store
    from bakeryops.model.chain import Chain, Follow, ServiceView

__all__ = ["DeliveryState", "kinds"]


def kinds() -> tuple[str, ...]:
    """Return the kinds that say how delivery stands; those of the app's workloads are needed, the rest is not."""
    from bakeryops.read.delivery_index import KINDS
    from bakeryops.read.index import KINDS as WORKLOADS

    return (*WORKLOADS, *KINDS)


class DeliveryState:
    """Workloads, builds and Flux kept current from a feed, with Git as it was looked up."""

    def __init__(self, code: CodeView, namespace: str | None = None) -> None:
        """Take what Git says, and the only namespace that is looked at, if any."""
        from bakeryops.read.delivery_index import DeliveryIndex
        from bakeryops.read.index import WorkloadIndex

        self.code = code
        self.namespace = namespace
        self.workloads = WorkloadIndex()
        self.delivery = DeliveryIndex()
        self._stores: dict[str, Store[Any]] | None = None

    def update(self, feed: Feed, changes: Changes) -> None:
        """Take changes in; the first time everything."""
        stores = {kind: feed.store(kind) for kind in feed.kinds}
        self.delivery.set_states({kind: store.state for kind, store in stores.items()}, self.namespace)
        known, self._stores = self._stores is not None, stores
        if known:
            self.workloads.update(stores, changes.by_kind)
            self.workloads.tick()
            self.delivery.update(stores, changes.by_kind)
            self.delivery.tick()
        else:
            self.workloads.load(stores)
            self.delivery.load(stores)

    def add_tasks(self, feed: Feed) -> None:
        """Take the TaskRuns of the builds that are looked at."""
        assert self._stores is not None
        self.delivery.load({**self._stores, "taskruns": feed.store("taskruns")})

    def chain(self) -> Chain:
        """Return the chain as it stands."""
        return self.delivery.chain(self.code, self.workloads, time.time())

    def follow(self, what: str) -> Follow | None:
        """Return the way of a commit, None where nothing is called `what`."""
        return self.delivery.follow(what, self.code, self.workloads, time.time())

    def service(self, name: str, stored: Collection[str] | None = None) -> ServiceView | None:
        """Return one service, None where nothing is called so; `stored` are tags that the registry has of it."""
        return self.delivery.service(name, self.code, self.workloads, time.time(), stored)

    def services(self) -> list[str]:
        """Return the names of all services."""
        return self.delivery.services(self.code, self.workloads)
