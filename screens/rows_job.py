"""Jobs as lines and rows: the steps of one with seconds and evidence, the list of all, and one in a few words."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bakeryops.model.job import JobView, StepView
from bakeryops.text import clean
from bakeryops.units import format_age, format_bytes, format_duration
from screens.lines import Line, Span, columns, cut, fit, wrap
from screens.widgets.cells import Cell, Column, Row

__all__ = ["JOB_COLUMNS", "job_heading", "job_lines", "job_log", "job_rows", "job_word", "jobs_word"]

STATES = {
    "waiting": ("○", "working", "waits"),
    "running": ("◐", "working", "running"),
    "stopping": ("◐", "soon", "stopping"),
    "lost": ("▲", "bad", "its process is gone"),
    "done": ("✔", "fine", "done"),
    "partial": ("▲", "soon", "done in part"),
    "failed": ("✖", "bad", "failed"),
    "cancelled": ("○", "held", "cancelled"),
    "refused": ("✖", "bad", "refused"),
}
"""Symbol, tone and words of a job's states."""

_STEPS = {
    "pending": ("○", "dim"), "checking": ("◐", "working"), "applying": ("◐", "working"),
    "verifying": ("◐", "working"), "done": ("✔", "fine"), "failed": ("✖", "bad"), "stopped": ("○", "held"),
}  # fmt: skip
_DOING = {
    "checking": "looking whether it is done already",
    "applying": "",
    "verifying": "looking whether it shows",
}
BAR = 20
"""Cells of a progress bar."""
_TITLE = 34
"""Cells of a step's title at most, on a narrow terminal."""

JOB_COLUMNS = (
    Column("health", "", 1, worth=100),
    Column("what", "job", 22, worth=99, grow=True, most=40),
    Column("state", "state", 12, worth=90),
    Column("age", "age", 5, worth=80, align="right"),
    Column("took", "took", 6, worth=70, align="right"),
    Column("text", "outcome", 20, worth=85, grow=True),
    Column("who", "who", 12, worth=50),
    Column("id", "id", 44, worth=20, keep=8),
)


def job_heading(view: JobView, width: int, now: float) -> Line:
    """Return what is done, how far it is, since when and by whom, and what is locked."""
    symbol, tone, words = STATES[view.state]
    if view.state == "running" and view.steps:
        words = f"step {view.at + 1} of {len(view.steps)}"
    left: Line = (
        (f" {_name(view)}", "title"),
        (f"  {symbol} {words}", tone),
    )
    if view.finished and view.started is not None and view.ended is not None:
        when = f"took {format_duration(view.ended - view.started)}, ended {_clock(view.ended)}"
    elif view.started is not None:
        when = f"started {_clock(view.started)}, {format_duration(max(0.0, now - view.started))} ago"
    else:
        when = f"asked for {_clock(view.created)}"
    right = f"{when}  by {clean(view.who)} "
    if view.lock and not view.finished and width >= 100:
        right = f"{when}  by {clean(view.who)}   lock: {clean(view.lock)} "
    return columns(left, ((f"  {right}", "dim"),), width)


