"""What an apply would make of objects, asked of the server itself: exact where a comparison by fields cannot be.

Nothing is changed. Whoever may only read is refused by most clusters even so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakeryops.cluster.discovery import Discovery
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.transport import Transport
from bakeryops.cluster.writes import Writer

__all__ = ["FLUX_MANAGER", "DryRun", "dry_run"]

FLUX_MANAGER = "kustomize-controller"
"""The name under which Flux owns fields: under any other, fields that left Git would seem to stay."""

_FATAL = frozenset({"unreachable", "timeout", "tls", "unauthorized", "protocol"})


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the server said of one object; exactly one of the two is None."""

    object: dict[str, Any] | None
    """The object as the apply would leave it."""
    error: KubeError | None
    """Why the apply would be refused, or (of kind `forbidden`) why it may not even be tried."""


async def dry_run(
    transport: Transport,
    discovery: Discovery,
    objects: Sequence[Mapping[str, Any]],
    *,
    manager: str = FLUX_MANAGER,
    at_once: int = 4,
) -> list[DryRun]:
    """Apply objects server-side as `manager` without changing anything; return what came of each, in order.

    Fields of others are taken over, as Flux does it. Objects must carry the labels that Flux adds, or these seem
    to go. After a first `forbidden` of a kind no more of that kind are sent. Raises `KubeError` where the cluster
    as a whole does not answer or does not accept us.
    """
    writer = Writer(transport, discovery, field_manager=manager)
    gate = asyncio.Semaphore(at_once)
    forbidden: dict[tuple[str, str], KubeError] = {}

    async def one(obj: Mapping[str, Any]) -> DryRun:
        kind = (str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""))
        async with gate:
            if kind in forbidden:
                return DryRun(None, forbidden[kind])
            try:
                written = await writer.apply(obj, force=True, dry_run=True)
            except KubeError as error:
                if error.kind in _FATAL:
                    raise
                if error.kind == "forbidden":
                    forbidden[kind] = error
                return DryRun(None, error)
            return DryRun(written.object, None)

    tasks = [asyncio.create_task(one(obj)) for obj in objects]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
