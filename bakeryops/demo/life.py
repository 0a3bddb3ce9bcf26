"""The life of the embedded cluster: leaks that end, restarts, commits, drift, Events of the day. Seeded."""

from __future__ import annotations

import random
from collections.abc import Set

from bakeryops.demo.bakery.inventory import APP, SERVICES, Workload
from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers import Cluster, Kubelet
from bakeryops.demo.controllers.objects import key_of
from bakeryops.demo.controllers.pods import is_ready
from bakeryops.demo.gitea.server import Gitea
from bakeryops.demo.life_commits import Commits
from bakeryops.demo.tekton.words import PIPELINE_RUNS, is_done
from bakeryops.demo.usage import Usage
from bakeryops.units import parse_quantity

__all__ = ["Life"]

_STEADY = ("pos-service", "distribution-service", "forecasting-service")
"""Services with a trouble of their own, which life leaves to it."""
_EVENTS_A_POD = 25.0
"""Watch events that the replacement of one pod makes, about."""


class Life:
    """Lets things happen, now and then; every delay and choice comes from the seed."""

    def __init__(
        self, cluster: Cluster, kubelet: Kubelet, usage: Usage, gitea: Gitea, *, seed: int, churn: float = 0.0,
        spared: Set[str] = frozenset(),
    ) -> None:  # fmt: skip
        """Take the seed and, for load, the watch events a second to make by replacing pods.

        `spared` are services (names of folders) to leave alone; it may grow while life goes on.
        """
        self._cluster = cluster
        self._kubelet = kubelet
        self._usage = usage
        self._random = random.Random(f"life/{seed}")
        names = [each.name.removesuffix("-service") for each in SERVICES if each.name not in _STEADY]
        self._commits = Commits(gitea, [*names, "gateway"], seed, spared)
        self._spared = spared
        self._churn = churn
        self._runs = 0
        """Builds that are kept."""
        self._crowd: list[tuple[str, str]] = []

    def start(self) -> None:
        """Begin."""
        self._again(20.0, 20.0, self._leaks)
        self._again(150.0, 540.0, self._commits.push)
        self._again(260.0, 420.0, self._restart)
        self._again(900.0, 2400.0, self._drift)
        self._runs = len(self._cluster.store.list(PIPELINE_RUNS))
        self._again(600.0, 600.0, self._prune)
        self._again(35.0, 90.0, self._unhealthy)
        self._again(300.0, 300.0, self._heartbeat)
        if self._churn > 0:
            self._again(0.5, _EVENTS_A_POD / self._churn, self._replace)

    def _again(self, first: float, period: float, action: object) -> None:
        assert callable(action)

        def turn() -> None:
            # Planned first: a turn that fails, in a cluster that its user may take apart, is not the last.
            self._cluster.clock.call_later(period * (0.6 + 0.8 * self._random.random()), turn)
            action()

        self._cluster.clock.call_later(first, turn)

    def _leaks(self) -> None:
        """Kill what has outgrown its limit."""
        for service in SERVICES:
            if not service.leak:
                continue
            for pod in self._pods_of(service.name):
                for container in pod["spec"]["containers"]:
                    limit = parse_quantity(((container.get("resources") or {}).get("limits") or {}).get("memory"))
                    used = self._usage.memory_of(pod, container["name"])
                    if limit is not None and used is not None and used > limit:
                        self._kubelet.end_container(*key_of(pod), container["name"], 137, reason="OOMKilled")

    def _drift(self) -> None:
        """Change a service by hand, past Git; Flux takes it back at its next round."""
        service = self._any_service()

        def change(obj: Object) -> Object:
            container = obj["spec"]["template"]["spec"]["containers"][0]
            container["env"] = [
                *(each for each in container.get("env") or () if each["name"] != "LOG_LEVEL"),
                {"name": "LOG_LEVEL", "value": "DEBUG"},
            ]
            return obj

        self._cluster.store.mutate("deployments.apps", APP, service.name, change, manager="kubectl-edit")

    def _prune(self) -> None:
        """Delete the oldest builds that have ended where there are more than at the start, as a pruner does."""
        ended = [run for run in self._cluster.store.list(PIPELINE_RUNS) if is_done(run)]
        ended.sort(key=lambda run: str(run["metadata"]["creationTimestamp"]))
        for run in ended[: max(0, len(ended) - self._runs)]:
            self._cluster.store.delete(PIPELINE_RUNS, *key_of(run))

    def _restart(self) -> None:
        """Let a container fail once."""
        service = self._any_service()
        pods = [pod for pod in self._pods_of(service.name) if is_ready(pod)]
        if pods:
            pod = self._random.choice(pods)
            self._kubelet.end_container(*key_of(pod), pod["spec"]["containers"][0]["name"], 1)

    def _unhealthy(self) -> None:
        """Let a readiness probe fail once, which changes nothing."""
        pods = [pod for pod in self._cluster.store.list("pods", APP) if is_ready(pod)]
        if pods:
            pod = self._random.choice(pods)
            container = pod["spec"]["containers"][0]["name"]
            text = "Readiness probe failed: command timed out after 3s"
            self._cluster.events.record(
                pod,
                "Warning",
                "Unhealthy",
                text,
                component="kubelet",
                field_path=f"spec.containers{{{container}}}",
            )

    def _heartbeat(self) -> None:
        """Renew the node's conditions, as a kubelet does every five minutes."""
        stamp = self._cluster.stamp()

        def change(obj: Object) -> Object:
            for entry in obj["status"]["conditions"]:
                entry["lastHeartbeatTime"] = stamp
            return obj

        self._cluster.store.mutate(
            "nodes", None, self._cluster.node, change, manager="kubelet", subresource="status"
        )

    def _replace(self) -> None:
        """Delete a pod of the crowd, for its ReplicaSet to replace."""
        if not self._crowd:
            self._crowd = [
                key_of(pod) for pod in self._cluster.store.list("pods") if key_of(pod)[0].startswith("load-")
            ]
            self._random.shuffle(self._crowd)
        if self._crowd:
            self._cluster.store.delete("pods", *self._crowd.pop(), grace=1)

    def _any_service(self) -> Workload:
        steady = {*_STEADY, *(f"{name}-service" for name in self._spared)}
        return self._random.choice([each for each in SERVICES if each.name not in steady])

    def _pods_of(self, name: str) -> list[Object]:
        return self._cluster.store.list("pods", APP, {"app.kubernetes.io/name": name})
