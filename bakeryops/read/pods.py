"""Pods read: the word `kubectl get pods` would show, only truer, and the reason in a sentence."""

from __future__ import annotations

import msgspec

from bakeryops.cluster.wire.core import Container, ContainerStatus, Pod, PodSpec, PodStatus
from bakeryops.cluster.wire.meta import Condition
from bakeryops.cluster.wire.metrics import PodMetrics
from bakeryops.model.health import Health
from bakeryops.model.workload import NOTHING, Amounts, ContainerView, PodView, pod_key, workload_key
from bakeryops.read.containers import container
from bakeryops.read.labels import service
from bakeryops.read.owners import owner
from bakeryops.text import clean
from bakeryops.units import parse_quantity, parse_time

__all__ = ["pod", "with_usage"]

_TERMINATING_GRACE = 30.0
"""Seconds past the end of its grace period after which a pod that is still there is stuck."""

_SCHEDULING_GRACE = 10.0
"""Seconds a pod may be unschedulable before that is called bad: a claim being bound takes some."""

_PENDING_PATIENCE = 300.0
"""Seconds creating the containers may take before that is called suspicious."""

_NO_SPEC = PodSpec()
_NO_STATUS = PodStatus()


class _Reading(msgspec.Struct, frozen=True, gc=False):
    """What became of a pod: how it is, in a word and a sentence, since when, and when to look again."""

    health: Health
    word: str
    reason: str = ""
    since: float | None = None
    recheck: float | None = None


def pod(pod: Pod, *, now: float, usage: PodMetrics | None = None) -> PodView:
    """Return a pod read at `now` (seconds since the epoch), with what it uses where that was measured."""
    meta, spec, status = pod.metadata, pod.spec or _NO_SPEC, pod.status or _NO_STATUS
    conditions = {condition.type: condition for condition in status.conditions or ()}
    views = _containers(spec, status, conditions.get("Ready"), now)
    reading = _read(pod, spec, status, conditions, views, now)
    kind, name = owner(pod)
    namespace = clean(meta.namespace)
    counted = [view for view in views if view.role != "init"]
    claims = tuple(
        clean(volume.persistentVolumeClaim.claimName)
        for volume in spec.volumes or ()
        if volume.persistentVolumeClaim
    )
    view = PodView(
        key=pod_key(namespace, clean(meta.name)),
        uid=meta.uid,
        namespace=namespace,
        name=clean(meta.name),
        health=reading.health,
        status=reading.word,
        reason=reading.reason,
        since=reading.since,
        ready=sum(1 for view in counted if view.ready),
        total=len(counted),
        restarts=sum(view.restarts for view in views),
        restarted=_restarted(views),
        containers=views,
        amounts=_amounts(views),
        qos=clean(status.qosClass or ""),
        oom_kills=sum(1 for view in views if view.oom),
        node=clean(spec.nodeName or ""),
        ip=clean(status.podIP or ""),
        phase=clean(status.phase or ""),
        created=parse_time(meta.creationTimestamp),
        started=parse_time(status.startTime),
        terminating=_asked_to_end(pod),
        owner_kind=kind,
        owner_name=name,
        workload=workload_key(kind, namespace, name),
        service=service(meta.labels, name),
        claims=claims,
        recheck=reading.recheck,
    )
    return with_usage(view, usage) if usage is not None else view


