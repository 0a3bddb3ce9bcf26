"""Why something cannot be changed at this moment, as the console sees it; no Textual in here."""

from __future__ import annotations

from bakeryops.model.build import Build
from bakeryops.model.code import CodeView
from bakeryops.model.sync import Sync
from bakeryops.read.flux_index import FluxView

__all__ = ["build_refusals", "flux_refusals", "rollback_refusals"]

_OF_SERVICE = ("rollback.service", "rollback.undo", "hold.toggle", "build.again")


def rollback_refusals(code: CodeView, service: str, *, choosing: bool = False) -> dict[str, str]:
    """Return why a service cannot be rolled back, by command id; where a person may choose one, none is needed."""
    if not code.deployments:
        why = code.reason or ("Git is being read" if code.state == "waiting" else "Git tells of no deployment")
        refused = dict.fromkeys(_OF_SERVICE[:3], f"deployments are known from Git: {why}")
        if code.reason and code.state not in ("off", "waiting") and service:
            # While Gitea is away the way back leads past Git.
            del refused["rollback.service"]
        return refused
    if not service:
        why = "nothing selected belongs to a service"
        return dict.fromkeys(_OF_SERVICE[1:3] if choosing else _OF_SERVICE[:3], why)
    of_it = [each for each in code.deployments if each.service == service]
    if not of_it:
        return dict.fromkeys(_OF_SERVICE[:3], f"{service} is not deployed from Git")
    found: dict[str, str] = {}
    if len({each.tag for each in of_it}) < 2:
        found["rollback.service"] = f"there is no deployment of {service} before this one"
    if of_it[0].kind != "rollback":
        found["rollback.undo"] = f"the newest deployment of {service} is no rollback"
    return found


def build_refusals(build: Build | None) -> dict[str, str]:
    """Return why a build cannot be cancelled."""
    if build is None:
        return {"build.cancel": "no build is selected", "build.again": "no build is selected"}
    return {"build.cancel": "the build has ended"} if build.finished else {}


def flux_refusals(view: FluxView | None) -> dict[str, str]:
    """Return why Flux cannot be asked to do something with an object."""
    if view is None:
        return dict.fromkeys(("flux.reconcile", "flux.suspend", "flux.approve"), "no object of Flux' is selected")
    found: dict[str, str] = {}
    if view.suspended:
        found["flux.reconcile"] = f"{view.name} is suspended: it would apply nothing (P resumes it)"
    if not isinstance(view, Sync) or view.kind != "Kustomization":
        found["flux.approve"] = "only the first apply of a Kustomization is approved"
    elif view.applied is not None:
        found["flux.approve"] = f"{view.name} has been applied before"
    elif not view.suspended:
        found["flux.approve"] = f"{view.name} is not suspended: Flux applies it by itself"
    return found
