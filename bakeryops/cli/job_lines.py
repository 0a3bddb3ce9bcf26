"""A running job as lines of text: redrawn on a terminal, one line a change elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bakeryops.cli.output import Out, cut
from bakeryops.model.job import JobView, StepView
from bakeryops.units import format_duration

__all__ = ["JobPrinter", "job_lines", "step_line"]

_SYMBOLS = {
    "pending": "○", "checking": "◐", "applying": "◐", "verifying": "◐", "done": "✔", "failed": "✖", "stopped": "⏸",
}  # fmt: skip


def step_line(number: int, step: StepView, now: float) -> str:
    """Return a step as one line: symbol, number, title, time taken, what it does or what proves it."""
    took = step.seconds(now)
    parts = [f"{_SYMBOLS.get(step.state, '○')} {number} {step.title}"]
    if took is not None:
        parts.append(format_duration(took) if took >= 1 else f"{took:.1f}s")
    if step.total and step.state not in ("done", "failed"):
        parts.append(f"{step.done or 0:g}/{step.total:g}{' ' + step.unit if step.unit else ''}")
    if step.text:
        parts.append(("already: " if step.already else "") + step.text)
    return "  ".join(parts)


def job_lines(view: JobView, now: float) -> Iterator[str]:
    """Yield a job as lines."""
    lock = f"  lock: {view.lock}" if view.lock else ""
    yield f"{view.plan.title}  {view.state}  {view.id}  by {view.who}{lock}"
    for number, step in enumerate(view.steps, 1):
        yield step_line(number, step, now)
    if view.text:
        yield view.text


class JobPrinter:
    """Prints a job as it goes on."""

    def __init__(self, out: Out) -> None:
        """Take where to print."""
        self._out = out
        self._said: set[tuple[int, str, str]] = set()
        self._head = False

    def show(self, view: JobView) -> None:
        """Print what is new."""
        now = time.time()
        if self._out.terminal:
            width = self._out.width or 80
            self._out.redraw([cut(line, width) for line in job_lines(view, now)])
            return
        if not self._head:
            self._head = True
            self._out.lines([f"job {view.id}: {view.plan.title}"])
        for number, step in enumerate(view.steps, 1):
            key = (number, step.state, step.text)
            if step.state in ("pending", "checking") or key in self._said:
                continue
            self._said.add(key)
            if step.state in ("done", "failed", "stopped") or step.text:
                self._out.lines([step_line(number, step, now)])
        if view.finished and view.state == "done" and view.text:
            self._out.lines([view.text])
