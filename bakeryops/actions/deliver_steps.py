"""The steps that bring a commit to the pods: fetched by Flux, applied, rolled out, staying up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bakeryops.actions.builds_steps import CancelBuild
from bakeryops.actions.flux_steps import ancestors
from bakeryops.actions.flux_wait import is_revision, request, wait_applied, wait_source
from bakeryops.actions.ground import gather
from bakeryops.actions.rollback_look import delivery_of
from bakeryops.actions.rollout_wait import stays_ready, wait_rollout
from bakeryops.cluster.errors import KubeError
from bakeryops.jobs.person import operator
from bakeryops.jobs.step import FAILED, At, Check, Step, StepFailedError, registered
from bakeryops.text import clean

__all__ = ["AppliedCommit", "Delivered", "FetchedCommit", "Ready", "StaysReady", "StopBuild"]

_PATIENCE = 120.0
"""Seconds for which an API server that is away is waited for before a step gives up."""


def _commit(at: At) -> str:
    """Return the commit that is delivered: the one that was pushed."""
    return str(at.output("push", "commit") or at.args.get("commit") or "")


@registered
class FetchedCommit(Step):
    """Have Flux' source fetch the commit, asked with a token of our own, and wait until it has it in store."""

    kind = "deliver.fetch"

    async def check(self, at: At) -> Check:
        """Look whether it is in store already, or one that holds it."""
        session = await at.reached(_PATIENCE)
        obj = await session.get("gitrepositories", str(at.args["name"]), str(at.args["namespace"]))
        status = obj.get("status")
        artifact = status.get("artifact") if isinstance(status, dict) else None
        revision = str(artifact.get("revision") or "") if isinstance(artifact, dict) else ""
        if is_revision(revision, _commit(at)):
            return Check(True, f"GitRepository {at.args['name']} has {clean(revision)}", {"revision": revision})
        return Check(False)

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Ask, and wait."""
        namespace, name, commit = str(at.args["namespace"]), str(at.args["name"]), _commit(at)
        token = await request(at, "gitrepositories", namespace, name)
        contains = await ancestors(at, commit)
        seconds = float(at.args.get("seconds") or 120.0)
        revision = await wait_source(at, namespace, name, token, commit=commit, contains=contains, seconds=seconds)
        return {"revision": revision}

    async def verify(self, at: At) -> str:
        """Tell what is in store."""
        return f"GitRepository {clean(str(at.args['name']))} has {clean(str(at.output(at.step.id, 'revision')))}"


@registered
class AppliedCommit(Step):
    """Have the Kustomization apply the commit, asked with a token of our own, and wait for exactly that revision.

    A health check that fails on this very revision, for whatever object, is told and no failure of the step: the
    objects are applied then, and the next step looks at those that matter.
    """

    kind = "deliver.apply"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Ask, and wait."""
        namespace, name, commit = str(at.args["namespace"]), str(at.args["name"]), _commit(at)
        await at.reached(_PATIENCE)
        contains = await ancestors(at, commit)
        seconds = float(at.args.get("seconds") or 660.0)
        again = at.memo(FAILED) is True
        if again and at.args.get("source"):
            # What was wrong with the commit may have been mended by a later one, which is to be fetched first.
            source = (str(at.args["source_namespace"]), str(at.args["source"]))
            token = await request(at, "gitrepositories", *source, fresh=True)
            await wait_source(at, *source, token, commit=commit, contains=contains)
        token = await request(at, "kustomizations", namespace, name, fresh=again)
        try:
            revision = await wait_applied(
                at, namespace, name, token, commit=commit, contains=contains, seconds=seconds
            )
        except StepFailedError as error:
            revision = await self._unhealthy(at, namespace, name, commit, contains)
            if not revision:
                at.note(FAILED, True)
                raise
            return {"revision": revision, "unhealthy": f"{error.message}: {error.why}"}
        return {"revision": revision}

    async def verify(self, at: At) -> str:
        """Tell what is applied."""
        revision = clean(str(at.output(at.step.id, "revision")))
        unhealthy = at.output(at.step.id, "unhealthy")
        if unhealthy:
            return f"the objects of {revision} are applied; {clean(str(unhealthy))}"
        return f"Kustomization {clean(str(at.args['name']))} has applied {revision}"

    async def _unhealthy(self, at: At, namespace: str, name: str, commit: str, contains: Any) -> str:
        """Return the revision whose objects are applied though its health check failed, "" where none is."""
        try:
            session = await at.session()
            obj = await session.get("kustomizations", name, namespace)
        except KubeError:
            return ""
        status = obj.get("status")
        status = status if isinstance(status, dict) else {}
        conditions = status.get("conditions")
        reasons = {
            each.get("type"): each.get("reason")
            for each in (conditions if isinstance(conditions, list) else ())
            if isinstance(each, dict)
        }
        revision = str(status.get("lastAttemptedRevision") or "")
        if reasons.get("Ready") != "HealthCheckFailed":
            return ""
        if is_revision(revision, commit):
            return clean(revision)
        found = revision.rpartition(":")[2]
        return clean(revision) if contains is not None and found and await contains(found) else ""


