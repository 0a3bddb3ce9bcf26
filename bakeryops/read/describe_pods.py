"""What a pod, and the pod that a controller makes, has to say in a description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bakeryops.masking import mask_text, names_a_secret
from bakeryops.model.line import Line
from bakeryops.read.fields import items_of, listing, mapping, masked, number, text
from bakeryops.read.secrets import mask
from bakeryops.text import clean
from bakeryops.units import format_age, parse_time

__all__ = ["pod_sections", "template_sections"]

_COMMAND_MOST = 300
_ENV_MOST = 100


def pod_sections(thing: Any, now: float) -> Iterator[Line]:
    """Yield where a pod runs, its containers with their states, and its volumes."""
    spec, status = mapping(thing, "spec"), mapping(thing, "status")
    yield Line("Where", head=True)
    for label, shown in (
        ("Node", text(spec, "nodeName")),
        ("Address", text(status, "podIP")),
        ("Quality of service", text(status, "qosClass")),
        ("Account", text(spec, "serviceAccountName")),
        ("Priority", text(spec, "priorityClassName")),
        ("Restarts", text(spec, "restartPolicy")),
    ):
        if shown:
            yield Line(shown, label, 1)
    statuses = {
        text(each, "name"): each
        for key in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        for each in items_of(status, key)
    }
    yield from _containers(spec, statuses, now)
    yield from _volumes(spec)
    for each in items_of(spec, "tolerations"):
        if not text(each, "key").startswith("node.kubernetes.io/"):
            yield Line(f"{text(each, 'key')} {text(each, 'effect')}".strip(), "Tolerates", 1)


def template_sections(template: Any) -> Iterator[Line]:
    """Yield the containers and volumes of a pod that is yet to be made."""
    spec = mapping(template, "spec")
    if spec:
        yield from _containers(spec, {}, 0.0)
        yield from _volumes(spec)


def _containers(spec: Any, statuses: dict[str, Any], now: float) -> Iterator[Line]:
    for key, word in (
        ("initContainers", "Init container"),
        ("containers", "Container"),
        ("ephemeralContainers", "Debug container"),
    ):
        for each in items_of(spec, key):
            name = text(each, "name")
            sidecar = key == "initContainers" and text(each, "restartPolicy") == "Always"
            yield Line(f"{'Sidecar' if sidecar else word} {name}", head=True)
            yield Line(text(each, "image"), "Image", 1)
            if name in statuses:
                yield from _state(statuses[name], now)
            yield from _asks(each)


def _state(status: Any, now: float) -> Iterator[Line]:
    yield Line(*_one_state(mapping(status, "state"), "State", now))
    if last := mapping(status, "lastState"):
        yield Line(*_one_state(last, "Before that", now))
    yield Line(text(status, "ready") or "no", "Ready", 1)
    restarts = number(status, "restartCount") or 0
    yield Line(str(restarts), "Restarts", 1, "soon" if restarts else "")
    if identity := text(status, "imageID"):
        yield Line(identity, "Image is", 1, "dim")


def _one_state(state: dict[str, Any], label: str, now: float) -> tuple[str, str, int, str]:
    """Return the arguments of a Line about one state of a container."""
    for kind, inner in state.items():
        began, ended = parse_time(text(inner, "startedAt")), parse_time(text(inner, "finishedAt"))
        reason, message = text(inner, "reason"), masked(inner, "message")
        said = ": ".join(part for part in (reason, message) if part)
        if kind == "running":
            return (f"running for {format_age(now - began)}" if began else "running", label, 1, "fine")
        if kind == "terminated":
            code, signal = number(inner, "exitCode"), number(inner, "signal")
            how = f"signal {signal}" if signal else f"exit {code if code is not None else '?'}"
            ago = f", {format_age(now - ended)} ago" if ended is not None else ""
            tone = "" if code == 0 else "bad"
            return (f"ended with {how}{ago}" + (f", {said}" if said else ""), label, 1, tone)
        if kind == "waiting":
            tone = "" if reason in ("ContainerCreating", "PodInitializing", "") else "bad"
            return (f"waiting, {said}" if said else "waiting", label, 1, tone)
    return ("not known", label, 1, "unknown")


def _asks(container: dict[str, Any]) -> Iterator[Line]:
    for key, label in (("command", "Command"), ("args", "Arguments")):
        shown = _words(listing(container, key))
        if shown:
            yield Line(shown if len(shown) <= _COMMAND_MOST else f"{shown[:_COMMAND_MOST]}…", label, 1)
    ports = [
        f"{text(each, 'containerPort')}/{text(each, 'protocol') or 'TCP'}"
        + (f" {text(each, 'name')}" if text(each, "name") else "")
        for each in items_of(container, "ports")
    ]
    if ports:
        yield Line(", ".join(ports), "Ports", 1)
    for key, label in (("requests", "Asks for"), ("limits", "At most")):
        found = mapping(container, "resources", key)
        if found:
            yield Line(", ".join(f"{clean(str(name))} {text(value)}" for name, value in found.items()), label, 1)
    for key, label in (
        ("startupProbe", "Startup"),
        ("readinessProbe", "Readiness"),
        ("livenessProbe", "Liveness"),
    ):
        if probe := mapping(container, key):
            yield Line(_probe(probe), label, 1)
    for each in items_of(container, "envFrom"):
        source = text(each, "configMapRef", "name") or text(each, "secretRef", "name")
        kind = "Secret" if "secretRef" in each else "ConfigMap"
        yield Line(f"all of {kind} {source}", "Variables", 1)
    for each in items_of(container, "env")[:_ENV_MOST]:
        yield Line(_variable(each), text(each, "name"), 2)
    for each in items_of(container, "volumeMounts"):
        only = ", read only" if each.get("readOnly") is True else ""
        yield Line(f"{text(each, 'name')} at {text(each, 'mountPath')}{only}", "Mounts", 1)


def _words(command: list[Any]) -> str:
    return mask_text(" ".join(text(each) for each in mask(command)))


def _probe(probe: dict[str, Any]) -> str:
    if http := mapping(probe, "httpGet"):
        what = f"GET {text(http, 'path') or '/'} at {text(http, 'port')}"
    elif tcp := mapping(probe, "tcpSocket"):
        what = f"connects to {text(tcp, 'port')}"
    elif grpc := mapping(probe, "grpc"):
        what = f"asks by gRPC at {text(grpc, 'port')}"
    else:
        what = "runs " + _words(listing(probe, "exec", "command"))
    period, limit = number(probe, "periodSeconds"), number(probe, "failureThreshold")
    return (
        f"{what}, every {period if period is not None else 10} s, fails after {limit if limit is not None else 3}"
    )


def _variable(entry: dict[str, Any]) -> str:
    source = mapping(entry, "valueFrom")
    if not source:
        return "<hidden>" if names_a_secret(text(entry, "name")) else masked(entry, "value")
    for key, word in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if found := mapping(source, key):
            return f"from {word} {text(found, 'name')}, key {text(found, 'key')}"
    path = text(source, "fieldRef", "fieldPath") or text(source, "resourceFieldRef", "resource")
    return f"from {path}" if path else "from elsewhere"


def _volumes(spec: Any) -> Iterator[Line]:
    volumes = items_of(spec, "volumes")
    if not volumes:
        return
    yield Line("Volumes", head=True)
    for each in volumes:
        kind = next((key for key in each if key != "name"), "")
        detail = next(
            (
                text(each, kind, key)
                for key in ("claimName", "secretName", "name", "path", "sizeLimit", "medium", "driver")
                if text(each, kind, key)
            ),
            "",
        )
        yield Line(f"{clean(str(kind))} {detail}".strip(), text(each, "name"), 1)
