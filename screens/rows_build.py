"""One build in lines: its heading, its graph, its time line, and everything about the selected task."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bakeryops.model.build import Attempt, Build, BuildTask, Named, Step
from bakeryops.model.code import Commit
from bakeryops.model.health import Health
from screens.build_choice import Chosen, attempt_row
from screens.lines import Line, Span, cut, line_width, pad, wrap
from screens.rows_builds import brief, build_number, services_text, trigger_words
from screens.widgets.dag import DagNode
from screens.widgets.timeline import Piece, TimeRow

__all__ = ["dag_nodes", "heading_lines", "info_lines", "log_title", "time_rows"]

_SYMBOLS = {"skipped": "–", "not started": "○"}
"""States that are neither well nor ill."""

_WIDE = 100
"""Columns from which the author of a commit is named in the heading."""

_SUBJECT = 8
"""Cells of a commit's subject that are worth showing."""

_VALUE = 400
"""Characters of a parameter or result that are shown at most."""


def heading_lines(build: Build, commit: Commit | None, now: float, width: int, *, why: str = "") -> list[Line]:
    """Return the first line of a build, and a second one with `why`, or why it is as it is."""
    tone = build.health.value
    spans: list[Span] = [
        (" build ", "dim"), (build_number(build), "title"),
        (f"  {build.health.symbol} {build.state}", tone if tone != "fine" else ""),
    ]  # fmt: skip
    if build.state in ("running", "stopping") and build.total:
        spans.append((f" {build.done or 0}/{build.total}", "dim"))
    services = services_text(build)
    if services:
        spans.append((f"  {cut(services, max(12, width // 4))}", ""))
    spans.append((f"  {_times(build, now)}", "dim"))
    what = build.trigger.revision[:7]
    if commit is not None:
        author = f"  {commit.author}" if width >= _WIDE else ""
        room = width - line_width((*spans, (f"{what}{author}", ""))) - 6
        what += f' "{cut(commit.subject, room)}"{author}' if room >= _SUBJECT else ""
    if what:
        spans.append((f"  {what}", "dim"))
    if line_width(tuple(spans)) < width - 24:
        spans.append((f"  {trigger_words(build)}", "dim"))
    lines: list[Line] = [pad(tuple(spans), width)]
    said = why or build.why
    if said:
        lines.append(((f"   {cut(said, width - 4)}", tone if tone in ("bad", "soon", "held") else "dim"),))
    return lines


def _times(build: Build, now: float) -> str:
    if build.started is None:
        return f"waiting {brief(max(0.0, now - build.created))}"
    clock = time.strftime("%H:%M", time.localtime(build.started))
    took = brief(build.seconds(now) or 0.0)
    queued = f" (queued {brief(build.queued)})" if build.queued and build.queued >= 1 else ""
    return f"{clock}, {'took ' if build.finished else ''}{took}{queued}"


def task_look(task: BuildTask) -> tuple[str, str]:
    """Return the symbol and tone of a task."""
    if task.state in _SYMBOLS:
        return _SYMBOLS[task.state], "dim"
    return task.health.symbol, task.health.value


def dag_nodes(build: Build) -> list[DagNode]:
    """Return the tasks of a build as nodes of a graph; children of a matrix share a stage."""
    nodes = []
    for task in build.tasks:
        symbol, tone = task_look(task)
        short = task.matrix_title if task.title != task.task else ""
        nodes.append(DagNode(task.key, task.task, task.title, symbol, tone, task.after, short, last=task.finally_))
    return nodes


def time_rows(build: Build, now: float) -> list[TimeRow]:
    """Return a row for each task and each earlier attempt, in the order of the tasks."""
    rows: list[TimeRow] = []
    for task in build.tasks:
        rows += [_attempt_row(task, attempt) for attempt in task.attempts]
        rows.append(_task_row(build, task, now))
    return rows


def _attempt_row(task: BuildTask, attempt: Attempt) -> TimeRow:
    pieces: list[Piece] = []
    began = min((step.started for step in attempt.steps if step.started is not None), default=None)
    if attempt.started is not None and began is not None:
        pieces.append(Piece("init", attempt.started, began, "dim"))
    pieces += _step_pieces(attempt.steps)
    if not pieces and attempt.started is not None:
        pieces.append(Piece("step", attempt.started, attempt.ended or attempt.started, attempt.health.value))
    took = None if attempt.started is None or attempt.ended is None else attempt.ended - attempt.started
    return TimeRow(
        attempt_row(task, attempt),
        f"{task.title} #{attempt.number}",
        attempt.health.symbol,
        attempt.health.value,
        tuple(pieces),
        "" if took is None else brief(took),
        (*_step_notes(attempt.steps), (f" {attempt.message}" if not attempt.steps else "", "dim")),
    )


def _task_row(build: Build, task: BuildTask, now: float) -> TimeRow:
    symbol, tone = task_look(task)
    started, began = task.started, task.began
    over = task.ended is not None or build.finished
    end = task.ended if task.ended is not None else build.ended if over else None
    pieces: list[Piece] = []
    if started is None and task.created is not None and not over:
        pieces.append(Piece("queued", task.created, None, "working"))
    elif started is not None:
        if task.created is not None and started - task.created >= 1 and not task.attempts:
            pieces.append(Piece("queued", task.created, started, "dim"))
        if began is not None or not over:
            waits = "queued" if task.state == "queued" else "init"
            pieces.append(Piece(waits, started, began, "dim" if began is not None else task.health.value))
        elif end is not None:
            pieces.append(Piece("init", started, end, tone))
        pieces += _step_pieces(task.steps) if began is not None else ()
    took = None if started is None else (end if end is not None else now) - started
    return TimeRow(
        task.key,
        f"{task.title} #{len(task.attempts) + 1}" if task.attempts else task.title,
        symbol,
        tone,
        tuple(pieces),
        "" if took is None else brief(took),
        _task_note(task),
    )


