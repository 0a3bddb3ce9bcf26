"""Short ways to Flux' objects for the tests of reading."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from bakeryops.cluster.kinds import KINDS as CATALOGUE
from bakeryops.model.sync import Source, Sync
from bakeryops.read.flux import SOURCES, SYNCS, object_of, source_of, sync_of
from tests.support.reading import NOW, stamp

SHA = "9f3c2a17be00000000000000000000000000abcd"
OTHER = "77d1e2000000000000000000000000000000beef"


def condition(
    kind: str, status: str, reason: str = "", message: str = "", ago: float = 60, **more: Any
) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": stamp(ago), "observedGeneration": 2, **more}  # fmt: skip


READY = condition("Ready", "True", "ReconciliationSucceeded", "Applied revision")


def raw(
    conditions: Iterable[Any], spec: Any = None, *, name: str = "bakery-ia", meta: Any = None, **status: Any
) -> Any:
    return {
        "metadata": {
            "name": name,
            "namespace": "flux-system",
            "uid": f"uid-{name}",
            "generation": 2,
            **(meta or {}),
        },
        "spec": {"interval": "10m", **(spec or {})},
        "status": {"observedGeneration": 2, "conditions": list(conditions), **status},
    }


def read(plural: str, value: Any) -> Any:
    found = msgspec.json.decode(json.dumps(value), type=CATALOGUE[plural].struct)
    if plural in SOURCES:
        return source_of(plural, found, now=NOW)
    return sync_of(plural, found, now=NOW) if plural in SYNCS else object_of(plural, found)


def sync(*conditions: Any, spec: Any = None, **more: Any) -> Sync:
    revisions = {"lastAppliedRevision": f"main@sha1:{SHA}", "lastAttemptedRevision": f"main@sha1:{SHA}"}
    basis = {"sourceRef": {"kind": "GitRepository", "name": "bakery-ia"}, "path": "./deploy", "prune": True}
    found = read("kustomizations", raw(conditions, {**basis, **(spec or {})}, **{**revisions, **more}))
    assert isinstance(found, Sync)
    return found


def source(*conditions: Any, spec: Any = None, plural: str = "gitrepositories", **more: Any) -> Source:
    artifact = {"revision": f"main@sha1:{SHA}", "lastUpdateTime": stamp(500)}
    found = read(plural, raw(conditions, spec, **{"artifact": artifact, **more}))
    assert isinstance(found, Source)
    return found
