"""Build slots: how many builds may run at a time, how many do, and what waits in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from bakeryops.actions.build_objects import items
from bakeryops.cluster.errors import KubeError
from bakeryops.model.build import Build
from bakeryops.model.plan import Note
from bakeryops.read.build_taskruns import succeeded
from bakeryops.read.build_values import text_of
from bakeryops.read.delivery_index import tasks_selector
from bakeryops.text import clean
from bakeryops.units import format_duration, parse_quantity, parse_time

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.wire.tekton import TaskRun

__all__ = ["BuildSlots", "Quota", "Waiting", "look_slots", "quota_in", "slot_notes", "waiting_in"]

_NO_SLOT = "ExceededResourceQuota"
_RUN = "tekton.dev/pipelineRun"
_TASK = "tekton.dev/pipelineTask"


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Something in the queue: a task without a slot, or a whole run that was made to wait."""

    run: str
    """Name of its PipelineRun."""
    title: str
    """Task and service, "" for a whole run."""
    since: float | None


class Quota(msgspec.Struct, frozen=True, gc=False):
    """The ResourceQuota that counts builds; `classes` are the PriorityClasses it counts, none for all pods."""

    name: str
    hard: int
    used: int | None
    classes: tuple[str, ...] = ()


class BuildSlots(msgspec.Struct, frozen=True):
    """How busy the slots of a namespace are."""

    namespace: str
    quota: Quota | None
    """None where nothing limits builds, or where it may not be read (then `problem` says why)."""
    waiting: tuple[Waiting, ...] = ()
    """In the order in which they came."""
    running: tuple[str, ...] = ()
    """Names of the unfinished runs that do not wait."""
    problem: str = ""

    @property
    def free(self) -> int | None:
        """How many builds can begin now; None where it is not known or not limited."""
        if self.quota is None or self.quota.used is None:
            return None
        return max(0, self.quota.hard - self.quota.used)

    def place(self, run: str) -> int | None:
        """Return the place of a run's first waiting task in the queue, counted from 1; None where it waits not."""
        return next((number for number, each in enumerate(self.waiting, 1) if each.run == run), None)


async def look_slots(session: Session, namespace: str, builds: Iterable[Build]) -> BuildSlots:
    """Return how busy the slots of a namespace are; `builds` are those known, of which the unfinished are asked.

    What may not be read is said in `problem`; raises `KubeError` where the cluster does not answer.
    """
    unfinished = [each for each in builds if each.namespace == namespace and not each.finished]
    quota, problem = await _quota(session, namespace)
    tasks: list[TaskRun] = []
    if unfinished:
        selectors = {"taskruns": tasks_selector(unfinished)}
        feed = await session.snapshot(("taskruns",), namespace=namespace, selectors=selectors)
        tasks = list(feed.store("taskruns").items.values())
        if not problem and feed.store("taskruns").state.phase != "live":
            problem = feed.store("taskruns").state.reason or "TaskRuns could not be read"
    waiting = waiting_in(unfinished, tasks)
    queued = {each.run for each in waiting}
    running = tuple(each.name for each in unfinished if each.name not in queued and each.state != "pending")
    return BuildSlots(namespace, quota, waiting, running, problem)


async def _quota(session: Session, namespace: str) -> tuple[Quota | None, str]:
    try:
        path = await session.discovery.path("resourcequotas", namespace)
        found = msgspec.json.decode(await session.transport.get_bytes(path))
    except KubeError as error:
        if error.kind in ("unreachable", "timeout", "tls", "unauthorized"):
            raise
        return None, error.message
    except msgspec.DecodeError:
        return None, "the answer is not JSON"
    return quota_in(items(found.get("items")) if isinstance(found, dict) else []), ""


def quota_in(quotas: Sequence[dict[str, Any]]) -> Quota | None:
    """Return the quota that counts builds: one for pods of a PriorityClass before one for all pods."""
    found: list[Quota] = []
    for each in quotas:
        spec, status = each.get("spec") or {}, each.get("status") or {}
        key = next((key for key in ("pods", "count/pods") if key in (spec.get("hard") or {})), "")
        hard = parse_quantity(str(spec["hard"][key])) if key else None
        if hard is None:
            continue
        used = parse_quantity(str((status.get("used") or {}).get(key, "")))
        classes = [
            str(value)
            for match in items((spec.get("scopeSelector") or {}).get("matchExpressions"))
            if match.get("scopeName") == "PriorityClass" and match.get("operator") == "In"
            for value in match.get("values") or ()
        ]
        name = clean(str((each.get("metadata") or {}).get("name") or ""))
        found.append(Quota(name, int(hard), None if used is None else int(used), tuple(map(clean, classes))))
    return min(found, key=lambda quota: (not quota.classes, quota.hard, quota.name), default=None)


def waiting_in(builds: Iterable[Build], tasks: Iterable[TaskRun]) -> tuple[Waiting, ...]:
    """Return what waits, first come first: TaskRuns that the quota refuses a pod, and runs made to wait."""
    found = [Waiting(each.name, "", each.created) for each in builds if each.state == "pending"]
    for task in tasks:
        condition = succeeded(task.status.conditions if task.status is not None else None)
        if condition is None or condition.status != "Unknown" or condition.reason != _NO_SLOT:
            continue
        labels = task.metadata.labels or {}
        params = (task.spec.params if task.spec is not None else None) or ()
        service = next((text_of(each.value) for each in params if each.name == "service"), "")
        title = f"{clean(labels.get(_TASK, ''))} {service}".strip()
        since = parse_time(task.metadata.creationTimestamp)
        found.append(Waiting(clean(labels.get(_RUN, "")), title, since))
    return tuple(sorted(found, key=lambda each: (each.since or 0.0, each.run, each.title)))


def slot_notes(slots: BuildSlots, wanted: int | None, now: float) -> list[Note]:
    """Return what to know before `wanted` builds are asked for (None: as many as it turns out), in sentences."""
    if slots.problem:
        return [Note("unknown", f"How many build slots are free is not known: {slots.problem}.")]
    if slots.quota is None:
        text = f"Nothing limits how many builds run at a time in {slots.namespace} (no ResourceQuota counts pods)."
        return [Note("soon", text)]
    quota, free = slots.quota, slots.free
    if free is None:
        return [Note("unknown", f"The ResourceQuota {quota.name} does not say yet how many slots are in use.")]
    queue = _queue(slots.waiting, now)
    if free and not slots.waiting:
        text = f"{free} of {quota.hard} build slots {'is' if free == 1 else 'are'} free ({quota.name})."
        if wanted is not None and wanted > free:
            text += f" {wanted} services are built {quota.hard} at a time."
        return [Note("fine", text)]
    taken = "All" if not free else f"{quota.hard - free} of"
    busy = f" by {', '.join(slots.running[:3])}" if slots.running else ""
    return [Note("soon", f"{taken} {quota.hard} build slots are taken{busy}: it waits. {queue}".strip())]


def _queue(waiting: Sequence[Waiting], now: float) -> str:
    if not waiting:
        return "Nothing waits before it."
    first = waiting[0]
    since = "" if first.since is None else f" for {format_duration(max(0.0, now - first.since))}"
    what = " ".join(part for part in (first.title, f"of {first.run}" if first.title else first.run) if part)
    count = "1 waits" if len(waiting) == 1 else f"{len(waiting)} wait"
    return f"{count} before it, first {what}{since}."