def _step_pieces(steps: Sequence[Step]) -> list[Piece]:
    """Return the steps that began; of two that follow each other one is darker."""
    ran = [step for step in steps if step.started is not None]
    return [
        Piece("other" if place % 2 else "step", step.started or 0.0, step.ended, step.health.value, step.name)
        for place, step in enumerate(ran)
    ]


def _task_note(task: BuildTask) -> tuple[Span, ...]:
    spans: list[Span] = []
    created = task.created if not task.attempts else None
    if task.started is not None and created is not None and task.started - created >= 1:
        spans.append((f"queued {brief(task.started - created)} · ", "dim"))
    if task.started is not None and task.began is not None and task.began - task.started >= 1:
        spans.append((f"init {brief(task.began - task.started)} · ", "dim"))
    steps = _step_notes(task.steps) if task.began is not None else ()
    if steps and any(step.health is Health.BAD for step in task.steps):
        return (*steps, *((f" · {text.removesuffix(' · ')}", tone) for text, tone in spans))
    if steps:
        return (*spans, *steps)
    return ((task.why, "dim" if task.health.rank > 1 else task.health.value),) if task.why else ()


def _step_notes(steps: Sequence[Step]) -> tuple[Span, ...]:
    spans: list[Span] = []
    # What failed is told first: the end of a note is what is cut off.
    for step in sorted(steps, key=lambda step: step.health is not Health.BAD):
        if step.state == "skipped" or (step.started is None and step.state != "waiting"):
            continue
        text, tone = step.name, "dim"
        if step.started is not None and step.ended is not None:
            text += f" {brief(step.ended - step.started)}"
        elif step.state == "waiting":
            text += f" waits{f' ({step.reason})' if step.reason else ''}"
        if step.exit_code:
            text, tone = f"{text}, exit {step.exit_code}", step.health.value
        if step.reason == "OOMKilled":
            text += ", out of memory"
        if spans:
            spans.append((" · ", "dim"))
        spans.append((text, tone))
    return tuple(spans)


def log_title(what: str, note: str, tone: str, width: int) -> Line:
    """Return the line above the log: a rule with what it is of, and a note at its end."""
    left: list[Span] = [(" ── ", "dim"), (cut(what, max(8, width - len(note) - 10)), "title"), (" ", "")]
    right: list[Span] = [(f" {note} ", tone), ("──", "dim")] if note else []
    used = line_width(tuple(left)) + line_width(tuple(right))
    return (*left, ("─" * max(0, width - used), "dim"), *right)


def info_lines(build: Build, chosen: Chosen | None, width: int) -> list[Line]:
    """Return everything about the selected task, then about the build: reasons, conditions, values."""
    lines: list[Line] = []
    if chosen is not None:
        task = chosen.task
        lines.append(((f" {task.title}", "title"), (f"  task {task.task}, {task.state}", "dim")))
        lines += _facts(
            width,
            ("why", task.why), ("reason", _both(task.reason, task.message)), ("when", "; ".join(task.when)),
            ("after", ", ".join(task.after)), ("TaskRun", task.run), ("pod", task.pod),
        )  # fmt: skip
        for attempt in task.attempts:
            text = f"{attempt.pod}  {_both(attempt.reason, attempt.message)}"
            lines += _facts(width, (f"attempt {attempt.number}", text))
        for step in task.steps:
            code = f", exit {step.exit_code}" if step.exit_code is not None else ""
            said = _both(step.reason, step.message)
            lines += _facts(width, (f"step {step.name}", f"{step.state}{code}{f'  {said}' if said else ''}"))
        lines += _values("Parameters of the task", task.params, width)
        lines += _values("Results of the task", task.results, width)
        lines.append(())
    lines.append(((f" {build.name}", "title"), (f"  build, {build.state}", "dim")))
    trigger = build.trigger
    lines += _facts(
        width,
        ("why", build.why), ("reason", _both(build.reason, build.message)), ("pipeline", build.pipeline),
        ("revision", trigger.revision), ("before", trigger.before), ("ref", trigger.ref),
        ("started by", trigger_words(build)), ("event", trigger.event), ("tag", build.tag),
        ("deploy commit", build.deploy_commit),
    )  # fmt: skip
    skipped = [task for task in build.tasks if task.state == "skipped"]
    if skipped:
        lines.append(((" Skipped", "title"),))
        for task in skipped:
            when = f"  ({'; '.join(task.when)})" if task.when else ""
            lines += _facts(width, (task.title, f"{task.why}{when}"))
    lines += _values("Parameters of the build", build.params, width)
    lines += _values("Results of the build", build.results, width)
    return lines


def _both(reason: str, message: str) -> str:
    return f"{reason}: {message}" if reason and message else reason or message


def _values(title: str, values: Sequence[Named], width: int) -> list[Line]:
    if not values:
        return []
    return [((f" {title}", "title"),), *_facts(width, *((each.name, each.value) for each in values))]


def _facts(width: int, *facts: tuple[str, str]) -> list[Line]:
    """Return names with their texts; a long text goes on below, and nothing is said of what is empty."""
    lines: list[Line] = []
    for name, text in facts:
        if not text:
            continue
        shown = text if len(text) <= _VALUE else f"{text[:_VALUE]} … ({len(text):,} characters)"
        head = f"   {cut(name, 24):<16}  "
        rest = wrap(shown, max(20, width - len(head) - 1))
        lines.append(((head, "dim"), *rest[0]))
        lines += [((" " * len(head), ""), *each) for each in rest[1:]]
    return lines
