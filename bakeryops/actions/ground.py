"""What a plan is made from: the configuration, the cluster and Git as they were read a moment ago."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bakeryops.cluster.errors import KubeError
from bakeryops.config import Config
from bakeryops.errors import BakeryopsError
from bakeryops.jobs.person import Operator
from bakeryops.model.code import CodeView

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.git.repository import Repository
    from bakeryops.read.delivery_index import DeliveryIndex
    from bakeryops.read.index import WorkloadIndex

__all__ = ["Ground", "gather"]


@dataclass(frozen=True)
class Ground:
    """The world as it was read; `now` is seconds since the epoch."""

    config: Config
    session: Session | None
    """None, or one that may not answer at the moment: planners say what they could not look at."""
    code: CodeView
    repository: Repository | None
    resolve: str
    """"host:port:address" for a repository whose name only the cluster knows, ""."""
    delivery: DeliveryIndex
    workloads: WorkloadIndex
    now: float
    who: Operator
    away: str = ""
    """Why the cluster could not be read, "" where it could."""

    @property
    def holds_namespace(self) -> str:
        """The namespace in which holds are kept, whichever builds there are."""
        return next(iter(self.config.namespaces.builds), "bakery-ci")

    @property
    def builds_namespace(self) -> str:
        """The namespace in which builds run, that of the newest one where any is known."""
        newest = next(iter(self.delivery.builds.builds), None)
        return newest.namespace if newest is not None else self.holds_namespace


async def gather(config: Config, session: Session | None, who: Operator, *, away: str = "") -> Ground:
    """Read Git and the cluster once; `away` says why the cluster is known not to answer.

    What cannot be read is left out, and its state in the indexes says why. Raises `BakeryopsError` where neither
    Git nor the cluster can be read.
    """
    from bakeryops.git.keeper import Code
    from bakeryops.read.delivery_index import KINDS, DeliveryIndex
    from bakeryops.read.index import KINDS as WORKLOADS
    from bakeryops.read.index import WorkloadIndex

    keeper = Code(config, session)
    kinds: Collection[str] = tuple(dict.fromkeys((*WORKLOADS, *KINDS)))
    reading = asyncio.ensure_future(session.snapshot(kinds)) if session is not None and not away else None
    delivery, workloads = DeliveryIndex(), WorkloadIndex()
    try:
        code = await keeper.once()
        feed = await reading if reading is not None else None
    except KubeError as error:
        feed, away = None, error.message
        if code_unknown(keeper.view):
            raise
        code = keeper.view
    except BaseException:
        if reading is not None:
            reading.cancel()
        raise
    if feed is not None:
        stores = {kind: feed.store(kind) for kind in feed.kinds}
        delivery.set_states({kind: store.state for kind, store in stores.items()}, None)
        workloads.load(stores)
        delivery.load(stores)
    if feed is None and code_unknown(code):
        raise BakeryopsError("neither Git nor the cluster can be read", why=code.reason or away, hint=code.hint)
    place = (keeper.repository, keeper.resolve)
    return Ground(config, session, code, *place, delivery, workloads, time.time(), who, away)


def code_unknown(code: CodeView) -> bool:
    """Return whether nothing at all is known of Git."""
    return not code.head
