"""Volumes as rows of a table: how full, of what class, and mounted by whom."""

from __future__ import annotations

from bakeryops.model.workload import VolumeView
from bakeryops.units import format_age, format_bytes
from screens.widgets.cells import Cell, Column, Row
from screens.widgets.chart import bar

__all__ = ["VOLUME_COLUMNS", "volume_row"]

BAR = 10
"""Cells of the bar."""

VOLUME_COLUMNS = (
    Column("health", "", 1, worth=100),
    Column("name", "claim", 22, worth=99, grow=True, most=48, keep=6),
    Column("namespace", "namespace", 10, worth=70, keep=4),
    Column("status", "status", 7, worth=96),
    Column("used", "used", 5, worth=95, align="right"),
    Column("bar", "of size", BAR, worth=94, sort=False),
    Column("share", "full", 4, worth=80, align="right"),
    Column("size", "size", 5, worth=93, align="right"),
    Column("pods", "used by", 20, worth=90, grow=True, most=48, keep=6),
    Column("age", "age", 4, worth=60, align="right"),
    Column("class", "class", 17, worth=55, grow=True, most=24),
    Column("why", "why", 24, worth=75, grow=True),
)
"""A claim a row."""


def volume_row(view: VolumeView, now: float) -> Row:
    """Return a claim as a row; `now` is seconds since the epoch."""
    tone = view.health.value
    size = view.capacity if view.capacity is not None else view.requested
    share = view.used / size if view.used is not None and size else None
    marked = tone if view.health.rank < 3 else "dim"
    age = now - view.created if view.created is not None else None
    pods = [key.partition("/")[2] for key in view.pods]
    by = pods[0] + (f" and {len(pods) - 1} more" if len(pods) > 1 else "") if pods else "nobody"
    unmeasured = "?" if view.status == "Bound" else ""
    cells = (
        Cell(view.health.symbol, tone),
        Cell(view.name, tone if view.health.rank < 3 else ""),
        Cell(view.namespace, "dim"),
        Cell(view.status, tone if tone != "fine" else "dim"),
        Cell(format_bytes(view.used) if view.used is not None else unmeasured, ""),
        Cell(bar(view.used, size, BAR) if share is not None else "", marked),
        Cell(f"{share:.0%}" if share is not None else "", marked),
        Cell(format_bytes(size) if size is not None else "?", ""),
        Cell(by, "" if pods else "dim"),
        Cell(format_age(age), "dim"),
        Cell(view.storage_class, "dim"),
        Cell(view.reason, marked),
    )
    sort = (
        view.health.rank, view.name, view.namespace, view.status, -(view.used or 0.0), None,
        -(share if share is not None else -1.0), -(size or 0.0), by, age if age is not None else -1.0,
        view.storage_class, view.reason,
    )  # fmt: skip
    search = f"{view.key} {view.status} {view.storage_class} {' '.join(pods)} {view.reason}".lower()
    return Row(view.key, cells, sort, search)
