"""Which changes of an object make a Flux controller look at it, and when it looks at what was settled before."""

from __future__ import annotations

from bakeryops.demo.contracts import Object
from bakeryops.demo.controllers.base import Cluster
from bakeryops.demo.controllers.objects import digest, key_of
from bakeryops.demo.flux.conditions import is_true
from bakeryops.demo.flux.durations import seconds_of
from bakeryops.demo.flux.loop import Loop

__all__ = ["FINALIZER", "REQUESTED_AT", "add_finalizer", "drop_finalizer", "handle_token", "token_of", "watch"]

FINALIZER = "finalizers.fluxcd.io"
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
_INTERVAL = 600.0


def token_of(obj: Object) -> str:
    """Return the value with which someone has asked for a reconcile, or ""."""
    return str((obj["metadata"].get("annotations") or {}).get(REQUESTED_AT) or "")


def handle_token(obj: Object, status: Object) -> None:
    """Say in a status that the request an object carries has been seen."""
    if token := token_of(obj):
        status["lastHandledReconcileAt"] = token


def watch(cluster: Cluster, plural: str, loop: Loop) -> None:
    """Follow a kind: what is new, has another spec, carries another request or is being deleted is looked at."""

    def changed(change: str, obj: Object, previous: Object | None) -> None:
        if change == "DELETED":
            loop.forget(key_of(obj))
            return
        metadata = obj["metadata"]
        before = previous["metadata"] if previous is not None else {}
        if (
            previous is None
            or metadata.get("generation") != before.get("generation")
            or token_of(obj) != token_of(previous)
            or metadata.get("deletionTimestamp") != before.get("deletionTimestamp")
        ):
            where = f"{obj['kind']}/{metadata['namespace']}/{metadata['name']}"
            loop.add(key_of(obj), trigger=where)

    for obj in cluster.store.list(plural):
        loop.add(key_of(obj), _first_look(obj))
    cluster.store.listen(plural, changed)


def _first_look(obj: Object) -> float:
    """Return when to look at an object that is there at the start: a settled one somewhen within its interval."""
    settled = (obj.get("status") or {}).get("observedGeneration") == obj["metadata"].get("generation")
    if not settled or not is_true(obj, "Ready"):
        return 0.01
    share = int(digest(obj["metadata"]["uid"])[:4], 16) / 0xFFFF
    return 1.0 + share * seconds_of((obj.get("spec") or {}).get("interval"), _INTERVAL)


def add_finalizer(cluster: Cluster, plural: str, obj: Object, manager: str) -> bool:
    """Let an object wait for its controller when it is deleted; tell whether that was to be done."""
    if FINALIZER in (obj["metadata"].get("finalizers") or ()):
        return False

    def change(live: Object) -> Object:
        live["metadata"]["finalizers"] = [*(live["metadata"].get("finalizers") or ()), FINALIZER]
        return live

    cluster.store.mutate(plural, *key_of(obj), change, manager=manager)
    return True


def drop_finalizer(cluster: Cluster, plural: str, obj: Object, manager: str) -> None:
    """Let an object go."""

    def change(live: Object) -> Object:
        kept = [each for each in live["metadata"].get("finalizers") or () if each != FINALIZER]
        if kept:
            live["metadata"]["finalizers"] = kept
        else:
            live["metadata"].pop("finalizers", None)
        return live

    cluster.store.mutate(plural, *key_of(obj), change, manager=manager)
