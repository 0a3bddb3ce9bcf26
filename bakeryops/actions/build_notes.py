"""What to know before a build is made: which commit it is, holds, later sources, builds under way, room for it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from bakeryops.actions.build_objects import fetched, reached
from bakeryops.actions.headroom import look_headroom, needs_of
from bakeryops.actions.slots import look_slots, slot_notes
from bakeryops.errors import BakeryopsError, UsageError
from bakeryops.git.errors import GitError
from bakeryops.model.build import Build
from bakeryops.model.code import Commit
from bakeryops.model.plan import Note
from bakeryops.read.chain_parts import Situation, same_commit
from bakeryops.text import clean
from bakeryops.units import parse_time

if TYPE_CHECKING:
    from bakeryops.actions.ground import Ground

__all__ = [
    "Chosen",
    "chosen_commit",
    "deploy_notes",
    "room_notes",
    "service_of",
    "situation",
    "under_way",
    "usual_seconds",
]

HOLDS = "bakery-holds"
_FULL = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_RECENT = 20
_ROOM = {
    "fits": ("fine", "It fits on the node."),
    "waits": ("soon", "It waits: the node has no memory to promise."),
    "would evict": ("bad", "It would evict: the kubelet would end pods to get room."),
    "unknown": ("unknown", "Whether it fits on the node is not known in full."),
}


class Chosen(msgspec.Struct, frozen=True):
    """The commit to build; `commit` is None where Git is not known and a whole hash was given."""

    sha: str
    commit: Commit | None
    notes: tuple[Note, ...] = ()

    @property
    def text(self) -> str:
        """The commit for people."""
        if self.commit is None:
            return self.sha[:12]
        return f'{self.sha[:7]} "{self.commit.subject}" {self.commit.author}'


def situation(ground: Ground) -> Situation:
    """Return Git, builds and Flux of the ground, joined."""
    flux = ground.delivery.flux
    return Situation(
        ground.code, ground.delivery.builds.builds, flux.sources.values(), flux.syncs.values(),
        ground.workloads.workloads.values(), now=ground.now,
    )  # fmt: skip


async def chosen_commit(ground: Ground, revision: str) -> Chosen:
    """Return the commit that a person means; "" is the newest of the branch that is no deployment.

    Raises `UsageError` for one that is not on the branch, `BakeryopsError` where Git is not known and no whole
    hash was given.
    """
    code, wanted = ground.code, revision.strip()
    if not code.main:
        if _FULL.fullmatch(wanted.lower()):
            text = f"Whether {wanted[:7]} is on {code.branch} is not known: {code.reason or 'Git was not read'}"
            return Chosen(wanted.lower(), None, (Note("unknown", text),))
        raise BakeryopsError(
            "which commit to build is not known, as Git is not",
            why=code.reason,
            hint=code.hint or "Give the whole hash of the commit: --at SHA",
        )
    notes: tuple[Note, ...] = ()
    if code.state != "live":
        notes = (Note("unknown", f"Git is as it was last fetched: {code.reason}"),)
    if not wanted:
        deploys = situation(ground).deploys
        sha = next((each for each in code.main if each not in deploys), code.main[0])
        return Chosen(sha, code.commits.get(sha), notes)
    if wanted in ("HEAD", code.branch):
        return Chosen(code.head, code.commits.get(code.head), notes)
    found = code.find(wanted.lower()) or await _shown(ground, wanted)
    if found is None:
        raise UsageError(
            f"there is no commit {clean(wanted)} on {code.branch}",
            hint="Give a commit of the branch, at least four digits of its hash; see: git log",
        )
    if found.sha not in code.main and not await _before(ground, found.sha, code.head):
        raise UsageError(
            f"{found.short} is not on {code.branch}",
            why="only what is on the branch that is deployed can be rebuilt: its tag would be deployed",
            hint=f"Merge it into {code.branch} first, or choose a commit of it.",
        )
    return Chosen(found.sha, found, notes)


async def _shown(ground: Ground, wanted: str) -> Commit | None:
    if ground.repository is None:
        return None
    try:
        return (await ground.repository.show(wanted)).commit
    except GitError:
        return None


async def _before(ground: Ground, first: str, second: str) -> bool | None:
    """Return whether `first` is in the history of `second`; None where nobody knows."""
    if same_commit(first, second):
        return True
    if ground.repository is not None:
        try:
            return await ground.repository.is_ancestor(first, second)
        except GitError:
            pass
    return situation(ground).contains(second, first)


def service_of(ground: Ground, text: str) -> str:
    """Return the service that a name means; raises `UsageError` where there is none."""
    name = ground.delivery.service_named(text, ground.code, ground.workloads)
    known = ground.code.services or tuple(ground.delivery.services(ground.code, ground.workloads))
    if name not in known:
        close = [each for each in known if each[:3] == text[:3]]
        raise UsageError(
            f"there is no service {clean(text)}",
            hint=f"Did you mean {' or '.join(close[:3])}?" if close else f"There are: {', '.join(known[:25])}",
        )
    return name


async def deploy_notes(ground: Ground, namespace: str, sha: str, services: Sequence[str]) -> list[Note]:
    """Return which services the run would build but not deploy, and what else goes on with them."""
    session = reached(ground)
    found, why = await fetched(session, "configmaps", HOLDS, namespace)
    notes = []
    if why:
        notes.append(Note("unknown", f"Whether a service is held is not known: {why}"))
    holds = held((found or {}).get("data") or {}, ground.now)
    for service in services:
        if service in holds:
            text = f"{service} is held {holds[service]}: its image is made, and update-tag leaves it undeployed."
            notes.append(Note("soon", text))
        elif later := await _later(ground, sha, service):
            text = f"{service} runs {later[:7]}, which is newer: update-tag will leave it as it is."
            notes.append(Note("soon", text))
        if ground.code.images and service not in {each.service for each in ground.code.images}:
            text = f"The overlay has no image {service}: update-tag fails, and deploys none of this run."
            notes.append(Note("bad", text))
    return notes


def held(data: Mapping[str, Any], now: float) -> dict[str, str]:
    """Return by whom, until when and why each service is held, from the ConfigMap; one that is over is none."""
    found: dict[str, str] = {}
    for service, text in data.items():
        try:
            entry = msgspec.json.decode(str(text))
        except (msgspec.DecodeError, RecursionError):
            entry = None
        entry = entry if isinstance(entry, dict) else {}
        owner, reason, until = (clean(str(entry.get(key) or "")) for key in ("owner", "reason", "until"))
        end = parse_time(until)
        if end is not None and end <= now:
            continue
        limit = f"until {until}" if until else "until it is lifted"
        found[clean(str(service))] = f"by {owner or 'somebody'} {limit}" + (f" ({reason})" if reason else "")
    return found


async def _later(ground: Ground, sha: str, service: str) -> str:
    """Return the source that is deployed of a service, where it comes after a commit; "" where it does not."""
    source = next((each.source for each in ground.code.deployments if each.service == service), "")
    if not source or same_commit(source, sha):
        return ""
    return source if await _before(ground, sha, source) else ""


def under_way(builds: Iterable[Build], services: Sequence[str], but: str = "") -> list[Note]:
    """Return the unfinished builds that may deploy the same services."""
    notes = []
    for each in builds:
        if each.finished or each.key == but:
            continue
        both = [name for name in services if each.services is None or name in each.services]
        if both and each.services is not None:
            notes.append(Note("soon", f"{each.name} builds {', '.join(both[:3])} too and has not ended."))
        elif both:
            notes.append(Note("unknown", f"{each.name} has not ended, and what it builds is not known yet."))
    return notes[:3]


async def room_notes(
    ground: Ground,
    namespace: str,
    pipeline: Mapping[str, Any] | None,
    run_spec: Mapping[str, Any],
    wanted: int | None,
) -> tuple[list[Note], list[str]]:
    """Return what to know of slots and room before `wanted` builds, and the measures in sentences."""
    session = reached(ground)
    slots = await look_slots(session, namespace, ground.delivery.builds.builds)
    notes = slot_notes(slots, wanted, ground.now)
    quota = slots.quota
    at_once = min(wanted or 1, quota.hard) if quota is not None else wanted or 1
    needs = await needs_of(session, namespace, pipeline, run_spec, quota.classes if quota is not None else ())
    pods = ground.workloads.pods.values() if ground.workloads.pods_known else None
    room = await look_headroom(session, pods, needs, max(1, at_once))
    tone, text = _ROOM[room.verdict]
    return [*notes, Note(tone, text)], [each.text for each in room.notes]


def usual_seconds(builds: Iterable[Build], pipeline: str) -> float | None:
    """Return how long the last good builds of a pipeline took in the middle; None where there are none."""
    took = [
        each.ended - each.started
        for each in builds
        if each.state == "succeeded" and each.pipeline == pipeline and each.services
        and each.started is not None and each.ended is not None
    ]  # fmt: skip
    return statistics.median(took[:_RECENT]) if took else None
