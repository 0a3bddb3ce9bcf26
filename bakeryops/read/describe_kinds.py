"""What single kinds have to say in a description."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bakeryops.masking import hidden, mask_text, names_a_secret
from bakeryops.model.line import Line
from bakeryops.read.describe_pods import pod_sections, template_sections
from bakeryops.read.fields import items_of, listing, mapping, masked, number, text
from bakeryops.text import clean
from bakeryops.units import format_age, format_bytes, format_cpu, format_duration, parse_quantity, parse_time

__all__ = ["SECTIONS"]

_PREVIEW_MOST = 120
_KEYS_MOST = 200


def _field(label: str, shown: str, level: int = 1) -> Iterator[Line]:
    if shown:
        yield Line(shown, label, level)


def _pairs(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{clean(str(key))}={text(value)}" for key, value in found.items())


def _rollout(thing: Any, now: float) -> Iterator[Line]:
    spec, status = mapping(thing, "spec"), mapping(thing, "status")
    yield Line("Rollout", head=True)
    wanted = number(spec, "replicas")
    yield Line(str(1 if wanted is None else wanted), "Wanted", 1)
    counts = (
        ("there", "replicas"), ("updated", "updatedReplicas"), ("ready", "readyReplicas"),
        ("available", "availableReplicas"), ("unavailable", "unavailableReplicas"),
    )  # fmt: skip
    yield Line(", ".join(f"{number(status, key) or 0} {word}" for word, key in counts if key in status), "Pods", 1)
    strategy = mapping(spec, "strategy") or mapping(spec, "updateStrategy")
    rolling = mapping(strategy, "rollingUpdate")
    yield from _field("Strategy", text(strategy, "type") + (f" ({_pairs(rolling)})" if rolling else ""))
    if spec.get("paused") is True:
        yield Line("yes", "Paused", 1, "held")
    deadline = number(spec, "progressDeadlineSeconds")
    if deadline is not None:
        yield Line(format_duration(deadline), "Deadline", 1)
    yield from _field("Revision", text(thing, "metadata", "annotations", "deployment.kubernetes.io/revision"))
    yield from _field("Service", text(spec, "serviceName"))
    yield from _field("Current revision", text(status, "currentRevision"))
    yield from _field("Update revision", text(status, "updateRevision"))
    yield from _field("Selector", _pairs(mapping(spec, "selector", "matchLabels")))
    for claim in items_of(spec, "volumeClaimTemplates"):
        size = text(claim, "spec", "resources", "requests", "storage")
        yield Line(f"{text(claim, 'metadata', 'name')} {size}", "Claim per pod", 1)
    yield from template_sections(mapping(spec, "template"))


def _daemonset(thing: Any, now: float) -> Iterator[Line]:
    status = mapping(thing, "status")
    yield Line("Rollout", head=True)
    counts = (
        ("wanted", "desiredNumberScheduled"), ("there", "currentNumberScheduled"),
        ("updated", "updatedNumberScheduled"), ("ready", "numberReady"), ("available", "numberAvailable"),
        ("where they should not be", "numberMisscheduled"),
    )  # fmt: skip
    yield Line(", ".join(f"{number(status, key) or 0} {word}" for word, key in counts if key in status), "Pods", 1)
    yield from _field("Selector", _pairs(mapping(thing, "spec", "selector", "matchLabels")))
    yield from template_sections(mapping(thing, "spec", "template"))


def _span(start: str, end: str, now: float) -> str:
    begun, ended = parse_time(start), parse_time(end)
    if begun is None:
        return ""
    if ended is None:
        return f"began {format_age(now - begun)} ago"
    return f"began {format_age(now - begun)} ago, took {format_duration(ended - begun)}"


def _job(thing: Any, now: float) -> Iterator[Line]:
    spec, status = mapping(thing, "spec"), mapping(thing, "status")
    yield Line("Work", head=True)
    done, wanted = number(status, "succeeded") or 0, number(spec, "completions")
    yield Line(f"{done} of {1 if wanted is None else wanted}", "Done", 1)
    yield Line(f"{number(status, 'active') or 0} running, {number(status, 'failed') or 0} failed", "Pods", 1)
    yield from _field("Time", _span(text(status, "startTime"), text(status, "completionTime"), now))
    for label, key in (
        ("At a time", "parallelism"), ("Retries allowed", "backoffLimit"),
        ("Deadline, s", "activeDeadlineSeconds"), ("Kept when done, s", "ttlSecondsAfterFinished"),
        ("Suspended", "suspend"),
    ):  # fmt: skip
        yield from _field(label, text(spec, key))
    yield from template_sections(mapping(spec, "template"))


def _cronjob(thing: Any, now: float) -> Iterator[Line]:
    spec, status = mapping(thing, "spec"), mapping(thing, "status")
    yield Line("Schedule", head=True)
    zone = text(spec, "timeZone")
    yield Line(text(spec, "schedule") + (f" ({zone})" if zone else ""), "When", 1)
    yield from _field("Suspended", text(spec, "suspend"))
    yield from _field("If one still runs", text(spec, "concurrencyPolicy"))
    for label, key in (("Last begun", "lastScheduleTime"), ("Last success", "lastSuccessfulTime")):
        moment = parse_time(text(status, key))
        if moment is not None:
            yield Line(f"{format_age(now - moment)} ago", label, 1)
    running = [text(each, "name") for each in items_of(status, "active")]
    yield from _field("Running", ", ".join(running))
    yield from template_sections(mapping(spec, "jobTemplate", "spec", "template"))


def _amount(resource: str, quantity: str) -> str:
    value = parse_quantity(quantity)
    if value is None:
        return quantity
    if resource == "cpu":
        return format_cpu(value)
    return format_bytes(value) if resource in ("memory", "ephemeral-storage", "storage") else quantity


def _node(thing: Any, now: float) -> Iterator[Line]:
    status = mapping(thing, "status")
    capacity, allocatable = mapping(status, "capacity"), mapping(status, "allocatable")
    yield Line("Room", head=True)
    for resource in capacity:
        total, given = text(capacity, resource), text(allocatable, resource)
        if total == "0":
            continue
        yield Line(
            f"{_amount(resource, total)}, {_amount(resource, given)} of it for pods" if given else total,
            clean(str(resource)),
            1,
        )
    yield Line("System", head=True)
    for label, key in (
        ("Kubernetes", "kubeletVersion"), ("System", "osImage"), ("Kernel", "kernelVersion"),
        ("Containers", "containerRuntimeVersion"), ("Architecture", "architecture"),
    ):  # fmt: skip
        yield from _field(label, text(status, "nodeInfo", key))
    for each in items_of(status, "addresses"):
        yield Line(text(each, "address"), text(each, "type"), 1)
    for each in items_of(thing, "spec", "taints"):
        value = text(each, "value")
        key = text(each, "key") + (f"={value}" if value else "")
        yield Line(f"{key}:{text(each, 'effect')}", "Taint", 1, "soon")
    if mapping(thing, "spec").get("unschedulable") is True:
        yield Line("takes no pods", "Cordoned", 1, "held")
    images = items_of(status, "images")
    if images:
        size = sum(number(each, "sizeBytes") or 0 for each in images)
        yield Line(f"{len(images)}, {format_bytes(size)} together", "Images", 1)


def _claim(thing: Any, now: float) -> Iterator[Line]:
    yield Line("Storage", head=True)
    asked, got = (
        text(thing, "spec", "resources", "requests", "storage"),
        text(thing, "status", "capacity", "storage"),
    )
    yield from _field("Asked for", asked)
    yield from _field("Got", got)
    yield from _field("Class", text(thing, "spec", "storageClassName"))
    yield from _field("Volume", text(thing, "spec", "volumeName"))
    yield from _field("Access", ", ".join(text(each) for each in listing(thing, "spec", "accessModes")))
    yield from _field("Mode", text(thing, "spec", "volumeMode"))


def _service(thing: Any, now: float) -> Iterator[Line]:
    spec = mapping(thing, "spec")
    yield Line("Reached", head=True)
    yield from _field("Type", text(spec, "type"))
    yield from _field("Cluster address", text(spec, "clusterIP"))
    yield from _field("External name", text(spec, "externalName"))
    for each in items_of(thing, "status", "loadBalancer", "ingress"):
        yield from _field("Balancer", text(each, "ip") or text(each, "hostname"))
    for each in items_of(spec, "ports"):
        name = text(each, "name")
        target, outside = text(each, "targetPort"), text(each, "nodePort")
        shown = f"{text(each, 'port')}/{text(each, 'protocol') or 'TCP'}"
        if target:
            shown += f" to {target}"
        if outside:
            shown += f", on every node at {outside}"
        yield Line(shown, f"Port {name}" if name else "Port", 1)
    selector = mapping(spec, "selector")
    yield Line(_pairs(selector) if selector else "nothing: its endpoints are set by hand", "Leads to", 1)


def _secret(thing: Any, now: float) -> Iterator[Line]:
    yield Line("Contents", head=True)
    yield from _field("Type", text(thing, "type"))
    data = mapping(thing, "data")
    for key, value in list(data.items())[:_KEYS_MOST]:
        size = len(value) * 3 // 4 - value[-2:].count("=") if isinstance(value, str) else 0
        yield Line(f"<hidden, {size} bytes>", clean(str(key)), 1)


def _configmap(thing: Any, now: float) -> Iterator[Line]:
    yield Line("Contents", head=True)
    for key, value in list(mapping(thing, "data").items())[:_KEYS_MOST]:
        if names_a_secret(str(key)):
            value = hidden()
        shown = mask_text(value) if isinstance(value, str) else text(value)
        first, _, rest = shown.partition("\n")
        first = clean(first)
        cut = first if len(first) <= _PREVIEW_MOST else f"{first[:_PREVIEW_MOST]}…"
        more = f"  (and {rest.count(chr(10)) + 1} more lines)" if rest.strip() else ""
        yield Line(f"{cut}{more}", clean(str(key)), 1)
    for key in list(mapping(thing, "binaryData"))[:_KEYS_MOST]:
        yield Line("binary", clean(str(key)), 1)


def _event(thing: Any, now: float) -> Iterator[Line]:
    yield Line("Event", head=True)
    about = mapping(thing, "involvedObject")
    tone = "soon" if text(thing, "type") == "Warning" else ""
    yield Line(f"{text(thing, 'reason')}: {masked(thing, 'message')}", text(thing, "type"), 1, tone)
    yield Line(f"{text(about, 'kind')} {text(about, 'namespace')}/{text(about, 'name')}", "About", 1)
    yield from _field("Count", text(thing, "series", "count") or text(thing, "count"))
    yield from _field("From", text(thing, "source", "component") or text(thing, "reportingComponent"))
    for label, path in (
        ("First", ("firstTimestamp",)), ("Last", ("lastTimestamp",)), ("At", ("eventTime",)),
        ("Last of series", ("series", "lastObservedTime")),
    ):  # fmt: skip
        moment = parse_time(text(thing, *path))
        if moment is not None:
            yield Line(f"{format_age(now - moment)} ago", label, 1)


SECTIONS: Mapping[str, Callable[[Any, float], Iterator[Line]]] = {
    "Pod": pod_sections,
    "Deployment": _rollout,
    "ReplicaSet": _rollout,
    "StatefulSet": _rollout,
    "DaemonSet": _daemonset,
    "Job": _job,
    "CronJob": _cronjob,
    "Node": _node,
    "PersistentVolumeClaim": _claim,
    "Service": _service,
    "Secret": _secret,
    "ConfigMap": _configmap,
    "Event": _event,
}
"""What follows the head of a description, by kind."""
