"""Jobs, CronJobs and bare pods read."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from bakeryops.cluster.wire.batch import CronJob, CronJobSpec, CronJobStatus, Job, JobSpec, JobStatus
from bakeryops.cluster.wire.meta import Condition, Meta
from bakeryops.model.health import Health
from bakeryops.model.workload import PodView, WorkloadView, workload_key
from bakeryops.read.owners import controller
from bakeryops.read.restarts import RestartLog
from bakeryops.read.sums import Verdict, counted, live, pods_text, view, worst_pod
from bakeryops.text import clean
from bakeryops.units import format_duration, parse_time

__all__ = ["cronjob", "job", "loose_pods"]

_CLOCKS_DIFFER = 10.0
"""Seconds by which a Job may seem to be older than the moment it was made for."""


def _true(conditions: list[Condition] | None, kind: str) -> Condition | None:
    return next((each for each in conditions or () if each.type == kind and each.status == "True"), None)


def _said(condition: Condition) -> str:
    words = clean(condition.message or "")
    reason = clean(condition.reason or "")
    return f"{reason}: {words}" if reason and words else reason or words


def _log(log: RestartLog | None, pods: Sequence[PodView], now: float) -> RestartLog:
    if log is None:
        log = RestartLog()
        for pod in pods:
            log.see(pod, now)
    return log


def job(wanted: Job, pods: Sequence[PodView] | None, *, now: float, log: RestartLog | None = None) -> WorkloadView:
    """Return a Job read with its pods; `ready` of `desired` are its successes of its completions."""
    spec, status = wanted.spec or JobSpec(), wanted.status or JobStatus()
    known = list(pods or ())
    desired = spec.completions if spec.completions is not None else 1
    verdict = _job_verdict(wanted, spec, status, known, desired)
    reference = controller(wanted.metadata.ownerReferences)
    owner = (
        workload_key(clean(reference.kind), clean(wanted.metadata.namespace), clean(reference.name))
        if reference
        else ""
    )
    return view(
        "Job",
        wanted.metadata,
        verdict,
        known,
        ready=status.succeeded or 0,
        desired=desired,
        updated=status.active or 0,
        available=status.succeeded or 0,
        template=spec.template,
        log=_log(log, known, now),
        now=now,
        owner=owner,
        last_run=parse_time(status.startTime),
        last_good=parse_time(status.completionTime),
    )


def _job_verdict(wanted: Job, spec: JobSpec, status: JobStatus, pods: list[PodView], desired: int) -> Verdict:
    recheck = min((pod.recheck for pod in pods if pod.recheck is not None), default=None)
    failed = _true(status.conditions, "Failed") or _true(status.conditions, "FailureTarget")
    worst = worst_pod(live(pods))
    if failed is not None:
        ended = [pod for pod in pods if pod.phase == "Failed" and pod.terminating is None]
        last = max(ended, key=lambda pod: pod.since or 0.0, default=None)
        why = f"; last pod {last.reason}" if last is not None else ""
        ends = "" if failed.type == "Failed" else ", its pods are being stopped"
        reason = f"failed: {_said(failed)}{ends}{why}"
        return Verdict(Health.BAD, "Failed", reason, parse_time(failed.lastTransitionTime), recheck)
    if (complete := _true(status.conditions, "Complete")) is not None:
        begun, ended_at = parse_time(status.startTime), parse_time(status.completionTime)
        took = f"took {format_duration(ended_at - begun)}" if begun is not None and ended_at is not None else ""
        return Verdict(Health.FINE, "Complete", took, ended_at or parse_time(complete.lastTransitionTime))
    if wanted.metadata.deletionTimestamp is not None:
        return Verdict(Health.WORKING, "Deleting", "being deleted", None, recheck)
    if wanted.spec is None:
        return Verdict(Health.UNKNOWN, "Unknown", "what it asks for could not be read", None, recheck)
    if spec.suspend:
        return Verdict(Health.HELD, "Suspended", "suspended")
    if worst is not None and worst.health in (Health.BAD, Health.SOON, Health.UNKNOWN):
        return Verdict(worst.health, worst.status, pods_text(worst, live(pods), 1), worst.since, recheck)
    begun = parse_time(status.startTime)
    done = f"{status.succeeded or 0} of {desired} done"
    if status.failed:
        attempts = "1 attempt has failed" if status.failed == 1 else f"{status.failed} attempts have failed"
        limit = 6 if spec.backoffLimit is None else spec.backoffLimit
        return Verdict(Health.SOON, "Retrying", f"{attempts} (of {limit + 1}), {done}", begun, recheck)
    if wanted.status is None or begun is None:
        return Verdict(Health.WORKING, "Pending", "not started yet", None, recheck)
    runs = f", {status.active} running" if status.active else ""
    return Verdict(Health.WORKING, "Running", f"{done}{runs}", begun, recheck)


def cronjob(wanted: CronJob, jobs: Sequence[WorkloadView], *, now: float) -> WorkloadView:
    """Return a CronJob read with the Jobs it made; how its last ended Job went is how it is."""
    spec, status = wanted.spec or CronJobSpec(), wanted.status or CronJobStatus()
    last_run, last_good = parse_time(status.lastScheduleTime), parse_time(status.lastSuccessfulTime)
    ended = [each for each in jobs if each.status in ("Failed", "Complete")]
    last = max(ended, key=lambda each: each.created or 0.0, default=None)
    active = [each for each in jobs if each.status not in ("Failed", "Complete", "Suspended")]
    trouble = min(active, key=lambda each: each.health.rank, default=None)
    running = len(active) or len(status.active or ())
    if wanted.metadata.deletionTimestamp is not None:
        verdict = Verdict(Health.WORKING, "Deleting", "being deleted")
    elif wanted.spec is None:
        verdict = Verdict(Health.UNKNOWN, "Unknown", "what it asks for could not be read")
    elif trouble is not None and trouble.health in (Health.BAD, Health.SOON, Health.UNKNOWN):
        verdict = Verdict(
            trouble.health, trouble.status, f"running Job {trouble.name}: {trouble.reason}", trouble.since
        )
    elif last is not None and last.health is Health.BAD:
        verdict = Verdict(Health.BAD, "Failed", f"its last Job {last.name} {last.reason}", last.since)
    elif spec.suspend:
        verdict = Verdict(Health.HELD, "Suspended", "suspended: no Job is made")
    elif running:
        verdict = Verdict(
            Health.WORKING, "Running", f"{running} of its Jobs run" if running > 1 else "its Job runs"
        )
    elif last_run is None:
        verdict = Verdict(Health.FINE, "Scheduled", "has not run yet")
    elif (last_good is None or last_good < last_run) and (
        last is None or (last.created or 0.0) < last_run - _CLOCKS_DIFFER
    ):
        # Its Job is gone already, and was not a success; an older one that was says nothing.
        verdict = Verdict(Health.UNKNOWN, "Scheduled", "how its last Job ended is not known", last_run)
    else:
        verdict = Verdict(Health.FINE, "Scheduled", "", last_good)
    template = spec.jobTemplate.spec.template if spec.jobTemplate and spec.jobTemplate.spec else None
    return view(
        "CronJob",
        wanted.metadata,
        verdict,
        (),
        ready=running,
        desired=running,
        updated=0,
        available=0,
        template=template,
        log=RestartLog(),
        now=now,
        schedule=clean(spec.schedule or ""),
        last_run=last_run,
        last_good=last_good,
    )


def loose_pods(pods: Sequence[PodView], *, now: float, log: RestartLog | None = None) -> WorkloadView:
    """Return what owns these pods, known only through them: a bare pod, a TaskRun, an object not read or gone."""
    known = list(pods)
    first = known[0]
    recheck = min((pod.recheck for pod in known if pod.recheck is not None), default=None)
    worst = worst_pod(known) or first
    if first.owner_kind in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
        verdict = _ownerless(first.owner_kind, known, recheck)
    else:
        reason = pods_text(worst, known, len(known))
        verdict = Verdict(worst.health, worst.status, reason if worst.reason else "", worst.since, recheck)
    meta = Meta(name=first.owner_name, namespace=first.namespace, uid=first.uid if len(known) == 1 else "")
    found = view(
        first.owner_kind,
        meta,
        verdict,
        known,
        ready=sum(1 for pod in known if pod.total and pod.ready == pod.total),
        desired=sum(1 for pod in known if not pod.finished),
        updated=0,
        available=0,
        template=None,
        log=_log(log, known, now),
        now=now,
    )
    return _with_pod(found, first)


def _ownerless(kind: str, pods: list[PodView], recheck: float | None) -> Verdict:
    if all(pod.terminating is not None for pod in pods):
        bad = next((pod for pod in pods if pod.health is Health.BAD), None)
        if bad is not None:
            return Verdict(Health.BAD, bad.status, f"pod {bad.name}: {bad.reason}", bad.terminating, recheck)
        return Verdict(
            Health.WORKING, "Deleting", f"being deleted, {counted(len(pods), 'pod')} left", None, recheck
        )
    worst = worst_pod(live(pods))
    if kind == "Job" and worst is None:
        last = worst_pod(pods) or pods[0]
        reason = f"its Job is gone; {last.reason}" if last.reason else "its Job is gone; its pods ended well"
        return Verdict(last.health, last.status, reason, last.since, recheck)
    if worst is not None and worst.health is Health.BAD:
        return Verdict(Health.BAD, worst.status, pods_text(worst, pods, len(pods)), worst.since, recheck)
    return Verdict(Health.UNKNOWN, "Unknown", f"its pods are there, the {kind} itself is not known", None, recheck)


def _with_pod(found: WorkloadView, pod: PodView) -> WorkloadView:
    return replace(found, service=pod.service, created=pod.created)
