"""Columns and cells of pods and what runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bakeryops.demo.contracts import Object
from bakeryops.demo.durations import age, human_duration
from bakeryops.demo.objects import dig, parse_time
from bakeryops.demo.selectors import selector_text

__all__ = ["NONE", "PRINTERS", "created", "pod_status"]

NONE = "<none>"
_UNSET = "<unset>"


def created(obj: Object, now: float) -> str:
    """Return the age of an object."""
    return age(obj["metadata"].get("creationTimestamp"), now)


def _init_status(pod: Object) -> tuple[str, bool]:
    """Return the status word of unfinished init containers, and whether they are still at work."""
    specs = {each["name"]: each for each in dig(pod, "spec", "initContainers") or ()}
    statuses = dig(pod, "status", "initContainerStatuses") or ()
    for index, status in enumerate(statuses):
        state = status.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if ended is not None and ended.get("exitCode") == 0:
            continue
        sidecar = (specs.get(status["name"]) or {}).get("restartPolicy") == "Always"
        if sidecar and status.get("started"):
            continue
        if ended is not None:
            return f"Init:{ended.get('reason') or _exit_word(ended)}", True
        if waiting is not None and waiting.get("reason") and waiting["reason"] != "PodInitializing":
            return f"Init:{waiting['reason']}", True
        return f"Init:{index}/{len(specs)}", True
    return "", False


def _exit_word(ended: Object) -> str:
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def pod_status(pod: Object) -> str:
    """Return the word in the STATUS column."""
    status = pod.get("status") or {}
    word = status.get("reason") or status.get("phase") or "Unknown"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            word = "SchedulingGated"
    initializing, busy = _init_status(pod)
    if busy:
        word = initializing
    else:
        has_running = False
        for each in reversed(status.get("containerStatuses") or ()):
            state = each.get("state") or {}
            waiting, ended = state.get("waiting"), state.get("terminated")
            if waiting is not None and waiting.get("reason"):
                word = waiting["reason"]
            elif ended is not None:
                word = ended.get("reason") or _exit_word(ended)
            elif each.get("ready") and state.get("running") is not None:
                has_running = True
        if word == "Completed" and has_running:
            word = "Running" if _is_ready(status) else "NotReady"
    if pod["metadata"].get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return str(word)


def _is_ready(status: Object) -> bool:
    return any(
        each.get("type") == "Ready" and each.get("status") == "True" for each in status.get("conditions") or ()
    )


def _pod(pod: Object, now: float) -> list[Any]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    sidecars = {each["name"] for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"}
    counted = [
        *(each for each in status.get("initContainerStatuses") or () if each["name"] in sidecars),
        *(status.get("containerStatuses") or ()),
    ]
    total = len(spec.get("containers") or ()) + len(sidecars)
    ready = sum(1 for each in counted if each.get("ready"))
    _, initializing = _init_status(pod)
    restarted = status.get("initContainerStatuses") or () if initializing else counted
    restarts = sum(each.get("restartCount") or 0 for each in restarted)
    ends = [dig(each, "lastState", "terminated", "finishedAt") for each in restarted]
    last = max((when for text in ends if text and (when := parse_time(text)) is not None), default=None)
    shown = f"{restarts} ({human_duration(now - last)} ago)" if restarts and last is not None else str(restarts)
    gates = spec.get("readinessGates") or ()
    return [
        pod["metadata"]["name"],
        f"{ready}/{total}",
        pod_status(pod),
        shown,
        created(pod, now),
        status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"0/{len(gates)}" if gates else NONE,
    ]


def _containers(obj: Object, *path: str) -> list[str]:
    """Return the names, images and selector columns of a workload."""
    spec = dig(obj, *(path or ("spec", "template", "spec"))) or {}
    containers = spec.get("containers") or ()
    return [
        ",".join(each.get("name", "") for each in containers),
        ",".join(each.get("image", "") for each in containers),
    ]


def _selector(obj: Object) -> str:
    selector = dig(obj, "spec", "selector")
    if isinstance(selector, dict) and not ({"matchLabels", "matchExpressions"} & selector.keys()):
        selector = {"matchLabels": selector}
    return selector_text(selector) or NONE


def _numbers(obj: Object, *names: str) -> list[Any]:
    return [dig(obj, "status", name) or 0 for name in names]


def _deployment(obj: Object, now: float) -> list[Any]:
    ready, updated, available = _numbers(obj, "readyReplicas", "updatedReplicas", "availableReplicas")
    wanted = dig(obj, "spec", "replicas") or 0
    name = obj["metadata"]["name"]
    return [name, f"{ready}/{wanted}", updated, available, created(obj, now), *_containers(obj), _selector(obj)]


def _replicaset(obj: Object, now: float) -> list[Any]:
    wanted = dig(obj, "spec", "replicas") or 0
    numbers = _numbers(obj, "replicas", "readyReplicas")
    return [obj["metadata"]["name"], wanted, *numbers, created(obj, now), *_containers(obj), _selector(obj)]


def _statefulset(obj: Object, now: float) -> list[Any]:
    ready, wanted = _numbers(obj, "readyReplicas")[0], dig(obj, "spec", "replicas") or 0
    return [obj["metadata"]["name"], f"{ready}/{wanted}", created(obj, now), *_containers(obj)]


def _daemonset(obj: Object, now: float) -> list[Any]:
    numbers = _numbers(
        obj, "desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled",
        "numberAvailable",
    )  # fmt: skip
    nodes = dig(obj, "spec", "template", "spec", "nodeSelector") or {}
    chosen = ",".join(f"{key}={value}" for key, value in sorted(nodes.items())) or NONE
    return [obj["metadata"]["name"], *numbers, chosen, created(obj, now), *_containers(obj), _selector(obj)]


def _job(obj: Object, now: float) -> list[Any]:
    status, spec = obj.get("status") or {}, obj.get("spec") or {}
    done = status.get("succeeded") or 0
    wanted = spec.get("completions")
    if wanted is not None:
        completions = f"{done}/{wanted}"
    else:
        parallel = spec.get("parallelism") or 0
        completions = f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    started = parse_time(status["startTime"]) if status.get("startTime") else None
    ended = parse_time(status["completionTime"]) if status.get("completionTime") else None
    duration = "" if started is None else human_duration((now if ended is None else ended) - started)
    held = {each["type"] for each in status.get("conditions") or () if each.get("status") == "True"}
    word = next((word for word in ("Complete", "Failed", "Suspended", "FailureTarget") if word in held), "Running")
    if obj["metadata"].get("deletionTimestamp") and word == "Running":
        word = "Terminating"
    name = obj["metadata"]["name"]
    return [name, word, completions, duration, created(obj, now), *_containers(obj), _selector(obj)]


def _cronjob(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    last = status.get("lastScheduleTime")
    return [
        obj["metadata"]["name"],
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        "True" if spec.get("suspend") else "False",
        len(status.get("active") or ()),
        age(last, now) if last else NONE,
        created(obj, now),
        *_containers(obj, "spec", "jobTemplate", "spec", "template", "spec"),
        NONE,
    ]


def _budget(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}

    def shown(value: Any) -> str:
        return "N/A" if value is None else str(value)

    allowed = dig(obj, "status", "disruptionsAllowed") or 0
    name = obj["metadata"]["name"]
    return [name, shown(spec.get("minAvailable")), shown(spec.get("maxUnavailable")), allowed, created(obj, now)]


def _autoscaler(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    target = spec.get("scaleTargetRef") or {}
    current = {dig(each, "resource", "name"): each for each in status.get("currentMetrics") or ()}
    shown = []
    for metric in spec.get("metrics") or ():
        name = dig(metric, "resource", "name")
        wanted = dig(metric, "resource", "target", "averageUtilization")
        is_now = dig(current.get(name) or {}, "resource", "current", "averageUtilization")
        shown.append(f"{name}: {'<unknown>' if is_now is None else f'{is_now}%'}/{wanted}%")
    replicas = status.get("currentReplicas") or 0
    return [
        obj["metadata"]["name"], f"{target.get('kind')}/{target.get('name')}", ", ".join(shown) or NONE,
        str(spec.get("minReplicas") or _UNSET), spec.get("maxReplicas") or 0, replicas, created(obj, now),
    ]  # fmt: skip


def _revision(obj: Object, now: float) -> list[Any]:
    owner = next((each for each in obj["metadata"].get("ownerReferences") or () if each.get("controller")), None)
    shown = f"{owner['kind'].lower()}.apps/{owner['name']}" if owner else NONE
    return [obj["metadata"]["name"], shown, obj.get("revision") or 0, created(obj, now)]


_WORKLOAD = "+Containers +Images"
PRINTERS: dict[str, tuple[str, Callable[[Object, float], list[Any]]]] = {
    "pods": ("Name Ready Status Restarts Age +IP +Node +Nominated-Node +Readiness-Gates", _pod),
    "deployments.apps": (f"Name Ready Up--to--date Available Age {_WORKLOAD} +Selector", _deployment),
    "replicasets.apps": (f"Name Desired Current Ready Age {_WORKLOAD} +Selector", _replicaset),
    "replicationcontrollers": (f"Name Desired Current Ready Age {_WORKLOAD} +Selector", _replicaset),
    "statefulsets.apps": (f"Name Ready Age {_WORKLOAD}", _statefulset),
    "daemonsets.apps": (
        f"Name Desired Current Ready Up--to--date Available Node-Selector Age {_WORKLOAD} +Selector", _daemonset
    ),
    "jobs.batch": (f"Name Status Completions Duration Age {_WORKLOAD} +Selector", _job),
    "cronjobs.batch": (f"Name Schedule Timezone Suspend Active Last-Schedule Age {_WORKLOAD} +Selector", _cronjob),
    "poddisruptionbudgets.policy": ("Name Min-Available Max-Unavailable Allowed-Disruptions Age", _budget),
    "horizontalpodautoscalers.autoscaling": (
        "Name Reference Targets MinPods MaxPods Replicas Age", _autoscaler
    ),
    "controllerrevisions.apps": ("Name Controller Revision Age", _revision),
}  # fmt: skip
"""By resource key: titles (see `tables`) and the function from an object and the time to its cells."""
