"""Plans, jobs and locks as documents with a stable shape, for -o json and -o yaml; see `docs/json.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from bakeryops.cli.shapes import moment

if TYPE_CHECKING:
    from bakeryops.jobs.lease import Lock
    from bakeryops.model.hold import Hold, Suspension, WriteBack
    from bakeryops.model.job import JobView, StepView
    from bakeryops.model.plan import Plan

__all__ = ["hold", "job", "lock", "plan", "suspension", "write_back"]


def plan(found: Plan) -> dict[str, Any]:
    """Return a plan."""
    return {
        "action": found.action,
        "subject": found.subject,
        "title": found.title,
        "hash": found.hash,
        "created": moment(found.created),
        "possible": not found.blocked,
        "blocked": found.blocked,
        "hint": found.hint,
        "confirm": found.typed,
        "scope": list(found.scope),
        "command": found.command,
        "undo": found.undo,
        "usual_seconds": found.usual,
        "facts": [{"label": each.label, "text": each.text} for each in found.facts],
        "notes": [{"tone": each.tone, "text": each.text} for each in found.notes],
        "sections": [
            {"title": each.title, "form": each.form, "lines": list(each.lines)} for each in found.sections
        ],
        "steps": [
            {"id": each.id, "title": each.title, "changes": each.changes, "shows": list(each.shows)}
            for each in found.steps
        ],
    }


def job(view: JobView) -> dict[str, Any]:
    """Return a job."""
    return {
        "id": view.id,
        "action": view.plan.action,
        "subject": view.plan.subject,
        "title": view.plan.title,
        "plan": view.plan.hash,
        "state": view.state,
        "who": view.who,
        "created": moment(view.created),
        "started": moment(view.started),
        "ended": moment(view.ended),
        "text": view.text,
        "why": view.why,
        "hint": view.hint,
        "lock": view.lock,
        "resumes": view.resumes,
        "exit_code": view.exit_code,
        "evidence": list(view.evidence),
        "command": view.plan.command,
        "undo": view.plan.undo,
        "steps": [_step(each) for each in view.steps],
    }


def _step(step: StepView) -> dict[str, Any]:
    return {
        "id": step.id,
        "title": step.title,
        "state": step.state,
        "text": step.text,
        "already": step.already,
        "started": moment(step.started),
        "ended": moment(step.ended),
        "outputs": msgspec.to_builtins(step.outputs),
    }


def lock(found: Lock, now: float) -> dict[str, Any]:
    """Return a lock."""
    return {
        "scope": found.scope,
        "holder": found.holder,
        "job": found.job,
        "title": found.title,
        "since": moment(found.since),
        "renewed": moment(found.renewed),
        "expired": found.expired(now),
    }


def hold(found: Hold, now: float) -> dict[str, Any]:
    """Return a hold."""
    return {
        "service": found.service,
        "owner": found.owner,
        "reason": found.reason,
        "since": moment(found.since),
        "until": moment(found.until),
        "over": found.over(now),
        "job": found.job,
    }


def suspension(found: Suspension, now: float) -> dict[str, Any]:
    """Return who suspended an object of Flux and why."""
    return {
        "kind": found.kind,
        "namespace": found.namespace,
        "name": found.name,
        "owner": found.owner,
        "reason": found.reason,
        "since": moment(found.since),
        "until": moment(found.until),
        "over": found.over(now),
    }


def write_back(found: WriteBack) -> dict[str, Any]:
    """Return what was set past Git and waits to be written back."""
    return {
        "service": found.service,
        "kustomization": {"namespace": found.namespace, "name": found.name},
        "owner": found.owner,
        "reason": found.reason,
        "since": moment(found.since),
        "tag": found.tag,
        "git_tag": found.git_tag,
        "job": found.job,
    }
