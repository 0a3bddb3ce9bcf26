"""Rerun: the same build once more, from a copy of its PipelineRun without what its first life left on it."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bakeryops.actions.build_names import LABEL_MOST, RERUN_OF, kept_marks, own_folders, rerun_name
from bakeryops.actions.build_notes import (
    Chosen,
    chosen_commit,
    deploy_notes,
    room_notes,
    situation,
    under_way,
    usual_seconds,
)
from bakeryops.actions.build_objects import (
    build_named,
    creating,
    declared,
    fetched,
    items,
    other_specs,
    pipeline_of,
    reached,
)
from bakeryops.actions.build_plans import create_steps, manifest_section, origin
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.git.errors import GitError
from bakeryops.model.plan import Fact, Note, Plan, Section

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.model.build import Build

__all__ = ["plan_rerun"]

_RERUN_MARK = "bakeryops.dev/rerun-of"

Object = dict[str, Any]


async def plan_rerun(ground: Ground, run: str, *, wait: bool = False) -> Plan:
    """Return the plan that makes a run again; `run` is "namespace/name", a name, its last part, or `last`.

    With `wait` the job goes on until the run has ended and what it deploys is applied. Raises `BakeryopsError`
    where there is no such run.
    """
    build = build_named(ground, run)
    session = reached(ground)
    old, why = await fetched(session, "pipelineruns", build.name, build.namespace)
    if old is None:
        raise BakeryopsError(f"{build.name} cannot be read", why=why or "it was pruned meanwhile")
    copied = _copy(ground, build, old)
    namespace, name = build.namespace, copied["metadata"]["name"]
    told = own_folders(copied["spec"], build.name, name, await other_specs(ground, build))
    pipeline, _, why_not = await pipeline_of(session, old)
    changed, missing = _changed(old, pipeline, copied["spec"])
    chosen, notes = await _commit(ground, build)
    services = tuple(build.services or ())
    if chosen is not None:
        notes += await deploy_notes(ground, namespace, chosen.sha, services)
    if not build.finished:
        notes.append(Note("soon", f"{build.name} has not ended yet: both would run."))
    notes += under_way(ground.delivery.builds.builds, services, build.key)
    room, measures = await room_notes(ground, namespace, pipeline, copied["spec"], len(services) or None)
    blocked = hint = ""
    if pipeline is None:
        blocked, hint = f"it would fail at once: {why_not}", "Create the Pipeline again first."
    elif missing:
        blocked = f"the pipeline takes {', '.join(missing)} now, which that run does not give"
        hint = "Start a build by a push, or rebuild the services: bakeryops rebuild SERVICE"
    usual = usual_seconds(ground.delivery.builds.builds, build.pipeline)
    revision = chosen.text if chosen is not None else build.trigger.revision or "not known"
    return Plan(
        action="rerun",
        title=f"Rerun {build.name}",
        button="Rerun",
        subject=build.name,
        created=ground.now,
        steps=() if blocked else create_steps(ground, copied, wait=wait, usual=usual),
        scope=tuple(sorted({f"build/{build.key}", *(f"rebuild/{each}" for each in services)})),
        command=shlex.join(["bakeryops", "builds", "rerun", build.name, *(["--wait"] if wait else [])]),
        undo=shlex.join(["bakeryops", "builds", "cancel", name]),
        facts=(
            Fact("Run", f"{build.name}, {build.state}", build.health.value),
            Fact("Builds", revision),
            Fact("Compared with", build.trigger.before[:7] or "nothing: it decides by itself"),
            Fact(
                "Services",
                _services(build),
            ),
            Fact("New run", name),
        ),
        notes=(*notes, *room, *(Note("", each) for each in told)),
        sections=(
            *((Section("The pipeline was changed since", tuple(changed), "diff"),) if changed else ()),
            Section("Room", tuple(measures)),
            manifest_section(copied),
        ),
        needs=creating(namespace),
        usual=usual if wait else None,
        basis={"run": build.uid, "revision": build.trigger.revision, **origin(ground)},
        blocked=blocked,
        hint=hint,
    )


def _services(build: Build) -> str:
    if build.services is None:
        return "not known: it did not get so far"
    return ", ".join(build.services) or "none: nothing had changed"


def _copy(ground: Ground, build: Build, old: Object) -> Object:
    """Return the run to create: spec, and of the marks only those that are known to be ours."""
    spec = copy.deepcopy(old.get("spec") or {})
    spec.pop("status", None)
    metadata = old.get("metadata") or {}
    labels, annotations = kept_marks(metadata.get("labels")), kept_marks(metadata.get("annotations"))
    annotations[_RERUN_MARK] = build.name
    if len(build.name) <= LABEL_MOST:
        labels[RERUN_OF] = build.name
    # The same until it was run again: a plan computed twice, or confirmed twice, makes one run.
    known = sorted(each.key for each in ground.delivery.builds.builds if each.trigger.rerun_of == build.name)
    name = rerun_name(build.name, build.key, build.uid, ground.who.label, *known)
    return {
        "apiVersion": old.get("apiVersion") or "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": build.namespace, "labels": labels, "annotations": annotations},
        "spec": spec,
    }


async def _commit(ground: Ground, build: Build) -> tuple[Chosen | None, list[Note]]:
    """Return the commit that will be built, and whether it and what it is compared with still stand."""
    revision, before = build.trigger.revision, build.trigger.before
    if not revision:
        return None, [Note("unknown", "Which commit it builds is not known: the run does not say.")]
    try:
        chosen = await chosen_commit(ground, revision)
    except UsageError as error:
        text = (
            f"{revision[:7]} is not in the history of {ground.code.branch} any more: {error.why or error.message}"
        )
        return None, [Note("bad", text)]
    except BakeryopsError as error:
        return None, [Note("unknown", f"Whether {revision[:7]} is still on the branch is not known: {error.why}")]
    notes = list(chosen.notes)
    here = situation(ground)
    after = here.position(chosen.sha)
    newer = [each for each in ground.code.main[: after or 0] if each not in here.deploys]
    if newer:
        count = "1 change is" if len(newer) == 1 else f"{len(newer)} changes are"
        notes.append(
            Note("soon", f"{count} newer than {chosen.sha[:7]} on {ground.code.branch}: it builds the old one.")
        )
    if before and await _gone(ground, before, chosen.sha):
        text = (
            f"{before[:7]}, with which it compares, is stale: it is no longer in the history of {chosen.sha[:7]}, "
            "and the detection of changes may take all services for changed."
        )
        notes.append(Note("soon", text))
    return chosen, notes


async def _gone(ground: Ground, before: str, revision: str) -> bool:
    """Return whether a commit is certainly not in the history of another."""
    if ground.repository is None:
        return False
    try:
        if not await ground.repository.commits([before]):
            return True
        return not await ground.repository.is_ancestor(before, revision)
    except GitError:
        return False


def _changed(old: Object, pipeline: Mapping[str, Any] | None, spec: Object) -> tuple[list[str], list[str]]:
    """Return how the pipeline differs from that of a run, as a diff, and which parameters the run now misses."""
    if pipeline is None:
        return [], []
    takes, given = declared(pipeline), {str(each.get("name")) for each in items(spec.get("params"))}
    missing = sorted(name for name, each in takes.items() if "default" not in each and name not in given)
    before = (old.get("status") or {}).get("pipelineSpec")
    if not isinstance(before, dict):
        return [], missing
    lines: list[str] = []
    for what, first, second in (
        ("param", _params(before), _params(pipeline)),
        ("task", _tasks(before), _tasks(pipeline)),
    ):
        for name in sorted({*first, *second}):
            if first.get(name) == second.get(name):
                continue
            lines += [f"-{what} {first[name]}"] if name in first else []
            lines += [f"+{what} {second[name]}"] if name in second else []
    return lines, missing


def _params(spec: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, each in declared(spec).items():
        kind = each.get("type") or "string"
        found[name] = f"{name}: {kind}" + (f", default {each['default']!r}" if "default" in each else "")
    return found


def _tasks(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return a line for each task: what it runs and after what, which the controller writes as it was given."""
    found = {}
    for each in [*items(spec.get("tasks")), *items(spec.get("finally"))]:
        name = str(each.get("name"))
        runs = str((each.get("taskRef") or {}).get("name") or "its own steps")
        after = ", ".join(map(str, each.get("runAfter") or ()))
        found[name] = f"{name}: {runs}" + (f" after {after}" if after else "")
    return found
