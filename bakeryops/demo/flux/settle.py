"""Sources and Kustomizations of a cluster that has been running for weeks: their status as Flux left it.

To be called while the objects of the cluster are made, before Flux is started.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.controllers.objects import timestamp
from bakeryops.demo.flux.builder import Builder, Plan
from bakeryops.demo.flux.durations import go_text
from bakeryops.demo.flux.history import ENTRIES, noted
from bakeryops.demo.flux.kustomization import KUSTOMIZATIONS
from bakeryops.demo.flux.order import entries_of
from bakeryops.demo.flux.repository import GIT, artifact_status, revision_of
from bakeryops.demo.flux.serverside import ServerSide
from bakeryops.demo.flux.sources import Fetched, GitSources
from bakeryops.demo.flux.storage import Storage
from bakeryops.demo.flux.watching import FINALIZER

__all__ = ["PastApply", "settle_kustomization", "settle_source"]

SUCCEEDED = "ReconciliationSucceeded"


@dataclass(frozen=True, slots=True)
class PastApply:
    """Something that a Kustomization has applied."""

    revision: str
    """Such as `main@sha1:<hash>`."""
    when: float
    """End of the last reconcile, seconds since the epoch."""
    seconds: float
    """How long the last reconcile took."""
    status: str = SUCCEEDED
    """How it ended: ReconciliationSucceeded, HealthCheckFailed, ReconciliationFailed."""
    times: int = 1
    """How often it was reconciled."""
    first: float | None = None
    """End of the first reconcile; None: the same as the last."""


def settle_source(
    cluster: Cluster,
    sources: GitSources,
    name: str,
    fetched: Fetched,
    *,
    when: float,
    namespace: str = "flux-system",
) -> str:
    """Write the status of a GitRepository that has stored a commit at the time `when`; returns the revision.

    Raises `SourceFault` where the files cannot be had, and KeyError where there is no such GitRepository.
    """
    source = _found(cluster, GIT, namespace, name)
    revision = revision_of(fetched)
    artifact = Storage(cluster.clock, sources).store(source, revision)
    message = f"stored artifact for revision '{revision}'"
    generation = source["metadata"]["generation"]
    status = {
        "artifact": artifact_status(source, revision, artifact.digest, artifact.size, timestamp(when)),
        "conditions": [
            _condition(kind, "Succeeded", message, when, generation) for kind in ("Ready", "ArtifactInStorage")
        ],
        "observedGeneration": generation,
    }
    if (ignore := source["spec"].get("ignore")) is not None:
        status["observedIgnore"] = ignore
    _write(cluster, GIT, source, status, "source-controller")
    return revision


def settle_kustomization(
    cluster: Cluster,
    sources: GitSources,
    name: str,
    past: Sequence[PastApply],
    *,
    checked: float = 0.04,
    namespace: str = "flux-system",
) -> list[str]:
    """Write the status of a Kustomization that has applied what its settled source has.

    `past` is what it has applied, the latest first; that one is the revision of the source. The objects of the
    build are made the Kustomization's own, labels and managed fields included. `checked` is how long the last
    health check took, in seconds. Returns which objects were not as Git has them, and are now: none, for a cluster
    that is settled. Raises `SourceFault`, `BuildFailedError`, `PathMissingError`, `RejectedError`, and KeyError
    for what is not there.
    """
    obj = _found(cluster, KUSTOMIZATIONS, namespace, name)
    storage = Storage(cluster.clock, sources)
    builder = Builder(cluster, storage)
    source = builder.source_of(obj)
    if source is None:
        raise KeyError(f"source of Kustomization {namespace}/{name}")
    plan = builder.plan(obj, source, builder.files(obj, source))
    changed = _adopt(ServerSide(cluster), plan)
    latest, *older = past[:ENTRIES]
    history: list[Object] = []
    for each in reversed(older):
        before = {**source, "status": {"artifact": {"revision": each.revision, "digest": each.revision}}}
        past_plan = builder.plan(obj, before, storage.store(source, each.revision).files)
        history = _noted(history, past_plan, each)
    history = _noted(history, plan, latest)
    generation = obj["metadata"]["generation"]
    applied = f"Applied revision: {latest.revision}"
    conditions = [_condition("Ready", SUCCEEDED, applied, latest.when, generation)]
    if obj["spec"].get("wait") or obj["spec"].get("healthChecks"):
        passed = f"Health check passed in {go_text(checked)}"
        conditions.append(_condition("Healthy", "Succeeded", passed, latest.when, generation))
    status = {
        "conditions": conditions,
        "history": history,
        "inventory": {"entries": entries_of(plan.objects)},
        "lastAppliedRevision": latest.revision,
        "lastAttemptedRevision": latest.revision,
        "observedGeneration": generation,
    }
    _write(cluster, KUSTOMIZATIONS, obj, status, "gotk-kustomize-controller")
    return changed


def _adopt(server: ServerSide, plan: Plan) -> list[str]:
    """Apply a plan for good; returns the objects whose contents that changed."""
    changed = []
    for config in plan.objects:
        trial = server.trial(config)
        before = server.live(trial.identity)
        server.write(trial)
        if _content(before) != _content(server.live(trial.identity)):
            changed.append(trial.identity.text)
    return changed


def _content(obj: Object | None) -> Object | None:
    return obj and {name: value for name, value in obj.items() if name not in ("metadata", "status")}


def _noted(history: list[Object], plan: Plan, applied: PastApply) -> list[Object]:
    stamp = timestamp(applied.when)
    entries = noted(history, plan.digest, applied.revision, applied.status, applied.seconds, stamp)
    entries[0]["firstReconciled"] = timestamp(applied.when if applied.first is None else applied.first)
    entries[0]["totalReconciliations"] += applied.times - 1
    return entries


def _found(cluster: Cluster, plural: str, namespace: str, name: str) -> Object:
    obj = cluster.store.get(plural, namespace, name)
    if obj is None:
        raise KeyError(f"{plural} {namespace}/{name}")
    return obj


def _condition(kind: str, reason: str, message: str, when: float, generation: int) -> Object:
    return {
        "lastTransitionTime": timestamp(when),
        "message": message,
        "observedGeneration": generation,
        "reason": reason,
        "status": "True",
        "type": kind,
    }


def _write(cluster: Cluster, plural: str, obj: Object, status: Object, manager: str) -> None:
    metadata = obj["metadata"]

    def hold(live: Object) -> Object:
        kept = live["metadata"].get("finalizers") or []
        live["metadata"]["finalizers"] = kept if FINALIZER in kept else [*kept, FINALIZER]
        return live

    def settle(live: Object) -> Object:
        live["status"] = status
        return live

    place = (plural, metadata["namespace"], metadata["name"])
    cluster.store.mutate(*place, hold, manager=manager)
    cluster.store.mutate(*place, settle, manager=manager, subresource="status")
