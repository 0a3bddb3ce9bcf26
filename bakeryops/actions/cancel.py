"""Cancel: a run stopped gracefully, after what has begun, or at once; and what each of these leaves behind."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

import msgspec

from bakeryops.actions.build_objects import GROUP, build_named, condition_of, fetched, reached, with_tasks
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.model.plan import Fact, Note, Permission, Plan, PlanStep

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.cluster.session import Session
    from bakeryops.model.build import Build

__all__ = ["MODES", "CancelMode", "Mode", "plan_cancel"]

CancelMode = Literal["graceful", "stop", "now"]

_FLAGS = "feature-flags"
_TEKTON = "tekton-pipelines"
_KEEPS = "keep-pod-on-cancel"


class Mode(msgspec.Struct, frozen=True, gc=False):
    """A way to cancel: the value of `spec.status`, what it does, and how far it goes beside the others."""

    status: str
    text: str
    rank: int
    kills: bool
    """Whether tasks that run are stopped."""


MODES: dict[str, Mode] = {
    "stop": Mode(
        "StoppedRunFinally",
        "What runs is let finish, nothing new begins, and the finally tasks report the result.",
        1,
        kills=False,
    ),
    "graceful": Mode(
        "CancelledRunFinally",
        "What runs is stopped, and the finally tasks still report the result.",
        2,
        kills=True,
    ),
    "now": Mode(
        "Cancelled", "What runs is stopped, and nothing reports the result: no finally task runs.", 3, kills=True
    ),
}
"""By their name on the command line."""


async def plan_cancel(ground: Ground, run: str, mode: str = "graceful") -> Plan:
    """Return the plan that cancels a run; `run` is "namespace/name", a name, its last part, or `last`.

    `mode` is graceful, stop or now. A run that has ended, or was asked the same already, is blocked. Raises
    `BakeryopsError` where there is no such run, `UsageError` for another mode.
    """
    if mode not in MODES:
        raise UsageError(f"there is no mode {mode}", hint=f"The modes are: {', '.join(sorted(MODES))}")
    build = build_named(ground, run)
    session = reached(ground)
    way = MODES[mode]
    found, why = await fetched(session, "pipelineruns", build.name, build.namespace)
    if found is None:
        raise BakeryopsError(f"{build.name} cannot be read", why=why or "it was pruned meanwhile")
    build = await with_tasks(session, build, found, ground.now)
    wish = str((found.get("spec") or {}).get("status") or "")
    blocked, hint = _obstacle(build, condition_of(found), wish, way)
    running = [each for each in build.tasks if each.state in ("running", "retrying")]
    services = "not known yet" if build.services is None else ", ".join(build.services) or "none"
    args = {"namespace": build.namespace, "name": build.name, "uid": build.uid, "status": way.status}
    step = PlanStep(
        id="cancel",
        kind="build.cancel",
        title=f"Cancel the PipelineRun {build.name}",
        args=args,
        shows=(
            f"kubectl patch pipelinerun {build.name} -n {build.namespace} --type merge "
            f'-p \'{{"spec":{{"status":"{way.status}"}}}}\'',
        ),
        partial="asked to stop, still running",
        seconds=5.0,
    )
    saving = PlanStep(
        id="save",
        kind="build.save",
        title="Save the logs of what runs",
        args={"namespace": build.namespace, "name": build.name},
        shows=("logs, objects and events of its running tasks go to the black box: bakeryops blackbox",),
        changes=False,
        seconds=1.0,
    )
    extra = [] if mode == "graceful" else ["--mode", mode]
    return Plan(
        action="cancel",
        title=f"Cancel {build.name}",
        button="Cancel the build",
        subject=build.name,
        created=ground.now,
        steps=() if blocked else (saving, step),
        scope=(f"build/{build.key}",),
        command=shlex.join(["bakeryops", "builds", "cancel", build.name, *extra]),
        undo=shlex.join(["bakeryops", "builds", "rerun", build.name]),
        facts=(
            Fact("Run", f"{build.name}, {build.state}", build.health.value),
            Fact("Commit", build.trigger.revision[:7] or "not known"),
            Fact("Services", services),
            Fact("How", f"{mode} ({way.status})"),
            *((Fact("Running", ", ".join(each.title for each in running[:6])),) if running else ()),
        ),
        notes=(Note("", way.text), *(await _log_notes(session, way)), *_deploy_notes(build, way)),
        needs=(
            Permission("patch", "pipelineruns", build.namespace, build.name, GROUP),
            Permission("get", "pipelineruns", build.namespace, build.name, GROUP),
        ),
        usual=5.0,
        basis={"run": build.uid, "status": wish, "mode": mode},
        blocked=blocked,
        hint=hint,
    )


def _obstacle(build: Build, condition: tuple[str, str, str], wish: str, way: Mode) -> tuple[str, str]:
    """Return why a run cannot be cancelled, and what to do instead; two empty texts where it can."""
    status, reason, _ = condition
    if status in ("True", "False"):
        return f"it has ended already ({reason or status})", f"See: bakeryops builds show {build.name}"
    asked = next((each for each in MODES.values() if each.status == wish), None)
    if asked is None or way.rank > asked.rank:
        return "", ""
    harder = "Wait for it, or cancel it with --mode now." if asked.rank < MODES["now"].rank else "Wait for it."
    return f"it was asked to stop already ({wish}) and is still at it", harder


async def _log_notes(session: Session, way: Mode) -> list[Note]:
    """Return what becomes of the logs of the pods that are stopped."""
    if not way.kills:
        return []
    flags, why = await fetched(session, "configmaps", _FLAGS, _TEKTON)
    if flags is None:
        reason = why or f"there is no ConfigMap {_FLAGS} in {_TEKTON}"
        text = f"Pods that are stopped may go with their logs: whether {_KEEPS} is on is not known ({reason})."
        return [Note("unknown", text)]
    if str((flags.get("data") or {}).get(_KEEPS) or "").lower() == "true":
        return [Note("fine", f"Pods that are stopped stay with their logs ({_KEEPS} is on).")]
    text = f"Pods that are stopped are deleted with their logs within about a second ({_KEEPS} is off)."
    return [Note("soon", text)]


def _deploy_notes(build: Build, way: Mode) -> list[Note]:
    """Return what cancelling means for what the run deploys."""
    task = next((each for each in build.tasks if "tag" in each.task and "update" in each.task), None)
    if build.deploy_commit or (task is not None and task.state == "succeeded"):
        return [Note("soon", "Its tags are committed already: Flux deploys them all the same.")]
    if task is not None and task.state == "running":
        what = "may be deployed all the same" if way.kills else "are deployed, as it is let finish"
        return [Note("soon", f"It is writing its tags at this moment: they {what}.")]
    return [Note("", "Nothing of it is deployed.")] if way.kills else []
