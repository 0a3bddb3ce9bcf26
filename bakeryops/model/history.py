"""What was done and when: records of the audit log, and the history's entries. Times are epoch seconds."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Entry", "EntryKind", "Record", "Result", "Torn", "Verdict"]

EntryKind = Literal["deploy", "rollback", "reapply", "edit", "sync", "action"]
"""`edit` changed a tag by hand, `sync` is an apply of Flux' that deployed nothing itself, `action` was taken with
bakeryops."""

Result = Literal[
    "applied", "waiting", "overtaken", "rolled back", "failed", "unknown",
    "running", "done", "partial", "cancelled", "refused", "noted",
]  # fmt: skip
"""The first six are of deployments: `overtaken` was replaced before Flux applied it, `rolled back` was applied and
taken back. The others are of actions: `running` has not ended, as far as the audit log tells."""


class Torn(msgspec.Struct, frozen=True, gc=False):
    """A line that a writer did not get to its end; `sha256` is of its bytes."""

    bytes: int
    sha256: str


class Record(msgspec.Struct, frozen=True, omit_defaults=False):
    """One line of the audit log. `when` is RFC 3339 in UTC; `hash` is over the rest, `prev` of the line before.

    `event` is begun, ended, resumed, cancel, lock-broken, confirmed, hold and the like; `outcome` that of the job.
    """

    seq: int
    when: str
    event: str
    job: str = ""
    action: str = ""
    subject: str = ""
    title: str = ""
    who: str = ""
    host: str = ""
    cluster: str = ""
    """Address of the API server."""
    context: str = ""
    scope: list[str] = msgspec.field(default_factory=list)
    plan: str = ""
    """Hash of the plan."""
    command: str = ""
    outcome: str = ""
    text: str = ""
    evidence: list[str] = msgspec.field(default_factory=list)
    torn: list[Torn] = msgspec.field(default_factory=list)
    """Unfinished lines that stood between the line before and this one when it was written."""
    found: str = ""
    """What was wrong with the log when this was written, "" for nothing."""
    prev: str = ""
    hash: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What a look through the audit log found."""

    ok: bool
    count: int
    """Whole records."""
    problems: tuple[str, ...] = ()
    """Each with the number of its line, where it has one."""
    notes: tuple[str, ...] = ()
    """What is explained and is no problem."""
    head: str = ""
    """The hash of the last record, "" where there is none."""


class Entry(msgspec.Struct, frozen=True):
    """One line of the history."""

    key: str
    """Unique; the same thing has the same key whenever it is looked at."""
    kind: EntryKind
    when: float
    result: Result
    service: str = ""
    subject: str = ""
    """What it is about where that is no service: an applier, a build, a workload."""
    who: str = ""
    title: str = ""
    commit: str = ""
    """Of the change of the overlay, or the revision that Flux applied."""
    source: str = ""
    """Commit that the image was built from."""
    tag: str = ""
    before: str = ""
    """The tag that it replaced."""
    build: str = ""
    """Name of the PipelineRun that wrote it."""
    applied: float | None = None
    """When Flux had applied it."""
    ready: float | None = None
    """When its pods were ready, where that was seen."""
    ended: float | None = None
    """Of an action."""
    job: str = ""
    action: str = ""
    text: str = ""
    """The outcome, or why, in a sentence."""
    cluster: str = ""

    def seconds(self) -> float | None:
        """Return how long it took from the change to its end, None where that is not known."""
        end = self.ended if self.kind == "action" else (self.ready if self.ready is not None else self.applied)
        return None if end is None else max(0.0, end - self.when)
