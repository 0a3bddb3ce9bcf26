"""Rollouts waited for, with their pods, and watched afterwards: do they stay ready?"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from bakeryops.actions.observing import World, observing, patiently
from bakeryops.actions.rollout_state import PLURALS, is_new, rollout, trouble
from bakeryops.errors import UsageError
from bakeryops.jobs.step import StepFailedError
from bakeryops.model.workload import PodView
from bakeryops.read.images import split_image
from bakeryops.read.owners import owner
from bakeryops.read.pods import pod as read_pod
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.jobs.step import At

__all__ = ["stays_ready", "wait_rollout"]

_UNREADY = 5.0
"""Seconds for which a workload that is watched may be less than ready: a probe may miss once."""


async def wait_rollout(
    at: At,
    kind: str,
    namespace: str,
    name: str,
    *,
    image: str = "",
    digest: str = "",
    generation: int = 0,
    seconds: float = 600.0,
) -> str:
    """Wait until a Deployment, StatefulSet or DaemonSet has rolled out, and return the evidence.

    `image` must be one of its template's, `digest` ("sha256:…") what its new pods run of it, and `generation` is
    the least that counts. Raises `StepFailedError` as soon as its new pods cannot come up (no such image, crashes
    that repeat), its progress deadline is over, it runs another digest, or time is up.
    """
    plural, shown = _plural(kind), f"{_kind(kind)} {clean(name)}"
    last = "not looked at yet"
    async with _watching(at, plural, namespace, name, seconds) as world:
        while await world.look():
            obj = _there(world, plural, name, shown)
            if (obj.metadata.generation or 0) < generation or (image and not _wants(obj, image)):
                last = (
                    f"its template does not have {split_image(image).tag or image} yet"
                    if image
                    else "not changed yet"
                )
                world.tell(f"{shown}: {last}")
                continue
            found = rollout(obj)
            new = _new_pods(world, obj, plural, name, at.now())
            at.progress(min(found.ready, found.desired), found.desired, "pods")
            last = found.text
            world.tell(f"{shown}: {found.text}")
            problem = trouble(new) or found.failed
            if problem:
                raise StepFailedError(
                    f"{shown} does not come up", why=problem,
                    hint=f"See: bakeryops workloads -n {namespace} -p; bakeryops logs {clean(name)}",
                )  # fmt: skip
            up = [pod for pod in new if pod.terminating is None and pod.total and pod.ready == pod.total]
            left = _pods(world, plural, name, at.now()) if not found.desired else []
            if left:
                world.tell(f"{shown}: {len(left)} pods are ending")
            elif found.done and len(up) >= found.desired:
                told = bool(digest) and _check_digest(shown, up, image, digest)
                return _evidence(shown, found.desired, obj, image, digest if told else "")
    raise StepFailedError(
        f"{shown} did not roll out within {seconds:.0f} s", why=last,
        hint=f"See: bakeryops workloads -n {namespace} -p",
    )  # fmt: skip


async def stays_ready(
    at: At, kind: str, namespace: str, name: str, *, image: str = "", seconds: float = 30.0
) -> str:
    """Watch a workload for `seconds` and return the evidence that nothing restarted and all stayed ready.

    Raises `StepFailedError` at the first restart, where it is less than ready for some seconds, or where its
    template does not have `image` any more.
    """
    plural, shown = _plural(kind), f"{_kind(kind)} {clean(name)}"
    known: dict[tuple[str, str], int] = {}
    begun = time.monotonic()
    unready: float | None = None
    desired = 0
    async with _watching(at, plural, namespace, name, seconds) as world:
        while await world.look():
            obj = _there(world, plural, name, shown)
            if image and not _wants(obj, image):
                raise StepFailedError(
                    f"{shown} was given another image while it was watched",
                    why="something has deployed over it: a build, image automation, or another person",
                    hint=f"See: bakeryops service {clean(name)}; bakeryops history",
                )
            for pod in _pods(world, plural, name, at.now()):
                for each in pod.containers:
                    before = known.setdefault((pod.uid, each.name), each.restarts)
                    if each.restarts > before:
                        raise StepFailedError(
                            f"{shown} does not stay up",
                            why=f"pod {pod.name} restarted: {each.reason or each.last_reason}",
                            hint=f"See: bakeryops logs {pod.name} --previous",
                        )  # fmt: skip
            found = rollout(obj)
            desired = found.desired
            unready = None if found.ready >= found.desired else unready or time.monotonic()
            if unready is not None and time.monotonic() - unready > _UNREADY:
                raise StepFailedError(f"{shown} does not stay ready", why=found.text)
            passed = time.monotonic() - begun
            at.progress(min(seconds, passed), seconds, "s")
            world.tell(f"{shown}: ready, watched for {seconds:.0f} s")
    return f"{shown} stayed ready for {seconds:.0f} s: {desired} pods, no restart"


@asynccontextmanager
async def _watching(at: At, plural: str, namespace: str, name: str, seconds: float) -> AsyncIterator[World]:
    """Observe a workload and the pods that its selector chooses."""
    session = await at.session()
    obj = await patiently(at, lambda: session.get(plural, name, namespace))
    kinds = (plural, "pods", *(("replicasets",) if plural == "deployments" else ()))
    selector = _selector(obj)
    chosen = {each: selector for each in kinds if each != plural} if selector else {}
    async with observing(at, kinds, namespace, seconds=seconds, selectors=chosen) as world:
        yield world


def _selector(obj: Any) -> str:
    """Return a workload's label selector as text, "" where it cannot be said so."""
    spec = obj.get("spec")
    selector = spec.get("selector") if isinstance(spec, dict) else None
    labels = selector.get("matchLabels") if isinstance(selector, dict) else None
    if not isinstance(labels, dict) or not labels:
        return ""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _there(world: World, plural: str, name: str, shown: str) -> Any:
    obj = world.find(plural, name)
    if obj is None:
        raise StepFailedError(f"there is no {shown}", why="it was deleted meanwhile")
    return obj


