"""The whole embedded cluster in one call: objects, controllers, life, and what answers for kubelet and metrics."""

from __future__ import annotations

import random
from dataclasses import dataclass

from bakeryops.demo import gc
from bakeryops.demo.bakery.build import build
from bakeryops.demo.bakery.crowd import crowd
from bakeryops.demo.bakery.inventory import NODE, REGISTRY
from bakeryops.demo.bakery.past import Past
from bakeryops.demo.bakery.recent import recent_events
from bakeryops.demo.contracts import Clock
from bakeryops.demo.controllers import Cluster, Images, Kubelet, start_controllers
from bakeryops.demo.controllers.events import Recorder
from bakeryops.demo.execs import Execs
from bakeryops.demo.life import Life
from bakeryops.demo.logs import Logs
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.usage import Usage

__all__ = ["LARGE_PODS", "World", "build_world"]

LARGE_PODS = 5000
"""Pods of the size "large"."""
_LARGE_CHURN = 20.0
"""Watch events a second that the size "large" makes by replacing pods."""


@dataclass(frozen=True)
class World:
    """A running cluster without its API server."""

    store: ObjectStore
    clock: Clock
    logs: Logs
    usage: Usage
    execs: Execs
    kubelet: Kubelet
    """For drills and tests: `end_container` and the workers of pods."""
    cluster: Cluster


def build_world(
    clock: Clock, *, seed: int = 0, size: str = "normal", life: bool = True, churn: float | None = None,
    pods: int | None = None,
) -> World:  # fmt: skip
    """Build Bakery-IA, settled, and start its controllers.

    `size` is "normal" or "large" (`pods` pods in all, 5,000 by default); `life` lets things happen by themselves;
    `churn` is the number of watch events a second made by replacing pods of the load (20 for "large").
    """
    if size not in ("normal", "large"):
        raise ValueError(f'the size of the cluster is "normal" or "large", not "{size}"')
    large = size == "large"
    store = ObjectStore(clock, seed=seed)
    past = Past(clock)
    images = Images(own_registry=REGISTRY)
    store.clock = past
    try:
        settler = build(store, past, images, seed=seed, cpu=640 if large else 8, memory_gib=2048 if large else 16,
                        pods=20_000 if large else 110)  # fmt: skip
        if large:
            crowd(settler, store, max(0, (pods or LARGE_PODS) - len(store.list("pods"))))
    finally:
        store.clock = clock
    gc.install(store)
    events = Recorder(store, clock, NODE)
    recent_events(store, events)
    cluster = Cluster(store, clock, NODE, events, random.Random(f"controllers/{seed}"))
    kubelet = start_controllers(cluster, images, first_pod=settler.next_number)
    usage = Usage(store, clock, seed=seed)
    if life:
        rate = churn if churn is not None else _LARGE_CHURN if large else 0.0
        Life(cluster, kubelet, usage, seed=seed, churn=rate).start()
    logs = Logs(store, clock, seed=seed, book=cluster.book, by_image=images.behaviours)
    return World(store, clock, logs, usage, Execs(clock), kubelet, cluster)
