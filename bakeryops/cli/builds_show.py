"""One build as text: what it builds, its tasks with their times, and the log of the step that failed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bakeryops.cli.builds import services_text
from bakeryops.cli.builds_find import KINDS, OneBuild, find_build
from bakeryops.cli.output import Column, Out, Table, say

if TYPE_CHECKING:
    from bakeryops.cli.options import Call
    from bakeryops.cluster.session import Session
    from bakeryops.model.build import Build, BuildTask
    from bakeryops.model.code import CodeView

__all__ = ["show_build"]

_TAIL = 2000
"""Lines of a failed step that are searched for the first error."""


async def show_build(call: Call, name: str, lines: int, watch: bool) -> int:
    """Print a build, or go on printing it until it has ended; return the exit code."""
    from bakeryops.cli.cluster import connected
    from bakeryops.cli.code import code_view

    out = call.out()
    async with connected(call) as session:
        one = await find_build(call, session, name)
        code = await code_view(call, session, quiet=True)
        if watch:
            return await _watch(call, out, session, one, code, lines)
        view = one.read(await one.look(session))
        if view is None:
            say(f"{one.name} is gone")
            return 1
        log = await failing_log(session, view, lines) if out.form == "table" else []
        _print(out, view, code, log)
    return _code(view)


def _code(view: Build) -> int:
    return 3 if view.health.value in ("bad", "unknown") else 0


async def _watch(call: Call, out: Out, session: Session, one: OneBuild, code: CodeView, lines: int) -> int:
    from bakeryops.cli.cluster import beats

    config = call.load().config
    feed = session.feed(KINDS, namespace=one.namespace, selectors=one.selectors)
    shown: Build | None = None
    async for _ in beats(feed, max_hz=min(config.max_hz, 4.0), every=2.0):
        if not await feed.settled(0.1):
            continue
        view = one.read(feed)
        if view is None:
            say(f"{one.name} is gone")
            return 1
        if out.form != "table":
            if view != shown:
                out.change(_document(view, code))
        elif out.terminal:
            out.redraw(list(_lines(out, view, code, [])))
        elif view != shown:
            out.lines([_headline(view)])
        shown = view
        if view.finished:
            if out.form == "table" and view.failure is not None:
                out.lines(_log_lines(view, await failing_log(session, view, lines)))
            return _code(view)
    return 0


def _document(view: Build, code: CodeView) -> dict[str, object]:
    from bakeryops.cli import shapes_delivery

    return shapes_delivery.build(view, found=code.find(view.trigger.revision), tasks=True)


def _print(out: Out, view: Build, code: CodeView, log: Sequence[str]) -> None:
    if out.form != "table":
        out.document(_document(view, code))
    else:
        out.lines(_lines(out, view, code, log))


def _headline(view: Build) -> str:
    from bakeryops.units import format_duration

    took = view.seconds(time.time())
    time_text = f"  {format_duration(took)}" if took is not None else ""
    return f"{view.health.symbol} {view.name}  {view.state}{time_text}" + (f"  {view.why}" if view.why else "")


def _lines(out: Out, view: Build, code: CodeView, log: Sequence[str]) -> Iterator[str]:
    from bakeryops.units import format_age, format_duration

    now = time.time()
    yield _headline(view)
    found = code.find(view.trigger.revision) if view.trigger.revision else None
    if view.trigger.revision:
        told = f' "{found.subject}" {found.author}' if found is not None else ""
        yield f"  commit    {view.trigger.revision[:12]}{told}  {view.trigger.ref}"
    yield f"  services  {services_text(view)}" + (f"  tag {view.tag}" if view.tag else "")
    queued = f", queued {format_duration(view.queued)}" if view.queued is not None else ""
    yield f"  created   {format_age(now - view.created)} ago{queued}  in {view.namespace}"
    if view.trigger.rerun_of:
        yield f"  rerun of  {view.trigger.rerun_of}"
    yield ""
    yield from _tasks(view, now).lines(width=out.width, colour=out.colour)
    yield from _log_lines(view, log)


def _tasks(view: Build, now: float) -> Table:
    from bakeryops.units import format_duration

    table = Table(
        [
            Column("", 9),
            Column("TASK", 9),
            Column("STATE", 9),
            Column("TOOK", 8, right=True),
            Column("STARTING", 4, right=True),
            Column("STEPS", 5),
            Column("WHY", 7),
        ]
    )
    for task in view.tasks:
        took = None if task.started is None else (task.ended or now) - task.started
        starting = None if task.started is None or task.began is None else task.began - task.started
        state = task.state + (f" (attempt {len(task.attempts) + 1})" if task.attempts else "")
        table.add(
            (task.health.symbol, task.health.value),
            ("finally " if task.finally_ else "") + task.title,
            (state, task.health.value),
            "-" if took is None else format_duration(took),
            "-" if starting is None else format_duration(starting),
            _steps(task),
            task.why,
        )
    return table


def _steps(task: BuildTask) -> str:
    from bakeryops.units import format_duration

    parts = []
    for step in task.steps:
        if step.exit_code:
            parts.append(f"{step.name} exit {step.exit_code}")
        elif step.started is not None and step.ended is not None:
            parts.append(f"{step.name} {format_duration(step.ended - step.started)}")
        else:
            parts.append(f"{step.name} {step.state}")
    return ", ".join(parts)


async def failing_log(session: Session, view: Build, count: int) -> list[str]:
    """Return the lines round the first error of the failing step, or one that says why they are not to be had."""
    from bakeryops.cluster.logs import LogStream
    from bakeryops.severity import first_error
    from bakeryops.text import clean_log, decode, strip_sgr

    failure = view.failure
    if failure is None or not failure.pod or not count:
        return []
    texts: list[str] = []
    notices: list[str] = []
    stream = LogStream(session.transport, view.namespace, failure.pod, failure.container, follow=False, tail=_TAIL)
    try:
        async for batch in stream:
            for entry in batch:
                if entry.notice:
                    notices.append(entry.notice)
                else:
                    texts.append(strip_sgr(clean_log(decode(entry.text).rstrip("\r\n"))))
    finally:
        await stream.close()
    if not texts:
        return notices[:1] or ["the log is empty"]
    error = first_error(texts)
    if error is None:
        return texts[-count:]
    start = max(0, min(error - count // 3, len(texts) - count))
    return [f"{'>' if place == error else ' '} {text}" for place, text in enumerate(texts)][start : start + count]


def _log_lines(view: Build, log: Sequence[str]) -> Iterator[str]:
    failure = view.failure
    if failure is None:
        return
    yield ""
    yield f"{failure.title or view.name}{f' / {failure.step}' if failure.step else ''}: {failure.text}"
    yield from (f"  {line}" for line in log)
