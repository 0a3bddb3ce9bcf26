"""The last five different things a Kustomization has applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from bakeryops.demo.contracts import Object
from bakeryops.demo.flux.durations import go_text

__all__ = ["ENTRIES", "digest_of", "noted"]

ENTRIES = 5


def digest_of(objects: Iterable[Object]) -> str:
    """Return `sha256:` and 64 digits that stand for what is applied, the same for the same objects."""
    whole = hashlib.sha256()
    for obj in objects:
        whole.update(json.dumps(obj, sort_keys=True, default=str).encode())
    return f"sha256:{whole.hexdigest()}"


def noted(
    history: Iterable[Object], digest: str, revision: str, status: str, seconds: float, now: str
) -> list[Object]:
    """Return a history with a reconcile of `seconds` in front, counted once more where it was known."""
    known = next((each for each in history if each.get("digest") == digest), None)
    entry: Object = {
        "digest": digest,
        "firstReconciled": known["firstReconciled"] if known else now,
        "lastReconciled": now,
        "lastReconciledDuration": go_text(seconds),
        "lastReconciledStatus": status,
        "metadata": {"revision": revision},
        "totalReconciliations": known["totalReconciliations"] + 1 if known else 1,
    }
    return [entry, *(each for each in history if each is not known)][:ENTRIES]
