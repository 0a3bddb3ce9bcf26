"""Builds as rows of a list, the line above it, and the strip of the last ones; no Textual in here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from bakeryops.cluster.wire.core import ResourceQuota
from bakeryops.model.build import Build
from bakeryops.model.code import CodeView, Commit
from bakeryops.model.health import Health
from bakeryops.units import format_age, format_duration, parse_quantity
from screens.lines import Line, Span, columns
from screens.widgets.cells import Cell, Column, Row
from screens.widgets.chart import sparkline
from screens.widgets.late import LateRow

__all__ = [
    "BUILD_COLUMNS",
    "BuildRow",
    "BuildSlots",
    "brief",
    "build_number",
    "build_slots",
    "build_strip",
    "builds_heading",
    "commit_of",
    "services_text",
    "state_words",
    "trigger_words",
]

BUILD_COLUMNS = (
    Column("health", "", 1, worth=100),
    Column("name", "build", 10, worth=97, keep=5),
    Column("state", "state", 11, worth=99),
    Column("services", "services", 12, worth=92, grow=True, most=34),
    Column("commit", "commit", 7, worth=91),
    Column("subject", "subject", 22, worth=89, grow=True, most=60),
    Column("author", "author", 12, worth=70),
    Column("why", "why", 20, worth=30, grow=True, most=60),
    Column("took", "took", 5, worth=96, align="right"),
    Column("queued", "queued", 6, worth=60, align="right"),
    Column("age", "age", 4, worth=95, align="right"),
    Column("trigger", "trigger", 12, worth=40),
    Column("namespace", "namespace", 12, worth=20),
)
"""A build a row."""

STRIP = 24
"""Builds in the strip above the list."""

SLOT_QUOTA = "build-slots"
"""Name of the ResourceQuota that says how many pods may build at a time."""

SHORT_NAME = 5
"""Letters of the random end of a run's name."""


class BuildSlots(NamedTuple):
    """How many pods build, and may build at a time."""

    used: int
    most: int


class BuildRow(LateRow):
    """One build, drawn up when it comes on screen."""

    __slots__ = ("build", "code", "now")

    def __init__(self, build: Build, code: CodeView, now: float) -> None:
        """Take the build, what Git says, and the time as seconds since the epoch."""
        super().__init__(build.key)
        self.build = build
        self.code = code
        self.now = now

    def make(self) -> Row:
        """Draw the row up."""
        return _row(self.build, commit_of(self.build, self.code), self.now)

    def sort_value(self, column: int) -> Any:
        """Return what a column is sorted by."""
        return _SORT[BUILD_COLUMNS[column].key](self)

    @property
    def search(self) -> str:
        """Return the lower-case text that a filter looks in."""
        build, commit = self.build, commit_of(self.build, self.code)
        words = [
            build.name, build.namespace, build.state, build.reason, build.trigger.revision, build.trigger.pusher,
            trigger_words(build), *(build.services or ()),
        ]  # fmt: skip
        if commit is not None:
            words += [commit.subject, commit.author]
        return " ".join(words).lower()


def brief(seconds: float) -> str:
    """Return a time as Tekton keeps it, to the second: "0s", "6s", "1m49"."""
    return f"{int(max(0.0, seconds))}s" if seconds < 10 else format_duration(seconds)


def commit_of(build: Build, code: CodeView) -> Commit | None:
    """Return the commit that a build builds, None where Git does not know it."""
    return code.find(build.trigger.revision) if build.trigger.revision else None


def build_number(build: Build) -> str:
    """Return what tells a build from others of its pipeline: the random end of its name, else all of it."""
    head, _, tail = build.name.rpartition("-")
    return tail if head == build.pipeline and len(tail) == SHORT_NAME else build.name


def state_words(build: Build) -> str:
    """Return the state with what it adds: progress while it runs, the reason where it is not the plain one."""
    if build.state in ("running", "stopping") and build.total:
        return f"{build.state} {build.done or 0}/{build.total}"
    plain = ("", "Failed", "Succeeded", "Completed", "Running", "Started", "Cancelled", "PipelineRunTimeout",
             "PipelineRunPending", "PipelineRunCancelled")  # fmt: skip
    return build.state if build.reason in plain else f"{build.state}: {build.reason}"


def services_text(build: Build) -> str:
    """Return what it builds."""
    if build.services is None:
        return "" if build.finished else "…"
    return " ".join(build.services) if build.services else "nothing changed"


def trigger_words(build: Build) -> str:
    """Return what started it, as far as known."""
    trigger = build.trigger
    if trigger.rerun_of:
        return f"rerun of {trigger.rerun_of.rpartition('-')[2]}"
    if trigger.event or trigger.listener:
        return f"push{f' {trigger.pusher}' if trigger.pusher else ''}"
    return trigger.pusher or "by hand"


