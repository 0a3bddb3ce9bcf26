"""Plans for workloads: restart, scale, delete or evict a pod; each says what Flux will make of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from bakeryops.actions.owners import flux_owner, git_owns, undone_by, when_again
from bakeryops.actions.rollout_state import PLURALS
from bakeryops.cluster.errors import KubeError
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.model.plan import Fact, Note, Permission, Plan, PlanStep
from bakeryops.model.sync import Sync
from bakeryops.model.workload import PodView, WorkloadView, pod_key, workload_key
from bakeryops.read.images import split_image
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground

__all__ = ["RESTARTED", "RESTART_MANAGER", "plan_delete_pod", "plan_restart", "plan_scale"]

RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The template's annotation that makes a rollout of a restart."""
RESTART_MANAGER = "flux-client-side-apply"
"""The field manager under which Flux leaves that annotation alone."""

_STORES = frozenset(
    {"postgres", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "redis", "valkey", "rabbitmq", "minio",
     "clickhouse", "elasticsearch", "kafka", "etcd", "zookeeper"}
)  # fmt: skip
"""Images that keep data."""
_READ = ("get", "list", "watch")
_SECONDS = 600.0


async def plan_restart(ground: Ground, kind: str, namespace: str, name: str) -> Plan:
    """Plan a rolling restart, done so that Flux does not take it back; it waits until the new pods are ready."""
    view = _workload(ground, kind, namespace, name)
    obj = await _live(ground, PLURALS[view.kind], namespace, name)
    sync = _owner(ground, obj)
    spec = _mapping(obj, "spec")
    blocked, hint = "", ""
    if spec.get("paused") is True:
        blocked, hint = (
            "its rollouts are paused",
            f"kubectl rollout resume {PLURALS[view.kind]}/{name} -n {namespace}",
        )
    elif _mapping(spec, "updateStrategy").get("type") == "OnDelete":
        blocked, hint = "its pods are replaced on deletion only (OnDelete)", "Delete its pods one by one."
    notes = list(_downtime(view, spec))
    if view.desired == 0:
        notes.append(Note("soon", "It is scaled to 0: there is nothing to restart."))
    if sync is not None:
        notes.append(Note("fine", f"Flux {sync.kind} {sync.name} leaves a restart alone that is made this way."))
    shows = (
        f"kubectl rollout restart {PLURALS[view.kind]}/{name} -n {namespace} --field-manager={RESTART_MANAGER}",
    )
    args = {"kind": PLURALS[view.kind], "namespace": namespace, "name": name}
    partial = f"{name} was told to restart, its pods are not all replaced"
    return Plan(
        action="workload.restart",
        title=f"Restart {view.kind} {name}",
        button="Restart",
        subject=view.service or name,
        created=ground.now,
        steps=(
            PlanStep(
                "restart", "workload.restart", f"Restart {view.kind} {name}", args, shows, partial=partial,
                seconds=1.0,
            ),
            _rollout_step(view, "restart"),
        ),
        scope=_scope(view),
        command=_line("restart", view),
        facts=_facts(view, sync),
        notes=tuple(notes),
        needs=_needs(view, ("patch", "")),
        usual=30.0,
        blocked=blocked,
        hint=hint,
    )  # fmt: skip


async def plan_scale(ground: Ground, kind: str, namespace: str, name: str, replicas: int) -> Plan:
    """Plan another number of pods; it says who takes it back and when, and what to change in Git instead."""
    if replicas < 0:
        raise UsageError("there is no negative number of pods")
    view = _workload(ground, kind, namespace, name)
    if view.kind == "DaemonSet":
        raise UsageError(f"DaemonSet {name} has one pod a node and cannot be scaled")
    obj = await _live(ground, PLURALS[view.kind], namespace, name)
    sync = _owner(ground, obj)
    before = _mapping(obj, "spec").get("replicas")
    before = before if isinstance(before, int) else 1
    notes: list[Note] = []
    owned = sync is not None and git_owns(obj, "spec", "replicas")
    facts = [Fact("Pods", f"{before} → {replicas}")]
    if sync is not None and owned:
        notes.append(Note("soon", f"Git says {before}: {undone_by(sync, ground.now)}."))
        instead = f"set replicas: {replicas} of {view.kind} {name}" + (f" below {sync.path}" if sync.path else "")
        facts.append(Fact("In Git instead", f"{instead}, commit and push: then it stays"))
        facts.append(Fact("Lasts", _lasts(sync, ground.now), "soon"))
    elif sync is not None:
        notes.append(Note("fine", f"Git does not say how many: Flux {sync.kind} {sync.name} leaves it alone."))
    scaler, unknown = await _autoscaler(ground, view)
    if scaler:
        notes.append(
            Note("soon", f"HorizontalPodAutoscaler {scaler} sets the number of its pods and will change it.")
        )
    elif unknown:
        notes.append(Note("unknown", f"Whether an autoscaler sets it is not known: {unknown}."))
    stores = _keeps_data(ground, view)
    if replicas == 0:
        notes.append(Note("bad", f"Nothing of {name} runs any more: {_what_stops(view)}."))
    if view.kind == "StatefulSet" and replicas > 1 and replicas > before and stores:
        notes.append(
            Note("soon", "More pods of a database are no replicas by themselves: each has a volume of its own.")
        )
    typed = name if replicas == 0 and stores else ""
    args = {"kind": PLURALS[view.kind], "namespace": namespace, "name": name, "replicas": replicas}
    shows = (f"kubectl scale {PLURALS[view.kind]}/{name} -n {namespace} --replicas={replicas}",)
    return Plan(
        action="workload.scale",
        title=f"Scale {view.kind} {name} to {replicas}",
        button="Scale",
        subject=view.service or name,
        created=ground.now,
        steps=(
            PlanStep(
                "scale", "workload.scale", f"Scale {view.kind} {name} to {replicas}", args, shows,
                partial=f"{name} is told to have {replicas} pods, not all are as wanted", seconds=1.0,
            ),
            _rollout_step(view, "scale"),
        )
        if replicas != before
        else (),
        scope=_scope(view),
        command=_line("scale", view, str(replicas)),
        undo=_line("scale", view, str(before)),
        facts=(*facts, *_facts(view, sync)),
        notes=tuple(notes),
        typed=typed,
        why_typed="it keeps data, and nothing of it would run any more" if typed else "",
        needs=_needs(view, ("patch", "scale")),
        usual=20.0,
        basis={"replicas": str(before)},
    )  # fmt: skip


