"""A node's facts as lines."""

from __future__ import annotations

from bakeryops.model.node import NodeView
from bakeryops.units import format_age, format_bytes, format_cpu
from screens.lines import Line

__all__ = ["machine_lines"]


def machine_lines(view: NodeView, at: int, of: int, now: float, refused: str = "") -> list[Line]:
    """Return what is known of a node; `refused` is why its kubelet may not be asked."""
    tone = view.health.value
    age = f"   age {format_age(now - view.created)}" if view.created is not None else ""
    heading: Line = (
        (" Node ", "dim"), (view.name, "title"), (f"  {view.health.symbol} {view.status}", tone),
        (f"  {view.reason}" if view.reason else "", tone), (age, "dim"),
        (f"   {at + 1} of {of}, tab shows the next" if of > 1 else "", "dim"),
    )  # fmt: skip
    facts = " · ".join(part for part in (view.version, view.os, view.runtime, view.address) if part)
    lines: list[Line] = [heading, ((f" {facts}", "dim"),)]
    lines.append((
        (" cpu ", "dim"),
        (f"{_or_unknown(view.cpu_used, format_cpu)} of {_or_unknown(view.cpu_total, format_cpu)}", ""),
        (f", asked {format_cpu(view.cpu_requested)}", "dim"),
        ("   memory ", "dim"),
        (f"{_or_unknown(view.memory_used, format_bytes)} of {_or_unknown(view.memory_total, format_bytes)}", ""),
        (f", asked {format_bytes(view.memory_requested)}", "dim"),
    ))  # fmt: skip
    lines.append((
        (" disk ", "dim"),
        (f"{_or_unknown(view.disk_used, format_bytes)} of {_or_unknown(view.disk_total, format_bytes)}", ""),
        (f", kubelet evicts at {view.disk_evicts_at:.0%}", "dim"),
        (f"   pods {view.pods}" + (f" of {view.pods_allowed}" if view.pods_allowed else ""), "dim"),
    ))  # fmt: skip
    if view.pressures:
        lines.append(((f" ✖ short of {', '.join(view.pressures)}", "bad"),))
    if view.taints:
        lines.append(((f" taints {', '.join(view.taints)}", "held"),))
    if refused:
        lines.append(((f" ○ disk not known: {refused}", "unknown"),))
    return lines


def _or_unknown(value: float | None, form: object) -> str:
    return "?" if value is None else form(value)  # type: ignore[operator]
