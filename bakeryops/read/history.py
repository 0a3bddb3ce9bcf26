"""The history: deployments as Git and Flux tell them, actions as the audit log does, joined with what is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from bakeryops.model.chain import Leg
from bakeryops.model.code import Deployment
from bakeryops.model.health import Health
from bakeryops.model.history import Entry, EntryKind, Record, Result
from bakeryops.model.sync import Past, Sync
from bakeryops.model.workload import PodView
from bakeryops.read.chain_parts import Situation, same_commit
from bakeryops.read.flux_revisions import parse_revision
from bakeryops.read.follow_flux import overtaking, ready_of
from bakeryops.units import parse_time

__all__ = ["Wanted", "actions", "changed", "deployments", "joined", "syncs", "told", "wanted"]

_CLOCK = 60.0
"""Seconds by which clocks may differ."""
_SURE: Final[Mapping[str, int]] = {
    "unknown": 0,
    "waiting": 1,
    "running": 1,
    "failed": 2,
    "overtaken": 2,
    "applied": 3,
    "rolled back": 4,
}
_KINDS: Final[Mapping[str, EntryKind]] = {"deploy": "deploy", "rollback": "rollback", "reapply": "reapply"}
_OUTCOMES: Final[Mapping[str, Result]] = {
    "done": "done",
    "partial": "partial",
    "failed": "failed",
    "cancelled": "cancelled",
    "refused": "refused",
}


class Wanted(msgspec.Struct, frozen=True):
    """Which entries are asked for; empty ones ask for all. `since` is in seconds since the epoch."""

    service: str = ""
    who: str = ""
    result: str = ""
    kind: str = ""
    since: float | None = None
    words: str = ""


def told(at: Situation, pods: Iterable[PodView] = ()) -> list[Entry]:
    """Return all that Git and Flux tell of at this moment; of what runs, `pods` tell since when it is ready."""
    return [*deployments(at, pods), *syncs(at)]


def deployments(at: Situation, pods: Iterable[PodView] = ()) -> list[Entry]:
    """Return every deployment that Git tells of, newest first, with what Flux tells of its fate."""
    seen, found = list(pods), []
    after: dict[str, Deployment] = {}
    for each in at.code.deployments:
        found.append(_deployment(at, each, after.get(each.service), seen))
        after[each.service] = each
    return found


def _deployment(at: Situation, each: Deployment, after: Deployment | None, pods: list[PodView]) -> Entry:
    result, applied, text = _fate(at, each, after)
    ready = applied if result == "applied" and at.sync is not None and at.sync.wait else None
    if after is None and result == "applied" and ready is None and at.workloads is not None:
        leg = Leg("applied", "applied", "done", Health.FINE, "", "", None, applied)
        ready = ready_of(at, [each], leg, pods, None).ended
    if after is not None and after.kind == "rollback" and result not in ("overtaken", "waiting"):
        text = ". ".join(part for part in (f"Taken back by {after.commit[:7]}", text) if part)
        result = "rolled back"
    source = at.code.find(each.source) if each.source and each.kind == "deploy" else None
    return Entry(
        key=f"git/{each.commit}/{each.service}",
        kind=_KINDS.get(each.kind, "edit"),
        when=each.when,
        result=result,
        service=each.service,
        who=source.author if source is not None else each.author,
        title=source.subject if source is not None else each.subject,
        commit=each.commit,
        source=each.source,
        tag=each.tag or each.digest,
        before=each.before,
        build=each.run,
        applied=applied,
        ready=ready,
        text=text,
    )


def _fate(at: Situation, each: Deployment, after: Deployment | None) -> tuple[Result, float | None, str]:
    """Return what became of a deployment, when Flux had applied it, and why in a sentence."""
    sync = at.sync
    if sync is None:
        return "unknown", None, ""
    tried = [past for past in sync.history if _is_in(at, past.revision, each, after)]
    good = [past for past in tried if past.health is Health.FINE]
    if good:
        return "applied", _first(at, sync, each, good), ""
    if sync.applied is not None and _is_in(at, sync.applied.text, each, after):
        return "applied", None, ""
    if any(past.health is Health.BAD for past in tried):
        return "failed", None, _trouble(at, sync, each, after)
    have = at.contains(sync.applied.hash, each.commit) if sync.applied is not None else None
    if have is False:
        # It is still to come, or another one of its service will be applied in its place.
        trouble = _trouble(at, sync, each, after)
        return ("failed" if trouble and not sync.suspended else "waiting"), None, trouble
    if after is None:
        return "unknown", None, ""
    over = overtaking(at, [each], each.commit)
    if over is not None and over.certain:
        return "overtaken", None, f"Replaced by {over.by[:7]} before Flux applied it."
    return "unknown", None, ""


def _first(at: Situation, sync: Sync, each: Deployment, good: list[Past]) -> float | None:
    """Return when a deployment was first applied, None where the history does not reach back to it.

    Flux has one entry for each content: one that came back has the first time of long ago, and the oldest entry
    kept says nothing of what was before it, unless it is of this very commit.
    """
    oldest = min(good, key=lambda past: past.first if past.first is not None else each.when)
    exact = same_commit(oldest.revision.rpartition(":")[2], each.commit)
    if oldest.first is None or oldest.first < each.when - _CLOCK or not (exact or oldest is not sync.history[-1]):
        return None
    return oldest.first


def _is_in(at: Situation, revision: str, each: Deployment, after: Deployment | None) -> bool:
    """Return whether a revision has a deployment in it, and not yet the next one of its service."""
    commit = revision.rpartition(":")[2]
    if not at.contains(commit, each.commit):
        return False
    return after is None or at.contains(commit, after.commit) is False


def _trouble(at: Situation, sync: Sync, each: Deployment, after: Deployment | None) -> str:
    if sync.suspended:
        return f"{sync.name} is suspended."
    if sync.attempted is None or not _is_in(at, sync.attempted.text, each, after):
        return ""
    return sync.why or sync.message if sync.health is Health.BAD else ""


def syncs(at: Situation) -> list[Entry]:
    """Return what Flux tells of having applied.

    Of the overlay's own Kustomization, what is told as a deployment is left out, and so are commits of code, which
    change nothing for it.
    """
    deployed = {each.commit for each in at.code.deployments}
    found = []
    for sync in at.syncs or ():
        for past in sync.history:
            commit = past.revision.rpartition(":")[2]
            own = at.sync is not None and sync.key == at.sync.key
            told_already = bool(at.touched(commit)) or any(same_commit(commit, each) for each in deployed)
            if past.revision and not (own and told_already):
                found.append(_sync(sync, past))
    return found


def _sync(sync: Sync, past: Past) -> Entry:
    shown = parse_revision(past.revision)
    results: dict[Health, Result] = {Health.FINE: "applied", Health.BAD: "failed", Health.WORKING: "waiting"}
    first = past.first if past.first is not None else past.last
    fine = past.health is Health.FINE
    return Entry(
        key=f"flux/{sync.key}/{past.revision}/{past.first or 0:.0f}",
        kind="sync",
        when=first or 0.0,
        result=results.get(past.health, "unknown"),
        subject=f"{sync.kind}/{sync.namespace}/{sync.name}",
        who="flux",
        title=f"{sync.name} at {shown.short if shown is not None else past.revision}",
        commit=past.revision.rpartition(":")[2],
        applied=first if fine else None,
        ready=first if fine and sync.wait else None,
        text="" if fine else past.status,
    )


def actions(records: Iterable[Record]) -> list[Entry]:
    """Return the actions that the audit log tells of, newest first: one for each job, one for each lone record."""
    jobs: dict[str, Entry] = {}
    lone: list[Entry] = []
    for record in records:
        if not record.job:
            lone.append(_action(record, f"audit/{record.seq}/{record.hash[:12]}"))
        elif record.job not in jobs:
            jobs[record.job] = _action(record, f"job/{record.job}")
        else:
            jobs[record.job] = _onto(jobs[record.job], record)
    return sorted([*jobs.values(), *lone], key=lambda each: (-each.when, each.key))


def _action(record: Record, key: str) -> Entry:
    begun = Entry(
        key=key,
        kind="action",
        when=parse_time(record.when) or 0.0,
        result="running" if record.job else "noted",
        service=next((each.partition("/")[2] for each in record.scope if each.startswith("service/")), ""),
        subject=record.subject,
        who=f"{record.who}@{record.host}" if record.host and "@" not in record.who else record.who,
        title=record.title or record.action or record.event,
        job=record.job,
        action=record.action,
        text=record.text,
        cluster=record.cluster,
    )
    return _onto(begun, record)


def _onto(entry: Entry, record: Record) -> Entry:
    """Return an action with what a later record of it says."""
    if record.event == "ended" or (record.outcome and record.event not in ("cancel", "lock-broken")):
        return msgspec.structs.replace(
            entry,
            result=_OUTCOMES.get(record.outcome, "unknown"),
            ended=parse_time(record.when),
            text=record.text or entry.text,
        )
    if record.event == "resumed":
        return msgspec.structs.replace(entry, result="running", ended=None)
    return entry


def joined(fresh: Iterable[Entry], kept: Iterable[Entry]) -> list[Entry]:
    """Return what is told now and what is kept from earlier as one list, newest first.

    Of an entry in both, what was once known stays known: Flux tells of its last five applies only.
    """
    found = {each.key: each for each in kept}
    for each in fresh:
        before = found.get(each.key)
        found[each.key] = each if before is None else _merged(each, before)
    return sorted(found.values(), key=lambda each: (-each.when, each.service, each.key))


def _merged(now: Entry, before: Entry) -> Entry:
    if now.kind == "action":
        return now
    older = _SURE.get(now.result, 0) < _SURE.get(before.result, 0)
    return msgspec.structs.replace(
        now,
        result=before.result if older else now.result,
        text=before.text if older else now.text,
        applied=now.applied if now.applied is not None else before.applied,
        ready=now.ready if now.ready is not None else before.ready,
        who=now.who or before.who,
    )


def changed(entries: Iterable[Entry], kept: Iterable[Entry]) -> list[Entry]:
    """Return the entries that are not kept as they are."""
    known = {each.key: each for each in kept}
    return [each for each in entries if known.get(each.key) != each]


def wanted(entries: Iterable[Entry], ask: Wanted) -> list[Entry]:
    """Return the entries that are asked for, in their order; `auth` also asks for `auth-service`."""
    words = [each for each in ask.words.lower().split() if each]
    return [each for each in entries if _fits(each, ask, words)]


def _fits(each: Entry, ask: Wanted, words: Collection[str]) -> bool:
    if ask.since is not None and each.when < ask.since:
        return False
    if (ask.kind and ask.kind != each.kind) or (ask.result and ask.result != each.result):
        return False
    if ask.who and ask.who.lower() not in each.who.lower():
        return False
    if ask.service and ask.service.removesuffix("-service") not in _services(each):
        return False
    named = (each.kind, each.result, each.service, each.subject, each.who, each.title, each.action, each.text)
    text = " ".join((*named, each.tag, each.commit, each.source, each.build, each.job)).lower()
    return all((word[1:] not in text) if word.startswith("!") and word != "!" else word in text for word in words)


def _services(each: Entry) -> set[str]:
    return {each.service.removesuffix("-service"), each.subject.removesuffix("-service")} - {""}
