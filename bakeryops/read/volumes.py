"""Claims of storage read: bound or not, how full, mounted by whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bakeryops.cluster.wire.core import (
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimStatus,
)
from bakeryops.cluster.wire.metrics import StatsSummary, VolumeStats
from bakeryops.model.health import Health
from bakeryops.model.workload import PodView, VolumeView
from bakeryops.text import clean
from bakeryops.units import parse_quantity, parse_time

__all__ = ["measured", "users", "volume", "volumes"]

_SOON_AT = 0.85
_BAD_AT = 0.95


def measured(summaries: Iterable[StatsSummary]) -> dict[tuple[str, str], VolumeStats]:
    """Return what kubelets measured of claims, by (namespace, name)."""
    found: dict[tuple[str, str], VolumeStats] = {}
    for summary in summaries:
        for pod in summary.pods or ():
            for entry in pod.volume or ():
                if entry.pvcRef is not None:
                    found[entry.pvcRef.namespace or pod.podRef.namespace, entry.pvcRef.name] = entry
    return found


def users(pods: Iterable[PodView]) -> dict[tuple[str, str], list[PodView]]:
    """Return the pods that mount each claim, by (namespace, name)."""
    found: dict[tuple[str, str], list[PodView]] = {}
    for pod in pods:
        for claim in pod.claims:
            found.setdefault((pod.namespace, claim), []).append(pod)
    return found


def volume(
    claim: PersistentVolumeClaim, *, pods: Iterable[PodView] = (), stats: VolumeStats | None = None
) -> VolumeView:
    """Return a claim read with the pods that mount it and what the kubelet measured."""
    meta = claim.metadata
    spec, status = claim.spec or PersistentVolumeClaimSpec(), claim.status or PersistentVolumeClaimStatus()
    mounted = sorted((pod for pod in pods if not pod.finished), key=lambda pod: pod.key)
    used = float(stats.usedBytes) if stats is not None and stats.usedBytes is not None else None
    held = stats.capacityBytes if stats is not None else None
    health, reason = _judge(claim, status, mounted, used / held if used is not None and held else None)
    requests = spec.resources.requests if spec.resources is not None else None
    return VolumeView(
        key=f"{clean(meta.namespace)}/{clean(meta.name)}",
        namespace=clean(meta.namespace),
        name=clean(meta.name),
        health=health,
        status=clean(status.phase or "Unknown"),
        reason=reason,
        requested=parse_quantity((requests or {}).get("storage")),
        capacity=parse_quantity((status.capacity or {}).get("storage")),
        used=used,
        storage_class=clean(spec.storageClassName or ""),
        volume=clean(spec.volumeName or ""),
        created=parse_time(meta.creationTimestamp),
        pods=tuple(pod.key for pod in mounted),
    )


def _judge(
    claim: PersistentVolumeClaim,
    status: PersistentVolumeClaimStatus,
    mounted: list[PodView],
    share: float | None,
) -> tuple[Health, str]:
    if claim.metadata.deletionTimestamp is not None:
        return Health.WORKING, "being deleted; it goes when no pod mounts it" if mounted else "being deleted"
    if status.phase == "Lost":
        return Health.BAD, "its volume is gone"
    if status.phase == "Pending":
        if mounted:
            return Health.BAD, "not bound: no volume fits, or the storage class makes none"
        return Health.WORKING, "not bound yet: no pod mounts it"
    if status.phase != "Bound":
        return Health.UNKNOWN, "whether it is bound is not known"
    if share is not None and share >= _BAD_AT:
        return Health.BAD, f"{share:.0%} full"
    if share is not None and share >= _SOON_AT:
        return Health.SOON, f"{share:.0%} full"
    for condition in status.conditions or ():
        if condition.status == "True" and condition.type in ("Resizing", "FileSystemResizePending"):
            return Health.WORKING, "being resized"
    return Health.FINE, ""


def volumes(
    claims: Iterable[PersistentVolumeClaim],
    pods: Iterable[PodView] = (),
    stats: Mapping[tuple[str, str], VolumeStats] | None = None,
) -> list[VolumeView]:
    """Return claims read, the worst first; `stats` is what `measured` returned."""
    mounting = users(pods)
    found = [
        volume(
            claim,
            pods=mounting.get((clean(claim.metadata.namespace), clean(claim.metadata.name)), ()),
            stats=(stats or {}).get((claim.metadata.namespace, claim.metadata.name)),
        )
        for claim in claims
    ]
    return sorted(found, key=lambda view: (view.health.rank, view.key))
