"""The steps that wait for builds: until a run has ended, and until Flux has applied what it deploys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from bakeryops.actions.build_names import LABEL_MOST
from bakeryops.actions.flux_wait import request, wait_applied, wait_source
from bakeryops.actions.observing import World, observing
from bakeryops.actions.slots import look_slots
from bakeryops.cluster.errors import KubeError
from bakeryops.errors import BakeryopsError
from bakeryops.git.errors import GitError
from bakeryops.jobs.step import READY, At, Check, Step, StepFailedError, registered
from bakeryops.read.build_index import BuildIndex
from bakeryops.read.build_tasks import RUN_LABEL
from bakeryops.read.builds import build_of
from bakeryops.units import format_duration

if TYPE_CHECKING:
    from bakeryops.model.build import Build

__all__ = ["FollowBuild", "SeeDeployed"]

_LONGEST = 4 * 3600.0
"""Seconds for which a run is followed; its own timeouts are shorter."""
_QUEUE_EVERY = 10.0
"""Seconds between two looks at the whole queue, which costs requests."""
_REVISION = "bakery.dev/revision"


@registered
class FollowBuild(Step):
    """Waits until a run has ended; it can be left, and the run goes on."""

    kind: ClassVar[str] = "build.follow"

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Follow the run; return what it built. Raises `StepFailedError` with the first error where it fails."""
        namespace, name = at.args["namespace"], at.args["name"]
        revision = (at.args.get("labels") or {}).get(_REVISION, "")
        selectors = {"taskruns": f"{RUN_LABEL}={name}"} if len(name) <= LABEL_MOST else {}
        selectors |= {"pipelineruns": f"{_REVISION}={revision}"} if revision else {}
        queue = _Queue(at, namespace, name)
        async with observing(
            at, ("pipelineruns", "taskruns"), namespace, seconds=_LONGEST, selectors=selectors
        ) as world:
            while await world.look():
                build = _read(at, world, namespace, name)
                if build is None:
                    raise StepFailedError(f"{name} is gone", why="somebody deleted it before it had ended")
                if build.done is not None:
                    at.progress(build.done, build.total, "tasks")
                if build.finished:
                    return _ended(at, build)
                world.tell(await queue.told(build))
        raise StepFailedError(f"{name} has not ended within {format_duration(_LONGEST)}", outcome="partial")

    async def verify(self, at: At) -> str:
        """Return how it ended."""
        return str(at.memo("end") or "")


def _read(at: At, world: World, namespace: str, name: str) -> Build | None:
    run = world.find("pipelineruns", name)
    if run is None or run.metadata.namespace != namespace:
        return None
    return build_of(run, world.items("taskruns"), now=at.now())


def _ended(at: At, build: Build) -> dict[str, Any]:
    """Return what a run built; raises `StepFailedError` where it did not end well."""
    if build.state != "succeeded":
        first = build.failure
        what = "was cancelled" if build.state == "cancelled" else build.state
        where = f"{first.title}{f', step {first.step}' if first.step else ''}: " if first and first.title else ""
        raise StepFailedError(
            f"{build.name} {what}",
            why=f"{where}{first.text}" if first is not None else build.why or build.message,
            hint=f"See its logs: bakeryops builds logs {build.name}",
        )
    took = build.seconds(at.now())
    services = ", ".join(build.services or ()) or "nothing"
    tag = f" as {build.tag}" if build.tag and build.services else ""
    at.note("end", f"built {services}{tag} in {format_duration(took)}")
    return {
        "services": list(build.services or ()), "tag": build.tag, "deploy_commit": build.deploy_commit,
        "seconds": took,
    }  # fmt: skip


class _Queue:
    """Says what a run does, and where it stands in the queue while it waits for a slot."""

    def __init__(self, at: At, namespace: str, name: str) -> None:
        self._at = at
        self._namespace = namespace
        self._name = name
        self._asked = 0.0
        self._text = ""

    async def told(self, build: Build) -> str:
        """Return a sentence."""
        waiting = [each for each in build.tasks if each.reason == "ExceededResourceQuota"]
        running = [each.title for each in build.tasks if each.state in ("running", "retrying")]
        if not waiting:
            self._text = ""
            return f"runs {', '.join(running[:4])}" if running else build.why or f"it is {build.state}"
        if self._at.now() - self._asked >= _QUEUE_EVERY or not self._text:
            self._asked = self._at.now()
            self._text = await self._place(waiting[0].title)
        return f"{self._text}; runs {', '.join(running[:4])}" if running else self._text

    async def _place(self, title: str) -> str:
        waits = f"{title} waits for a build slot"
        session = await self._at.session()
        try:
            feed = await session.snapshot(("pipelineruns",), namespace=self._namespace)
            index = BuildIndex(clock=self._at.now)
            index.load({"pipelineruns": feed.store("pipelineruns")})
            slots = await look_slots(session, self._namespace, index.builds)
        except KubeError:
            return waits
        place = slots.place(self._name)
        taken = f", {slots.quota.used} of {slots.quota.hard} are taken" if slots.quota is not None else ""
        return f"{waits}: {place} of {len(slots.waiting)} in the queue{taken}" if place is not None else waits


@registered
class SeeDeployed(Step):
    """Has Flux look, and waits until it has applied the commit that carries the new tags."""

    kind: ClassVar[str] = "build.deployed"

    async def check(self, at: At) -> Check:
        """Find whether the run deployed anything at all."""
        if not at.output("follow", "deploy_commit", ""):
            return Check(True, "nothing to apply: the run wrote no tag (held, newer, or the same already)")
        return READY

    async def apply(self, at: At) -> Mapping[str, Any]:
        """Ask the source, then the Kustomization, and wait for that commit; raises `StepFailedError`."""
        commit = str(at.output("follow", "deploy_commit", ""))
        source, sync = at.args["source"], at.args["sync"]

        async def contains(have: str) -> bool:
            return await _holds(at, have, commit)

        token = await request(at, "gitrepositories", source["namespace"], source["name"])
        await wait_source(at, source["namespace"], source["name"], token, commit=commit, contains=contains)
        token = await request(at, "kustomizations", sync["namespace"], sync["name"])
        revision = await wait_applied(
            at, sync["namespace"], sync["name"], token, commit=commit, contains=contains, seconds=900.0
        )
        at.note("end", f"{sync['name']} has applied {revision.rpartition(':')[2][:12]}, which holds {commit[:7]}")
        return {"revision": revision}

    async def verify(self, at: At) -> str:
        """Return what was applied."""
        return str(at.memo("end") or "")


async def _holds(at: At, have: str, commit: str) -> bool:
    """Return whether one commit has another in its history; False where Git cannot be asked."""
    try:
        repository = await at.repository()
        await repository.refresh()
        return await repository.is_ancestor(commit, have)
    except (GitError, BakeryopsError):
        return False
