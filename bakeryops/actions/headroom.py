"""Whether a build fits on the node: memory, disk and image disk against what makes the kubelet evict pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from bakeryops.actions.build_objects import fetched, items
from bakeryops.cluster.errors import KubeError
from bakeryops.model.plan import Note
from bakeryops.text import clean
from bakeryops.units import format_bytes, parse_quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bakeryops.cluster.session import Session
    from bakeryops.cluster.wire.metrics import FsStats, StatsSummary
    from bakeryops.model.workload import PodView

__all__ = [
    "DEFAULTS",
    "Headroom",
    "Needs",
    "NodeRoom",
    "Thresholds",
    "judge",
    "look_headroom",
    "needs_of",
    "thresholds_in",
]

BUILD_DISK = float(2 << 30)
"""Bytes that one build is reckoned to write while it runs: base image, layers, caches."""

_ORDER = ("fits", "unknown", "waits", "would evict")
_TONES = {"fits": "fine", "waits": "soon", "would evict": "bad", "unknown": "unknown"}


class Threshold(msgspec.Struct, frozen=True, gc=False):
    """What has to stay available: a share of the whole, or bytes."""

    share: float | None = None
    size: float | None = None

    def of(self, capacity: float | None) -> float | None:
        """Return the bytes; None for a share of an unknown whole."""
        if self.size is not None:
            return self.size
        return None if self.share is None or capacity is None else self.share * capacity

    @property
    def text(self) -> str:
        """The threshold for people."""
        return f"{self.share:.0%}" if self.share is not None else format_bytes(self.size)


class Thresholds(msgspec.Struct, frozen=True, gc=False):
    """Below which the kubelet evicts at once; `own` tells whether its settings were read."""

    memory: Threshold = Threshold(size=float(100 << 20))
    disk: Threshold = Threshold(share=0.10)
    images: Threshold = Threshold(share=0.15)
    own: bool = False


DEFAULTS = Thresholds()
"""Those of a kubelet that was not told otherwise."""


class Needs(msgspec.Struct, frozen=True, gc=False):
    """What one build needs, in bytes; None where no task says."""

    memory: float | None = None
    limit: float | None = None
    """What it may use at most."""
    disk: float = BUILD_DISK


class NodeRoom(msgspec.Struct, frozen=True, gc=False):
    """What a node has left, in bytes; None where it is not known."""

    name: str
    memory_unpromised: float | None = None
    """Allocatable, less what pods asked for: what the scheduler goes by."""
    memory_free: float | None = None
    """Measured: what the kubelet goes by."""
    disk_free: float | None = None
    disk_total: float | None = None
    images_free: float | None = None
    images_total: float | None = None
    one_disk: bool = False
    """Whether images are kept on the node's own file system."""
    limits: Thresholds = DEFAULTS


class Headroom(msgspec.Struct, frozen=True):
    """The judgement: fits, waits, would evict or unknown; with a sentence for each measure."""

    verdict: str
    notes: tuple[Note, ...]


async def look_headroom(session: Session, pods: Iterable[PodView] | None, needs: Needs, at_once: int) -> Headroom:
    """Return whether `at_once` more builds fit; `pods` are all pods of the cluster, None where they are not known.

    Raises `KubeError` where the cluster does not answer.
    """
    feed = await session.snapshot(("nodes", "nodestats"))
    stats = {each.metadata.name: each.stats for each in feed.store("nodestats").items.values()}
    known = None if pods is None else [each for each in pods if not each.finished]
    rooms: list[NodeRoom] = []
    for node in feed.store("nodes").items.values():
        name = node.metadata.name
        allocatable = parse_quantity(((node.status.allocatable if node.status else None) or {}).get("memory"))
        promised = None if known is None else sum(p.amounts.memory_request or 0.0 for p in known if p.node == name)
        unpromised = None if allocatable is None or promised is None else allocatable - promised
        limits = await _limits(session, name)
        rooms.append(room_of(clean(name), unpromised, stats.get(name), limits))
    if not rooms:
        why = feed.store("nodes").state.reason or "no node is known"
        return Headroom("unknown", (Note("unknown", f"Whether it fits on the node is not known: {why}."),))
    return judge(max(rooms, key=lambda room: room.memory_unpromised or 0.0), needs, at_once)


