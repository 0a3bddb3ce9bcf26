"""CPU and memory over the last samples: of pods, containers, namespaces and nodes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeGuard

from bakeryops.cluster.store import Store
from bakeryops.cluster.wire.metrics import ContainerMetrics, NodeMetrics, PodMetrics
from bakeryops.units import parse_quantity, parse_time

__all__ = ["SAMPLES", "Series", "UsageHistory"]

SAMPLES = 60
"""How many samples are kept: a quarter of an hour at one in 15 s."""

_SET_BACK = 120.0
"""A sample older than the last by more seconds is no late one: the clock that measures was set back."""

_MISSED = 4
"""Samples that may be missing before a pod's history is dropped."""


class Series:
    """The last samples of one thing, the oldest first."""

    __slots__ = ("_cpu", "_memory", "stamp", "turn")

    def __init__(self) -> None:
        self._cpu = array("f")
        self._memory = array("f")
        self.stamp = 0.0
        """When the last sample was measured, seconds since the epoch; 0 for never."""
        self.turn = 0
        """Number of the last sampling that had this one."""

    def __len__(self) -> int:
        return len(self._cpu)

    @property
    def cpu(self) -> Sequence[float]:
        """Cores."""
        return self._cpu

    @property
    def memory(self) -> Sequence[float]:
        """Bytes of the working set (exact to a ten-millionth)."""
        return self._memory

    @property
    def cpu_now(self) -> float | None:
        """Cores in the last sample."""
        return self._cpu[-1] if self._cpu else None

    @property
    def memory_now(self) -> float | None:
        """Bytes in the last sample."""
        return self._memory[-1] if self._memory else None

    def add(self, stamp: float, cpu: float, memory: float) -> bool:
        """Append a sample; one that was measured at the same moment as the last, or late, is not."""
        if stamp and self.stamp - _SET_BACK <= stamp <= self.stamp:
            return False
        self.stamp = stamp
        self._cpu.append(cpu)
        self._memory.append(memory)
        if len(self._cpu) > SAMPLES:
            del self._cpu[0], self._memory[0]
        return True


_EMPTY = Series()


class UsageHistory:
    """Samples by pod, container, namespace and node, taken from the stores of the polled metrics kinds.

    Everything that asks for what was never measured, or is measured no more, gets an empty series. Memory: about
    1 KB a pod.
    """

    def __init__(self) -> None:
        self._pods: dict[tuple[str, str], Series] = {}
        self._containers: dict[tuple[str, str, str], Series] = {}
        self._namespaces: dict[str, Series] = {}
        self._nodes: dict[str, Series] = {}
        self._turn = 0
        self._pod_store: Store[PodMetrics] | None = None
        self._node_store: Store[NodeMetrics] | None = None

    @property
    def absent(self) -> str:
        """Why there are no numbers, as one sentence; empty where there are, or may be soon."""
        for store in (self._pod_store, self._node_store):
            if _refused(store):
                return store.state.reason
        return ""

    @property
    def samplings(self) -> int:
        """How many samplings of pods were taken."""
        return self._turn

    def pod(self, namespace: str, name: str) -> Series:
        """Return the samples of a pod: the sum of its containers."""
        return _EMPTY if _refused(self._pod_store) else self._pods.get((namespace, name), _EMPTY)

    def container(self, namespace: str, pod: str, name: str) -> Series:
        """Return the samples of one container."""
        found = None if _refused(self._pod_store) else self._containers.get((namespace, pod, name))
        # A pod with one container is measured once: its series is that of the container.
        return found if found is not None else self.pod(namespace, pod)

    def namespace(self, name: str) -> Series:
        """Return the samples of a namespace: the sum of its pods."""
        return _EMPTY if _refused(self._pod_store) else self._namespaces.get(name, _EMPTY)

    def node(self, name: str) -> Series:
        """Return the samples of a node."""
        return _EMPTY if _refused(self._node_store) else self._nodes.get(name, _EMPTY)

    def follow(self, kind: str, store: Store[Any]) -> None:
        """Take every sampling of a store of "podmetrics" or "nodemetrics"; other kinds are ignored."""
        if kind == "podmetrics":
            self._pod_store = store
            store.on_listed.append(lambda: self.sampling(store.items.values()))
        elif kind == "nodemetrics":
            self._node_store = store
            store.on_listed.append(lambda: self.sampling_nodes(store.items.values()))

    def take_pods(self, measured: Iterable[PodMetrics]) -> None:
        """Add one sampling of all pods."""
        for _ in self.sampling(measured):
            continue

    def sampling(self, measured: Iterable[PodMetrics]) -> Iterator[None]:
        """Add one sampling of all pods, one at each step."""
        self._turn += 1
        sums: dict[str, tuple[float, float, float]] = {}
        for each in measured:
            namespace, name = each.metadata.namespace, each.metadata.name
            stamp = parse_time(each.timestamp) or 0.0
            cpu = memory = 0.0
            containers = each.containers or ()
            for container in containers:
                used = _used(container)
                cpu += used[0]
                memory += used[1]
                if len(containers) > 1:
                    key = (namespace, name, container.name)
                    self._add(self._containers, key, stamp, used)
            self._add(self._pods, (namespace, name), stamp, (cpu, memory))
            before = sums.get(namespace, (0.0, 0.0, 0.0))
            sums[namespace] = (max(before[0], stamp), before[1] + cpu, before[2] + memory)
            yield
        for namespace, (stamp, cpu, memory) in sums.items():
            self._add(self._namespaces, namespace, stamp, (cpu, memory))
        for series in (self._pods, self._containers, self._namespaces):
            self._forget(series)

    def take_nodes(self, measured: Iterable[NodeMetrics]) -> None:
        """Add one sampling of all nodes."""
        for _ in self.sampling_nodes(measured):
            continue

    def sampling_nodes(self, measured: Iterable[NodeMetrics]) -> Iterator[None]:
        """Add one sampling of all nodes, one at each step."""
        for each in measured:
            usage = each.usage or {}
            used = (parse_quantity(usage.get("cpu")) or 0.0, parse_quantity(usage.get("memory")) or 0.0)
            self._add(self._nodes, each.metadata.name, parse_time(each.timestamp) or 0.0, used)
            yield

    def _add(self, table: dict[Any, Series], key: Any, stamp: float, used: tuple[float, float]) -> None:
        """Append a sample to one of many series."""
        series = table.get(key)
        if series is None:
            series = table[key] = Series()
        series.add(stamp, *used)
        series.turn = self._turn

    def _forget(self, table: dict[Any, Series]) -> None:
        """Drop what has not been measured for some time: the pod is gone."""
        for key in [key for key, series in table.items() if self._turn - series.turn > _MISSED]:
            del table[key]


def _refused(store: Store[Any] | None) -> TypeGuard[Store[Any]]:
    return store is not None and store.state.phase in ("absent", "forbidden")


def _used(container: ContainerMetrics) -> tuple[float, float]:
    """Return cores and bytes."""
    usage = container.usage or {}
    return parse_quantity(usage.get("cpu")) or 0.0, parse_quantity(usage.get("memory")) or 0.0