def _row(build: Build, commit: Commit | None, now: float) -> Row:
    tone = build.health.value
    quiet = build.health is Health.FINE
    author = commit.author if commit is not None else build.trigger.pusher
    took = build.seconds(now)
    cells = (
        Cell(build.health.symbol, tone),
        Cell(build_number(build), tone if build.health.rank < 3 else ""),
        Cell(state_words(build), "dim" if quiet else tone),
        Cell(services_text(build), "dim" if not build.services else ""),
        Cell(build.trigger.revision[:7], "dim"),
        Cell(commit.subject if commit is not None else ""),
        Cell(author, "dim"),
        Cell("" if quiet else build.why, "dim"),
        Cell("" if took is None else brief(took), "" if build.finished else "working"),
        Cell("" if build.queued is None else brief(build.queued), "dim"),
        Cell(format_age(now - build.created), "dim"),
        Cell(trigger_words(build), "dim"),
        Cell(build.namespace, "dim"),
    )
    return Row(build.key, cells)


_SORT: dict[str, Callable[[BuildRow], Any]] = {
    "health": lambda row: (row.build.health.rank, -row.build.created),
    "name": lambda row: row.build.name,
    "state": lambda row: row.build.state,
    "services": lambda row: services_text(row.build),
    "commit": lambda row: row.build.trigger.revision,
    "subject": lambda row: commit.subject if (commit := commit_of(row.build, row.code)) is not None else "",
    "author": lambda row: commit.author if (commit := commit_of(row.build, row.code)) is not None else "",
    "why": lambda row: row.build.why,
    # The newest and the longest are what one looks for.
    "took": lambda row: -(row.build.seconds(row.now) or 0.0),
    "queued": lambda row: -(row.build.queued or 0.0),
    "age": lambda row: -row.build.created,
    "trigger": lambda row: trigger_words(row.build),
    "namespace": lambda row: row.build.namespace,
}


def build_slots(quotas: Iterable[ResourceQuota], namespaces: Iterable[str]) -> BuildSlots | None:
    """Return how many build slots are used, None where no quota of these namespaces counts them."""
    wanted = set(namespaces)
    for quota in quotas:
        status = quota.status
        if quota.metadata.name != SLOT_QUOTA or quota.metadata.namespace not in wanted or status is None:
            continue
        most = parse_quantity((status.hard or {}).get("pods"))
        used = parse_quantity((status.used or {}).get("pods"))
        if most is not None and used is not None:
            return BuildSlots(int(used), int(most))
    return None


def build_strip(builds: Sequence[Build], width: int, *, now: float = 0.0) -> Line:
    """Return the last `width` builds as bars, the newest at the right: height by duration, tone by result.

    `builds` are newest first; `now` (seconds since the epoch) gives those that run their length so far.
    """
    shown = list(builds[: max(0, width)])[::-1]
    lengths = [_length(build, now) for build in shown]
    longest = max(lengths, default=0.0)
    spans: list[Span] = [(" " * (width - len(shown)), "")] if len(shown) < width else []
    for build, length in zip(shown, lengths, strict=True):
        bar = sparkline([length], 1, top=longest or 1.0)
        tone = build.health.value
        if spans and spans[-1][1] == tone:
            spans[-1] = (spans[-1][0] + bar, tone)
        else:
            spans.append((bar, tone))
    return tuple(spans)


def _length(build: Build, now: float) -> float:
    if build.started is None:
        return 0.0
    end = build.ended if build.ended is not None else max(now, build.started)
    return max(0.0, end - build.started)


def builds_heading(
    builds: Sequence[Build],
    width: int,
    *,
    now: float,
    shown: int,
    slots: BuildSlots | None,
    order: str = "",
    wanted: str = "",
) -> Line:
    """Return the line above the list: how many, what runs and waits, the slots, and the last results."""
    running = sum(1 for each in builds if each.state in ("running", "stopping"))
    waiting = sum(1 for each in builds if each.state in ("queued", "pending"))
    counted = f"{shown:,} of {len(builds):,}" if shown != len(builds) else f"{len(builds):,}"
    spans: list[Span] = [(" Builds ", "title"), (f"{counted} build{'' if len(builds) == 1 else 's'}", "dim")]
    if running:
        spans.append((f"  ◐ {running} running", "working"))
    if waiting:
        spans.append((f"  {waiting} waiting", "soon"))
    if slots is not None:
        spans.append((f"  slots {slots.used}/{slots.most}", "soon" if slots.used >= slots.most else "dim"))
    if order:
        spans.append((f"  {order}", "dim"))
    if wanted:
        spans.append((f"  /{wanted}", "accent"))
    strip = build_strip(builds, min(STRIP, len(builds), max(0, width // 4)), now=now)
    return columns(tuple(spans), (*strip, (" ", "")), width)
