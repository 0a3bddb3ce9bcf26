"""The variables of a container, those from Secrets and ConfigMaps included."""

from __future__ import annotations

import base64
import binascii

from bakeryops.demo.contracts import Object
from bakeryops.demo.store import ObjectStore

__all__ = ["environment_of"]


def environment_of(store: ObjectStore, pod: Object, container: Object) -> dict[str, str]:
    """Return the variables that a container of a pod finds."""
    found: dict[str, str] = {}
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix", "")
        for reference, secret in (("configMapRef", False), ("secretRef", True)):
            if name := (source.get(reference) or {}).get("name"):
                data = _data(store, namespace, name, secret=secret)
                found.update({prefix + key: value for key, value in data.items()})
    for each in container.get("env") or ():
        value = each.get("value")
        origin = each.get("valueFrom") or {}
        for reference, secret in (("configMapKeyRef", False), ("secretKeyRef", True)):
            if chosen := origin.get(reference):
                data = _data(store, namespace, chosen.get("name", ""), secret=secret)
                value = data.get(chosen.get("key", ""))
        found[each["name"]] = "" if value is None else str(value)
    return found


def _data(store: ObjectStore, namespace: str, name: str, *, secret: bool) -> dict[str, str]:
    obj = store.get("secrets" if secret else "configmaps", namespace, name) or {}
    data = obj.get("data") or {}
    return {key: _decoded(str(value)) if secret else str(value) for key, value in data.items()}


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode(errors="replace")
    except binascii.Error:
        return ""
