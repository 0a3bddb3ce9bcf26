"""The steps and the preview that rebuild and rerun share: make a run, follow it, see it deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bakeryops.actions.build_notes import situation
from bakeryops.model.plan import PlanStep, Section
from bakeryops.read.manifest import to_yaml
from bakeryops.text import clean

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground

__all__ = ["create_steps", "manifest_section", "origin"]

Object = dict[str, Any]


def create_steps(ground: Ground, run: Object, *, wait: bool, usual: float | None) -> tuple[PlanStep, ...]:
    """Return the steps that make a run and, with `wait`, follow it until what it deploys is applied."""
    namespace, name = run["metadata"]["namespace"], run["metadata"]["name"]
    version = clean(str(run["apiVersion"]))
    where = {"namespace": namespace, "name": name}
    create = PlanStep(
        id="create",
        kind="build.create",
        title=f"Create the PipelineRun {name}",
        args={**where, "run": run},
        shows=(f"POST /apis/{version}/namespaces/{namespace}/pipelineruns",),
        partial="started, not ended well",
        seconds=1.0,
    )
    if not wait:
        return (create,)
    follow = PlanStep(
        id="follow",
        kind="build.follow",
        title="Wait until it has ended",
        args={**where, "labels": run["metadata"].get("labels") or {}},
        shows=(f"bakeryops builds show {name} -w",),
        changes=False,
        partial="built, not deployed",
        seconds=usual,
    )
    here = situation(ground)
    sync, source = here.sync, here.source
    if sync is None or source is None:
        return (create, follow)
    deployed = PlanStep(
        id="deployed",
        kind="build.deployed",
        title=f"Wait until {sync.name} has applied what it deploys",
        args={
            "source": {"namespace": source.namespace, "name": source.name},
            "sync": {"namespace": sync.namespace, "name": sync.name},
        },
        shows=(
            f"annotate GitRepository {source.namespace}/{source.name} reconcile.fluxcd.io/requestedAt=NOW",
            f"annotate Kustomization {sync.namespace}/{sync.name} reconcile.fluxcd.io/requestedAt=NOW",
        ),
        partial="deployed, not applied",
        seconds=30.0,
    )
    return (create, follow, deployed)


def manifest_section(run: Object) -> Section:
    """Return the part of the preview that shows a run as it will be created."""
    return Section("The PipelineRun", tuple(to_yaml(run).rstrip("\n").split("\n")))


def origin(ground: Ground) -> dict[str, str]:
    """Return where the repository is, for the basis of a plan: its job looks it up no second time."""
    code = ground.code
    return {"git.url": code.url, "git.branch": code.branch, "git.resolve": ground.resolve} if code.url else {}
