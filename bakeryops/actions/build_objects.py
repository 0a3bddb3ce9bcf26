"""Runs and Pipelines as the API has them, and what a plan needs to know of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.wire.tekton import PipelineRun
from bakeryops.errors import BakeryopsError, UnreachableError
from bakeryops.model.plan import Permission
from bakeryops.read.builds import build_of
from bakeryops.read.delivery_index import tasks_selector
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground
    from bakeryops.cluster.session import Session
    from bakeryops.model.build import Build

__all__ = [
    "GROUP",
    "REVISIONS",
    "build_named",
    "condition_of",
    "creating",
    "declared",
    "fetched",
    "items",
    "other_specs",
    "pipeline_of",
    "reached",
    "with_params",
    "with_tasks",
]

GROUP = "tekton.dev"
REVISIONS = ("revision", "git-revision", "git_revision", "commit", "sha", "git-commit", "after")
"""Names of parameters that say which commit is built."""

Object = dict[str, Any]


def reached(ground: Ground) -> Session:
    """Return the session; raises `UnreachableError` where there is none."""
    if ground.session is None:
        raise UnreachableError("builds can only be changed while the cluster answers")
    return ground.session


def items(value: Any) -> list[Object]:
    """Return the mappings of a list; nothing of what is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


async def fetched(session: Session, kind: str, name: str, namespace: str | None) -> tuple[Object | None, str]:
    """Return an object, or None and why it could not be read ("" where it is not there).

    Raises `KubeError` where the cluster does not answer.
    """
    try:
        return await session.get(kind, name, namespace), ""
    except KubeError as error:
        if error.kind in ("not_found", "absent"):
            return None, ""
        if error.kind == "forbidden":
            return None, error.message
        raise


def build_named(ground: Ground, wanted: str) -> Build:
    """Return the build that a name stands for: "namespace/name", a name, the part after its last dash, or `last`.

    Raises `BakeryopsError` where there is none, or where there are several.
    """
    builds = ground.delivery.builds.builds
    if wanted == "last":
        found = builds[:1]
    else:
        found = [each for each in builds if wanted in (each.key, each.name)]
        found = found or [each for each in builds if each.name.rpartition("-")[2] == wanted]
    if not found:
        raise BakeryopsError(
            "there is no build yet" if wanted == "last" else f"there is no build {clean(wanted)}",
            why="it never was, it was pruned, or builds may not be read",
            hint="See: bakeryops builds",
        )
    if len(found) > 1:
        names = ", ".join(each.key for each in found[:5])
        raise BakeryopsError(f"{clean(wanted)} may be any of {names}", hint="Give the whole name.")
    return found[0]


def condition_of(run: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return (status, reason, message) of a run's condition Succeeded; three empty texts before there is one."""
    status = run.get("status")
    for each in items(status.get("conditions") if isinstance(status, dict) else None):
        if each.get("type") == "Succeeded":
            return tuple(clean(str(each.get(key) or "")) for key in ("status", "reason", "message"))  # type: ignore[return-value]
    return "", "", ""


async def pipeline_of(session: Session, run: Object) -> tuple[Object | None, str, str]:
    """Return the spec of the Pipeline that a copy of a run would follow, its name, and why it is not known.

    A run with its own `pipelineSpec` has that; one whose Pipeline comes from a resolver has what it was then.
    """
    spec = run.get("spec") or {}
    own = spec.get("pipelineSpec")
    if isinstance(own, dict):
        return own, "", ""
    name = str((spec.get("pipelineRef") or {}).get("name") or "")
    if name:
        found, why = await fetched(session, "pipelines", name, run["metadata"].get("namespace"))
        if found is not None:
            return found.get("spec") or {}, clean(name), ""
        return None, clean(name), why or f"there is no Pipeline {clean(name)} any more"
    kept = (run.get("status") or {}).get("pipelineSpec")
    return (kept, "", "") if isinstance(kept, dict) else (None, "", "its Pipeline comes from elsewhere")


async def other_specs(ground: Ground, build: Build) -> list[Object]:
    """Return the spec of another run of a build's pipeline, to tell what runs have in common."""
    for each in ground.delivery.builds.builds:
        apart = each.trigger.revision != build.trigger.revision and not each.trigger.rerun_of
        if apart and (each.namespace, each.pipeline) == (build.namespace, build.pipeline):
            found, _ = await fetched(reached(ground), "pipelineruns", each.name, each.namespace)
            return [found["spec"]] if found is not None and isinstance(found.get("spec"), dict) else []
    return []


def declared(pipeline: Mapping[str, Any] | None) -> dict[str, Object]:
    """Return the parameters that a Pipeline takes, by name."""
    return {str(each.get("name")): each for each in items((pipeline or {}).get("params")) if each.get("name")}


def with_params(spec: Object, values: Mapping[str, Any]) -> None:
    """Set parameters of a run's spec, in their place where it has them."""
    params = items(spec.get("params"))
    left = dict(values)
    for each in params:
        if each.get("name") in left:
            each["value"] = left.pop(each["name"])
    spec["params"] = [*params, *({"name": name, "value": value} for name, value in left.items())]


async def with_tasks(session: Session, build: Build, run: Object, now: float) -> Build:
    """Return a build with its tasks, from its run as the API has it and its TaskRuns read now; raises `KubeError`.

    Where the TaskRuns may not be read, its tasks are known as far as the run itself tells.
    """
    selectors = {"taskruns": tasks_selector([build])}
    feed = await session.snapshot(("taskruns",), namespace=build.namespace, selectors=selectors)
    try:
        read = msgspec.json.decode(msgspec.json.encode(run), type=PipelineRun)
    except msgspec.MsgspecError:
        return build
    return build_of(read, feed.store("taskruns").items.values(), now=now)


def creating(namespace: str) -> tuple[Permission, ...]:
    """Return the rights that making a run needs."""
    return (
        Permission("create", "pipelineruns", namespace, group=GROUP),
        Permission("get", "pipelineruns", namespace, group=GROUP),
    )
