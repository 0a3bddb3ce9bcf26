"""An incident as a document: a head, the time line, what runs, deployments, logs, events, holds, jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from bakeryops.git.preview import Shortlog
from bakeryops.incident.document import Block, Document, Grid, Heading, Items, Text, Verbatim
from bakeryops.incident.facts import Excerpt, Incident, Running, Shipped
from bakeryops.model.code import Commit
from bakeryops.model.event import EventGroup
from bakeryops.model.health import Health
from bakeryops.model.hold import Hold
from bakeryops.model.job import JobView
from bakeryops.text import ELLIPSIS
from bakeryops.units import format_duration

__all__ = ["document_of", "moment"]

_LOG_MOST = 12
"""Lines of what a step of a job said."""


def moment(seconds: float | None) -> str:
    """Return a time as date and time in UTC, "?" for none that a calendar has."""
    try:
        return "?" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "?"


def document_of(found: Incident) -> Document:
    """Return the document of an incident; nothing in it is harmless before it is sealed."""
    about = found.service or "the whole bakery"
    parts: tuple[Callable[[Incident], Iterator[Block]], ...] = (
        _head, _gaps, _timeline, _running, _shipped, _logs, _events, _holds, _jobs
    )  # fmt: skip
    return Document(
        f"Incident: {about}, {moment(found.since)[:16]} to {moment(found.until)[:16]} UTC",
        tuple(block for part in parts for block in part(found)),
    )


def _head(found: Incident) -> Iterator[Block]:
    context = f" (context {found.context})" if found.context else ""
    yield Grid(
        ("", ""),
        (
            ("Service", found.service or "all"),
            ("From", f"{moment(found.since)} UTC"),
            ("To", f"{moment(found.until)} UTC ({format_duration(found.until - found.since)})"),
            ("Cluster", f"{found.cluster or 'not known'}{context}"),
            ("Exported", f"{moment(found.until)} UTC by {found.who} with bakeryops {found.version}"),
        ),
    )
    yield Text("All times are UTC. Secrets are hidden where they were recognised; look before you hand this on.")


def _gaps(found: Incident) -> Iterator[Block]:
    if found.missing:
        yield Heading(1, "What could not be looked at")
        yield Items(found.missing)
    if found.left:
        yield Heading(1, "What was left out")
        yield Items(found.left)


def _timeline(found: Incident) -> Iterator[Block]:
    yield Heading(1, "Time line")
    if not found.moments:
        yield Text("Nothing is known to have happened.")
        return
    rows = ((moment(each.when), _symbol(each.tone), each.kind, each.what, each.who) for each in found.moments)
    yield Grid(("Time", "", "Kind", "What", "Who"), tuple(rows))


def _symbol(tone: str) -> str:
    return Health(tone).symbol if tone in set(Health) else ""


def _running(found: Incident) -> Iterator[Block]:
    yield Heading(1, "What runs, and what Git wants")
    if not found.running:
        yield Text("No service is known.")
        return
    ordered = sorted(found.running, key=lambda each: (Health(each.health).rank, each.service))
    yield Grid(
        ("", "Service", "State", "Ready", "Runs", "Git wants", "Commit", "Why"), tuple(map(_running_row, ordered))
    )


def _running_row(each: Running) -> tuple[str, ...]:
    runs = each.tag if each.known else "not known"
    wants = each.wanted or "not known"
    built = " ".join(
        part for part in (each.commit, each.subject, f"({each.author})" if each.author else "") if part
    )
    return (
        _symbol(each.health), each.service, each.state, each.ready, runs or "nothing",
        "the same" if each.wanted and each.wanted == each.tag else wants, built, each.why,
    )  # fmt: skip


def _shipped(found: Incident) -> Iterator[Block]:
    yield Heading(1, "Deployments")
    if not found.shipped:
        yield Text("None is known in this time.")
    for each in found.shipped:
        yield from _deployment(each)


def _deployment(each: Shipped) -> Iterator[Block]:
    entry = each.entry
    yield Heading(2, f"{moment(entry.when)} {entry.service}: {entry.kind} {entry.tag}")
    facts = [
        ("What", entry.title),
        ("Who", entry.who),
        ("Commit", entry.commit),
        ("Built from", entry.source),
        ("Before", entry.before),
        ("Build", entry.build),
        ("Result", " ".join(part for part in (entry.result, entry.text) if part)),
        ("Applied", moment(entry.applied) if entry.applied is not None else ""),
        ("Ready", moment(entry.ready) if entry.ready is not None else ""),
    ]
    yield Grid(("", ""), tuple(fact for fact in facts if fact[1]))
    if each.missing:
        yield Text(f"Not all of it could be read: {each.missing}.")
    if each.left:
        yield Text(f"Not shown, because it may hold secrets: {', '.join(each.left)}.")
    if each.diff:
        yield Verbatim(each.diff, diff=True)
    if each.log is not None:
        yield from _commits(each.log, each.folder)


def _commits(log: Shortlog, folder: str) -> Iterator[Block]:
    for commits, more, word in ((log.commits, log.more, "brought"), (log.back, log.back_more, "took back")):
        if commits:
            lines = [*map(_commit, commits), *([f"{ELLIPSIS} {more} more"] if more else [])]
            yield Text(f"Commits of {folder} that it {word}:")
            yield Items(tuple(lines))
    if not log.commits and not log.back:
        yield Text(f"No commit between the two images changed {folder}.")


def _commit(each: Commit) -> str:
    return f"{each.short} {moment(each.committed)[:16]} {each.author}: {each.subject}"


def _logs(found: Incident) -> Iterator[Block]:
    if found.excerpts:
        yield Heading(1, "Logs")
    for each in found.excerpts:
        yield from _excerpt(each)


def _excerpt(each: Excerpt) -> Iterator[Block]:
    yield Heading(2, each.title)
    for sentence in each.about:
        yield Text(sentence)
    if each.missing:
        yield Text(f"No log: {each.missing}.")
    if each.lines:
        yield Verbatim(each.lines, marked=each.marked)
        gaps = (["there was more before"] if each.before else []) + (
            [f"{each.after} lines follow"] if each.after else []
        )
        if gaps:
            yield Text(f"Cut: {', '.join(gaps)}.")


def _events(found: Incident) -> Iterator[Block]:
    if found.events:
        yield Heading(1, "Events" if found.service else "Events (warnings)")
        yield Grid(("Last", "", "Times", "Object", "Reason", "Message"), tuple(map(_event, found.events)))


def _event(each: EventGroup) -> tuple[str, ...]:
    about = f"{each.kind}/{each.namespace}/{each.name}"
    return (
        moment(each.last),
        Health.SOON.symbol if each.warning else "",
        f"{each.count}",
        about,
        each.reason,
        each.message,
    )


def _holds(found: Incident) -> Iterator[Block]:
    yield Heading(1, "Holds")
    if found.holds is None:
        yield Text("Not known.")
    elif not found.holds:
        yield Text("Nothing is held.")
    else:
        yield Grid(("Service", "By", "Since", "Until", "Why"), tuple(map(_hold, found.holds)))


def _hold(each: Hold) -> tuple[str, ...]:
    until = "for ever" if each.until is None else moment(each.until)
    return each.service, each.owner, moment(each.since), until, each.reason


def _jobs(found: Incident) -> Iterator[Block]:
    if found.jobs:
        yield Heading(1, "Jobs")
    for view in found.jobs:
        yield from _job(view)


def _job(view: JobView) -> Iterator[Block]:
    yield Heading(2, f"{view.plan.title}: {view.state}")
    facts = [
        ("Job", view.id),
        ("Who", view.who),
        ("Begun", moment(view.created)),
        ("Ended", moment(view.ended) if view.ended is not None else ""),
        ("Outcome", " ".join(part for part in (view.text, view.why) if part)),
        ("Command", view.plan.command),
        ("Undo", view.plan.undo),
        ("Plan", view.plan.hash),
    ]
    yield Grid(("", ""), tuple(fact for fact in facts if fact[1]))
    rows = []
    for step in view.steps:
        took = step.seconds(view.ended if view.ended is not None else view.created)
        state = f"{step.state}, was so already" if step.already else step.state
        rows.append((step.title, state, "" if took is None else format_duration(took), step.text))
    yield Grid(("Step", "State", "Took", "Evidence"), tuple(rows))
    if view.evidence:
        yield Items(view.evidence)
    for step in view.steps:
        if step.state in ("failed", "stopped") and len(step.log) > 1:
            yield Text(f"What the step {step.title} said last:")
            yield Verbatim(step.log[-_LOG_MOST:])