def _pods(world: World, plural: str, name: str, now: float) -> list[PodView]:
    kind = _kind(plural)
    return [read_pod(each, now=now) for each in world.items("pods") if owner(each) == (kind, name)]


def _new_pods(world: World, obj: Any, plural: str, name: str, now: float) -> list[PodView]:
    sets = world.items("replicasets") if plural == "deployments" else ()
    kind = _kind(plural)
    return [
        read_pod(each, now=now)
        for each in world.items("pods")
        if owner(each) == (kind, name) and is_new(obj, each, sets)
    ]


def _wants(obj: Any, image: str) -> bool:
    template = obj.spec.template if obj.spec else None
    containers = (template.spec.containers if template and template.spec else None) or ()
    return any(each.image == image for each in containers)


def _check_digest(shown: str, pods: list[PodView], image: str, digest: str) -> bool:
    """Return whether every pod says that it runs a digest; one that does not say which is let pass.

    Raises `StepFailedError` where one says that it runs another.
    """
    sure = 0
    for pod in pods:
        mine = [each for each in pod.containers if not image or each.image == image]
        sure += any(each.image_id.rpartition("@")[2] == digest for each in mine)
        for each in mine:
            _, has, runs = each.image_id.partition("@")
            if has and runs != digest:
                raise StepFailedError(
                    f"{shown} runs another image than the registry has under this tag",
                    why=f"pod {pod.name} runs {runs[:19]}, the registry has {digest[:19]}",
                    hint="The tag was pushed again: the node keeps the image that it pulled before.",
                )
    return sure == len(pods)


def _evidence(shown: str, desired: int, obj: Any, image: str, digest: str) -> str:
    if not desired:
        return f"{shown} is scaled to 0 and has no pods"
    tag = f" with {split_image(image).tag or clean(image)}" if image else ""
    return f"{shown}: {desired} of {desired} pods ready{tag}" + (f", digest {digest[:19]}" if digest else "")


def _plural(kind: str) -> str:
    plural = PLURALS.get(kind, kind)
    if plural not in PLURALS.values():
        raise UsageError(f"a {clean(kind)} does not roll out", hint=f"What does: {', '.join(PLURALS)}.")
    return plural


def _kind(name: str) -> str:
    return next((kind for kind, plural in PLURALS.items() if name in (kind, plural)), clean(name))
