"""A plan as lines of text, for the command line."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator

from bakeryops.cli.output import Out
from bakeryops.model.plan import Plan
from bakeryops.units import format_duration

__all__ = ["plan_lines"]

_SYMBOLS = {"fine": "✔", "soon": "▲", "bad": "✖", "unknown": "○"}
_TONES = {"fine": "32", "soon": "33", "bad": "31", "unknown": "2"}


def plan_lines(plan: Plan, out: Out) -> list[str]:
    """Return all of a plan: what is so, what would change, what to know, the steps with their exact commands."""
    return list(_lines(plan, out))


def _lines(plan: Plan, out: Out) -> Iterator[str]:
    made = time.strftime("%H:%M:%S", time.gmtime(plan.created))
    yield f"{plan.title}   plan {plan.short}, made {made}Z"
    width = max((len(each.label) for each in plan.facts), default=0)
    for fact in plan.facts:
        yield f"  {fact.label:<{width}}  {_painted(fact.text, fact.tone, out)}"
    for section in plan.sections:
        yield ""
        yield section.title
        yield from (f"  {_diffed(line, out) if section.form == 'diff' else line}" for line in section.lines)
    if plan.notes:
        yield ""
        for note in plan.notes:
            yield _painted(f"{_SYMBOLS.get(note.tone, '·')} {note.text}", note.tone, out)
    if plan.blocked:
        yield ""
        yield _painted(f"✖ it cannot be done: {plan.blocked}", "bad", out)
        if plan.hint:
            yield f"  {plan.hint}"
        return
    if not plan.steps:
        yield ""
        yield "There is nothing to do."
        return
    yield ""
    for number, step in enumerate(plan.steps, 1):
        yield f"{number}. {step.title}"
        for line in step.shows:
            yield from (f"     {part}" for part in (textwrap.wrap(line, 200, break_long_words=False) or [""]))
    yield ""
    if plan.usual is not None:
        yield f"It usually takes {format_duration(plan.usual)}."
    if plan.command:
        yield f"Same as  {plan.command}"
    if plan.undo:
        yield f"Undo     {plan.undo}"


def _painted(text: str, tone: str, out: Out) -> str:
    code = _TONES.get(tone)
    return f"\x1b[{code}m{text}\x1b[0m" if out.colour and code else text


def _diffed(line: str, out: Out) -> str:
    if not out.colour:
        return line
    code = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
    return f"\x1b[{code}m{line}\x1b[0m" if code else line
