"""What a job says in the audit log."""

from __future__ import annotations

from bakeryops.errors import BakeryopsError
from bakeryops.jobs.settings import Settings
from bakeryops.model.job import JobView

__all__ = ["audit_job"]


def audit_job(event: str, view: JobView, settings: Settings) -> str:
    """Write a record of a job (begun, resumed, ended); return why it could not be written, or ""."""
    from bakeryops.jobs.audit import AuditLog

    plan = view.plan
    name, _, host = view.who.rpartition("@")
    try:
        AuditLog().append(
            event=event,
            job=view.id,
            action=plan.action,
            subject=plan.subject,
            title=plan.title,
            who=name or view.who,
            host=host,
            cluster=settings.cluster,
            context=settings.config.context or "",
            scope=list(plan.scope),
            plan=plan.hash,
            command=plan.command,
            outcome=view.state if event == "ended" else "",
            text=view.text if event == "ended" else "",
            evidence=list(view.evidence) if event == "ended" else [],
        )
    except (OSError, BakeryopsError) as error:
        return str(error)
    return ""
