"""Deployments, StatefulSets and DaemonSets read: how far they are, how they are, and why."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bakeryops.cluster.wire.apps import (
    DaemonSet,
    DaemonSetSpec,
    DaemonSetStatus,
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    PodTemplate,
    StatefulSet,
    StatefulSetSpec,
    StatefulSetStatus,
)
from bakeryops.cluster.wire.meta import Condition, Meta
from bakeryops.model.health import Health
from bakeryops.model.workload import PodView, WorkloadView
from bakeryops.read.restarts import HOUR, RestartLog
from bakeryops.read.sums import Verdict, counted, live, pods_text, view, worst_pod
from bakeryops.text import clean
from bakeryops.units import parse_time

__all__ = ["daemonset", "deployment", "statefulset"]

_REVISION = "deployment.kubernetes.io/revision"


class _Facts(msgspec.Struct, gc=False):
    """What a controller says of itself, alike for the three kinds."""

    desired: int
    total: int
    ready: int
    updated: int
    available: int
    seen: bool
    readable: bool
    rolling: bool = False
    deleting: bool = False
    paused: bool = False
    stalled: str = ""
    stalled_since: float | None = None
    blocked: str = ""
    waits: str = ""
    complete: bool = False
    since: float | None = None


def _condition(conditions: list[Condition] | None, kind: str) -> Condition | None:
    return next((each for each in conditions or () if each.type == kind), None)


def _ready_pods(pods: Sequence[PodView] | None, said: int) -> int:
    """Return how many pods are ready by both accounts: the controller's may be older than the pods'."""
    if pods is None:
        return said
    return min(said, sum(1 for pod in live(pods) if pod.total and pod.ready == pod.total))


def _observed(meta: Meta, observed: int | None) -> bool:
    return (observed or 0) >= (meta.generation or 0)


def deployment(
    wanted: Deployment, pods: Sequence[PodView] | None, *, now: float, log: RestartLog | None = None
) -> WorkloadView:
    """Return a Deployment read with its pods; `pods` is None where pods cannot be seen."""
    spec, status = wanted.spec or DeploymentSpec(), wanted.status or DeploymentStatus()
    progressing = _condition(status.conditions, "Progressing")
    failure = _condition(status.conditions, "ReplicaFailure")
    available = _condition(status.conditions, "Available")
    updated, total = status.updatedReplicas or 0, status.replicas or 0
    facts = _Facts(
        desired=1 if spec.replicas is None else spec.replicas,
        total=total,
        ready=_ready_pods(pods, status.readyReplicas or 0),
        updated=updated,
        available=status.availableReplicas or 0,
        seen=wanted.status is not None and _observed(wanted.metadata, status.observedGeneration),
        readable=wanted.spec is not None,
        rolling=total > updated,
        deleting=wanted.metadata.deletionTimestamp is not None,
        paused=bool(spec.paused),
        since=parse_time(available.lastTransitionTime) if available else None,
    )
    if progressing is not None and progressing.status == "False":
        if progressing.reason == "ProgressDeadlineExceeded":
            deadline = 600 if spec.progressDeadlineSeconds is None else spec.progressDeadlineSeconds
            facts.stalled = f"no progress within {deadline} s"
        else:
            facts.stalled = clean(progressing.message or progressing.reason or "no progress")
        facts.stalled_since = parse_time(progressing.lastTransitionTime)
    facts.complete = progressing is not None and progressing.reason == "NewReplicaSetAvailable"
    if failure is not None and failure.status == "True":
        facts.blocked = clean(failure.message or failure.reason or "pods cannot be created")
    revision = clean((wanted.metadata.annotations or {}).get(_REVISION, ""))
    return _finish("Deployment", wanted.metadata, facts, pods, spec.template, now, log, revision)


def statefulset(
    wanted: StatefulSet, pods: Sequence[PodView] | None, *, now: float, log: RestartLog | None = None
) -> WorkloadView:
    """Return a StatefulSet read with its pods; `pods` is None where pods cannot be seen."""
    spec, status = wanted.spec or StatefulSetSpec(), wanted.status or StatefulSetStatus()
    desired = 1 if spec.replicas is None else spec.replicas
    changed = bool(status.updateRevision) and status.updateRevision != status.currentRevision
    facts = _Facts(
        desired=desired,
        total=status.replicas or 0,
        ready=_ready_pods(pods, status.readyReplicas or 0),
        updated=status.updatedReplicas or 0,
        available=status.readyReplicas or 0 if status.availableReplicas is None else status.availableReplicas,
        seen=wanted.status is not None and _observed(wanted.metadata, status.observedGeneration),
        readable=wanted.spec is not None,
        deleting=wanted.metadata.deletionTimestamp is not None,
    )
    strategy = spec.updateStrategy
    partition = (strategy.rollingUpdate.partition or 0) if strategy and strategy.rollingUpdate else 0
    if changed and facts.updated < facts.total:
        old = facts.total - facts.updated
        if strategy is not None and strategy.type == "OnDelete":
            facts.waits = f"{old} of {facts.total} pods keep the former revision until they are deleted (OnDelete)"
        elif partition and facts.updated >= desired - partition:
            facts.waits = f"{old} of {facts.total} pods keep the former revision (partition {partition})"
        else:
            facts.rolling = True
    return _finish(
        "StatefulSet", wanted.metadata, facts, pods, spec.template, now, log, clean(status.updateRevision or "")
    )


def daemonset(
    wanted: DaemonSet, pods: Sequence[PodView] | None, *, now: float, log: RestartLog | None = None
) -> WorkloadView:
    """Return a DaemonSet read with its pods; `pods` is None where pods cannot be seen."""
    spec, status = wanted.spec or DaemonSetSpec(), wanted.status or DaemonSetStatus()
    total, updated = status.currentNumberScheduled or 0, status.updatedNumberScheduled or 0
    facts = _Facts(
        desired=status.desiredNumberScheduled or 0,
        total=total,
        ready=_ready_pods(pods, status.numberReady or 0),
        updated=updated,
        available=status.numberAvailable or 0,
        seen=wanted.status is not None and _observed(wanted.metadata, status.observedGeneration),
        readable=wanted.spec is not None,
        deleting=wanted.metadata.deletionTimestamp is not None,
    )
    if updated < total:
        if spec.updateStrategy is not None and spec.updateStrategy.type == "OnDelete":
            facts.waits = f"{total - updated} of {total} pods keep the former revision until deleted (OnDelete)"
        else:
            facts.rolling = True
    return _finish("DaemonSet", wanted.metadata, facts, pods, spec.template, now, log, "")


def _finish(
    kind: str,
    meta: Meta,
    facts: _Facts,
    pods: Sequence[PodView] | None,
    template: PodTemplate | None,
    now: float,
    log: RestartLog | None,
    revision: str,
) -> WorkloadView:
    known = list(pods or ())
    if log is None:
        log = RestartLog()
        for pod in known:
            log.see(pod, now)
    return view(
        kind,
        meta,
        _judge(kind, facts, known, pods is not None, now),
        known,
        ready=facts.ready,
        desired=facts.desired,
        updated=facts.updated,
        available=facts.available,
        template=template,
        log=log,
        now=now,
        revision=revision,
    )


def _judge(kind: str, facts: _Facts, pods: list[PodView], pods_known: bool, now: float) -> Verdict:
    """Return the verdict: what is worst is said first, and fine is only what every account calls fine."""
    current = live(pods)
    worst = worst_pod(current)
    recheck = min((pod.recheck for pod in pods if pod.recheck is not None), default=None)

    def say(health: Health, status: str, reason: str = "", since: float | None = None) -> Verdict:
        return Verdict(health, status, reason, since, recheck)

    if facts.deleting:
        return say(
            Health.WORKING,
            "Deleting",
            f"being deleted, {counted(len(pods), 'pod')} left" if pods else "being deleted",
        )
    if worst is not None and worst.health is Health.BAD and facts.desired:
        reason = pods_text(worst, current, facts.desired)
        if facts.rolling and facts.ready:
            reason = f"{reason}; {facts.ready} of {facts.desired} still ready on the former revision"
        elif facts.stalled:
            reason = f"{reason}; {facts.stalled}"
        return say(Health.BAD, worst.status, reason, worst.since)
    if facts.stalled:
        why = f": {pods_text(worst, current, facts.desired)}" if worst is not None and worst.reason else ""
        return say(Health.BAD, "Stalled", f"{facts.stalled}{why}", facts.stalled_since)
    if facts.blocked:
        return say(Health.BAD, "Blocked", f"pods cannot be created: {facts.blocked}")
    if not facts.readable:
        return say(Health.UNKNOWN, "Unknown", "what it asks for could not be read")
    if not facts.seen:
        return say(Health.WORKING, "Pending", "its controller has not taken up the last change yet")
    stuck = next((pod for pod in pods if pod.terminating is not None and pod.health is Health.BAD), None)
    if stuck is not None:
        return say(Health.SOON, "Terminating", f"pod {stuck.name}: {stuck.reason}", stuck.terminating)
    if facts.desired == 0:
        left = max(facts.total, len(current))
        if left:
            return say(Health.WORKING, "Scaling", f"scaling to 0: {counted(left, 'pod')} left")
        asks = "no node asks for it" if kind == "DaemonSet" else "scaled to 0"
        return say(Health.HELD, "Stopped", asks)
    return _progress(facts, current, worst, pods, pods_known, now, say_recheck=recheck)


def _progress(
    facts: _Facts,
    current: list[PodView],
    worst: PodView | None,
    pods: list[PodView],
    pods_known: bool,
    now: float,
    *,
    say_recheck: float | None,
) -> Verdict:
    """Return the verdict on a workload of which nothing is broken: on its way, or fine."""
    desired, ready = facts.desired, facts.ready
    if facts.rolling and facts.paused:
        reason = f"rollout paused: {facts.updated} of {desired} updated"
        return Verdict(Health.HELD, "Paused", reason, None, say_recheck)
    trouble = worst if worst is not None and worst.health in (Health.SOON, Health.UNKNOWN) else None
    if trouble is not None:
        reason = pods_text(trouble, current, desired)
        return Verdict(trouble.health, trouble.status, reason, trouble.since, say_recheck)
    if facts.rolling:
        reason = f"rolling out: {facts.updated} of {desired} updated, {ready} ready"
        return Verdict(Health.WORKING, "Rolling", reason, None, say_recheck)
    if ready < desired and not pods_known and facts.complete:
        health = Health.SOON if ready else Health.BAD
        return Verdict(health, "NotReady", f"{ready} of {desired} ready, after all of them were", facts.since)
    if ready < desired:
        if worst is not None and worst.health is Health.WORKING:
            why = f": {pods_text(worst, current, desired)}"
        elif facts.total < desired or (pods_known and len(current) < desired):
            missing = desired - min(facts.total, len(current) if pods_known else desired)
            why = f": {counted(missing, 'pod')} not created yet"
        else:
            why = ""
        return Verdict(Health.WORKING, "Starting", f"{ready} of {desired} ready{why}", None, say_recheck)
    if facts.total > desired or (pods_known and len(current) > desired):
        left = max(facts.total, len(current)) - desired
        return Verdict(Health.WORKING, "Scaling", f"{counted(left, 'pod')} more than asked for", None, say_recheck)
    left_behind = [pod for pod in pods if pod.phase == "Failed" and pod.terminating is None]
    recent = [pod for pod in left_behind if pod.since is None or now - pod.since < HOUR]
    if recent:
        last = max(recent, key=lambda pod: pod.since or 0.0)
        due = [pod.since + HOUR for pod in recent if pod.since is not None]
        recheck = min([*due, *([say_recheck] if say_recheck is not None else [])], default=None)
        reason = f"{len(recent)} of its pods failed and were replaced: {last.reason}"
        return Verdict(Health.SOON, "Running", reason, last.since, recheck)
    if facts.available < desired:
        reason = f"{facts.available} of {desired} available: ready, but not for long enough yet"
        return Verdict(Health.WORKING, "Starting", reason, None, say_recheck)
    if facts.waits:
        return Verdict(Health.SOON, "Running", facts.waits, None, say_recheck)
    if facts.paused:
        return Verdict(Health.HELD, "Paused", "rollouts are paused", None, say_recheck)
    return Verdict(Health.FINE, "Running", "", facts.since, say_recheck)
