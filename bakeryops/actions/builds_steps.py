"""The steps that change builds: make a PipelineRun once, and cancel one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from bakeryops.actions.build_names import JOB
from bakeryops.actions.build_objects import condition_of
from bakeryops.actions.cancel import MODES
from bakeryops.actions.marks import marks
from bakeryops.cluster.errors import KubeError
from bakeryops.jobs.step import READY, At, Check, Step, StepFailedError, registered
from bakeryops.units import format_duration

__all__ = ["CancelBuild", "CreateBuild"]

AWAY = frozenset({"unreachable", "timeout", "unavailable", "throttled", "server"})
"""Failures after which it is not known whether a request was carried out, or that pass."""
_SEEN = 60.0
"""Seconds within which Tekton has to take up a run."""
_LONGEST = {"Cancelled": 120.0, "CancelledRunFinally": 900.0, "StoppedRunFinally": 7200.0}
"""Seconds that a run may take to end, by how it was asked: what is let finish takes its time."""
_ATTEMPTS = 30
_PAUSE = 2.0

Object = dict[str, Any]


async def present(at: At, namespace: str, name: str) -> Object | None:
    """Return a run as it is now, None where there is none; an API server that is away is waited for a minute."""
    session = await at.session()
    for attempt in range(_ATTEMPTS):
        try:
            return await session.get("pipelineruns", name, namespace)
        except KubeError as error:
            if error.kind == "not_found":
                return None
            if error.kind not in AWAY or attempt == _ATTEMPTS - 1:
                raise
            at.tell(f"the API server does not answer, asked again in {_PAUSE:.0f} s: {error.message}")
        await at.sleep(_PAUSE)
    return None


@registered
class CreateBuild(Step):
    """Creates the run of the plan, whose name the plan chose: a second attempt finds it there."""

    kind: ClassVar[str] = "build.create"

    async def check(self, at: At) -> Check:
        """Look whether this job has made it already; raises `StepFailedError` where another one did."""
        found = await present(at, at.args["namespace"], at.args["name"])
        if found is None:
            return READY
        outputs = self._ours(at, found)
        taken = bool(condition_of(found)[0])
        return Check(True, f"{at.args['name']} was created already", outputs) if taken else READY

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Create it."""
        run = dict(at.args["run"])
        metadata = dict(run["metadata"])
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **marks(at), JOB: at.job}
        run["metadata"] = metadata
        at.note("creating", metadata["name"])
        writer = await at.writer()
        for attempt in range(_ATTEMPTS):
            try:
                return _identity((await writer.create(run)).object)
            except KubeError as error:
                if error.kind == "exists":
                    break
                if error.kind not in AWAY or attempt == _ATTEMPTS - 1:
                    raise
                at.tell(f"the API server does not answer, tried again in {_PAUSE:.0f} s: {error.message}")
            await at.sleep(_PAUSE)
        found = await present(at, at.args["namespace"], at.args["name"])
        if found is None:
            raise StepFailedError(f"{at.args['name']} was there and is gone", why="somebody deleted it meanwhile")
        return self._ours(at, found)

    async def verify(self, at: At) -> str:
        """Wait until Tekton has taken it up; raises `StepFailedError` where it refuses it or does not."""
        name, begun = at.args["name"], at.now()
        while True:
            found = await present(at, at.args["namespace"], name)
            if found is None:
                raise StepFailedError(f"{name} is gone", why="somebody deleted it")
            status, reason, message = condition_of(found)
            if status == "False" and reason not in ("Failed", "Cancelled", "PipelineRunTimeout"):
                raise StepFailedError(
                    f"Tekton does not run {name}: {reason}", why=message, hint=f"See: bakeryops builds show {name}"
                )
            if status:
                return f"{name} is there, and Tekton has taken it up ({reason})"
            if at.now() - begun > _SEEN:
                raise StepFailedError(
                    f"{name} was created, and Tekton has not taken it up within {format_duration(_SEEN)}",
                    why="the pipelines controller may not be running",
                    hint="See: bakeryops workloads -n tekton-pipelines",
                    outcome="partial",
                )
            at.tell("waits for Tekton to take it up")
            await at.sleep(0.5)

    def _ours(self, at: At, found: Object) -> dict[str, Any]:
        """Return what later steps need of a run that is there; raises `StepFailedError` for another job's."""
        job = ((found.get("metadata") or {}).get("annotations") or {}).get(JOB)
        if job != at.job:
            raise StepFailedError(
                f"{at.args['name']} is there already",
                why=f"the job {job} made it from the same plan" if job else "somebody else made it",
                hint=f"See: bakeryops builds show {at.args['name']}",
                outcome="refused",
            )
        return _identity(found)


