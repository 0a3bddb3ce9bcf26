"""Small pure helpers on Kubernetes objects that several controllers share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bakeryops.demo.contracts import Object

__all__ = [
    "condition",
    "controller_uid",
    "digest",
    "fresh_conditions",
    "key_of",
    "labels_match",
    "micro_time",
    "owner_reference",
    "percent_or_count",
    "put_condition",
    "safe_hash",
    "template_hash",
    "timestamp",
]

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def timestamp(seconds: float) -> str:
    """Return a cluster time as the API writes it, in whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_time(seconds: float) -> str:
    """Return a cluster time with microseconds, as Events and Leases carry it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def key_of(obj: Object) -> tuple[str, str]:
    """Return (namespace, name); the namespace is "" for what has none."""
    metadata = obj["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def digest(*parts: object) -> str:
    """Return 64 hexadecimal digits that depend on nothing but the parts."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def safe_hash(text: str) -> str:
    """Return a hash of nine or ten characters without vowels, the form of a pod-template-hash."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return "".join(_ALPHABET[ord(digit) % len(_ALPHABET)] for digit in str(number))


def template_hash(template: Object, collisions: int = 0) -> str:
    """Return the pod-template-hash of a pod template, the same for equal templates."""
    labels = dict((template.get("metadata") or {}).get("labels") or {})
    labels.pop("pod-template-hash", None)
    body = {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}}
    return safe_hash(json.dumps(body, sort_keys=True, default=str) + (str(collisions) if collisions else ""))


def controller_uid(obj: Object) -> str:
    """Return the uid of the owner that controls an object, or ""."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return str(owner.get("uid") or "")
    return ""


def owner_reference(owner: Object) -> Object:
    """Return the reference by which a controller's object owns another."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(obj: Object, kind: str) -> Object | None:
    """Return the condition of a type, or None."""
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry.get("type") == kind:
            found: Object = entry
            return found
    return None


def fresh_conditions(status: Object) -> list[Object]:
    """Give a status a list of conditions of its own, so that it may be changed, and return it."""
    entries: list[Object] = [dict(entry) for entry in status.get("conditions") or ()]
    status["conditions"] = entries
    return entries


def put_condition(entries: list[Object], entry: Object, *, keep_place: bool) -> bool:
    """Set a condition in a list, keeping the transition time where its status stays; tell whether it changed.

    With `keep_place` it takes the place of the one before (pods), otherwise it goes to the end (Deployments).
    """
    for place, before in enumerate(entries):
        if before["type"] != entry["type"]:
            continue
        same = all(before.get(field) == entry.get(field) for field in ("status", "reason", "message"))
        if same:
            return False
        if before["status"] == entry["status"]:
            entry["lastTransitionTime"] = before.get("lastTransitionTime")
        if keep_place:
            entries[place] = entry
        else:
            del entries[place]
            entries.append(entry)
        return True
    entries.append(entry)
    return True


def labels_match(selector: Mapping[str, Any] | None, labels: Mapping[str, str] | None) -> bool:
    """Tell whether a LabelSelector (labels and expressions) selects labels; an absent one selects none."""
    if selector is None:
        return False
    have = labels or {}
    if any(have.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        return False
    for term in selector.get("matchExpressions") or ():
        name, operator, values = term["key"], term["operator"], term.get("values") or ()
        holds = {
            "In": have.get(name) in values,
            "NotIn": have.get(name) not in values,
            "Exists": name in have,
            "DoesNotExist": name not in have,
        }
        if not holds.get(operator, False):
            return False
    return True


def percent_or_count(value: int | str | None, whole: int, *, up: bool) -> int:
    """Return an IntOrString such as 1 or "25%" of `whole` as a count, rounded up or down."""
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * whole
        return -(-share // 100) if up else share // 100
    return int(value or 0)
