"""What pods and the node use: curves of the time of day, noise and leaks, computed when somebody asks.

Nothing is kept: a value is a function of the seed, the container and the cluster time, so that two askers of one
moment get the same, as from a real metrics-server, which samples every 15 seconds.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache

from bakeryops.demo.bakery.inventory import DATABASES, PLATFORM, SERVICES, Workload
from bakeryops.demo.contracts import Clock, Object
from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.store import ObjectStore
from bakeryops.units import parse_quantity, parse_time

__all__ = ["SAMPLE_SECONDS", "Usage"]

SAMPLE_SECONDS = 15.0
_MIB = 2.0**20
_GIB = 2.0**30
_KNOWN = {(each.namespace, each.name): each for each in (*SERVICES, *DATABASES, *PLATFORM)}
_SYSTEM_CPU, _SYSTEM_MEMORY = 0.31, 1.45 * _GIB
"""What the node's own processes (kubelite, containerd, dqlite) take."""
_DISK, _DISK_USED = 197 * _GIB, 118 * _GIB


@dataclass(frozen=True, slots=True)
class _Profile:
    cpu: float
    """Cores when the bakery is awake."""
    memory: float
    """Bytes."""
    leak: float
    """Bytes a second."""


class Usage:
    """Answers for metrics-server and the kubelet's summary."""

    def __init__(self, store: ObjectStore, clock: Clock, *, seed: int = 0) -> None:
        self._store = store
        self._clock = clock
        self._seed = seed

    def pod_metrics(self, namespace: str | None) -> list[Object]:
        """Return the PodMetrics of the running pods, of one namespace if given."""
        now = self._sampled()
        stamp = timestamp(now)
        found = []
        for pod in self._store.list("pods", namespace):
            usage = self._containers(pod, now)
            if not usage:
                continue
            metadata = pod["metadata"]
            containers = [
                {"name": name, "usage": {"cpu": f"{int(cpu * 1e9)}n", "memory": f"{int(memory / 1024)}Ki"}}
                for name, cpu, memory, _ in usage
            ]
            labels = metadata.get("labels")
            head = {"name": metadata["name"], "namespace": metadata["namespace"], "creationTimestamp": stamp}
            found.append(
                {
                    "apiVersion": "metrics.k8s.io/v1beta1",
                    "kind": "PodMetrics",
                    "metadata": head | ({"labels": labels} if labels else {}),
                    "timestamp": stamp,
                    "window": f"{SAMPLE_SECONDS:.3f}s".replace("15.000s", "15.034s"),
                    "containers": containers,
                }
            )
        return found

    def node_metrics(self) -> list[Object]:
        """Return the NodeMetrics of the node."""
        now = self._sampled()
        cpu, memory = self._node(now)
        stamp = timestamp(now)
        return [
            {
                "apiVersion": "metrics.k8s.io/v1beta1",
                "kind": "NodeMetrics",
                "metadata": {
                    "name": node["metadata"]["name"],
                    "creationTimestamp": stamp,
                    "labels": node["metadata"].get("labels") or {},
                },
                "timestamp": stamp,
                "window": "15.063s",
                "usage": {"cpu": f"{int(cpu * 1e9)}n", "memory": f"{int(memory / 1024)}Ki"},
            }
            for node in self._store.list("nodes")
        ]

    def stats_summary(self, node: str) -> Object:
        """Return the kubelet's summary: node memory and file systems, pods with their volumes."""
        now = self._sampled()
        stamp = timestamp(now)
        cpu, memory = self._node(now)
        found = self._store.get("nodes", None, node) or {"status": {}}
        capacity = (found["status"].get("capacity") or {}).get("memory")
        total = parse_quantity(capacity) or 16 * _GIB
        used = self._disk_used(now)
        disk = {
            "time": stamp,
            "availableBytes": int(_DISK - used),
            "capacityBytes": int(_DISK),
            "usedBytes": int(used),
            "inodesFree": 11_204_331,
            "inodes": 12_845_056,
            "inodesUsed": 1_640_725,
        }
        return {
            "node": {
                "nodeName": node,
                "startTime": timestamp(now - 41 * 86_400),
                "cpu": {"time": stamp, "usageNanoCores": int(cpu * 1e9)},
                "memory": {
                    "time": stamp,
                    "availableBytes": int(total - memory),
                    "usageBytes": int(memory * 1.22),
                    "workingSetBytes": int(memory),
                    "rssBytes": int(memory * 0.81),
                },
                "fs": disk,
                "runtime": {"imageFs": {**disk, "usedBytes": int(31.4 * _GIB)}},
            },
            "pods": [self._pod_stats(pod, now, stamp) for pod in self._store.list("pods")
                     if pod["spec"].get("nodeName") == node],
        }  # fmt: skip

    def memory_of(self, pod: Object, container: str) -> float | None:
        """Return the bytes a running container takes now, None when it does not run."""
        for name, _, memory, _ in self._containers(pod, self._clock.now()):
            if name == container:
                return memory
        return None

    def _sampled(self) -> float:
        return math.floor(self._clock.now() / SAMPLE_SECONDS) * SAMPLE_SECONDS

    def _node(self, now: float) -> tuple[float, float]:
        cpu = _SYSTEM_CPU * (0.9 + 0.3 * self._noise("node", now, 60.0))
        memory = _SYSTEM_MEMORY
        for pod in self._store.list("pods"):
            for _, used, kept, _ in self._containers(pod, now):
                cpu += used
                memory += kept
        return cpu, memory

    def _disk_used(self, now: float) -> float:
        return _DISK_USED + (now % (14 * 86_400)) / 86_400 * 1.3 * _GIB

    def _pod_stats(self, pod: Object, now: float, stamp: str) -> Object:
        metadata = pod["metadata"]
        usage = self._containers(pod, now)
        entry: Object = {
            "podRef": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
            "startTime": (pod.get("status") or {}).get("startTime"),
            "containers": [
                {
                    "name": name,
                    "startTime": started,
                    "cpu": {"time": stamp, "usageNanoCores": int(cpu * 1e9)},
                    "memory": {"time": stamp, "usageBytes": int(memory * 1.1), "workingSetBytes": int(memory)},
                }
                for name, cpu, memory, started in usage
            ],
            "cpu": {"time": stamp, "usageNanoCores": int(sum(each[1] for each in usage) * 1e9)},
            "memory": {"time": stamp, "workingSetBytes": int(sum(each[2] for each in usage))},
            "ephemeral-storage": {"time": stamp, "usedBytes": 2_400_000, "capacityBytes": int(_DISK)},
        }
        volumes = [self._volume(pod, each, now, stamp) for each in pod["spec"].get("volumes") or ()
                   if each.get("persistentVolumeClaim")]  # fmt: skip
        if volumes:
            entry["volume"] = volumes
        return entry

    def _volume(self, pod: Object, volume: Object, now: float, stamp: str) -> Object:
        namespace = pod["metadata"]["namespace"]
        claim = volume["persistentVolumeClaim"]["claimName"]
        found = self._store.get("persistentvolumeclaims", namespace, claim) or {}
        asked = parse_quantity(((found.get("status") or {}).get("capacity") or {}).get("storage")) or _GIB
        share = 0.12 + 0.7 * _unit(self._seed, namespace, claim)
        used = asked * min(0.97, share + 0.02 * self._noise(f"{namespace}/{claim}", now, 3600.0))
        # A hostpath volume is a folder of the node's disk: that disk's size is what the kubelet reports.
        return {
            "time": stamp,
            "name": volume["name"],
            "pvcRef": {"name": claim, "namespace": namespace},
            "capacityBytes": int(_DISK),
            "availableBytes": int(_DISK - self._disk_used(now)),
            "usedBytes": int(used),
        }

    def _containers(self, pod: Object, now: float) -> list[tuple[str, float, float, str]]:
        """Return name, cores, bytes and start of each running container."""
        status = pod.get("status") or {}
        if status.get("phase") != "Running":
            return []
        running = {
            each["name"]: each["state"]["running"]["startedAt"]
            for field in ("initContainerStatuses", "containerStatuses")
            for each in status.get(field) or ()
            if "running" in (each.get("state") or {})
        }
        found = []
        for container in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]):
            started = running.get(container["name"])
            if started is None:
                continue
            profile = self._profile(pod, container)
            key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}/{container['name']}"
            up = max(0.0, now - (parse_time(started) or now))
            cpu = profile.cpu * self._wave(key, now) + profile.cpu * 1.5 * math.exp(-up / 20.0)
            memory = profile.memory * (0.55 + 0.45 * (1 - math.exp(-up / 90.0)))
            memory *= 1.0 + 0.04 * self._noise(f"{key}/m", now, 300.0)
            found.append((container["name"], max(0.0002, cpu), memory + profile.leak * up, started))
        return found

    def _wave(self, key: str, now: float) -> float:
        """Return how busy things are: little at night, most in the morning, with noise."""
        hour = (now / 3600.0 + 1.0) % 24.0
        day = 0.35 + 0.65 * math.exp(-(((hour - 9.5) / 5.0) ** 2))
        return day * (
            1.0 + 0.35 * self._noise(key, now, 45.0) + 0.25 * self._noise(f"{key}/f", now, SAMPLE_SECONDS)
        )

    def _noise(self, key: str, now: float, period: float) -> float:
        """Return smooth noise between -1 and 1 that changes within about `period` seconds."""
        place = now / period
        whole = math.floor(place)
        share = place - whole
        share = share * share * (3 - 2 * share)
        before, after = _unit(self._seed, key, str(whole)), _unit(self._seed, key, str(whole + 1))
        return 2.0 * (before + (after - before) * share) - 1.0

    def _profile(self, pod: Object, container: Object) -> _Profile:
        labels = pod["metadata"].get("labels") or {}
        known = _KNOWN.get((pod["metadata"]["namespace"], labels.get("app.kubernetes.io/name", "")))
        if known is not None:
            return _of_workload(known)
        resources = container.get("resources") or {}
        asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        memory = parse_quantity(str(asked.get("memory", "16Mi"))) or 16 * _MIB
        cpu = parse_quantity(str(asked.get("cpu", "5m"))) or 0.005
        return _Profile(cpu * 0.3, memory * 0.6, 0.0)


@lru_cache(maxsize=256)
def _of_workload(work: Workload) -> _Profile:
    return _Profile(work.busy / 1000, work.used * _MIB, work.leak * _MIB / 3600)


def _unit(seed: int, *parts: str) -> float:
    """Return a number in [0, 1) that depends on nothing but the arguments."""
    raw = hashlib.blake2b("\0".join((str(seed), *parts)).encode(), digest_size=4).digest()
    return int.from_bytes(raw, "big") / 2**32