async def plan_delete_pod(ground: Ground, namespace: str, name: str, *, evict: bool = False) -> Plan:
    """Plan to delete exactly this pod, or with `evict` to have it go as far as disruption budgets allow."""
    pod = ground.workloads.pods.get(pod_key(namespace, name))
    if pod is None:
        raise BakeryopsError(
            f"there is no pod {clean(name)} in {clean(namespace)}", hint="See: bakeryops workloads --pods"
        )
    view = ground.workloads.workloads.get(pod.workload)
    bare = pod.owner_kind == "Pod"
    rolls = view if view is not None and view.kind in PLURALS else None
    obj = await _live(ground, PLURALS[rolls.kind], namespace, rolls.name) if rolls is not None else {}
    blocked = "it is on its way out already" if pod.terminating is not None else ""
    notes: list[Note] = []
    if bare:
        notes.append(Note("bad", "Nothing makes it again: it is a pod of its own."))
    elif rolls is not None:
        notes.append(Note("fine", f"{rolls.kind} {rolls.name} makes another one."))
        if rolls.ready <= 1:
            notes.append(
                Note("soon", f"It is the only ready pod of {rolls.name}: nothing answers until the next is.")
            )
    else:
        notes.append(Note("soon", f"It belongs to {pod.owner_kind} {pod.owner_name}, which may make another one."))
    if pod.owner_kind == "TaskRun":
        notes.append(Note("bad", f"It builds: TaskRun {pod.owner_name} fails with it."))
    if not evict:
        notes.append(Note("soon", "Disruption budgets are not asked. With --evict they are."))
    verb = "Evict" if evict else "Delete"
    args: dict[str, Any] = {"namespace": namespace, "name": name, "uid": pod.uid, "evict": evict}
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    shows = (f"POST {path}/eviction" if evict else f"DELETE {path}  if its uid is still {pod.uid}",)
    step = PlanStep(
        "pod", "pod.delete", f"{verb} pod {name}", args, shows,
        partial=f"pod {name} is gone, its successor is not ready", seconds=30.0,
    )  # fmt: skip
    return Plan(
        action="pod.delete",
        title=f"{verb} pod {name}",
        button=verb,
        subject=pod.service or name,
        created=ground.now,
        steps=(step, *((_rollout_step(rolls, "pod"),) if rolls is not None else ())),
        scope=(f"workload/{namespace}/{pod.owner_kind.lower()}/{pod.owner_name}",),
        command=shlex.join(
            ["bakeryops", "workloads", "delete-pod", name, "-n", namespace, *(["--evict"] if evict else [])]
        ),
        facts=(
            Fact("State", f"{pod.status}" + (f": {pod.reason}" if pod.reason else ""), pod.health.value),
            Fact("Belongs to", "nothing" if bare else f"{pod.owner_kind} {pod.owner_name}"),
            *(_facts(rolls, _owner(ground, obj)) if rolls is not None else ()),
        ),
        notes=tuple(notes),
        typed=name if bare else "",
        why_typed="nothing makes it again" if bare else "",
        needs=(
            Permission("create", "pods/eviction", namespace) if evict else Permission("delete", "pods", namespace),
            *(Permission(each, "pods", namespace) for each in _READ),
        ),
        usual=30.0,
        basis={"uid": pod.uid},
        blocked=blocked,
        hint="See: bakeryops workloads --pods -p" if blocked else "",
    )  # fmt: skip


