"""Which pod a name means: its own, or one of a workload, a Service, a service of the bakery; and which port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bakeryops.cluster.errors import KubeError
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.model.workload import PodView, WorkloadView
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.read.index import WorkloadIndex

__all__ = ["find_container", "find_pod", "find_port", "find_workload"]

_KINDS = {
    "pod": "Pod", "pods": "Pod", "po": "Pod", "deployment": "Deployment", "deployments": "Deployment",
    "deploy": "Deployment", "statefulset": "StatefulSet", "statefulsets": "StatefulSet", "sts": "StatefulSet",
    "daemonset": "DaemonSet", "daemonsets": "DaemonSet", "ds": "DaemonSet", "job": "Job", "service": "Service",
    "services": "Service", "svc": "Service",
}  # fmt: skip


def _parted(text: str) -> tuple[str, str]:
    kind, slash, name = text.rpartition("/")
    if not slash:
        return "", name
    if kind.lower() not in _KINDS:
        raise UsageError(
            f"{clean(kind)} is no kind that is known here", hint=f"Known: {', '.join(sorted(_KINDS))}."
        )
    return _KINDS[kind.lower()], name


def find_workload(index: WorkloadIndex, text: str, namespace: str | None) -> tuple[str, str, str]:
    """Return (kind, namespace, name) of what rolls out and is meant by NAME or KIND/NAME.

    A service's name means its workload. Raises `UsageError` where that is not clear, `BakeryopsError` for none.
    """
    kind, name = _parted(text)
    rolls = ("Deployment", "StatefulSet", "DaemonSet")
    views = [
        each
        for each in index.workloads.values()
        if each.kind in rolls and (not kind or each.kind == kind) and namespace in (None, each.namespace)
    ]
    found = _named(views, name)
    if not found:
        raise BakeryopsError(
            f"there is no workload called {clean(name)}" + (f" in {namespace}" if namespace else ""),
            hint="See: bakeryops workloads",
        )
    if len(found) > 1:
        spaces = {each.namespace for each in found}
        named = sorted(f"{each.kind}/{each.name} -n {each.namespace}" for each in found)
        raise UsageError(
            "which one is meant?" if len(spaces) == 1 else "it is in more than one namespace",
            hint=f"Say one of: {', '.join(named)}.",
        )
    return found[0].kind, found[0].namespace, found[0].name


def _named(views: list[WorkloadView], name: str) -> list[WorkloadView]:
    """Return the workloads of that name; `auth` also means `auth-service`, and last what is labelled so."""
    return (
        [each for each in views if each.name == name]
        or [each for each in views if each.name == f"{name}-service"]
        or [each for each in views if each.service == name]
    )


async def find_pod(session: Session, index: WorkloadIndex, text: str, namespace: str | None) -> PodView:
    """Return the pod that is meant by POD, WORKLOAD, KIND/NAME or svc/NAME: of several a ready one, the oldest.

    Raises `UsageError` where that is not clear, `BakeryopsError` where there is none.
    """
    kind, name = _parted(text)
    pods = [each for each in index.pods.values() if namespace in (None, each.namespace) and not each.finished]
    if kind == "Service":
        found = await _of_service(session, pods, name, namespace)
    elif kind == "Pod":
        found = [each for each in pods if each.name == name]
    else:
        found = (
            [each for each in pods if each.name == name and not kind]
            or [each for each in pods if each.owner_name == name and kind in ("", each.owner_kind)]
            or [
                each for each in pods if not kind and name in (each.service, each.service.removesuffix("-service"))
            ]
        )
    if not found:
        raise BakeryopsError(
            f"there is no running pod of {clean(name)}" + (f" in {namespace}" if namespace else ""),
            hint="See: bakeryops workloads --pods",
        )
    spaces = sorted({each.namespace for each in found})
    if len(spaces) > 1:
        raise UsageError(f"{clean(name)} is in {', '.join(spaces)}", hint="Say which with -n NAMESPACE.")
    return min(
        found, key=lambda each: (each.terminating is not None, each.ready < each.total, each.created or 0.0)
    )


def find_container(pod: PodView, wanted: str | None) -> str:
    """Return the container that is meant, by default the first main one; raises `UsageError`."""
    names = [each.name for each in pod.containers if each.role != "init"]
    if wanted is None:
        return next((each.name for each in pod.containers if each.role == "main"), names[0] if names else "")
    if wanted not in names:
        raise UsageError(f"pod {pod.name} has no container {clean(wanted)}", hint=f"It has: {', '.join(names)}.")
    return wanted


async def find_port(session: Session, text: str, pod: PodView, port: str) -> int:
    """Return the pod's port that a number or a name means; a Service's port leads to its target port.

    Raises `UsageError` where nothing is called so.
    """
    kind, name = _parted(text)
    if kind == "Service":
        spec = _mapping(await session.get("services", name, pod.namespace), "spec")
        ports = _mappings(spec, "ports")
        found = next((each for each in ports if port in (str(each.get("port")), each.get("name"))), None)
        if found is None:
            known = ", ".join(str(each.get("port")) for each in ports)
            raise UsageError(f"Service {clean(name)} has no port {clean(port)}", hint=f"It has: {known}.")
        port = str(found.get("targetPort") or found.get("port"))
    if port.isascii() and port.isdigit():
        if not 1 <= int(port) <= 65535:
            raise UsageError(f"{port} is no port", hint="Ports are 1 to 65535.")
        return int(port)
    spec = _mapping(await session.get("pods", pod.name, pod.namespace), "spec")
    ports = [each for container in _mappings(spec, "containers") for each in _mappings(container, "ports")]
    for each in ports:
        number = each.get("containerPort")
        if each.get("name") == port and isinstance(number, int):
            return number
    known = ", ".join(str(each.get("name") or each.get("containerPort")) for each in ports)
    raise UsageError(
        f"{clean(port)} is no port of pod {pod.name}", hint=f"It has: {known or 'none that it names'}."
    )


async def _of_service(session: Session, pods: list[PodView], name: str, namespace: str | None) -> list[PodView]:
    where = namespace or next(iter(sorted({each.namespace for each in pods if each.service == name})), "")
    where = where or session.target.namespace
    try:
        selector = _mapping(_mapping(await session.get("services", name, where), "spec"), "selector")
    except KubeError as error:
        if error.kind == "not_found":
            raise BakeryopsError(
                f"there is no Service {clean(name)} in {where}", hint="Say where: -n NAMESPACE"
            ) from None
        raise
    if not selector:
        raise BakeryopsError(f"Service {clean(name)} chooses no pods", why="it has no selector")
    chosen = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    feed = await session.snapshot(("pods",), namespace=where, selectors={"pods": chosen})
    uids = set(feed.store("pods").items)
    return [each for each in pods if each.uid in uids]


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _mappings(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = value.get(key)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
