"""Whose logs: a name as people write it, resolved to pods and containers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.model.workload import ContainerView, PodView
    from bakeryops.read.index import WorkloadIndex

__all__ = ["Source", "containers_of", "pods_named", "split_name"]

_KINDS = {
    "pod": "Pod", "pods": "Pod", "po": "Pod",
    "deployment": "Deployment", "deployments": "Deployment", "deploy": "Deployment",
    "statefulset": "StatefulSet", "statefulsets": "StatefulSet", "sts": "StatefulSet",
    "daemonset": "DaemonSet", "daemonsets": "DaemonSet", "ds": "DaemonSet",
    "job": "Job", "jobs": "Job",
    "cronjob": "CronJob", "cronjobs": "CronJob", "cj": "CronJob",
    "service": "", "services": "", "svc": "",
}  # fmt: skip


class Source(NamedTuple):
    """One log."""

    namespace: str
    pod: str
    container: str
    uid: str = ""
    label: str = ""
    """What it is called before its lines, where that is not pod and container."""


def split_name(text: str) -> tuple[str | None, str]:
    """Return the kind (None where none is said, "" for a service) and the name; raises `UsageError`."""
    kind, slash, name = text.rpartition("/")
    if not slash:
        return None, text
    if kind.lower() not in _KINDS or not name:
        known = ", ".join(word for word in _KINDS if len(word) > 3 and not word.endswith("s"))
        raise UsageError(f"{clean(text)}: no kind that has logs", hint=f"Known are: {known}.")
    return _KINDS[kind.lower()], name


def pods_named(index: WorkloadIndex, text: str) -> list[PodView]:
    """Return the pods that a name stands for, by name: a pod, else a workload, else a service.

    `auth` also means `auth-service`. Raises `BakeryopsError` where there are none, or where the name stands for
    things in several namespaces.
    """
    kind, name = split_name(text)
    found = _found(index, kind, name) or _found(index, kind, f"{name}-service")
    namespaces = sorted({pod.namespace for pod in found})
    if len(namespaces) > 1:
        raise UsageError(
            f"{clean(text)} is in several namespaces: {', '.join(namespaces)}", hint="Choose one with -n NAME."
        )
    if not found:
        raise _unknown(index, text, kind, name)
    return sorted(found, key=lambda pod: pod.name)


def _found(index: WorkloadIndex, kind: str | None, name: str) -> list[PodView]:
    found: list[PodView] = []
    if kind in (None, "Pod"):
        found = [pod for pod in index.pods.values() if pod.name == name]
    if not found and kind != "Pod":
        found = _of_workloads(index, kind, name)
    if not found and kind in (None, ""):
        found = [pod for pod in index.pods.values() if pod.service == name]
    return found


def _of_workloads(index: WorkloadIndex, kind: str | None, name: str) -> list[PodView]:
    keys = {
        view.key for view in index.workloads.values() if view.name == name and (kind is None or view.kind == kind)
    }
    keys |= {view.key for view in index.workloads.values() if view.owner in keys}
    return [pod for pod in index.pods.values() if pod.workload in keys]


def _unknown(index: WorkloadIndex, text: str, kind: str | None, name: str) -> BakeryopsError:
    from bakeryops.config.values import nearest

    known = [view for view in index.workloads.values() if view.name == name and kind in (None, view.kind)]
    if known:
        return BakeryopsError(
            f"{known[0].kind} {known[0].namespace}/{known[0].name} has no pods",
            why=known[0].reason,
            hint="See: bakeryops events -s " + known[0].name,
        )
    names = {view.name for view in index.workloads.values()} | {pod.name for pod in index.pods.values()}
    names |= {pod.service for pod in index.pods.values() if pod.service}
    meant = nearest(name, sorted(names))
    return BakeryopsError(
        f"there is no pod, workload or service {clean(text)}",
        hint=f"Did you mean {meant}?" if meant else "See: bakeryops workloads",
    )


def containers_of(pods: Iterable[PodView], container: str | None) -> list[Source]:
    """Return the logs to read: all but init containers, or those of that name; raises `UsageError` for none."""
    found: list[Source] = []
    names: dict[str, None] = {}
    for pod in pods:
        for view in pod.containers:
            names[view.name] = None
            if _is_wanted(view, container):
                found.append(Source(pod.namespace, pod.name, view.name, pod.uid))
    if not found:
        raise UsageError(
            f"no container {clean(container or '')} there", hint=f"Its containers: {', '.join(names) or 'none'}."
        )
    return found


def _is_wanted(view: ContainerView, container: str | None) -> bool:
    return view.name == container if container is not None else view.role != "init"
