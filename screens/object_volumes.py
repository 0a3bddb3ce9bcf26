"""The storage of an object: of a claim who mounts it and how full it is, of a workload its claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bakeryops.cluster.wire.core import PersistentVolumeClaim
from bakeryops.model.overview import ObjectRef
from bakeryops.model.workload import PodView, VolumeView
from bakeryops.read.volumes import measured, volume
from bakeryops.units import format_bytes
from screens.lines import Line
from screens.picture import Picture
from screens.widgets.chart import bar

__all__ = ["claim_view", "claims_of"]

SOON, BAD = 0.85, 0.95
"""Shares of a volume from which it is coloured, as the list of volumes does."""


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


def claims_of(pods: Sequence[PodView], picture: Picture, most: int = 3) -> list[Line]:
    """Return the claims that pods mount, a line each with how full they are, the fullest first."""
    names = sorted({(pod.namespace, claim) for pod in pods for claim in pod.claims})
    if not names:
        return []
    stats = measured(picture.stats.values())
    rows: list[tuple[float, str, Line]] = []
    for key in names:
        seen = stats.get(key)
        used, size = (seen.usedBytes, seen.capacityBytes) if seen is not None else (None, None)
        share = used / size if used is not None and size else None
        if used is None or size is None or share is None:
            rows.append(
                (-1.0, key[1], ((" volume ", "dim"), (key[1], ""), ("  how full is not known", "unknown")))
            )
            continue
        tone = "bad" if share >= BAD else "soon" if share >= SOON else "dim"
        text = f"{format_bytes(used)} of {format_bytes(size)}"
        rows.append((share, key[1], ((" volume ", "dim"), (key[1], ""), (f"  {share:.0%} ", tone),
                                     (bar(used, size, 10), tone), (f"  {text}", "dim"))))  # fmt: skip
    rows.sort(key=lambda row: (-row[0], row[1]))
    lines = [line for _, _, line in rows[:most]]
    if len(rows) > most:
        lines.append(((f"   and {len(rows) - most} more volumes", "dim"),))
    return lines