def _workload(ground: Ground, kind: str, namespace: str, name: str) -> WorkloadView:
    kinds = {plural: each for each, plural in PLURALS.items()}
    kind = kinds.get(kind, kind)
    if kind not in PLURALS:
        raise UsageError(f"a {clean(kind)} does not roll out", hint=f"What does: {', '.join(PLURALS)}.")
    view = ground.workloads.workloads.get(workload_key(kind, namespace, name))
    if view is None:
        raise BakeryopsError(
            f"there is no {kind} {clean(name)} in {clean(namespace)}", hint="See: bakeryops workloads"
        )
    return view


async def _live(ground: Ground, plural: str, namespace: str, name: str) -> dict[str, Any]:
    if ground.session is None:
        raise BakeryopsError("the cluster is not connected")
    return await ground.session.get(plural, name, namespace)


def _owner(ground: Ground, obj: Mapping[str, Any]) -> Sync | None:
    """Return the applier that an object belongs to, where it is known."""
    return ground.delivery.flux.syncs.get(flux_owner(obj))


def _facts(view: WorkloadView, sync: Sync | None) -> tuple[Fact, ...]:
    state = f"{view.status}, {view.ready} of {view.desired} ready" + (f": {view.reason}" if view.reason else "")
    facts = [Fact("Now", state, view.health.value)]
    if view.tag:
        facts.append(Fact("Image", view.tag))
    if sync is not None:
        facts.append(Fact("Applied by", f"Flux {sync.kind} {sync.name}"))
    return tuple(facts)


def _downtime(view: WorkloadView, spec: Mapping[str, Any]) -> tuple[Note, ...]:
    recreate = _mapping(spec, "strategy").get("type") == "Recreate"
    if recreate or (view.kind == "StatefulSet" and view.desired == 1):
        return (Note("soon", "Its pod ends before the next one starts: nothing answers meanwhile."),)
    return ()


def _lasts(sync: Sync, now: float) -> str:
    when = when_again(sync, now)
    return f"until Flux applies Git again, {when}"


def _what_stops(view: WorkloadView) -> str:
    return "what needs it fails" if view.kind == "StatefulSet" else "it answers nobody"


def _keeps_data(ground: Ground, view: WorkloadView) -> bool:
    if view.kind == "StatefulSet" or "database" in view.component.lower():
        return True
    if split_image(view.image).name.rpartition("/")[2].lower() in _STORES:
        return True
    pods: list[PodView] = [pod for key in view.pods if (pod := ground.workloads.pods.get(key)) is not None]
    return any(pod.claims for pod in pods)


async def _autoscaler(ground: Ground, view: WorkloadView) -> tuple[str, str]:
    """Return the HorizontalPodAutoscaler that scales a workload, and why that is not known where it is not."""
    if ground.session is None:
        return "", "the cluster is not connected"
    try:
        path = await ground.session.discovery.path("horizontalpodautoscalers.autoscaling", view.namespace)
        answer = msgspec.json.decode(await ground.session.transport.get_bytes(path))
    except KubeError as error:
        return "", "" if error.kind == "absent" else error.message
    except msgspec.DecodeError:
        return "", "the answer is not JSON"
    items = answer.get("items") if isinstance(answer, dict) else None
    for each in items if isinstance(items, list) else ():
        if isinstance(each, dict):
            target = _mapping(_mapping(each, "spec"), "scaleTargetRef")
            if (target.get("kind"), target.get("name")) == (view.kind, view.name):
                return clean(str(_mapping(each, "metadata").get("name") or "")), ""
    return "", ""


def _rollout_step(view: WorkloadView, after: str) -> PlanStep:
    args = {
        "kind": PLURALS[view.kind], "namespace": view.namespace, "name": view.name, "after": after,
        "seconds": _SECONDS,
    }  # fmt: skip
    shows = (f"kubectl rollout status {PLURALS[view.kind]}/{view.name} -n {view.namespace}",)
    return PlanStep(
        "rollout",
        "workload.rollout",
        f"Wait for the pods of {view.name}",
        args,
        shows,
        changes=False,
        seconds=25.0,
    )


def _scope(view: WorkloadView) -> tuple[str, ...]:
    return (f"workload/{view.namespace}/{view.kind.lower()}/{view.name}",)


def _line(verb: str, view: WorkloadView, *more: str) -> str:
    return shlex.join(["bakeryops", "workloads", verb, f"{view.kind}/{view.name}", *more, "-n", view.namespace])


def _needs(view: WorkloadView, change: tuple[str, str]) -> tuple[Permission, ...]:
    plural = PLURALS[view.kind]
    verb, subresource = change
    resource = f"{plural}/{subresource}" if subresource else plural
    sets = [Permission(each, "replicasets", view.namespace, "", "apps") for each in _READ]
    return (
        Permission(verb, resource, view.namespace, "", "apps"),
        *(Permission(each, plural, view.namespace, "", "apps") for each in _READ),
        *(Permission(each, "pods", view.namespace) for each in _READ),
        *(sets if view.kind == "Deployment" else ()),
    )


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
