"""The one key that gets a service back: by Git, past Git while Gitea is away, and into Git once it is back."""

from __future__ import annotations

from bakeryops.actions.breakglass import plan_break_glass, plan_write_back
from bakeryops.actions.breakglass_steps import written_back
from bakeryops.actions.ground import Ground
from bakeryops.actions.rollback import AWAY, plan_rollback
from bakeryops.actions.rollback_look import delivery_of
from bakeryops.actions.rollback_wish import Wish
from bakeryops.cluster.errors import KubeError
from bakeryops.errors import BakeryopsError
from bakeryops.model.plan import Plan

__all__ = ["plan_way_back"]


async def plan_way_back(ground: Ground, wish: Wish) -> Plan:
    """Return the plan that fits: rollback, break-glass or write-back; raises `BakeryopsError`."""
    if ground.code.state == "live" and await _waits(ground, wish.service):
        return await plan_write_back(ground, wish.service, reason=wish.reason)
    try:
        plan = await plan_rollback(ground, wish)
    except BakeryopsError:
        if ground.code.head or ground.session is None or not ground.code.reason:
            raise
        return await plan_break_glass(ground, wish)
    return await plan_break_glass(ground, wish) if plan.basis.get(AWAY) and ground.session is not None else plan


async def _waits(ground: Ground, service: str) -> bool:
    """Return whether a service was set past Git and Git does not know yet."""
    sync = delivery_of(ground, [service]).sync
    if ground.session is None or sync is None:
        return False
    try:
        obj = await ground.session.get("kustomizations", sync.name, sync.namespace)
    except KubeError:
        return False
    return service in written_back(obj)
