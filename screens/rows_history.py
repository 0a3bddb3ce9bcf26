"""The history and the black box as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bakeryops.model.blackbox import Saved
from bakeryops.model.history import Entry
from bakeryops.units import format_age, format_duration
from screens.lines import Line, wrap
from screens.widgets.cells import Cell, Column, Row

__all__ = ["HISTORY_COLUMNS", "SAVED_COLUMNS", "entry_lines", "history_heading", "history_rows", "saved_rows"]

HISTORY_COLUMNS = (
    Column("health", "", 1, worth=100),
    Column("age", "age", 5, worth=99, align="right"),
    Column("kind", "kind", 8, worth=90),
    Column("service", "service", 12, worth=98, grow=True, most=22),
    Column("result", "result", 11, worth=97),
    Column("what", "what", 20, worth=95, grow=True),
    Column("who", "who", 10, worth=88, grow=True, most=18),
    Column("commit", "commit", 7, worth=80),
    Column("took", "took", 5, worth=70, align="right"),
    Column("tag", "tag", 14, worth=40, keep=12, grow=True, most=28),
)

SAVED_COLUMNS = (
    Column("health", "", 1, worth=100),
    Column("age", "age", 5, worth=99, align="right"),
    Column("what", "what failed", 20, worth=98, grow=True, most=44, keep=8),
    Column("step", "step", 10, worth=85, grow=True, most=18),
    Column("reason", "reason", 12, worth=95),
    Column("exit", "exit", 4, worth=60, align="right"),
    Column("error", "first error", 20, worth=97, grow=True),
    Column("commit", "commit", 7, worth=70),
    Column("namespace", "namespace", 10, worth=40),
    Column("id", "id", 4, worth=50, align="right"),
)

RESULTS = {
    "applied": ("✔", "fine"), "done": ("✔", "fine"), "waiting": ("◐", "working"), "running": ("◐", "working"),
    "overtaken": ("○", "held"), "rolled back": ("○", "held"), "failed": ("✖", "bad"), "partial": ("▲", "soon"),
    "cancelled": ("○", "held"), "refused": ("✖", "soon"), "unknown": ("○", "unknown"), "noted": ("·", "dim"),
}  # fmt: skip
"""Symbol and tone of a result."""


def history_rows(entries: Iterable[Entry], now: float) -> list[Row]:
    """Return entries as rows."""
    return [_entry_row(each, now) for each in entries]


def _entry_row(each: Entry, now: float) -> Row:
    symbol, tone = RESULTS.get(each.result, ("○", "unknown"))
    took = each.seconds()
    about = each.service or each.subject.rpartition("/")[2]
    kind = each.action if each.kind == "action" and each.action else each.kind
    cells = (
        Cell(symbol, tone),
        Cell(format_age(now - each.when)),
        Cell(kind, "accent" if each.kind in ("rollback", "reapply", "action") else "dim"),
        Cell(about),
        Cell(each.result, tone),
        Cell(each.title),
        Cell(each.who, "dim"),
        Cell(each.commit[:7], "dim"),
        Cell("" if took is None else format_duration(took), "dim"),
        Cell(each.tag, "dim"),
    )
    sort = (each.result, -each.when, kind, about, each.result, each.title, each.who, each.commit,
            -1.0 if took is None else took, each.tag)  # fmt: skip
    words = (*(cell.text for cell in cells), each.commit, each.source, each.build, each.job, each.text, each.kind)
    return Row(each.key, cells, sort, " ".join(words).lower())


def history_heading(entries: Sequence[Entry], shown: int, wanted: str, note: str) -> Line:
    """Return how many deployments and actions there are, and what is the matter with them."""
    actions = sum(1 for each in entries if each.kind == "action")
    counted = f"{len(entries) - actions} deployments, {actions} actions"
    if wanted:
        counted = f"{shown} of {len(entries)}"
    return (
        (" History ", "title"), (counted, "dim"), (f"  {note}" if note else "", "soon"),
        (f"  /{wanted}" if wanted else "", "accent"),
    )  # fmt: skip


def entry_lines(each: Entry | None, width: int) -> list[Line]:
    """Return what the selected entry's row has no room for, in three lines at most."""
    if each is None:
        return []
    parts = [each.title]
    if each.before and each.tag:
        parts.append(f"{each.before} → {each.tag}")
    parts += [
        text
        for text in (
            f"built from {each.source[:7]}" if each.source else "",
            f"by build {each.build}" if each.build else "",
            f"on {each.subject}" if each.subject and each.subject != each.service else "",
            each.text,
        )
        if text
    ]
    return [((" ", ""), *line) for line in wrap(" · ".join(parts), max(20, width - 2), "dim")][:3]


def saved_rows(found: Iterable[Saved], now: float) -> list[Row]:
    """Return what was saved as rows."""
    rows = []
    for each in found:
        symbol, tone = ("○", "held") if each.verdict == "cancelled" else ("✖", "bad")
        cells = (
            Cell(symbol, tone),
            Cell(format_age(now - each.when)),
            Cell(each.title),
            Cell(each.step or each.container, "dim"),
            Cell(each.reason, tone),
            Cell("" if each.exit_code is None else str(each.exit_code), "dim"),
            Cell(each.error or each.why),
            Cell(each.commit[:7], "dim"),
            Cell(each.namespace, "dim"),
            Cell(str(each.id), "dim"),
        )
        sort = (each.verdict, -each.when, each.title, each.step, each.reason, each.exit_code or 0, each.error,
                each.commit, each.namespace, each.id)  # fmt: skip
        search = " ".join((*(cell.text for cell in cells), each.why, each.service, each.pod, each.kind)).lower()
        rows.append(Row(str(each.id), cells, sort, search))
    return rows