def job_lines(view: JobView, width: int, now: float) -> list[Line]:
    """Return the steps, and below them what came of it."""
    lines: list[Line] = []
    longest = max((len(step.title) for step in view.steps), default=0)
    room = min(longest, max(16, width // 2 - 12) if width >= 100 else _TITLE)
    for number, step in enumerate(view.steps, 1):
        lines += _step_lines(step, number, room, width, now)
    if view.state == "waiting" and view.text:
        lines += [(), *_told("○", "working", clean(view.text), width)]
    if view.state == "stopping":
        lines += [(), *_told("◐", "soon", f"stops after this step; asked for by {clean(view.text) or '?'}", width)]
    if view.finished or view.state == "lost":
        lines += _outcome(view, width)
    return lines


def job_log(view: JobView, width: int) -> list[Line]:
    """Return all that the steps said, step by step."""
    lines: list[Line] = []
    for number, step in enumerate(view.steps, 1):
        symbol, tone = _STEPS[step.state]
        lines.append(((f" {symbol} {number} {clean(step.title)}", tone if step.state != "pending" else "dim"),))
        for said in step.log:
            lines += [(("     ", ""), *line) for line in wrap(clean(said), max(20, width - 7))]
    return lines


def job_word(view: JobView) -> Span:
    """Return a job in a few words, for the title bar: "◐ rollback auth 4/6"."""
    symbol, tone, words = STATES[view.state]
    name = _name(view)
    if view.state in ("running", "stopping"):
        return f"{symbol} {name} {view.at + 1}/{len(view.steps)}", tone
    return f"{symbol} {name} {words}", tone


def jobs_word(views: Sequence[JobView]) -> Span:
    """Return the jobs that go on in a few words, the newest by name; empty where none does."""
    if not views:
        return "", ""
    text, tone = job_word(views[0])
    return (f"{text} +{len(views) - 1}" if len(views) > 1 else text), tone


def job_rows(views: Sequence[JobView], now: float) -> list[Row]:
    """Return the rows of the list of jobs, in the order given."""
    return [_row(place, view, now) for place, view in enumerate(views)]


def _name(view: JobView) -> str:
    return clean(f"{view.plan.action.replace('.', ' ')} {view.plan.subject}")


def _row(place: int, view: JobView, now: float) -> Row:
    symbol, tone, words = STATES[view.state]
    if view.state == "running":
        words = f"step {view.at + 1}/{len(view.steps)}"
    end = view.ended if view.ended is not None else now
    took = format_duration(max(0.0, end - view.started)) if view.started is not None else ""
    going = not view.finished
    said = view.text or (view.steps[view.at].text if going and view.steps else "")
    name = _name(view)
    cells = (
        Cell(symbol, tone), Cell(name, tone if going else ""),
        Cell(words, tone if tone != "fine" else "dim"),
        Cell(format_age(max(0.0, now - view.created)), "dim"), Cell(took, "dim"),
        Cell(clean(said or view.why), "" if going else "dim"), Cell(clean(view.who), "dim"), Cell(view.id, "dim"),
    )  # fmt: skip
    return Row(view.id, cells, (place,) * len(cells), f"{name} {view.state} {view.who} {said} {view.id}".lower())


def _step_lines(step: StepView, number: int, room: int, width: int, now: float) -> list[Line]:
    symbol, tone = _STEPS[step.state]
    seconds = step.seconds(now)
    took = "" if seconds is None else f"{seconds:.1f} s" if seconds < 10 else format_duration(seconds)
    quiet = "dim" if step.state == "pending" else "" if tone == "fine" else tone
    said = clean(step.text) or _DOING.get(step.state, "")
    if step.already:
        said = f"done already: {said}" if said else "done already"
    head: Line = (
        (f" {symbol} ", tone),
        (f"{number} {fit(clean(step.title), room)}", quiet),
        (f" {took:>8}", "dim"),
    )
    indent = room + 15 + len(str(number))
    if not said:
        lines = [head]
    elif width - indent >= 24:
        if step.state in ("done", "pending"):
            # One line a step: the evidence stands in full below, and in the log.
            said = cut(said, width - indent - 2)
        parts = wrap(said, width - indent - 2, tone if step.state in ("failed", "stopped") else "dim")
        lines = [(*head, ("   ", ""), *parts[0]), *(((" " * indent, ""), *part) for part in parts[1:])]
    else:
        lines = [head, *((("     ", ""), *part) for part in wrap(said, width - 7, "dim"))]
    if step.state in ("applying", "verifying") and step.done is not None:
        lines.append((("     ", ""), *_progress(step)))
    return lines


def _progress(step: StepView) -> Line:
    done, total = step.done or 0.0, step.total
    spans: list[Span] = []
    if total:
        full = max(0, min(BAR, round(BAR * done / total)))
        spans += [
            ("▓" * full, "working"),
            ("░" * (BAR - full), "dim"),
            (f" {100 * min(1.0, done / total):3.0f} %", ""),
        ]
    amount = _amount(done, step.unit) + (f" of {_amount(total, step.unit)}" if total else "")
    spans.append((f"  {amount} {'' if step.unit == 'bytes' else clean(step.unit)}".rstrip(), ""))
    if step.rate and step.unit != "s":
        spans.append((f"   {_amount(step.rate, step.unit)}/s", "dim"))
    if step.eta is not None:
        spans.append((f"   {format_duration(step.eta)} left", "dim"))
    return tuple(spans)


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return format_bytes(value)
    return f"{value:.0f}" if unit == "s" or value >= 100 else f"{value:.3g}"


def _told(symbol: str, tone: str, text: str, width: int) -> list[Line]:
    return [
        ((f" {symbol} " if not at else "   ", tone), *line) for at, line in enumerate(wrap(text, width - 5, tone))
    ]


def _outcome(view: JobView, width: int) -> list[Line]:
    symbol, tone, words = STATES[view.state]
    lines: list[Line] = [(), *_told(symbol, tone, clean(view.text) or words, width)]
    for each in filter(None, (view.why, view.hint)):
        lines += [(("   ", ""), *line) for line in wrap(clean(each), width - 5, "dim" if each is view.why else "")]
    for each in view.evidence:
        if clean(each) == clean(view.text):
            continue
        lines += [(("   · " if not at else "     ", "dim"), *line)
                  for at, line in enumerate(wrap(clean(each), width - 7, "dim"))]  # fmt: skip
    if view.plan.undo and view.state in ("done", "partial"):
        lines += [(), (("   u", "key"), (" takes it back: ", ""))]
        lines += [(("     ", ""), *line) for line in wrap(clean(view.plan.undo), width - 7, "accent")]
    if view.state == "lost":
        lines += [(), (("   r", "key"), (" goes on where it stopped; what is done is found done", ""))]
    if view.state in ("refused", "failed", "partial"):
        lines += [(), (("   n", "key"), (" computes the plan anew, as things stand now", ""))]
    return lines


def _clock(when: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(when))
