"""Columns and cells of everything that is not a workload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.durations import age
from bakeryops.demo.objects import dig
from bakeryops.demo.selectors import selector_text
from bakeryops.demo.tables_workload import NONE, created

__all__ = ["PRINTERS"]

_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_ROLE = "node-role.kubernetes.io/"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _node(obj: Object, now: float) -> list[Any]:
    labels = obj["metadata"].get("labels") or {}
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))
    ready = next((each for each in dig(obj, "status", "conditions") or () if each["type"] == "Ready"), None)
    word = "Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"
    if dig(obj, "spec", "unschedulable"):
        word += ",SchedulingDisabled"
    info = dig(obj, "status", "nodeInfo") or {}
    addresses = {each["type"]: each["address"] for each in dig(obj, "status", "addresses") or ()}
    return [
        _name(obj), word, ",".join(roles) or NONE, created(obj, now), info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE), addresses.get("ExternalIP", NONE), info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"), info.get("containerRuntimeVersion", "<unknown>"),
    ]  # fmt: skip


def _event(obj: Object, now: float) -> list[Any]:
    about = obj.get("involvedObject") or {}
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    last = dig(obj, "series", "lastObservedTime") or obj.get("lastTimestamp") or first
    source = obj.get("source") or {}
    origin = source.get("component") or obj.get("reportingComponent") or ""
    if source.get("host"):
        origin += f", {source['host']}"
    count = dig(obj, "series", "count") or obj.get("count") or 1
    return [
        age(last, now), obj.get("type", ""), obj.get("reason", ""),
        f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}", about.get("fieldPath", ""), origin,
        str(obj.get("message", "")).strip(), age(first, now), count, _name(obj),
    ]  # fmt: skip


def _given(obj: Object) -> str:
    """Return the addresses that a load balancer gave."""
    found = dig(obj, "status", "loadBalancer", "ingress") or ()
    return ",".join(filter(None, (each.get("ip") or each.get("hostname") for each in found)))


def _service(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    kind = spec.get("type", "ClusterIP")
    external = ",".join(spec.get("externalIPs") or ()) or NONE
    if kind == "LoadBalancer":
        external = _given(obj) or "<pending>"
    elif kind == "ExternalName":
        external = spec.get("externalName", "")
    ports = []
    for port in spec.get("ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        ports.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    chosen = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    return [
        _name(obj), kind, spec.get("clusterIP") or NONE, external, ",".join(ports) or NONE, created(obj, now),
        chosen or NONE,
    ]  # fmt: skip


def _claim(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    word = "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", "")
    bound = bool(spec.get("volumeName"))
    capacity = dig(status, "capacity", "storage") or "" if bound else ""
    modes = ",".join(_MODES.get(each, each) for each in (status.get("accessModes") or ())) if bound else ""
    return [
        _name(obj), word, spec.get("volumeName", ""), capacity, modes, spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName", "<unset>"), created(obj, now), spec.get("volumeMode", "Filesystem"),
    ]  # fmt: skip


def _volume(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    claim = spec.get("claimRef") or {}
    word = "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", "")
    return [
        _name(obj), dig(spec, "capacity", "storage") or "",
        ",".join(_MODES.get(each, each) for each in spec.get("accessModes") or ()),
        spec.get("persistentVolumeReclaimPolicy", ""), word,
        f"{claim['namespace']}/{claim['name']}" if claim.get("name") else "", spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName", "<unset>"), status.get("reason", ""), created(obj, now),
        spec.get("volumeMode", "Filesystem"),
    ]  # fmt: skip


def _storage_class(obj: Object, now: float) -> list[Any]:
    default = (obj["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
    return [
        f"{_name(obj)} (default)" if default else _name(obj), obj.get("provisioner", ""),
        obj.get("reclaimPolicy", "Delete"), obj.get("volumeBindingMode", "Immediate"),
        "true" if obj.get("allowVolumeExpansion") else "false", created(obj, now),
    ]  # fmt: skip


def _quota(obj: Object, now: float) -> list[Any]:
    hard, used = dig(obj, "status", "hard") or {}, dig(obj, "status", "used") or {}
    parts = [(key, f"{key}: {used.get(key, 0)}/{value}") for key, value in sorted(hard.items())]
    limits = ", ".join(text for key, text in parts if key.startswith("limits"))
    return [
        _name(obj), ", ".join(text for key, text in parts if not key.startswith("limits")), limits,
        created(obj, now),
    ]  # fmt: skip


def _ingress(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    ports = "80, 443" if spec.get("tls") else "80"
    return [
        _name(obj), spec.get("ingressClassName") or NONE, ",".join(hosts) or "*",
        _given(obj), ports, created(obj, now),
    ]  # fmt: skip


def _endpoints(obj: Object, now: float) -> list[Any]:
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    ]
    shown = ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "")
    return [_name(obj), shown or NONE, created(obj, now)]


def _slice(obj: Object, now: float) -> list[Any]:
    ports = [str(each.get("port")) for each in obj.get("ports") or ()]
    addresses = [address for each in obj.get("endpoints") or () for address in each.get("addresses") or ()]
    shown = ",".join(addresses[:3]) + (f" + {len(addresses) - 3} more..." if len(addresses) > 3 else "")
    return [
        _name(obj), obj.get("addressType", ""), ",".join(ports) or "<unset>", shown or "<unset>", created(obj, now)
    ]  # fmt: skip


def _binding(obj: Object, now: float) -> list[Any]:
    role = obj.get("roleRef") or {}
    subjects = obj.get("subjects") or ()

    def named(kind: str) -> str:
        return ", ".join(each.get("name", "") for each in subjects if each.get("kind") == kind)

    accounts = ", ".join(
        f"{each.get('namespace', '')}/{each.get('name', '')}"
        for each in subjects
        if each.get("kind") == "ServiceAccount"
    )
    shown = f"{role.get('kind')}/{role.get('name')}"
    return [_name(obj), shown, created(obj, now), named("User"), named("Group"), accounts]


def _api_service(obj: Object, now: float) -> list[Any]:
    service = dig(obj, "spec", "service")
    where = f"{service['namespace']}/{service['name']}" if service else "Local"
    conditions: list[Object] = dig(obj, "status", "conditions") or []
    held: Object = next((each for each in conditions if each["type"] == "Available"), {})
    return [_name(obj), where, held.get("status", "Unknown"), created(obj, now)]


def _simple(*paths: str) -> Callable[[Object, float], list[Any]]:
    """Return cells of a name, plain fields, and an age."""

    def cells(obj: Object, now: float) -> list[Any]:
        row: list[Any] = [_name(obj)]
        for path in paths:
            value = dig(obj, *path.split("."))
            row.append("" if value is None else str(value).lower() if isinstance(value, bool) else value)
        return [*row, created(obj, now)]

    return cells


def _created_at(obj: Object, _now: float) -> list[Any]:
    return [_name(obj), obj["metadata"].get("creationTimestamp")]


def _count(*fields: str) -> Callable[[Object], int]:
    return lambda obj: sum(len(obj.get(field) or ()) for field in fields)


_data = _count("data", "binaryData")
_tokens = _count("secrets")


PRINTERS: dict[str, tuple[str, Callable[[Object, float], list[Any]]]] = {
    "nodes": (
        "Name Status Roles Age Version +Internal--IP +External--IP +OS--Image +Kernel--Version "
        "+Container--Runtime", _node
    ),
    "namespaces": ("Name Status Age", _simple("status.phase")),
    "events": (
        "Last-Seen Type Reason Object +Subobject +Source Message +First-Seen +Count +Name", _event
    ),
    "events.events.k8s.io": (
        "Last-Seen Type Reason Object +Subobject +Source Message +First-Seen +Count +Name", _event
    ),
    "services": ("Name Type Cluster--IP External--IP Port(s) Age +Selector", _service),
    "configmaps": ("Name Data Age", lambda obj, now: [_name(obj), _data(obj), created(obj, now)]),
    "secrets": (
        "Name Type Data Age", lambda obj, now: [_name(obj), obj.get("type", ""), _data(obj), created(obj, now)]
    ),
    "serviceaccounts": ("Name Secrets Age", lambda obj, now: [_name(obj), _tokens(obj), created(obj, now)]),
    "persistentvolumeclaims": (
        "Name Status Volume Capacity Access-Modes StorageClass VolumeAttributesClass Age +VolumeMode", _claim
    ),
    "persistentvolumes": (
        "Name Capacity Access-Modes Reclaim-Policy Status Claim StorageClass VolumeAttributesClass Reason Age "
        "+VolumeMode", _volume
    ),
    "storageclasses.storage.k8s.io": (
        "Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age", _storage_class
    ),
    "resourcequotas": ("Name Request Limit Age", _quota),
    "limitranges": ("Name Created-At", _created_at),
    "ingresses.networking.k8s.io": ("Name Class Hosts Address Ports Age", _ingress),
    "ingressclasses.networking.k8s.io": (
        "Name Controller Parameters Age",
        lambda obj, now: [_name(obj), dig(obj, "spec", "controller") or "", NONE, created(obj, now)],
    ),
    "networkpolicies.networking.k8s.io": (
        "Name Pod--Selector Age",
        lambda obj, now: [_name(obj), selector_text(dig(obj, "spec", "podSelector")) or NONE, created(obj, now)],
    ),
    "endpoints": ("Name Endpoints Age", _endpoints),
    "endpointslices.discovery.k8s.io": ("Name AddressType Ports Endpoints Age", _slice),
    "leases.coordination.k8s.io": ("Name Holder Age", _simple("spec.holderIdentity")),
    "priorityclasses.scheduling.k8s.io": (
        "Name Value Global--Default Age +PreemptionPolicy",
        lambda obj, now: [_name(obj), obj.get("value", 0), str(bool(obj.get("globalDefault"))).lower(),
                          created(obj, now), obj.get("preemptionPolicy", "PreemptLowerPriority")],
    ),
    "roles.rbac.authorization.k8s.io": ("Name Created-At", _created_at),
    "clusterroles.rbac.authorization.k8s.io": ("Name Created-At", _created_at),
    "rolebindings.rbac.authorization.k8s.io": ("Name Role Age +Users +Groups +ServiceAccounts", _binding),
    "clusterrolebindings.rbac.authorization.k8s.io": ("Name Role Age +Users +Groups +ServiceAccounts", _binding),
    "customresourcedefinitions.apiextensions.k8s.io": ("Name Created-At", _created_at),
    "apiservices.apiregistration.k8s.io": ("Name Service Available Age", _api_service),
    "pods.metrics.k8s.io": (
        "Name CPU Memory Window",
        lambda obj, _now: [_name(obj), "", "", obj.get("window", "")],
    ),
    "nodes.metrics.k8s.io": (
        "Name CPU Memory Window",
        lambda obj, _now: [_name(obj), dig(obj, "usage", "cpu"), dig(obj, "usage", "memory"),
                           obj.get("window", "")],
    ),
}  # fmt: skip
"""By resource key: titles (see `tables`) and the function from an object and the time to its cells."""
