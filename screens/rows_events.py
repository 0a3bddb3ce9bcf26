"""Groups of events as rows."""

from __future__ import annotations

from collections.abc import Iterable

from bakeryops.model.event import EventGroup
from bakeryops.units import format_age
from screens.lines import Line, cut, wrap
from screens.widgets.cells import Cell, Column, Row

__all__ = ["EVENT_COLUMNS", "event_row", "group_lines", "warning_lines"]

EVENT_COLUMNS = (
    Column("health", "", 1, worth=100),
    Column("last", "last", 5, worth=99, align="right"),
    Column("count", "×", 4, worth=97, align="right"),
    Column("reason", "reason", 16, worth=98),
    Column("object", "object", 20, worth=96, grow=True, most=24, keep=6),
    Column("namespace", "namespace", 12, worth=60, keep=4),
    Column("message", "message", 24, worth=95, grow=True),
    Column("first", "first", 5, worth=50, align="right"),
    Column("source", "source", 14, worth=40),
)
"""A group of events a row."""

_SHORT = {
    "Deployment": "deploy", "StatefulSet": "sts", "DaemonSet": "ds", "ReplicaSet": "rs", "CronJob": "cron",
    "PersistentVolumeClaim": "pvc", "HorizontalPodAutoscaler": "hpa", "Kustomization": "ks", "HelmRelease": "hr",
}  # fmt: skip


def event_row(view: EventGroup, now: float) -> Row:
    """Return a group as a row; one that the cluster no longer keeps is marked as kept by the console."""
    tone = "soon" if view.warning else "dim"
    last = format_age(now - view.last) if view.last is not None else "?"
    first = format_age(now - view.first) if view.first is not None else "?"
    where = f"{_SHORT.get(view.kind, view.kind.lower())}/{view.name}" if view.kind else view.name
    cells = (
        Cell("▲" if view.warning else "·", tone),
        Cell(last, "dim" if view.gone else ""),
        Cell(str(view.count), "" if view.count > 1 else "dim"),
        Cell(view.reason, tone if view.warning else ""),
        Cell(where),
        Cell(view.namespace, "dim"),
        Cell(view.message, "dim" if view.gone else ""),
        Cell(first, "dim"),
        Cell("kept here" if view.gone else view.source, "dim"),
    )
    sort = (not view.warning, -(view.last or 0.0), -view.count, view.reason, where, view.namespace, view.message,
            view.first or 0.0, view.source)  # fmt: skip
    search = f"{where} {view.kind} {view.namespace} {view.reason} {view.message}".lower()
    return Row(view.key, cells, sort, search)


def group_lines(view: EventGroup | None, width: int) -> list[Line]:
    """Return the whole text of the selected group, in three lines at most."""
    if view is None:
        return []
    where = f"{view.kind} {view.namespace}/{view.name}".strip()
    container = f" container {view.container}" if view.container else ""
    kept = " (kept by this console, the cluster dropped it)" if view.gone else ""
    text = f"{where}{container}: {view.message}{kept}"
    return [((" ", ""), *line) for line in wrap(text, max(20, width - 2), "dim")][:3]


def warning_lines(groups: Iterable[EventGroup], now: float, width: int, most: int = 3) -> list[Line]:
    """Return the newest warnings of an object, a line each, as its page shows them."""
    warnings = sorted((each for each in groups if each.warning), key=lambda each: -(each.last or 0.0))
    lines: list[Line] = []
    for each in warnings[:most]:
        ago = f"{format_age(now - each.last)} ago" if each.last is not None else ""
        count = f" ×{each.count}" if each.count > 1 else ""
        head = f" ▲ {each.reason}{count}  "
        room = max(0, width - len(head) - len(ago) - 3)
        lines.append(((head, "soon"), (f"{ago}  ", "dim"), (cut(each.message, room), "")))
    if len(warnings) > most:
        lines.append(
            ((f"   and {len(warnings) - most} more warnings: ", "dim"), ("e", "key"), (" shows them", "dim"))
        )
    return lines
