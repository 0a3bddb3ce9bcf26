"""What the pods of a workload come to together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from bakeryops.cluster.wire.apps import PodTemplate
from bakeryops.cluster.wire.meta import Meta
from bakeryops.model.health import Health
from bakeryops.model.workload import NOTHING, Amounts, PodView, WorkloadView, workload_key
from bakeryops.read.images import split_image
from bakeryops.read.labels import component, part_of, service, version
from bakeryops.read.restarts import RestartLog
from bakeryops.text import clean
from bakeryops.units import parse_time

__all__ = ["Verdict", "add_amounts", "counted", "live", "pods_text", "view", "worst_pod"]


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """How a workload is: one word, a sentence, since when, and when to look again."""

    health: Health
    status: str
    reason: str = ""
    since: float | None = None
    recheck: float | None = None


def counted(count: int, noun: str) -> str:
    """Return "1 pod", "2 pods"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def live(pods: Iterable[PodView]) -> list[PodView]:
    """Return the pods that neither ended nor are being deleted."""
    return [pod for pod in pods if pod.terminating is None and not pod.finished]


def worst_pod(pods: Iterable[PodView]) -> PodView | None:
    """Return the pod in the worst state, the first by name of equals; None where there are none."""
    return min(pods, key=lambda pod: (pod.health.rank, pod.name), default=None)


def pods_text(pod: PodView, pods: Sequence[PodView], desired: int) -> str:
    """Return a pod's reason, with how many of the workload's pods are as it is where there are several."""
    if desired <= 1 and len(pods) <= 1:
        return pod.reason
    alike = sum(1 for each in pods if each.health is pod.health)
    return f"{alike} of {max(desired, len(pods))} pods: {pod.reason}"


def add_amounts(amounts: Iterable[Amounts]) -> Amounts:
    """Return the sum; a limit is None unless every pod has it, the rest are None only where none is known."""
    parts = list(amounts)
    if not parts or all(part is NOTHING for part in parts):
        return NOTHING
    if len(parts) == 1:
        return parts[0]
    return Amounts(
        cpu_request=_known([part.cpu_request for part in parts]),
        cpu_limit=_every([part.cpu_limit for part in parts]),
        cpu_used=_known([part.cpu_used for part in parts]),
        memory_request=_known([part.memory_request for part in parts]),
        memory_limit=_every([part.memory_limit for part in parts]),
        memory_used=_known([part.memory_used for part in parts]),
    )


def _known(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _every(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def view(
    kind: str,
    meta: Meta,
    verdict: Verdict,
    pods: Sequence[PodView],
    *,
    ready: int,
    desired: int,
    updated: int,
    available: int,
    template: PodTemplate | None,
    log: RestartLog,
    now: float,
    **more: Any,
) -> WorkloadView:
    """Return a workload's view: its own facts, its verdict, and what its pods come to."""
    namespace, name = clean(meta.namespace), clean(meta.name)
    labels = meta.labels
    if not labels and template is not None:
        labels = template.metadata.labels
    specs = template.spec.containers if template is not None and template.spec is not None else None
    image = (
        (specs[0].image or "") if specs else (pods[0].containers[-1].image if pods and pods[0].containers else "")
    )
    taken = split_image(image)
    hours = [log.last_hour(pod.uid, now) for pod in pods]
    rechecks = [verdict.recheck, *(hour.until for hour in hours)]
    return WorkloadView(
        key=workload_key(kind, namespace, name),
        uid=meta.uid,
        kind=kind,
        namespace=namespace,
        name=name,
        service=service(labels, name),
        component=component(labels),
        part_of=part_of(labels),
        version=version(labels),
        health=verdict.health,
        status=verdict.status,
        reason=verdict.reason,
        since=verdict.since,
        ready=ready,
        desired=desired,
        updated=updated,
        available=available,
        restarts=sum(pod.restarts for pod in pods),
        restarts_hour=sum(hour.count for hour in hours),
        restarts_at_least=any(hour.at_least for hour in hours),
        restarted=max((pod.restarted for pod in pods if pod.restarted is not None), default=None),
        oom_kills=sum(max(hour.oom_kills, pod.oom_kills) for hour, pod in zip(hours, pods, strict=True)),
        image=clean(image),
        tag=taken.tag,
        commit=taken.commit,
        tag_time=taken.built,
        created=parse_time(meta.creationTimestamp),
        amounts=add_amounts(pod.amounts for pod in pods if not pod.finished),
        pods=tuple(pod.key for pod in pods),
        recheck=min((time for time in rechecks if time is not None), default=None),
        **more,
    )
