"""One failure captured: its logs, its object and its events fetched at once, and saved."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from bakeryops.cluster.errors import KubeError
from bakeryops.model.blackbox import Saved, SavedLog
from bakeryops.read.blackbox import events_about, images_of, kept_lines, masked, told_error
from bakeryops.read.blackbox_signs import PIPELINE_LABEL, Sign, Want, of_taskrun
from bakeryops.read.build_tasks import belongs

if TYPE_CHECKING:
    from bakeryops.cluster.session import Session
    from bakeryops.cluster.wire.core import Event

__all__ = ["REQUESTS", "Capture", "last_green"]

REQUESTS = 4
"""Requests at once at most."""
_PATIENCE = 20.0
"""Seconds that one request may take."""


class Capture:
    """Fetches what goes with a sign of failure; never more than a few requests at once."""

    def __init__(self, session: Session) -> None:
        """Take the cluster."""
        self._session = session
        self._gate = asyncio.Semaphore(REQUESTS)

    async def fill(self, sign: Sign, events: Iterable[Event], now: float) -> Saved:
        """Return what a sign says with all that can still be had; what cannot be says why. Never raises."""
        saved = sign.saved
        object_work = asyncio.ensure_future(self._object(sign))
        logs = await asyncio.gather(*(self._log(saved.namespace, want) for want in sign.wants))
        found = await object_work
        shown = await asyncio.to_thread(masked, found) if found else {}
        names = (saved.name, saved.pod, saved.build)
        whole = msgspec.structs.replace(
            saved,
            saved=now,
            logs=tuple(logs),
            object=shown,
            images=images_of(shown),
            events=events_about(events, saved.namespace, names) if saved.verdict != "green" else (),
        )
        error, at = told_error(whole.log(), ended=whole.kind == "TaskRun")
        return msgspec.structs.replace(whole, error=error or whole.error, error_at=at)

    async def _object(self, sign: Sign) -> dict[str, Any]:
        saved = sign.saved
        with contextlib.suppress(KubeError, TimeoutError):
            async with self._gate, asyncio.timeout(_PATIENCE):
                found = await self._session.get(sign.plural, saved.name, saved.namespace)
            if (found.get("metadata") or {}).get("uid") == saved.uid:
                return found
        return {}

    async def _log(self, namespace: str, want: Want) -> SavedLog:
        raw: list[bytes] = []
        notices: list[str] = []
        stream = self._session.logs(
            namespace, want.pod, want.container, follow=False, previous=want.previous, tail=want.tail + 1,
            timestamps=False,
        )  # fmt: skip
        try:
            async with self._gate, asyncio.timeout(_PATIENCE):
                async for batch in stream:
                    for entry in batch:
                        if entry.notice:
                            notices.append(entry.notice)
                        else:
                            raw.append(entry.text)
        except TimeoutError:
            notices.append("the log did not come in time")
        cut = len(raw) > want.tail
        lines, more = await asyncio.to_thread(kept_lines, raw[-want.tail :])
        missing = "" if lines else (notices[0] if notices else "nothing was logged")
        return SavedLog(want.container, want.step, lines, cut or more, want.previous, missing)


async def last_green(session: Session, like: Saved, now: float) -> Saved | None:
    """Return the last good run of the same task that the cluster still has, None where it shows none."""
    selectors = {"taskruns": f"{PIPELINE_LABEL}={like.pipeline}"} if like.pipeline else None
    try:
        feed = await session.snapshot(("pipelineruns", "taskruns"), namespace=like.namespace, selectors=selectors)
    except KubeError:
        return None
    runs = list(feed.store("pipelineruns").items.values())
    found: list[Sign] = []
    for task in feed.store("taskruns").items.values():
        run = next((each for each in runs if belongs(task, each)), None)
        signs = of_taskrun(task, run, stopping=False, now=now)
        found += [each for each in signs if each.saved.verdict == "green" and each.saved.task == like.task]
    newest = max(found, key=lambda sign: sign.saved.when, default=None)
    return await Capture(session).fill(newest, (), now) if newest is not None else None
