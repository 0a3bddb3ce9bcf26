"""The steps that change workloads and pods, and the one that waits for a rollout."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bakeryops.actions.marks import marks, stamp
from bakeryops.actions.observing import observing, patiently
from bakeryops.actions.rollout_state import PLURALS
from bakeryops.actions.rollout_wait import wait_rollout
from bakeryops.actions.workloads import RESTART_MANAGER, RESTARTED
from bakeryops.cluster.errors import KubeError
from bakeryops.jobs.step import CHANGED, Check, Step, StepFailedError, registered
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.jobs.step import At

__all__ = ["DeletePod", "Restart", "Rollout", "Scale"]

_BUDGET_SECONDS = 300.0
"""How long a disruption budget that is in the way is waited for."""
_GONE_SECONDS = 120.0
"""How long a pod may take to go beyond its grace period."""


@registered
class Restart(Step):
    """Restart a workload, pod by pod."""

    kind = "workload.restart"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Set the time of the restart in the template; that time is noted first, so that it is set once."""
        kind, namespace, name = _names(at)
        when = at.memo("restartedAt")
        if not isinstance(when, str):
            when = stamp(at.now())
            at.note("restartedAt", when)
        writer = await at.writer(RESTART_MANAGER)
        change = {
            "metadata": {"annotations": marks(at)},
            "spec": {"template": {"metadata": {"annotations": {RESTARTED: when}}}},
        }
        written = await patiently(at, lambda: writer.patch(kind, name, namespace, change, patch_type="strategic"))
        return {"generation": _generation(written.object), "restartedAt": when}

    async def verify(self, at: At) -> str:
        """Look whether it stayed so."""
        when = at.output(at.step.id, "restartedAt")
        template = _mapping(_mapping(await _object(at), "spec"), "template")
        if _mapping(_mapping(template, "metadata"), "annotations").get(RESTARTED) != when:
            raise StepFailedError(
                f"the restart of {_shown(at)} was taken back", why="something has set its template back"
            )
        return f"{_shown(at)} restarts since {when}"


@registered
class Scale(Step):
    """Set how many pods a workload is to have."""

    kind = "workload.scale"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Set it, and say on the object who did."""
        kind, namespace, name = _names(at)
        replicas, writer = int(at.args["replicas"]), await at.writer()
        await patiently(at, lambda: writer.scale(kind, name, namespace, replicas))
        try:
            await writer.patch(kind, name, namespace, {"metadata": {"annotations": marks(at)}})
        except KubeError as error:
            # Whoever may scale may not always write more than that.
            if error.kind != "forbidden":
                raise
        return {"generation": _generation(await _object(at))}

    async def verify(self, at: At) -> str:
        """Look whether it stayed so."""
        wanted, has = int(at.args["replicas"]), _mapping(await _object(at), "spec").get("replicas")
        if has != wanted:
            raise StepFailedError(
                f"{_shown(at)} is to have {has} pods again, not {wanted}",
                why="something has set it back: Flux, an autoscaler, or another person",
                hint="Change the number in Git.",
            )
        return f"{_shown(at)} is to have {wanted} pods"


@registered
class Rollout(Step):
    """Wait until a workload's pods are as its template says."""

    kind = "workload.rollout"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Wait, and return the evidence."""
        kind, namespace, name = _names(at)
        generation = int(at.output(str(at.args.get("after") or ""), "generation", 0) or 0)
        seconds = float(at.args.get("seconds") or 600.0)
        found = await wait_rollout(
            at,
            kind,
            namespace,
            name,
            image=str(at.args.get("image") or ""),
            digest=str(at.args.get("digest") or ""),
            generation=generation,
            seconds=seconds,
        )
        return {"evidence": found}

    async def verify(self, at: At) -> str:
        """Tell how it is."""
        return str(at.output(at.step.id, "evidence", ""))


@registered
class DeletePod(Step):
    """Delete or evict exactly one pod, and wait until it is gone."""

    kind = "pod.delete"

    async def check(self, at: At) -> Check:
        """Look whether it is gone already."""
        if await _same_pod(at) is None:
            return Check(True, f"pod {clean(str(at.args['name']))} is gone")
        return Check(False)

    async def apply(self, at: At) -> None:
        """Ask for it, if it is still the same pod, and wait."""
        namespace, name, uid = (str(at.args[key]) for key in ("namespace", "name", "uid"))
        pod = await _same_pod(at)
        if pod is None:
            return
        grace = _mapping(pod, "spec").get("terminationGracePeriodSeconds")
        if not _mapping(pod, "metadata").get("deletionTimestamp"):
            await self._ask(at, namespace, name, uid)
            at.note(CHANGED, f"pod {clean(name)} was told to end")
        seconds = (float(grace) if isinstance(grace, int) else 30.0) + _GONE_SECONDS
        async with observing(at, ("pods",), namespace, seconds=seconds) as world:
            while await world.look():
                found = world.find("pods", name)
                if found is None or found.metadata.uid != uid:
                    return
                world.tell(f"pod {clean(name)} is ending")
        raise StepFailedError(
            f"pod {clean(name)} is still there after {seconds:.0f} s",
            why="its node does not say that it has ended, or a finalizer holds it",
            hint=f"See: kubectl describe pod {clean(name)} -n {clean(namespace)}",
        )

    async def verify(self, at: At) -> str:
        """Tell that it is gone."""
        return f"pod {clean(str(at.args['name']))} is gone"

    async def _ask(self, at: At, namespace: str, name: str, uid: str) -> None:
        writer = await at.writer()
        end = time.monotonic() + _BUDGET_SECONDS
        while True:
            try:
                if at.args.get("evict"):
                    await patiently(at, lambda: writer.evict(name, namespace, uid=uid))
                else:
                    await patiently(at, lambda: writer.delete("pods", name, namespace, uid=uid))
                return
            except KubeError as error:
                if error.kind in ("not_found", "conflict"):
                    return
                if error.kind != "throttled" or time.monotonic() >= end:
                    raise
                at.tell(f"a disruption budget is in the way, tried again in 5 s: {error.why or error.message}")
                await at.sleep(5.0)


def _names(at: At) -> tuple[str, str, str]:
    return str(at.args["kind"]), str(at.args["namespace"]), str(at.args["name"])


def _shown(at: At) -> str:
    kind, _, name = _names(at)
    return f"{next((each for each, plural in PLURALS.items() if plural == kind), kind)} {clean(name)}"


async def _object(at: At) -> dict[str, Any]:
    kind, namespace, name = _names(at)
    session = await at.session()
    return await patiently(at, lambda: session.get(kind, name, namespace))


async def _same_pod(at: At) -> dict[str, Any] | None:
    """Return the pod that is meant, None where it is gone or another has its name."""
    session = await at.session()
    name, namespace = str(at.args["name"]), str(at.args["namespace"])
    try:
        pod = await patiently(at, lambda: session.get("pods", name, namespace))
    except KubeError as error:
        if error.kind == "not_found":
            return None
        raise
    return pod if _mapping(pod, "metadata").get("uid") == at.args["uid"] else None


def _generation(obj: Mapping[str, Any]) -> int:
    found = _mapping(obj, "metadata").get("generation")
    return found if isinstance(found, int) else 0


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