async def _limits(session: Session, node: str) -> Thresholds:
    """Return the kubelet's own thresholds where they may be read, else its defaults."""
    verdict = await session.access.can("get", "", "nodes", name=node, subresource="proxy")
    if not verdict.allowed:
        return DEFAULTS
    try:
        data = await session.transport.get_bytes(f"/api/v1/nodes/{quote(node, safe='')}/proxy/configz")
        return thresholds_in(msgspec.json.decode(data))
    except (KubeError, msgspec.DecodeError):
        return DEFAULTS


def thresholds_in(answer: Any) -> Thresholds:
    """Return the hard thresholds in a kubelet's `configz`; its defaults where it names none."""
    settings = answer.get("kubeletconfig") if isinstance(answer, dict) else None
    if not isinstance(settings, dict):
        return DEFAULTS
    hard = settings.get("evictionHard")
    hard = hard if isinstance(hard, dict) and hard else None
    if hard is None:
        return msgspec.structs.replace(DEFAULTS, own=True)
    never = Threshold(size=0.0)
    return Thresholds(
        _threshold(hard.get("memory.available")) or never,
        _threshold(hard.get("nodefs.available")) or never,
        _threshold(hard.get("imagefs.available")) or never,
        own=True,
    )


def _threshold(text: Any) -> Threshold | None:
    word = str(text or "").strip()
    if word.endswith("%"):
        try:
            return Threshold(share=float(word[:-1]) / 100)
        except ValueError:
            return None
    size = parse_quantity(word)
    return None if size is None else Threshold(size=size)


def room_of(name: str, unpromised: float | None, stats: StatsSummary | None, limits: Thresholds) -> NodeRoom:
    """Return what a node has left, from the scheduler's sums and its kubelet's summary."""
    if stats is None:
        return NodeRoom(name, unpromised, limits=limits)
    node = stats.node
    images = node.runtime.imageFs if node.runtime is not None else None
    disk_free, disk_total = _free(node.fs)
    images_free, images_total = _free(images)
    return NodeRoom(
        name,
        unpromised,
        float(node.memory.availableBytes) if node.memory and node.memory.availableBytes is not None else None,
        disk_free,
        disk_total,
        images_free,
        images_total,
        disk_total is not None and (disk_free, disk_total) == (images_free, images_total),
        limits,
    )


def _free(fs: FsStats | None) -> tuple[float | None, float | None]:
    if fs is None:
        return None, None
    free = None if fs.availableBytes is None else float(fs.availableBytes)
    return free, None if fs.capacityBytes is None else float(fs.capacityBytes)


def judge(room: NodeRoom, needs: Needs, at_once: int) -> Headroom:
    """Return whether so many builds at once fit on a node."""
    builds = "a build" if at_once == 1 else f"{at_once} builds at once"
    parts = [
        _promises(room, needs, at_once, builds),
        _memory(room, needs, at_once, builds),
        _disk("Disk", room.disk_free, room.disk_total, room.limits.disk, needs.disk * at_once, builds),
        _disk("Image disk", room.images_free, room.images_total, room.limits.images, needs.disk * at_once, builds),
    ]
    verdict = max((each for each, _ in parts), key=_ORDER.index)
    notes = [Note(_TONES[each], text) for each, text in parts]
    if not room.limits.own:
        notes.append(Note("", "The kubelet's own thresholds could not be read: its defaults are taken."))
    return Headroom(verdict, tuple(notes))