def with_usage(view: PodView, usage: PodMetrics | None) -> PodView:
    """Return the same pod with what its containers use; with None, with that unknown."""
    measured = {entry.name: entry.usage or {} for entry in usage.containers or ()} if usage else {}
    containers = []
    cpu_sum = memory_sum = None
    changed = False
    for each in view.containers:
        used = measured.get(each.name)
        cpu = parse_quantity(used.get("cpu")) if used else None
        memory = parse_quantity(used.get("memory")) if used else None
        if cpu is not None:
            cpu_sum = (cpu_sum or 0.0) + cpu
        if memory is not None:
            memory_sum = (memory_sum or 0.0) + memory
        if cpu != each.amounts.cpu_used or memory != each.amounts.memory_used:
            amounts = msgspec.structs.replace(each.amounts, cpu_used=cpu, memory_used=memory)
            each = msgspec.structs.replace(each, amounts=amounts)
            changed = True
        containers.append(each)
    if not changed:
        return view
    amounts = msgspec.structs.replace(view.amounts, cpu_used=cpu_sum, memory_used=memory_sum)
    return msgspec.structs.replace(view, containers=tuple(containers), amounts=amounts)


def _containers(
    spec: PodSpec, status: PodStatus, ready: Condition | None, now: float
) -> tuple[ContainerView, ...]:
    unready_since = parse_time(ready.lastTransitionTime) if ready is not None and ready.status != "True" else None
    policy = spec.restartPolicy or "Always"
    views: list[ContainerView] = []
    for specs, statuses, first in (
        (spec.initContainers, status.initContainerStatuses, True),
        (spec.containers, status.containerStatuses, False),
    ):
        by_name = {each.name: each for each in statuses or ()}
        for wanted, found in _pairs(specs, by_name):
            role = ("sidecar" if wanted and wanted.restartPolicy == "Always" else "init") if first else "main"
            views.append(container(wanted, found, role=role, policy=policy, unready_since=unready_since, now=now))
    return tuple(views)


def _pairs(
    specs: list[Container] | None, statuses: dict[str, ContainerStatus]
) -> list[tuple[Container | None, ContainerStatus | None]]:
    """Return containers as asked for with what is reported of them, in order; a report alone also counts."""
    pairs: list[tuple[Container | None, ContainerStatus | None]] = [
        (each, statuses.get(each.name)) for each in specs or ()
    ]
    if sum(1 for _, found in pairs if found is not None) < len(statuses):
        known = {each.name for each in specs or ()}
        pairs += [(None, found) for name, found in statuses.items() if name not in known]
    return pairs


def _asked_to_end(pod: Pod) -> float | None:
    """Return when deletion was asked for; the timestamp itself is the end of the grace period."""
    end = parse_time(pod.metadata.deletionTimestamp)
    return end - (pod.metadata.deletionGracePeriodSeconds or 0) if end is not None else None


def _restarted(views: tuple[ContainerView, ...]) -> float | None:
    return max((view.last_ended for view in views if view.restarts and view.last_ended is not None), default=None)


def _amounts(views: tuple[ContainerView, ...]) -> Amounts:
    """Return what the pod reserves: main containers and sidecars, or an init container that wants more."""
    steady = [view.amounts for view in views if view.role != "init"]
    first = [view.amounts for view in views if view.role == "init"]
    if len(steady) == 1 and not first:
        return steady[0]
    if all(amounts is NOTHING for amounts in (*steady, *first)):
        return NOTHING
    limited_cpu = all(amounts.cpu_limit is not None for amounts in steady)
    limited_memory = all(amounts.memory_limit is not None for amounts in steady)
    return Amounts(
        cpu_request=_most(_sum([a.cpu_request for a in steady]), [a.cpu_request for a in first]),
        memory_request=_most(_sum([a.memory_request for a in steady]), [a.memory_request for a in first]),
        cpu_limit=_sum([a.cpu_limit for a in steady]) if limited_cpu else None,
        memory_limit=_sum([a.memory_limit for a in steady]) if limited_memory else None,
    )


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _most(value: float | None, others: list[float | None]) -> float | None:
    return max((each for each in (value, *others) if each is not None), default=None)


