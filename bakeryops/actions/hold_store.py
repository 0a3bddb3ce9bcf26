"""Where holds are kept: the ConfigMap `bakery-holds` in the namespace of the builds, a key a service.

The task that commits new tags reads it and leaves a held service alone (`docs/acting.md`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bakeryops.actions.marks import stamp
from bakeryops.cluster.errors import KubeError
from bakeryops.model.hold import Hold
from bakeryops.text import clean
from bakeryops.units import parse_time

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.writes import Writer

__all__ = ["CONFIG_MAP", "holds_in", "put", "read_holds"]

CONFIG_MAP = "bakery-holds"


async def read_holds(session: Session, namespace: str) -> dict[str, Hold]:
    """Return the holds by service; raises `KubeError` where they may not or cannot be read."""
    try:
        return holds_in(await session.get("configmaps", CONFIG_MAP, namespace))
    except KubeError as error:
        if error.kind == "not_found":
            return {}
        raise


def holds_in(config_map: Mapping[str, Any]) -> dict[str, Hold]:
    """Return the holds that a ConfigMap tells of; one that cannot be read holds all the same."""
    data = config_map.get("data")
    return {str(key): _read(str(key), value) for key, value in data.items()} if isinstance(data, dict) else {}


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


def _read(service: str, value: Any) -> Hold:
    try:
        found = json.loads(value) if isinstance(value, str) else {}
    except (ValueError, RecursionError):
        found = {"reason": value}
    if not isinstance(found, dict):
        found = {"reason": str(value)}

    def text(key: str) -> str:
        each = found.get(key)
        return clean(each)[:300] if isinstance(each, str) else ""

    return Hold(
        service, text("owner") or "somebody", text("reason"), parse_time(text("since") or None),
        parse_time(text("until") or None), text("job"),
    )  # fmt: skip