@registered
class Ready(Step):
    """Wait until everything that runs an image has rolled out with it, by tag and digest."""

    kind = "deliver.ready"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Wait for all of them together."""
        await at.reached(_PATIENCE)
        seconds = float(at.args.get("seconds") or 600.0)
        found = await asyncio.gather(
            *(
                wait_rollout(
                    at, str(each["kind"]), str(each["namespace"]), str(each["name"]), image=str(each["image"]),
                    digest=str(each.get("digest") or ""), seconds=seconds,
                )
                for each in at.args["workloads"]
            )
        )  # fmt: skip
        return {"evidence": list(found)}

    async def verify(self, at: At) -> str:
        """Tell what runs."""
        return "; ".join(clean(str(each)) for each in at.output(at.step.id, "evidence", []))


@registered
class StaysReady(Step):
    """Watch what was rolled out for a while: no restart, no pod less."""

    kind = "deliver.stays"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Watch all of them together."""
        await at.reached(_PATIENCE)
        seconds = float(at.args.get("seconds") or 30.0)
        found = await asyncio.gather(
            *(
                stays_ready(
                    at, str(each["kind"]), str(each["namespace"]), str(each["name"]),
                    image=str(each.get("image") or ""), seconds=seconds,
                )
                for each in at.args["workloads"]
            )
        )  # fmt: skip
        return {"evidence": list(found)}

    async def verify(self, at: At) -> str:
        """Tell what was seen."""
        return "; ".join(clean(str(each)) for each in at.output(at.step.id, "evidence", []))


@registered
class Delivered(Step):
    """Bring the commit to the pods by whatever applies the overlay, found out only now: it was away before."""

    kind = "deliver.late"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Look who delivers, have Flux apply the commit, and wait for the pods."""
        ground = await gather(at.config, await at.reached(_PATIENCE), operator(at.config))
        images, commit = dict(at.args["images"]), _commit(at)
        delivery = delivery_of(ground, images)
        sync, source = delivery.sync, delivery.source
        if sync is None:
            raise StepFailedError(
                "no Kustomization is known that applies the overlay",
                why=ground.away,
                hint="See: bakeryops flux; then go on with the job",
            )
        if sync.suspended:
            raise StepFailedError(
                f"Kustomization {sync.name} is suspended",
                why="what was pushed is not applied",
                hint=f"Resume it, then go on with the job: bakeryops flux resume {sync.name}",
            )
        contains, limit = await ancestors(at, commit), (sync.timeout or 300.0) + 360.0
        again = at.memo(FAILED) is True
        if source is not None and source.kind == "GitRepository":
            token = await request(at, "gitrepositories", source.namespace, source.name, fresh=again)
            await wait_source(at, source.namespace, source.name, token, commit=commit, contains=contains)
        token = await request(at, "kustomizations", sync.namespace, sync.name, fresh=again)
        try:
            revision = await wait_applied(
                at, sync.namespace, sync.name, token, commit=commit, contains=contains, seconds=limit
            )
        except StepFailedError:
            at.note(FAILED, True)
            raise
        evidence = [f"Kustomization {sync.name} has applied {revision}"]
        for service, views in delivery.workloads.items():
            for each in views:
                place = (each.kind, each.namespace, each.name)
                image, watch = str(images[service]), float(at.args.get("watch") or 0)
                evidence.append(await wait_rollout(at, *place, image=image))
                if watch:
                    evidence.append(await stays_ready(at, *place, image=image, seconds=watch))
        return {"evidence": evidence}

    async def verify(self, at: At) -> str:
        """Tell what was seen."""
        return "; ".join(clean(str(each)) for each in at.output(at.step.id, "evidence", []))


@registered
class StopBuild(CancelBuild):
    """Cancel a build that would write over what is delivered; one that has ended meanwhile needs no cancelling."""

    kind = "build.stop"

    async def check(self, at: At) -> Check:
        """Look whether it has ended."""
        try:
            return await super().check(at)
        except StepFailedError as error:
            return Check(True, error.message)
