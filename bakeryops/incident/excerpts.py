"""Log excerpts: of failures that were saved, and of what fails now, each round the first line that sounds bad."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bakeryops.incident.facts import Excerpt
from bakeryops.model.blackbox import Saved, SavedLog
from bakeryops.model.health import Health
from bakeryops.model.workload import ContainerView, PodView
from bakeryops.read.blackbox import kept_lines, told_error

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session

__all__ = ["cut_round", "failing", "of_pod", "of_saved"]

_BEFORE: Final = 12
"""Lines that are shown before the first bad one."""
_AFTER: Final = 28
_TAIL: Final = 600
"""Lines that are read of a container that fails."""
_PATIENCE: Final = 15.0


def of_saved(saved: Saved) -> Excerpt:
    """Return the excerpt of a failure as the black box has it, in full."""
    log = saved.log()
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(saved.when))
    code = "" if saved.exit_code is None else f", exit code {saved.exit_code}"
    about = (
        f"{saved.kind} {saved.namespace}/{saved.name}, {when}: {saved.reason or saved.verdict}{code}",
        saved.why,
    )
    title = f"{saved.title} (saved when it failed)"
    if log is None or not log.lines:
        missing = log.missing if log is not None and log.missing else "no log was saved"
        return Excerpt(title, tuple(filter(None, about)), missing=missing)
    return cut_round(title, tuple(filter(None, about)), log, saved.error_at)


def cut_round(title: str, about: tuple[str, ...], log: SavedLog, at: int | None) -> Excerpt:
    """Return the lines round a place of a log, or its last ones where there is none."""
    lines = log.lines
    if at is None or not 0 <= at < len(lines):
        first, end, marked = max(0, len(lines) - _BEFORE - _AFTER), len(lines), None
    else:
        first, end = max(0, at - _BEFORE), min(len(lines), at + _AFTER + 1)
        marked = at - first
    return Excerpt(title, about, lines[first:end], marked, log.cut or first > 0, len(lines) - end)


def failing(pods: Sequence[PodView]) -> list[tuple[PodView, ContainerView]]:
    """Return the containers that fail now, of each pod the worst one."""
    found = []
    for pod in pods:
        if pod.health is Health.BAD and pod.containers:
            worst = min(pod.containers, key=lambda box: (box.health.rank, -box.restarts))
            found.append((pod, worst))
    return found


async def of_pod(session: Session, pod: PodView, box: ContainerView) -> Excerpt:
    """Return the excerpt of a container that fails now: of its run before, where it waits to be started again.

    What cannot be read is said in `missing`; never raises for that.
    """
    previous = box.restarts > 0 and box.state != "running"
    raw: list[bytes] = []
    notices: list[str] = []
    stream = session.logs(
        pod.namespace, pod.name, box.name, follow=False, previous=previous, tail=_TAIL + 1, timestamps=False
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            async for batch in stream:
                raw += [entry.text for entry in batch if not entry.notice]
                notices += [entry.notice for entry in batch if entry.notice]
    except TimeoutError:
        notices.append("the log did not come in time")
    lines, more = await asyncio.to_thread(kept_lines, raw[-_TAIL:])
    log = SavedLog(box.name, box.name, lines, more or len(raw) > _TAIL, previous)
    title = f"{pod.name} {box.name} ({'before the restart' if previous else 'now'})"
    about = tuple(filter(None, (f"Pod {pod.key} is {pod.status}", pod.reason)))
    if not lines:
        return Excerpt(title, about, missing=notices[0] if notices else "nothing was logged")
    return cut_round(title, about, log, told_error(log, ended=previous)[1])
