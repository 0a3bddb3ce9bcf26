"""The documents of `builds`, `flux`, `service` and `follow`: stable, explained in docs/json.md, held by a test."""

from __future__ import annotations

import time
from typing import Any

from bakeryops.cli import shapes_acting
from bakeryops.cli.shapes import moment, pod, workload
from bakeryops.model.build import Attempt, Build, BuildTask, Failure, Named, Step
from bakeryops.model.chain import Chain, Follow, Leg, Release, ServiceView
from bakeryops.model.code import Commit
from bakeryops.model.difference import Difference
from bakeryops.model.overview import ObjectRef
from bakeryops.model.sync import ConditionView, FluxObject, Node, Revision, Source, Sync

__all__ = ["build", "chain", "difference", "flux_object", "follow", "service", "source", "sync"]

Document = dict[str, Any]


def _seconds(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 3)


def reference(ref: ObjectRef | None) -> Document | None:
    """Return which object is meant."""
    if ref is None:
        return None
    return {"resource": ref.plural, "namespace": ref.namespace, "name": ref.name}


def _named(values: tuple[Named, ...]) -> list[Document]:
    return [{"name": each.name, "value": each.value} for each in values]


def commit(found: Commit | None) -> Document | None:
    """Return a commit."""
    if found is None:
        return None
    return {
        "sha": found.sha,
        "subject": found.subject,
        "author": found.author,
        "time": moment(found.committed),
    }


def _step(step: Step) -> Document:
    return {
        "name": step.name,
        "container": step.container,
        "health": step.health.value,
        "state": step.state,
        "reason": step.reason,
        "exit_code": step.exit_code,
        "started": moment(step.started),
        "ended": moment(step.ended),
    }


def _attempt(attempt: Attempt) -> Document:
    return {
        "number": attempt.number,
        "pod": attempt.pod,
        "health": attempt.health.value,
        "reason": attempt.reason,
        "started": moment(attempt.started),
        "ended": moment(attempt.ended),
        "steps": [_step(each) for each in attempt.steps],
    }


def _task(task: BuildTask) -> Document:
    return {
        "task": task.task,
        "title": task.title,
        "finally": task.finally_,
        "health": task.health.value,
        "state": task.state,
        "reason": task.reason,
        "why": task.why,
        "after": list(task.after),
        "params": _named(task.params),
        "results": _named(task.results),
        "taskrun": task.run,
        "pod": task.pod,
        "started": moment(task.started),
        "began": moment(task.began),
        "ended": moment(task.ended),
        "steps": [_step(each) for each in task.steps],
        "earlier_attempts": [_attempt(each) for each in task.attempts],
    }


def _failure(failure: Failure | None) -> Document | None:
    if failure is None:
        return None
    return {
        "task": failure.title,
        "step": failure.step,
        "pod": failure.pod,
        "container": failure.container,
        "exit_code": failure.exit_code,
        "text": failure.text,
    }


def build(view: Build, *, found: Commit | None = None, tasks: bool = False) -> Document:
    """Return one entry of `builds`, with its tasks for `builds show`; `found` is the commit that it builds."""
    document: Document = {
        "namespace": view.namespace,
        "name": view.name,
        "pipeline": view.pipeline,
        "health": view.health.value,
        "state": view.state,
        "reason": view.reason,
        "why": view.why,
        "revision": view.trigger.revision,
        "commit": commit(found),
        "ref": view.trigger.ref,
        "pusher": view.trigger.pusher,
        "rerun_of": view.trigger.rerun_of,
        "services": None if view.services is None else list(view.services),
        "tag": view.tag,
        "deploy_commit": view.deploy_commit,
        "created": moment(view.created),
        "started": moment(view.started),
        "ended": moment(view.ended),
        "queued_seconds": _seconds(view.queued),
        "tasks_done": view.done,
        "tasks_total": view.total,
    }
    if tasks:
        document |= {
            "message": view.message,
            "params": _named(view.params),
            "results": _named(view.results),
            "failure": _failure(view.failure),
            "tasks": [_task(each) for each in view.tasks],
        }
    return document


def _revision(revision: Revision | None) -> str | None:
    return None if revision is None else revision.text


def _condition(condition: ConditionView) -> Document:
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "since": moment(condition.since),
    }


def _object(view: Source | Sync | FluxObject) -> Document:
    return {
        "kind": view.kind,
        "namespace": view.namespace,
        "name": view.name,
        "health": view.health.value,
        "state": view.state,
        "reason": view.reason,
        "why": view.why,
        "suspended": view.suspended,
        "suspension": None if view.suspension is None else shapes_acting.suspension(view.suspension, time.time()),
        "since": moment(view.since),
    }


def source(view: Source) -> Document:
    """Return one source of `flux`."""
    return _object(view) | {
        "url": view.url,
        "wants": view.wants,
        "revision": _revision(view.revision),
        "fetched": moment(view.fetched),
        "interval_seconds": _seconds(view.interval),
        "next": moment(view.next),
        "conditions": [_condition(each) for each in view.conditions],
    }