def _read(
    pod: Pod,
    spec: PodSpec,
    status: PodStatus,
    conditions: dict[str, Condition],
    views: tuple[ContainerView, ...],
    now: float,
) -> _Reading:
    phase = status.phase or ""
    if pod.metadata.deletionTimestamp:
        return _terminating(pod, phase, now)
    if phase == "Succeeded":
        ended = max((view.since for view in views if view.since is not None), default=None)
        return _Reading(Health.FINE, "Completed", since=ended)
    if phase == "Failed":
        return _failed(status, conditions, views)
    if status.reason == "NodeLost" or phase == "Unknown":
        return _Reading(Health.UNKNOWN, "Unknown", "its node no longer reports")
    if phase not in ("Pending", "Running"):
        return _Reading(Health.UNKNOWN, clean(phase) or "Unknown", "its phase is not known")
    scheduled = conditions.get("PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        return _unscheduled(scheduled, spec, now)
    if (troubled := _worst(views)) is not None and troubled.health in (Health.BAD, Health.SOON):
        return _troubled(troubled, views, parse_time(status.startTime))
    if phase == "Pending":
        return _pending(pod, status, conditions, views, now)
    return _up(status, conditions, views, troubled)


def _terminating(pod: Pod, phase: str, now: float) -> _Reading:
    end = parse_time(pod.metadata.deletionTimestamp)
    due = end + _TERMINATING_GRACE if end is not None else None
    held = [clean(name) for name in pod.metadata.finalizers or () if name != "batch.kubernetes.io/job-tracking"]
    if held and (phase in ("Succeeded", "Failed") or (due is not None and now > due)):
        reason = f"being deleted: its containers have ended, finalizer {', '.join(held)} still holds it"
    elif due is not None and now > due:
        reason = "being deleted, but still there after its grace period: its node does not finish it"
    else:
        reason = "being deleted"
    late = due is not None and now > due
    return _Reading(
        Health.BAD if late else Health.WORKING, "Terminating", reason, _asked_to_end(pod), None if late else due
    )


def _failed(status: PodStatus, conditions: dict[str, Condition], views: tuple[ContainerView, ...]) -> _Reading:
    ended = max((view.since for view in views if view.since is not None), default=None)
    if ended is None and (ready := conditions.get("Ready")):
        ended = parse_time(ready.lastTransitionTime)
    said = clean(status.message or "").strip()
    if status.reason:
        word = clean(status.reason)
        text = "evicted from its node" if word == "Evicted" else f"failed: {word}"
        return _Reading(Health.BAD, word, f"{text}: {said}" if said else text, ended)
    bad = next((view for view in views if view.health is Health.BAD and view.state == "terminated"), None)
    if bad is not None:
        return _Reading(Health.BAD, bad.word or "Error", _named(bad, views), ended)
    return _Reading(Health.BAD, "Failed", f"failed: {said}" if said else "failed", ended)


def _unscheduled(condition: Condition, spec: PodSpec, now: float) -> _Reading:
    since = parse_time(condition.lastTransitionTime)
    if condition.reason == "SchedulingGated":
        return _Reading(Health.WORKING, "SchedulingGated", "held back by a scheduling gate", since)
    message = clean(condition.message or "")
    # "0/1 nodes are available: 1 Insufficient cpu, … . preemption: …": the part before the first full stop counts.
    why = message.split(": ", 1)[-1].split(". ", 1)[0].strip().rstrip(".")
    if "PersistentVolumeClaim" in why:
        claims = [
            clean(volume.persistentVolumeClaim.claimName)
            for volume in spec.volumes or ()
            if volume.persistentVolumeClaim is not None
        ]
        what = f"claim {', '.join(claims)} is not bound" if claims else why
        reason = f"waits for its volume: {what}"
    else:
        reason = f"fits on no node: {why}" if why else "fits on no node"
    due = since + _SCHEDULING_GRACE if since is not None else None
    if due is not None and now < due:
        return _Reading(Health.WORKING, "Pending", reason, since, due)
    return _Reading(Health.BAD, "Pending", reason, since)


def _worst(views: tuple[ContainerView, ...]) -> ContainerView | None:
    """Return the container in the worst state, the first of equals; None where there are none."""
    return min(views, key=lambda view: view.health.rank, default=None)


def _named(view: ContainerView, views: tuple[ContainerView, ...]) -> str:
    return f"{view.name}: {view.reason}" if len(views) > 1 else view.reason


def _troubled(view: ContainerView, views: tuple[ContainerView, ...], begun: float | None) -> _Reading:
    """Return the reading of a pod with a troubled container; one that never ran is so since the pod began."""
    # A sidecar that is told to end after the main containers did is no trouble.
    mains = [each for each in views if each.role == "main"]
    if (
        view.role == "sidecar"
        and mains
        and all(m.state == "terminated" and m.health is Health.FINE for m in mains)
    ):
        return _Reading(Health.WORKING, "Completed", "its work is done, sidecars end", mains[-1].since)
    word = f"Init:{view.word}" if view.role == "init" and view.health is Health.BAD else view.word
    rechecks = [each.recheck for each in views if each.recheck is not None]
    since = view.since if view.since is not None else begun
    return _Reading(view.health, word, _named(view, views), since, min(rechecks, default=None))


def _pending(
    pod: Pod,
    status: PodStatus,
    conditions: dict[str, Condition],
    views: tuple[ContainerView, ...],
    now: float,
) -> _Reading:
    firsts = [view for view in views if view.role != "main"]
    done = sum(1 for view in firsts if view.health is Health.FINE)
    if firsts and status.initContainerStatuses and done < len(firsts):
        runs = next((view.name for view in firsts if view.state == "running"), "")
        waits = "its next init container starts" if done else "its init containers have not started yet"
        reason = f"init container {runs} runs" if runs else waits
        return _Reading(Health.WORKING, f"Init:{done}/{len(firsts)}", reason, parse_time(status.startTime))
    scheduled = conditions.get("PodScheduled")
    created = parse_time(pod.metadata.creationTimestamp)
    if scheduled is None:
        begun, word, reason = created, "Pending", "waits to be scheduled"
        slow = "waits to be scheduled, and no scheduler has looked at it"
    else:
        begun = parse_time(scheduled.lastTransitionTime) or created
        word, reason = "ContainerCreating", "its containers are being created"
        slow = "its containers are still not created: its events say what for"
    due = begun + _PENDING_PATIENCE if begun is not None else None
    if due is not None and now >= due:
        return _Reading(Health.SOON, word, slow, begun)
    return _Reading(Health.WORKING, word, reason, begun, due)


def _up(
    status: PodStatus,
    conditions: dict[str, Condition],
    views: tuple[ContainerView, ...],
    troubled: ContainerView | None,
) -> _Reading:
    if troubled is None or not status.containerStatuses:
        return _Reading(Health.UNKNOWN, "Running", "nothing is reported of its containers")
    ready = conditions.get("Ready")
    since = parse_time(ready.lastTransitionTime) if ready is not None else None
    recheck = min((view.recheck for view in views if view.recheck is not None), default=None)
    mains = [view for view in views if view.role == "main"]
    ended = sum(1 for view in mains if view.state == "terminated")
    if ended:
        if ended == len(mains):
            return _Reading(Health.WORKING, "Completed", "its work is done, the pod ends", mains[-1].since)
        return _Reading(Health.WORKING, "Running", f"{ended} of {len(mains)} containers have ended", since)
    if troubled.health is not Health.FINE:
        return _Reading(troubled.health, troubled.word or "Running", _named(troubled, views), since, recheck)
    if ready is not None and ready.status == "True":
        return _Reading(Health.FINE, "Running", since=since, recheck=recheck)
    if ready is not None and ready.status == "Unknown":
        return _Reading(Health.UNKNOWN, "Unknown", "its node no longer reports", since)
    why = clean(ready.message or ready.reason or "") if ready is not None else ""
    return _Reading(Health.SOON, "NotReady", f"not ready: {why}" if why else "not ready", since, recheck)