def _promises(room: NodeRoom, needs: Needs, at_once: int, builds: str) -> tuple[str, str]:
    """Judge whether the scheduler finds room."""
    if room.memory_unpromised is None:
        return "unknown", f"How much memory of {room.name} is not promised yet is not known."
    left = format_bytes(max(0.0, room.memory_unpromised))
    if needs.memory is None:
        return (
            "unknown",
            f"{left} of memory of {room.name} are not promised; how much {builds} asks for is not known.",
        )
    wanted = needs.memory * at_once
    asked = f"{builds} {'asks' if at_once == 1 else 'ask'} for {format_bytes(wanted)}"
    if wanted <= room.memory_unpromised:
        return "fits", f"Memory to promise on {room.name}: {left}; {asked}."
    return "waits", f"Memory to promise on {room.name}: only {left}; {asked}: pods wait until others end."


def _memory(room: NodeRoom, needs: Needs, at_once: int, builds: str) -> tuple[str, str]:
    """Judge whether the kubelet would run short of memory."""
    limit = room.limits.memory.of(None)
    if room.memory_free is None or limit is None:
        return "unknown", f"How much memory is free on {room.name} is not known."
    rule = f"the kubelet evicts below {room.limits.memory.text}"
    free = format_bytes(room.memory_free)
    if room.memory_free <= limit or room.memory_free - (needs.memory or 0.0) * at_once < limit:
        return "would evict", f"Free memory: {free}; {rule}, and {builds} would bring it there."
    most = (needs.limit or 0.0) * at_once
    if most and room.memory_free - most < limit:
        return "fits", f"Free memory: {free}; {rule}. {builds.capitalize()} may use up to {format_bytes(most)}."
    return "fits", f"Free memory: {free}; {rule}."


def _disk(
    what: str, free: float | None, total: float | None, threshold: Threshold, wanted: float, builds: str
) -> tuple[str, str]:
    """Judge whether a file system would run full."""
    limit = threshold.of(total)
    if free is None or limit is None:
        return "unknown", f"{what}: how much is free is not known."
    share = f" ({free / total:.0%})" if total else ""
    told = f"{what}: {format_bytes(free)}{share} free; the kubelet evicts below {threshold.text}"
    reckoned = f"{builds} {'is' if builds == 'a build' else 'are'} reckoned at {format_bytes(wanted)}"
    if free <= limit:
        return "would evict", f"{told}: it is there already."
    if free - wanted < limit:
        return "would evict", f"{told}, {format_bytes(free - limit)} away, and {reckoned}."
    return "fits", f"{told}; {reckoned}."


async def needs_of(
    session: Session,
    namespace: str,
    pipeline: Mapping[str, Any] | None,
    run_spec: Mapping[str, Any],
    classes: Sequence[str],
) -> Needs:
    """Return what the most demanding of the tasks that take a build slot asks for, from their Tasks.

    Those are the tasks that a run's `taskRunSpecs` put into one of the PriorityClasses; without such, those of a
    matrix. Raises `KubeError` where the cluster does not answer.
    """
    named = {
        str(each.get("pipelineTaskName"))
        for each in items(run_spec.get("taskRunSpecs"))
        if str((each.get("podTemplate") or {}).get("priorityClassName")) in classes
    }
    tasks = items((pipeline or {}).get("tasks"))
    chosen = [each for each in tasks if each.get("name") in named] or [
        each for each in tasks if each.get("matrix")
    ]
    requests: list[float] = []
    limits: list[float] = []
    for task in chosen:
        spec = task.get("taskSpec")
        name = str((task.get("taskRef") or {}).get("name") or "")
        if not isinstance(spec, dict) and name:
            found, _ = await fetched(session, "tasks", name, namespace)
            spec = (found or {}).get("spec")
        steps = items(spec.get("steps")) if isinstance(spec, dict) else []
        requests += [sum(_memory_of(step, "requests") for step in steps)]
        limits += [sum(_memory_of(step, "limits") for step in steps)]
    memory, limit = max(requests, default=0.0), max(limits, default=0.0)
    return Needs(memory or None, limit or None)


def _memory_of(step: Mapping[str, Any], what: str) -> float:
    resources = step.get("computeResources") or step.get("resources") or {}
    return parse_quantity(str((resources.get(what) or {}).get("memory") or "")) or 0.0