def sync(view: Sync, *, found: Commit | None = None, tree: tuple[Node, ...] | None = None) -> Document:
    """Return one applier of `flux`; `found` is the commit applied, `tree` its inventory where asked for."""
    document = _object(view) | {
        "source": view.source,
        "path": view.path,
        "applied": _revision(view.applied),
        "applied_commit": commit(found),
        "attempted": _revision(view.attempted),
        "interval_seconds": _seconds(view.interval),
        "last": moment(view.last),
        "next": moment(view.next),
        "prune": view.prune,
        "wait": view.wait,
        "depends_on": list(view.depends_on),
        "blocked_by": list(view.blocked_by),
        "write_back": [shapes_acting.write_back(each) for each in view.write_backs],
        "inventory": [reference(each) for each in view.inventory],
        "history": [
            {
                "revision": each.revision,
                "status": each.status,
                "first": moment(each.first),
                "last": moment(each.last),
                "seconds": _seconds(each.seconds),
                "times": each.times,
            }
            for each in view.history
        ],
        "conditions": [_condition(each) for each in view.conditions],
    }
    if tree is not None:
        document["tree"] = [_node(each) for each in tree]
    return document


def _node(node: Node) -> Document:
    return {
        "kind": node.kind,
        "object": reference(node.ref),
        "title": node.title,
        "health": node.health.value,
        "state": node.state,
        "why": node.why,
        "children": [_node(each) for each in node.children],
    }


def flux_object(view: FluxObject) -> Document:
    """Return any other Flux object of `flux`."""
    return _object(view) | {"facts": dict(view.facts)}


def difference(found: Difference) -> Document:
    """Return one object of `flux diff`."""
    return {
        "object": reference(found.ref),
        "kind": found.kind,
        "action": found.action,
        "lines": list(found.lines),
    }


def _leg(leg: Leg, now: float) -> Document:
    return {
        "stage": leg.stage,
        "title": leg.title,
        "state": leg.state,
        "health": leg.health.value,
        "text": leg.text,
        "why": leg.why,
        "started": moment(leg.started),
        "ended": moment(leg.ended),
        "seconds": _seconds(leg.seconds(now)),
        "commit": leg.commit,
        "object": reference(leg.ref),
    }


def chain(view: Chain, now: float) -> Document:
    """Return the delivery chain of `status` and `service`."""
    return {
        "health": view.health.value,
        "why": view.why,
        "since": moment(view.since),
        "stuck_at": None if view.stuck is None else view.legs[view.stuck].stage,
        "commit": commit(view.commit),
        "legs": [_leg(each, now) for each in view.legs],
        "unknown": list(view.unknowns),
    }


def follow(view: Follow, now: float) -> Document:
    """Return the document of `follow`."""
    return {
        "title": view.title,
        "commit": commit(view.commit),
        "services": list(view.services),
        "stuck_at": None if view.stuck is None else view.legs[view.stuck].stage,
        "overtaken_by": view.overtaken_by,
        "seconds": _seconds(view.seconds),
        "legs": [_leg(each, now) for each in view.legs],
        "builds": [{"namespace": each.namespace, "name": each.name, "state": each.state} for each in view.builds],
        "deploy_commits": [commit(each) for each in view.deploys],
    }


def _release(release: Release) -> Document:
    deployment = release.deployment
    return {
        "time": moment(deployment.when),
        "kind": deployment.kind,
        "commit": deployment.commit,
        "author": deployment.author,
        "subject": deployment.subject,
        "tag": deployment.tag,
        "digest": deployment.digest,
        "replaced": deployment.before,
        "source": commit(release.commit),
        "build": deployment.run,
        "running": release.running,
        "state": release.state,
        "until": moment(release.until),
        "in_registry": release.stored,
    }


def service(view: ServiceView, now: float) -> Document:
    """Return the document of `service`."""
    return {
        "name": view.name,
        "health": view.health.value,
        "state": view.state,
        "why": view.why,
        "image": view.image,
        "tag": view.tag,
        "wanted_tag": view.wanted_tag,
        "hold": None if view.hold is None else shapes_acting.hold(view.hold, now),
        "write_back": None if view.write_back is None else shapes_acting.write_back(view.write_back),
        "commit": commit(view.commit),
        "deployed": moment(view.deployed),
        "deployed_by": view.deployed_by,
        "workload": None if view.workload is None else workload(view.workload),
        "database": None if view.database is None else workload(view.database),
        "pods": [pod(each) for each in view.pods],
        "builds": [build(each) for each in view.builds],
        "deployments": [_release(each) for each in view.releases],
        "chain": None if view.chain is None else chain(view.chain, now),
        "unknown": list(view.unknowns),
    }
