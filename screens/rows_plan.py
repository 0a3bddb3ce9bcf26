"""A plan as lines: what it is computed from, what it changes, what to know before, and the commands behind it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from bakeryops.model.plan import Plan, PlanStep, Section
from bakeryops.text import clean
from bakeryops.units import format_duration
from screens.lines import Line, Span, columns, fit, wrap
from screens.widgets.diff import diff_lines
from screens.widgets.tones import SYMBOLS

__all__ = ["command_lines", "computing_lines", "plan_heading", "plan_lines", "refused_lines"]

LABEL = 22
"""Cells of the labels at most."""

_FIRST = {"bad": 0, "soon": 1, "unknown": 2}
"""Notes in the order in which they want to be read."""


def plan_heading(plan: Plan, width: int) -> Line:
    """Return the question, and what the answer will be given to: the plan's hash, its time and its commit."""
    when = time.strftime("%H:%M:%S", time.gmtime(plan.created))
    head = next((plan.basis[key][:7] for key in ("git.head", "head", "revision") if plan.basis.get(key)), "")
    short = f"plan {plan.short} "
    told = f"plan {plan.short}, computed {when} UTC{f' on {head}' if head else ''} "
    title = f" {clean(plan.title)}?"
    note = next((each for each in (told, short) if cell_len(title) + cell_len(each) + 2 <= width), "")
    return columns(((title, "title"),), ((note, "dim"),), width)


def plan_lines(plan: Plan, width: int, *, changed: Sequence[str] = ()) -> list[Line]:
    """Return the whole preview; `changed` are sentences on what is different from the plan shown before."""
    lines: list[Line] = []
    for each in changed:
        lines += _labelled("Changed meanwhile", each, LABEL, width, "soon", symbol="▲ ")
    if plan.blocked:
        lines += [((" ✖ ", "bad"), *line) if not at else (("   ", ""), *line)
                  for at, line in enumerate(wrap(clean(plan.blocked), width - 4, "bad"))]  # fmt: skip
        lines += [(("   ", ""), *line) for line in wrap(clean(plan.hint), width - 4)] if plan.hint else []
        lines.append(())
    labels = ["Watch out", "Then", "Same as", *(clean(fact.label) for fact in plan.facts)]
    room = min(LABEL, max(cell_len(label) for label in labels))
    for fact in plan.facts:
        lines += _labelled(clean(fact.label), clean(fact.text), room, width, fact.tone)
    lines += _notes(plan, room, width)
    for section in plan.sections:
        lines += _section(section, width)
    lines += _then(plan, room, width)
    if plan.command:
        lines += _labelled("Same as", clean(plan.command), room, width, "accent")
    return lines


def command_lines(plan: Plan, width: int) -> list[Line]:
    """Return every step with the exact commands, requests or objects that it stands for."""
    lines: list[Line] = []
    for number, step in enumerate(plan.steps, 1):
        about = "" if step.changes else "  looks and waits, changes nothing"
        lines.append(((f" {number} {clean(step.title)}", "title"), (about, "dim")))
        shows = [part for each in step.shows for part in each.split("\n")]
        for part in shows:
            lines += [((" " * (5 if at else 3), ""), *line)
                      for at, line in enumerate(wrap(clean(part), width - 7, "accent"))]  # fmt: skip
        if not shows:
            lines.append((("   nothing is sent", "dim"),))
        if step.partial:
            lines += [
                (("   ", ""), *line) for line in wrap(f"if it ends here: {clean(step.partial)}", width - 5, "dim")
            ]
    if not plan.steps:
        lines.append(((" There is nothing to do.", "dim"),))
    return lines


def computing_lines(what: str, seconds: float) -> list[Line]:
    """Return what is said while a plan is being computed."""
    took = f"  {seconds:.0f} s" if seconds >= 2 else ""
    return [
        ((f" ◐ computing: {clean(what)} …", "working"), (took, "dim")),
        (("   nothing is changed by that", "dim"),),
    ]


def refused_lines(message: str, why: str, hint: str, width: int, *, again: bool = True) -> list[Line]:
    """Return why there is no plan, or why it cannot be carried out, and what to press."""
    lines: list[Line] = []
    for at, line in enumerate(wrap(clean(message), width - 4, "bad")):
        lines.append(((" ✖ " if not at else "   ", "bad"), *line))
    for each in filter(None, (why, hint)):
        lines += [(("   ", ""), *line) for line in wrap(clean(each), width - 4, "" if each is hint else "dim")]
    if again:
        lines += [(), (("   r", "key"), (" computes it again   ", ""), ("esc", "key"), (" goes back", ""))]
    return lines


def _labelled(label: str, text: str, room: int, width: int, tone: str = "", symbol: str = "") -> list[Line]:
    """Return a label and its text, which goes on below itself."""
    parts = wrap(f"{symbol}{text}", max(20, width - room - 6), tone)
    first: Line = ((f" {fit(label, room)}  ", "dim"), *parts[0])
    return [first, *(((" " * (room + 3 + len(symbol)), ""), *part) for part in parts[1:])]


def _notes(plan: Plan, room: int, width: int) -> list[Line]:
    lines: list[Line] = []
    for note in sorted(plan.notes, key=lambda each: _FIRST.get(each.tone, 3)):
        symbol = SYMBOLS.get(note.tone, "·")
        lines += _labelled("" if lines else "Watch out", clean(note.text), room, width, note.tone, f"{symbol} ")
    return lines


def _section(section: Section, width: int) -> list[Line]:
    lines: list[Line] = [((f" {clean(section.title)}", "title"),)]
    if section.form == "diff":
        shown: list[Line] = list(diff_lines(_briefly(section.lines), "   "))
    else:
        tone = "accent" if section.form == "commands" else ""
        shown = [(("   ", ""), (clean(each), tone)) for each in section.lines]
    return lines + [part for line in shown for part in _folded(line, width - 2)]


def _folded(line: Line, width: int) -> list[Line]:
    """Return a line in as many lines as it takes: what is confirmed must be there to read, whatever the width."""
    lines: list[Line] = []
    spans: list[Span] = []
    left = max(20, width)
    for text, tone in line:
        rest = text
        while cell_len(rest) > left:
            head = set_cell_size(rest, left)
            spans.append((head, tone))
            lines.append(tuple(spans))
            # A wide character that does not fit whole is filled up with a space.
            taken = len(head) if rest.startswith(head) else len(head) - 1
            rest, spans, left = rest[max(1, taken) :], [("     ", "")], max(20, width) - 5
        spans.append((rest, tone))
        left -= cell_len(rest)
    return [*lines, tuple(spans)]


def _briefly(lines: Sequence[str]) -> list[str]:
    """Return a diff with one line a file in place of four: what matters has to fit on a small screen."""
    found: list[str] = []
    for line in lines:
        if line.startswith(("diff --git ", "index ", "--- a/")):
            continue
        found.append(line.removeprefix("+++ b/") if line.startswith("+++ b/") else line)
    return found


def _then(plan: Plan, room: int, width: int) -> list[Line]:
    if not plan.steps:
        return _labelled("Then", "nothing: it is so already", room, width) if plan.nothing else []
    told = "  →  ".join(_step(step) for step in plan.steps)
    usual = f"   (usually {format_duration(plan.usual)})" if plan.usual is not None else ""
    return _labelled("Then", told + usual, room, width)


def _step(step: PlanStep) -> str:
    return clean(step.title)
