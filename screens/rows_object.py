"""An object's page, description, YAML and usage as lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bakeryops.model.line import Line as Described
from bakeryops.model.workload import PodView, WorkloadView
from bakeryops.units import format_age, format_bytes, format_cpu
from screens.lines import Line, Span, wrap

__all__ = ["described_lines", "page_lines", "yaml_lines"]

LABEL = 22
"""Cells of the column of labels."""

_KEY = re.compile(r"^(\s*(?:- )*)([^\s:'\"][^:]*:)( .*)?$")


def described_lines(lines: Sequence[Described], width: int) -> list[Line]:
    """Return a description in lines of at most `width` cells; long texts continue below themselves."""
    shown: list[Line] = []
    for line in lines:
        if line.head:
            if shown:
                shown.append(())
            shown.append(((f" {line.text}", "title"),))
            continue
        indent = " " + "  " * line.level
        if not line.label:
            shown += [
                ((indent, ""), *part) for part in wrap(line.text, max(20, width - len(indent) - 1), line.tone)
            ]
            continue
        label = f"{indent}{line.label}"
        start = max(LABEL, len(label) + 1)
        parts = wrap(line.text, max(20, width - start - 1), line.tone)
        shown.append(((f"{label:<{start}}", "dim"), *parts[0]))
        shown += [((" " * start, ""), *part) for part in parts[1:]]
    return shown


def yaml_lines(text: str) -> list[Line]:
    """Return YAML in lines, keys apart from values; nothing is interpreted."""
    lines: list[Line] = []
    for row in text.rstrip("\n").split("\n"):
        found = _KEY.match(row)
        lines.append(
            ((f" {found[1]}", ""), (found[2], "accent"), (found[3] or "", "")) if found else ((f" {row}", ""),)
        )
    return lines


def page_lines(view: WorkloadView | PodView, now: float, width: int) -> list[Line]:
    """Return the head of an object's page: how it is, since when, why, and what it runs."""
    tone = view.health.value
    state: list[Span] = [(f" {view.health.symbol} {view.status}", tone)]
    if view.since is not None:
        state.append((f"  for {format_age(now - view.since)}", "dim"))
    if isinstance(view, WorkloadView):
        if not view.one_shot:
            state.append((f"   ready {view.ready}/{view.desired}", "" if view.ready >= view.desired else tone))
    else:
        state.append((f"   ready {view.ready}/{view.total}", "" if view.ready >= view.total else tone))
    if view.restarts:
        when = f", last {format_age(now - view.restarted)} ago" if view.restarted is not None else ""
        state.append((f"   restarts {view.restarts}{when}", "soon" if when else "dim"))
    if view.oom_kills:
        state.append((f"   out of memory {view.oom_kills}×", "bad"))
    if view.created is not None:
        state.append((f"   age {format_age(now - view.created)}", "dim"))
    lines: list[Line] = [tuple(state)]
    if view.reason:
        lines += [((" ", ""), *part) for part in wrap(view.reason, max(20, width - 2), tone)[:3]]
    if isinstance(view, WorkloadView) and view.tag:
        commit = f" · commit {view.commit[:12]}" if view.commit else ""
        built = f" · built {format_age(now - view.tag_time)} ago" if view.tag_time is not None else ""
        lines.append(((" image ", "dim"), (view.tag, ""), (f"{commit}{built}", "dim")))
    elif isinstance(view, PodView):
        lines += _containers(view, now)
    lines.append(_usage(view))
    return lines


def _containers(view: PodView, now: float) -> list[Line]:
    lines: list[Line] = []
    for each in view.containers:
        since = f" {format_age(now - each.since)}" if each.since is not None else ""
        last = ""
        if each.last_reason:
            code = f" {each.last_exit}" if each.last_exit is not None else ""
            ago = f", {format_age(now - each.last_ended)} ago" if each.last_ended is not None else ""
            last = f"   last end {each.last_reason}{code}{ago}"
        role = f" ({each.role})" if each.role != "main" else ""
        lines.append((
            (f" {each.health.symbol} ", each.health.value), (f"{each.name}{role}", ""),
            (f"  {each.word or each.state}{since}", each.health.value if each.health.rank < 3 else "dim"),
            (f"  {each.tag}", "dim"), (f"  ↻{each.restarts}" if each.restarts else "", "soon"), (last, "dim"),
        ))  # fmt: skip
    return lines


def _usage(view: WorkloadView | PodView) -> Line:
    amounts = view.amounts
    if amounts.memory_used is None and amounts.cpu_used is None:
        return ((" use ", "dim"), ("not measured", "unknown"), (_asked(view), "dim"))
    return ((" use ", "dim"), (f"cpu {format_cpu(amounts.cpu_used)}  mem {format_bytes(amounts.memory_used)}", ""),
            (_asked(view), "dim"))  # fmt: skip


def _asked(view: WorkloadView | PodView) -> str:
    amounts = view.amounts
    parts = []
    if amounts.cpu_request is not None or amounts.memory_request is not None:
        parts.append(f"asked cpu {_or_none(amounts.cpu_request, format_cpu)}"
                     f" mem {_or_none(amounts.memory_request, format_bytes)}")  # fmt: skip
    if amounts.cpu_limit is not None or amounts.memory_limit is not None:
        parts.append(f"limit cpu {_or_none(amounts.cpu_limit, format_cpu)}"
                     f" mem {_or_none(amounts.memory_limit, format_bytes)}")  # fmt: skip
    if isinstance(view, PodView) and view.qos:
        parts.append(view.qos)
    return "   " + "   ".join(parts) if parts else ""


def _or_none(value: float | None, form: object) -> str:
    return "-" if value is None else form(value)  # type: ignore[operator]
