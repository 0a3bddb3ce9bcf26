"""Rebuild: chosen services at a chosen commit through the pipeline of every push, whatever has changed."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bakeryops.actions.build_names import kept_marks, label_value, own_folders, rebuild_name
from bakeryops.actions.build_notes import (
    Chosen,
    chosen_commit,
    deploy_notes,
    room_notes,
    service_of,
    under_way,
    usual_seconds,
)
from bakeryops.actions.build_objects import (
    REVISIONS,
    creating,
    declared,
    fetched,
    other_specs,
    pipeline_of,
    reached,
    with_params,
)
from bakeryops.actions.build_plans import create_steps, manifest_section, origin
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.git.errors import GitError
from bakeryops.model.plan import Fact, Note, Plan, Section

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.model.build import Build

__all__ = ["FORCE", "ZERO", "plan_rebuild"]

FORCE = "force-services"
"""Parameter (a list) that overrides the detection of changes."""
ZERO = "0" * 40
_REVISION_LABEL = "bakery.dev/revision"
_PUSHER_LABEL = "bakery.dev/pusher"

Object = dict[str, Any]


async def plan_rebuild(ground: Ground, services: Sequence[str], revision: str = "", *, wait: bool = False) -> Plan:
    """Return the plan that builds services at a commit (the newest of the branch that is no deployment).

    With `wait` the job goes on until the run has ended and what it deploys is applied. Raises `UsageError` for a
    service or a commit that is not there, `BakeryopsError` where no run is there to be modelled on.
    """
    if not services:
        raise UsageError("no service is named", hint="Name one at least: bakeryops rebuild auth")
    names = tuple(sorted({service_of(ground, each) for each in services}))
    chosen = await chosen_commit(ground, revision)
    await _buildable(ground, chosen, names)
    session = reached(ground)
    build = _model(ground)
    model, why = await fetched(session, "pipelineruns", build.name, build.namespace)
    if model is None:
        raise BakeryopsError(
            f"{build.name}, on which to model the run, cannot be read", why=why or "it was pruned"
        )
    pipeline, pipeline_name, why_not = await pipeline_of(session, model)
    run = _run(ground, build, model, declared(pipeline), names, chosen)
    namespace, name = build.namespace, run["metadata"]["name"]
    told = own_folders(run["spec"], build.name, name, await other_specs(ground, build))
    blocked, hint = _obstacle(run["spec"], declared(pipeline), pipeline_name, why_not)
    notes = [*chosen.notes, *await deploy_notes(ground, namespace, chosen.sha, names)]
    notes += under_way(ground.delivery.builds.builds, names)
    room, measures = await room_notes(ground, namespace, pipeline, run["spec"], len(names))
    listed = ", ".join(names)
    command = shlex.join(["bakeryops", "rebuild", *names, "--at", chosen.sha[:12], *(["--wait"] if wait else [])])
    usual = usual_seconds(ground.delivery.builds.builds, build.pipeline)
    return Plan(
        action="rebuild",
        title=f"Rebuild {listed} at {chosen.sha[:7]}",
        button="Rebuild",
        subject=listed,
        created=ground.now,
        steps=() if blocked else create_steps(ground, run, wait=wait, usual=usual),
        scope=tuple(sorted(f"rebuild/{each}" for each in names)),
        command=command,
        undo=shlex.join(["bakeryops", "builds", "cancel", name]),
        facts=(
            Fact("Services", listed),
            Fact("Commit", chosen.text),
            Fact("Pipeline", f"{pipeline_name or build.pipeline or 'its own'} in {namespace}"),
            Fact("Run", f"{name}, modelled on {build.name}"),
            Fact("Then", "update-tag deploys what it built by a commit of the tags; Flux applies it"),
        ),
        notes=(*notes, *room, *(Note("", each) for each in told)),
        sections=(Section("Room", tuple(measures)), manifest_section(run)),
        needs=creating(namespace),
        usual=usual if wait else None,
        basis={
            "revision": chosen.sha,
            "namespace": namespace,
            **origin(ground),
        },
        blocked=blocked,
        hint=hint,
    )


def _model(ground: Ground) -> Build:
    """Return the newest run of the branch, one that built something before one that did not."""
    branch = ground.code.branch
    refs = (branch, f"refs/heads/{branch}")
    found = [each for each in ground.delivery.builds.builds if each.trigger.ref in refs]
    best = [each for each in found if each.services or not each.finished]
    if not found:
        raise BakeryopsError(
            f"there is no run of {branch} on which to model one",
            why="none was made yet, all were pruned, or they may not be read",
            hint="Push a commit to the branch first, or rerun a build: bakeryops builds rerun NAME",
        )
    return (best or found)[0]


async def _buildable(ground: Ground, chosen: Chosen, names: Sequence[str]) -> None:
    """Raise `UsageError` where a service has no Dockerfile at the commit: the pipeline would leave it out."""
    repository = ground.repository
    if repository is None or chosen.commit is None:
        return
    folder = ground.config.git.services.strip("/")
    places = [(each, f"{chosen.sha}:{root}{each}/Dockerfile") for each in names for root in (f"{folder}/", "")]
    try:
        blobs = await repository.blobs([place for _, place in places])
    except GitError:
        return
    there = {name for (name, _), blob in zip(places, blobs, strict=True) if blob is not None}
    missing = [each for each in names if each not in there]
    if missing:
        raise UsageError(
            f"{', '.join(missing)} cannot be built at {chosen.sha[:7]}",
            why=f"there is no Dockerfile in {folder}/{missing[0]} at that commit",
            hint="Choose a later commit with --at.",
        )


def _run(
    ground: Ground, build: Build, model: Object, takes: Mapping[str, Object], names: Sequence[str], chosen: Chosen
) -> Object:
    """Return the PipelineRun: a copy of the model with parameters, labels and a name of its own."""
    spec = copy.deepcopy(model.get("spec") or {})
    spec.pop("status", None)
    given = {str(each.get("name")) for each in spec.get("params") or ()}
    parent = next(iter(chosen.commit.parents), ZERO) if chosen.commit is not None else ZERO
    values: Object = {each: chosen.sha for each in REVISIONS if each in given or each in takes}
    if "before" in given or "before" in takes:
        values["before"] = parent
    if "pusher" in given or "pusher" in takes:
        values["pusher"] = label_value(ground.who.name)
    if FORCE in takes:
        values[FORCE] = list(names)
    with_params(spec, values)
    metadata = model.get("metadata") or {}
    old = build.trigger.revision
    labels = {key: value for key, value in kept_marks(metadata.get("labels")).items() if value != old or not old}
    labels |= {_REVISION_LABEL: chosen.sha, _PUSHER_LABEL: label_value(ground.who.name)}
    root = str(metadata.get("generateName") or "") or build.pipeline or build.name
    # The same until there is another run of the commit: a plan computed twice, or confirmed twice, makes one run.
    known = sorted(each.key for each in ground.delivery.builds.builds if each.trigger.revision == chosen.sha)
    name = rebuild_name(root, build.namespace, *names, chosen.sha, ground.who.label, *known)
    return {
        "apiVersion": model.get("apiVersion") or "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": build.namespace, "labels": {k: v for k, v in labels.items() if v}},
        "spec": spec,
    }


def _obstacle(spec: Object, takes: Mapping[str, Object], pipeline: str, why_not: str) -> tuple[str, str]:
    """Return why the pipeline cannot be told what to build, and the way out; two empty texts where it can."""
    shown = f"Pipeline {pipeline}" if pipeline else "the pipeline"
    if not takes:
        return why_not or f"{shown} takes no parameters", "Start a build by a push, or rerun one."
    force = takes.get(FORCE)
    if force is None or force.get("type") != "array":
        what = "takes no parameter" if force is None else "does not take as a list the parameter"
        return (
            f"{shown} {what} {FORCE}, so that what has changed decides what is built",
            f"Declare {FORCE} in it (array, default []) and hand it to detect-changes, as docs/builds.md shows.",
        )
    if not any(each["name"] in REVISIONS for each in spec["params"]):
        return (
            f"{shown} takes no parameter that names a commit",
            f"It should take one of {', '.join(REVISIONS[:3])}.",
        )
    return "", ""
