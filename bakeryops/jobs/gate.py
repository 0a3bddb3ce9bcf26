"""The one place where a change is let through or refused before it begins: read-only, blocked, access rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakeryops.config import Config
from bakeryops.errors import RefusedError
from bakeryops.model.plan import Permission, Plan

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["permit", "refusal"]

READ_ONLY = "bakeryops is read-only (--read-only or read_only: true)"


async def permit(plan: Plan, config: Config, session: Session | None) -> None:
    """Return where a plan may be carried out; raises `RefusedError`.

    Rights that cannot be asked for, because the cluster is away, are left to the attempt itself.
    """
    if plan.blocked:
        raise RefusedError(f"{plan.title}: {plan.blocked}", hint=plan.hint)
    if config.read_only:
        raise RefusedError(
            f"{plan.title}: {READ_ONLY}",
            hint="Leave --read-only out, or set read_only: false, to change anything.",
        )
    if session is None:
        return
    for need in plan.needs:
        why = await refusal(need, session)
        if why:
            raise RefusedError(
                f"{plan.title}: you may not {need.verb} {need.resource}"
                + (f" in {need.namespace}" if need.namespace else ""),
                why=why,
                hint="Ask for the role bakeryops-operator (manifests/console-rbac), or use another --context.",
            )


async def refusal(need: Permission, session: Session) -> str:
    """Return why the access rules refuse a right, "" where they allow it or cannot be asked."""
    resource, _, subresource = need.resource.partition("/")
    verdict = await session.access.can(
        need.verb, need.group, resource, need.namespace or None, need.name or None, subresource or None
    )
    return "" if verdict.allowed else verdict.reason or "the access rules of the cluster do not allow it"