def _identity(run: Object) -> dict[str, Any]:
    metadata = run.get("metadata") or {}
    return {"namespace": metadata.get("namespace"), "name": metadata.get("name"), "uid": metadata.get("uid")}


@registered
class CancelBuild(Step):
    """Asks a run to stop, and waits until it has."""

    kind: ClassVar[str] = "build.cancel"

    async def check(self, at: At) -> Check:
        """Look whether it was asked already; raises `StepFailedError` where it is gone or has ended by itself."""
        found = self._same(at, await present(at, at.args["namespace"], at.args["name"]))
        status, reason, message = condition_of(found)
        if status not in ("True", "False"):
            return READY
        if at.memo("asking") is None:
            raise _ended_itself(at, reason or status)
        return Check(True, _verdict(at, str(at.args["status"]), status, reason, message))

    async def apply(self, at: At) -> None:
        """Ask it to stop."""
        name, namespace = at.args["name"], at.args["namespace"]
        at.note("asking", at.args["status"])
        change = {"metadata": {"annotations": marks(at)}, "spec": {"status": at.args["status"]}}
        writer = await at.writer()
        for attempt in range(_ATTEMPTS):
            try:
                await writer.patch("pipelineruns", name, namespace, change)
            except KubeError as error:
                if error.kind in AWAY and attempt < _ATTEMPTS - 1:
                    at.tell(f"the API server does not answer, tried again in {_PAUSE:.0f} s: {error.message}")
                    await at.sleep(_PAUSE)
                    continue
                # Tekton refuses every change of a run that has ended, with a plain "bad request".
                found = self._same(at, await present(at, namespace, name))
                status, reason, _ = condition_of(found)
                if status not in ("True", "False"):
                    raise
                if (found.get("spec") or {}).get("status") != at.args["status"]:
                    raise _ended_itself(at, reason or status) from None
            return

    async def verify(self, at: At) -> str:
        """Wait until it has ended as cancelled; raises `StepFailedError` where it does not."""
        name, asked, begun = at.args["name"], str(at.args["status"]), at.now()
        longest = _LONGEST.get(asked, 900.0)
        while True:
            found = self._same(at, await present(at, at.args["namespace"], name))
            status, reason, message = condition_of(found)
            if status in ("True", "False"):
                return _verdict(at, asked, status, reason, message)
            passed = at.now() - begun
            if passed > longest:
                raise StepFailedError(
                    f"{name} was asked to stop and is still running after {format_duration(longest)}",
                    why=f"{reason}: {message}" if message else reason,
                    hint=f"bakeryops builds cancel {name} --mode now" if asked != "Cancelled" else "",
                    outcome="partial",
                )
            at.tell(f"waits for it to end: {message or reason or 'not taken up yet'}")
            await at.sleep(0.3 if passed < 10 else _PAUSE)

    def _same(self, at: At, found: Object | None) -> Object:
        """Return the run; raises `StepFailedError` where it is gone, or another has its name."""
        if found is None or (at.args.get("uid") and (found.get("metadata") or {}).get("uid") != at.args["uid"]):
            what = "is gone" if found is None else "is another run by now"
            raise StepFailedError(f"{at.args['name']} {what}", why="it was deleted meanwhile", outcome="refused")
        return found


def _ended_itself(at: At, reason: str) -> StepFailedError:
    return StepFailedError(
        f"{at.args['name']} has ended by itself ({reason})",
        why="nothing was left to cancel",
        hint=f"See: bakeryops builds show {at.args['name']}",
        outcome="refused",
    )


def _verdict(at: At, asked: str, status: str, reason: str, message: str) -> str:
    """Return how a run ended that was asked to stop; raises `StepFailedError` where it had ended well before."""
    name = at.args["name"]
    if status == "False":
        failed = f": {message}" if reason != "Cancelled" and message else ""
        return f"{name} has ended as {reason}{failed}"
    if asked == MODES["stop"].status:
        return f"{name} has ended well: nothing was left to begin"
    raise StepFailedError(
        f"{name} ended well before the cancel took effect",
        why=f"{reason}: {message}" if message else reason,
        hint=f"What it deployed can be taken back: bakeryops builds show {name}",
    )
