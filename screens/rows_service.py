"""One service as lines and rows: what runs, who deployed it, its deployments, pods and builds."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.cells import cell_len

from bakeryops.model.build import Build
from bakeryops.model.chain import Release, ServiceView
from bakeryops.model.code import CodeView
from bakeryops.model.health import Health
from bakeryops.read.holds import hold_text
from bakeryops.units import format_age, format_bytes, format_cpu, format_duration
from screens.lines import Line, cut
from screens.rows_chain import said_once
from screens.rows_workloads import pod_row
from screens.widgets.cells import Cell, Column, Row

__all__ = [
    "RELEASE_COLUMNS",
    "SERVICE_BUILD_COLUMNS",
    "pod_rows",
    "release_rows",
    "service_build_rows",
    "service_lines",
]

RELEASE_COLUMNS = (
    Column("health", "", 1, worth=100, sort=False),
    Column("when", "deployed", 16, worth=99, sort=False),
    Column("state", "state", 11, worth=96, sort=False),
    Column("commit", "commit", 7, worth=98, sort=False),
    Column("subject", "subject", 24, worth=97, grow=True, sort=False),
    Column("author", "author", 10, worth=80, grow=True, most=18, sort=False),
    Column("ran", "lasted", 6, worth=70, align="right", sort=False),
    Column("kind", "kind", 8, worth=60, sort=False),
    Column("image", "image", 6, worth=58, sort=False),
    Column("tag", "tag", 18, worth=55, keep=8, grow=True, most=29, sort=False),
    Column("run", "build", 12, worth=50, keep=5, grow=True, most=24, sort=False),
)
"""A deployment a row, newest first: each is a point to go back to."""

_IMAGE = {None: Cell(""), True: Cell("stored", "dim"), False: Cell("gone", "soon")}
"""Whether the registry still has what a person would go back to."""

SERVICE_BUILD_COLUMNS = (
    Column("health", "", 1, worth=100, sort=False),
    Column("name", "build", 18, worth=99, keep=5, grow=True, most=26, sort=False),
    Column("state", "state", 10, worth=98, sort=False),
    Column("commit", "commit", 7, worth=96, sort=False),
    Column("took", "took", 6, worth=90, align="right", sort=False),
    Column("age", "age", 4, worth=92, align="right", sort=False),
    Column("why", "commit, reason", 16, worth=97, grow=True, sort=False),
    Column("author", "author", 10, worth=60, grow=True, most=18, sort=False),
)
"""A build of the service a row."""

_STATES = {
    "running": Health.FINE, "replaced": Health.FINE, "not applied": Health.SOON, "overtaken": Health.FINE,
    "unknown": Health.UNKNOWN,
}  # fmt: skip


def service_lines(view: ServiceView, width: int, now: float, *, told: str = "") -> list[Line]:
    """Return what is to be known of the service in a few lines; `told` is an unknown that is told elsewhere."""
    tone = view.health.value
    quiet = tone if view.health is not Health.FINE else ""
    head = f" {view.health.symbol} {view.name}  {view.state}"
    room = width - cell_len(head) - 3
    lines: list[Line] = [((head, tone), (f"  {cut(_reason(view), room)}" if room > 0 else "", quiet))]
    lines += _held(view, width, now)
    commit = view.commit
    told = f'{commit.short} "{commit.subject}" {commit.author}' if commit is not None else view.image
    tag = view.tag or ("?" if view.image else "nothing")
    lines.append((("   runs       ", "dim"), (f"{tag}  ", ""), (cut(told, width - 17 - cell_len(tag)), "dim")))
    if view.wanted_tag and view.wanted_tag != view.tag:
        lines.append((("   Git wants  ", "dim"), (view.wanted_tag, "soon")))
    if view.deployed is not None:
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(view.deployed))
        ago = format_age(now - view.deployed)
        lines.append((("   deployed   ", "dim"), (f"{when} UTC, {ago} ago, by {view.deployed_by or '?'}", "")))
    if view.workload is not None:
        lines.append((("   uses       ", "dim"), (_uses(view), ""), (_restarts(view), "soon")))
    if view.database is not None:
        base = view.database
        text = f"{base.name} {base.ready}/{base.desired} {base.status}"
        lines.append((("   database   ", "dim"), (text, "" if base.health is Health.FINE else base.health.value)))
    lines += [((f"   {cut(each, width - 4)}", "unknown"),) for each in view.unknowns[:2] if each != told]
    return lines


def _held(view: ServiceView, width: int, now: float) -> list[Line]:
    """Return who holds the service back, and what of it waits to be written back to Git."""
    lines: list[Line] = []
    if view.hold is not None:
        tone = "soon" if view.hold.over(now) else "held"
        lines.append(
            ((f" {Health.HELD.symbol} held       ", tone), (cut(hold_text(view.hold, now), width - 15), tone))
        )
    if view.write_back is not None:
        todo = f"write it back: bakeryops rollback {view.name} --write-back"
        lines.append((("   past Git   ", "dim"), (cut(todo, width - 15), "bad")))
    return lines


def _uses(view: ServiceView) -> str:
    assert view.workload is not None
    amounts = view.workload.amounts
    ready = f"{view.workload.ready}/{view.workload.desired} ready"
    if amounts.memory_used is None or amounts.cpu_used is None:
        return ready
    limit = f" of {format_bytes(amounts.memory_limit)}" if amounts.memory_limit else ""
    return f"{ready}, memory {format_bytes(amounts.memory_used)}{limit}, cpu {format_cpu(amounts.cpu_used)}"


def _restarts(view: ServiceView) -> str:
    assert view.workload is not None
    count = view.workload.restarts_hour
    return f", {count} restart{'' if count == 1 else 's'} in 1 h" if count else ""


def _reason(view: ServiceView) -> str:
    """Return why it is as it is, without its names and its state, which stand before it."""
    why = said_once(view.why)
    for name in (view.name, view.workload.name if view.workload is not None else ""):
        why = why.replace(f"{name}: ", "") if name else why
    return why.removeprefix("crash-looping: ") if view.state == "CrashLoopBackOff" else why


def release_rows(releases: Sequence[Release], health: Health, now: float) -> list[Row]:
    """Return the deployments in the order given; `health` is that of the service, and so of the one that runs."""
    return [_release(place, each, health, now) for place, each in enumerate(releases)]


def _release(place: int, release: Release, runs: Health, now: float) -> Row:
    deployment, commit = release.deployment, release.commit
    health = runs if release.running else _STATES.get(release.state, Health.UNKNOWN)
    current = "" if runs.rank > Health.SOON.rank else runs.value
    tone = health.value
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(deployment.when))
    end = release.until if release.until is not None else now if release.running else None
    lasted = format_duration(end - deployment.when) if end is not None else ""
    source = deployment.source or (commit.sha if commit is not None else "")
    subject = commit.subject if commit is not None else deployment.subject
    author = commit.author if commit is not None else deployment.author
    kind_tone = "soon" if deployment.kind != "deploy" else "dim"
    cells = (
        Cell(
            "●"
            if release.running and health is Health.FINE
            else health.symbol
            if health is not Health.FINE
            else " ",
            tone,
        ),
        Cell(when, "" if release.running else "dim"),
        Cell(release.state, current if release.running else tone if health is not Health.FINE else "dim"),
        Cell(source[:7]),
        Cell(subject),
        Cell(author, "dim"),
        Cell(lasted, "dim"),
        Cell(deployment.kind, kind_tone),
        _IMAGE[release.stored],
        Cell(deployment.tag, "" if release.running else "dim"),
        Cell(deployment.run, "dim"),
    )
    search = f"{deployment.tag} {source} {subject} {author} {deployment.kind} {deployment.run}".lower()
    return Row(f"{deployment.commit}/{deployment.service}", cells, (place,) * len(cells), search)


def pod_rows(view: ServiceView, now: float) -> list[Row]:
    """Return the pods of the service as the workloads view shows pods."""
    return [pod_row(pod, now) for pod in view.pods]


def service_build_rows(builds: Sequence[Build], code: CodeView, now: float) -> list[Row]:
    """Return the builds in the order given, with what Git says of their commits."""
    return [_build(place, each, code, now) for place, each in enumerate(builds)]


def _build(place: int, view: Build, code: CodeView, now: float) -> Row:
    tone = view.health.value
    commit = code.find(view.trigger.revision) if view.trigger.revision else None
    took = view.seconds(now)
    cells = (
        Cell(view.health.symbol, tone),
        Cell(view.name, tone if view.health.rank < 4 else ""),
        Cell(view.state, tone if view.health is not Health.FINE else "dim"),
        Cell(view.trigger.revision[:7]),
        Cell("" if took is None else format_duration(took)),
        Cell(format_age(now - view.created), "dim"),
        Cell(view.why, "dim") if view.why or commit is None else Cell(commit.subject),
        Cell(commit.author if commit is not None else view.trigger.pusher, "dim"),
    )
    return Row(view.key, cells, (place,) * len(cells), f"{view.name} {view.state} {view.why}".lower())
