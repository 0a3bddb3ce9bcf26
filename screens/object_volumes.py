"""The storage of an object: of a claim who mounts it and how full it is, of a workload its claims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from bakeryops.cluster.wire.core import PersistentVolumeClaim
from bakeryops.model.overview import ObjectRef
from bakeryops.model.workload import PodView, VolumeView
from bakeryops.read.volumes import measured, volume, volumes
from bakeryops.units import format_bytes
from screens.lines import Line
from screens.picture import Picture
from screens.widgets.chart import bar

__all__ = ["claim_view", "claims_of"]


def claim_view(found: dict[str, Any] | None, ref: ObjectRef, picture: Picture) -> VolumeView | None:
    """Return a claim, as the API sent it, read with the pods that mount it; None for any other kind."""
    if found is None or ref.plural != "persistentvolumeclaims":
        return None
    try:
        claim = msgspec.convert(found, PersistentVolumeClaim)
    except msgspec.ValidationError:
        return None
    pods = [
        pod for pod in picture.index.pods.values() if pod.namespace == ref.namespace and ref.name in pod.claims
    ]
    return volume(claim, pods=pods, stats=measured(picture.stats.values()).get((ref.namespace, ref.name)))


def claims_of(
    pods: Sequence[PodView], claims: Iterable[PersistentVolumeClaim], picture: Picture, most: int = 3
) -> list[Line]:
    """Return those of `claims` that pods mount, a line each with how full they are, the fullest first."""
    names = {(pod.namespace, claim) for pod in pods for claim in pod.claims}
    if not names:
        return []
    mounted = [each for each in claims if (each.metadata.namespace, each.metadata.name) in names]
    views = volumes(mounted, pods, measured(picture.stats.values()))
    rows = [(_share(view), view) for view in views]
    rows.sort(key=lambda row: (-row[0], row[1].name))
    lines = [_line(share, view) for share, view in rows[:most]]
    if len(rows) > most:
        lines.append(((f"   and {len(rows) - most} more volumes", "dim"),))
    return lines


def _share(view: VolumeView) -> float:
    size = view.capacity or view.requested
    return view.used / size if view.used is not None and size else -1.0


def _line(share: float, view: VolumeView) -> Line:
    size = view.capacity or view.requested
    tone = view.health.value if view.health.rank < 3 else "dim"
    head: Line = ((" volume ", "dim"), (view.name, ""))
    if view.status != "Bound":
        return (*head, (f"  {view.health.symbol} {view.status}: {view.reason}", tone))
    if view.used is None or size is None:
        return (*head, ("  how full is not known", "unknown"))
    text = f"{format_bytes(view.used)} of {format_bytes(size)}"
    return (*head, (f"  {share:.0%} ", tone), (bar(view.used, size, 10), tone), (f"  {text}", "dim"))
