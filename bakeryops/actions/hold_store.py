"""Where holds are kept: the ConfigMap `bakery-holds` in the namespace of the builds, a key a service.

The task that commits new tags reads it and leaves a held service alone (`docs/acting.md`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bakeryops.actions.marks import stamp
from bakeryops.cluster.errors import KubeError
from bakeryops.model.hold import CONFIG_MAP, Hold
from bakeryops.read.holds import holds_in

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.writes import Writer

__all__ = ["CONFIG_MAP", "holds_in", "put", "read_holds"]


async def read_holds(session: Session, namespace: str) -> dict[str, Hold]:
    """Return the holds by service; raises `KubeError` where they may not or cannot be read."""
    try:
        return holds_in(await session.get("configmaps", CONFIG_MAP, namespace))
    except KubeError as error:
        if error.kind == "not_found":
            return {}
        raise


async def put(writer: Writer, namespace: str, changes: Mapping[str, Hold | None]) -> None:
    """Write holds, or lift them (None); raises `KubeError`."""
    data = {service: None if hold is None else _written(hold) for service, hold in changes.items()}
    try:
        await writer.patch("configmaps", CONFIG_MAP, namespace, {"data": data})
    except KubeError as error:
        if error.kind != "not_found":
            raise
        kept = {key: value for key, value in data.items() if value is not None}
        if not kept:
            return
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP}, "data": kept}
        try:
            await writer.create(body, namespace=namespace)
        except KubeError as late:
            if late.kind != "exists":
                raise
            await writer.patch("configmaps", CONFIG_MAP, namespace, {"data": data})


def _written(hold: Hold) -> str:
    return json.dumps(
        {
            "reason": hold.reason,
            "owner": hold.owner,
            "since": stamp(hold.since) if hold.since is not None else None,
            "until": stamp(hold.until) if hold.until is not None else None,
            "job": hold.job,
        },
        sort_keys=True,
    )
