"""ResourceQuota and LimitRange at admission."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.objects import dig
from bakeryops.demo.resources import Resource
from bakeryops.demo.status import forbidden
from bakeryops.units import parse_quantity

if TYPE_CHECKING:
    from bakeryops.demo.store import ObjectStore

__all__ = ["check_quota", "in_scope", "limit_range_defaults"]

_AMOUNTS = ("cpu", "memory", "ephemeral-storage")


def limit_range_defaults(store: ObjectStore, pod: Object) -> None:
    """Give the containers of a new pod the limits and requests that the namespace's LimitRanges prescribe."""
    for limits in store.list("limitranges", pod["metadata"].get("namespace")):
        for item in dig(limits, "spec", "limits") or ():
            if item.get("type") != "Container":
                continue
            spec = pod.get("spec") or {}
            for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
                resources = container.setdefault("resources", {})
                _fill(resources, "limits", item.get("default"))
                _fill(resources, "requests", item.get("defaultRequest"))


def _fill(resources: Object, key: str, amounts: Object | None) -> None:
    if amounts:
        resources[key] = {**amounts, **(resources.get(key) or {})}


def check_quota(store: ObjectStore, resource: Resource, obj: Object) -> None:
    """Refuse a new object that no quota of its namespace has room for; raises `StatusError` 403."""
    if resource.key in ("resourcequotas", "events"):
        return
    namespace, name = obj["metadata"].get("namespace"), obj["metadata"]["name"]
    for quota in store.list("resourcequotas", namespace):
        if not in_scope(quota, obj):
            continue
        hard = dig(quota, "spec", "hard") or {}
        title = quota["metadata"]["name"]
        missing = _unspecified(resource, obj, hard)
        if missing:
            raise forbidden(
                resource.plural, resource.group, name, f"failed quota: {title}: must specify {missing}"
            )
        over = []
        for key, limit in hard.items():
            asked = _asked(resource, obj, key)
            if asked <= 0:
                continue
            used = sum(
                _asked(resource, each, key)
                for each in store.list(resource.key, namespace)
                if _counts(each) and in_scope(quota, each)
            )
            if used + asked > (parse_quantity(str(limit)) or 0.0):
                over.append((key, _text(key, asked), _text(key, used), str(limit)))
        if over:
            parts = [",".join(f"{item[0]}={item[index]}" for item in over) for index in (1, 2, 3)]
            why = f"exceeded quota: {title}, requested: {parts[0]}, used: {parts[1]}, limited: {parts[2]}"
            raise forbidden(resource.plural, resource.group, name, why)


def in_scope(quota: Object, obj: Object) -> bool:
    """Tell whether a quota counts an object: one scoped to PriorityClasses counts the pods of those only."""
    for rule in dig(quota, "spec", "scopeSelector", "matchExpressions") or ():
        if rule.get("scopeName") != "PriorityClass":
            continue
        if obj["kind"] != "Pod":
            return False
        name = dig(obj, "spec", "priorityClassName")
        listed = name in (rule.get("values") or ())
        match rule.get("operator"):
            case "In" if not listed:
                return False
            case "NotIn" if listed:
                return False
            case "Exists" if not name:
                return False
            case "DoesNotExist" if name:
                return False
    return True


def _counts(obj: Object) -> bool:
    return obj["kind"] != "Pod" or dig(obj, "status", "phase") not in ("Succeeded", "Failed")


def _asked(resource: Resource, obj: Object, key: str) -> float:
    """Return what an object takes of one entry of a quota."""
    if key == f"count/{resource.key}" or (key == resource.plural and not resource.group):
        return 1.0
    if resource.key == "persistentvolumeclaims" and key == "requests.storage":
        return parse_quantity(str(dig(obj, "spec", "resources", "requests", "storage") or "0")) or 0.0
    if resource.key != "pods":
        return 0.0
    field, _, amount = key.rpartition(".")
    if amount not in _AMOUNTS:
        return 0.0
    return sum(
        parse_quantity(str(_amount(container, field or "requests", amount) or "0")) or 0.0
        for container in dig(obj, "spec", "containers") or ()
    )


def _amount(container: Object, field: str, amount: str) -> Any:
    return dig(container, "resources", field, amount)


def _unspecified(resource: Resource, obj: Object, hard: Object) -> str:
    """Return which amounts a pod leaves out although a quota counts them: `limits.memory for: main`."""
    if resource.key != "pods":
        return ""
    found = []
    for key in sorted(hard):
        field, _, amount = key.rpartition(".")
        if amount not in ("cpu", "memory"):
            continue
        names = [
            each["name"]
            for each in dig(obj, "spec", "containers") or ()
            if _amount(each, field or "requests", amount) is None
        ]
        if names:
            found.append(f"{key} for: {','.join(names)}")
    return "; ".join(found)


def _text(key: str, value: float) -> str:
    if key.endswith("cpu") and value % 1:
        return f"{round(value * 1000)}m"
    if key.endswith(("memory", "storage")) and value and value % 2**20 == 0:
        return f"{int(value / 2**20)}Mi"
    return str(int(value))
