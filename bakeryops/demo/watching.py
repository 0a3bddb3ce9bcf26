"""WATCH: the past since a revision, then the present, with bookmarks, in the form that was asked for."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass

from aiohttp import web

from bakeryops.demo.api import Call, base_headers
from bakeryops.demo.contracts import Object
from bakeryops.demo.convert import is_stored_form, partial, served
from bakeryops.demo.faults import STREAM_ACTIONS, Fault
from bakeryops.demo.paging import Selection, parse_revision
from bakeryops.demo.request import flag
from bakeryops.demo.status import Cause, expired, invalid
from bakeryops.demo.table import Change, Entry, encode
from bakeryops.demo.tables import render_table

__all__ = ["watch_objects"]

BOOKMARK_SECONDS = 60.0
_BACKLOG = 20_000
"""Events that may wait for a slow client before the server ends the stream, as a real one does."""
_INITIAL_END = {"k8s.io/initial-events-end": "true"}


@dataclass(frozen=True, slots=True)
class _Start:
    initial: bool
    """Whether the objects that are there come first, as ADDED."""
    after: int
    """Revision after which changes are sent."""
    announce_end: bool
    """Whether a bookmark marks the end of the initial objects."""


async def watch_objects(call: Call) -> web.StreamResponse:
    """Answer with the stream of changes; raises `StatusError` before it begins."""
    selection = Selection.of(call.resource, call.target.namespace, call.query, call.target.name)
    start = _start(call)
    return await _Watch(call, selection, start).run()


def _start(call: Call) -> _Start:
    version = call.query.get("resourceVersion", "")
    match = call.query.get("resourceVersionMatch", "")
    send = call.query.get("sendInitialEvents")
    wanted = parse_revision(version) if version else 0
    if send is not None and match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid(
            "ListOptions", "meta.k8s.io", "",
            [Cause("FieldValueForbidden", f"Forbidden: {why}", "resourceVersionMatch")],
        )  # fmt: skip
    if send is None and match:
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        raise invalid(
            "ListOptions", "meta.k8s.io", "",
            [Cause("FieldValueForbidden", f"Forbidden: {why}", "resourceVersionMatch")],
        )  # fmt: skip
    if send is not None and flag(call.query, "sendInitialEvents"):
        return _Start(True, call.store.revision, flag(call.query, "allowWatchBookmarks"))
    if wanted == 0:
        return _Start(send is None, call.store.revision, False)
    return _Start(False, wanted, False)


class _Watch:
    """One open watch."""

    def __init__(self, call: Call, selection: Selection, start: _Start) -> None:
        self._call = call
        self._selection = selection
        self._start = start
        self._table = call.store.table_of(call.resource)
        self._pending: deque[Change] = deque()
        self._wake = asyncio.Event()
        self._overflow = False
        self._columns_sent = False
        self._sent = 0
        self._response = web.StreamResponse(headers={**base_headers(), "Content-Type": "application/json"})
        path = call.request.path
        self._fault_key = (path, call.target.resource, "watch", call.user.name)
        hit = call.api.faults.pick(STREAM_ACTIONS, *self._fault_key)
        self._fault: Fault | None = next((fault for fault in hit if fault.action != "truncate"), None)

    async def run(self) -> web.StreamResponse:
        stop = self._table.listen(self._on_change)
        end = self._call.api.closing
        try:
            await self._response.prepare(self._call.request)
            self._response.enable_chunked_encoding()
            if not self._start.initial and self._start.after < self._table.oldest:
                message = f"too old resource version: {self._start.after} ({self._table.oldest})"
                await self._write([self._line("ERROR", encode(expired(message).status()))])
                return self._response
            if await self._write(self._opening()):
                await self._follow(end)
        except (ConnectionError, asyncio.CancelledError):
            return self._response
        finally:
            stop()
        return self._response

    def _on_change(self, change: Change) -> None:
        if len(self._pending) >= _BACKLOG:
            self._overflow = True
        else:
            self._pending.append(change)
        self._wake.set()

    def _opening(self) -> list[bytes]:
        """Return the lines that come first: the objects that are there, or the past."""
        lines: list[bytes] = []
        if self._start.initial:
            present = self._table.scan(self._selection.prefix)
            lines.extend(self._event("ADDED", entry, None) for entry in present if self._selection.takes(entry))
            if self._start.announce_end:
                lines.append(self._bookmark(_INITIAL_END))
            return lines
        for change in self._table.since(self._start.after):
            lines.extend(self._lines(change))
        return lines

    async def _follow(self, end: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        text = self._call.query.get("timeoutSeconds", "")
        seconds = int(text) if text.isdigit() and int(text) > 0 else random.uniform(1800, 3600)
        deadline = loop.time() + seconds
        bookmarks = flag(self._call.query, "allowWatchBookmarks")
        next_mark = loop.time() + BOOKMARK_SECONDS
        while not end.is_set() and not self._overflow:
            if not self._pending:
                self._wake.clear()
                until = min(deadline, next_mark) if bookmarks else deadline
                try:
                    async with asyncio.timeout_at(min(until, loop.time() + 5.0)):
                        await self._wake.wait()
                except TimeoutError:
                    if loop.time() >= deadline:
                        if bookmarks:
                            await self._write([self._bookmark()])
                        return
                    if bookmarks and loop.time() >= next_mark:
                        next_mark = loop.time() + BOOKMARK_SECONDS
                        if not await self._write([self._bookmark()]):
                            return
                    continue
            lines: list[bytes] = []
            while self._pending and len(lines) < 500:
                lines.extend(self._lines(self._pending.popleft()))
            if not await self._write(lines):
                return
            if loop.time() >= deadline:
                return

    def _lines(self, change: Change) -> list[bytes]:
        """Return the event that a change is for this selection: entering it is ADDED, leaving it DELETED."""
        if change.revision <= self._start.after:
            return []
        selection = self._selection
        if not change.entry.key.startswith(selection.prefix):
            return []
        if selection.everything:
            return [self._event(change.kind, change.entry, change)]
        now = change.kind != "DELETED" and selection.takes(change.entry)
        before = change.previous is not None and selection.takes(change.previous)
        if now:
            return [self._event("MODIFIED" if before else "ADDED", change.entry, change)]
        if not before or change.previous is None:
            return []
        if change.kind == "DELETED":
            return [self._event("DELETED", change.entry, change)]
        last = dict(change.previous.obj)
        last["metadata"] = {**last["metadata"], "resourceVersion": str(change.revision)}
        return [self._event("DELETED", Entry(change.entry.key, last, change.revision), None)]

    def _event(self, kind: str, entry: Entry, change: Change | None) -> bytes:
        call = self._call
        if call.format.kind == "Table":
            table = render_table(
                call.store, call.resource, [entry.obj], call.query, meta_version=call.format.version,
                columns=not self._columns_sent,
            )  # fmt: skip
            table["metadata"] = {"resourceVersion": str(entry.revision)}
            self._columns_sent = True
            return self._line(kind, encode(table))
        if call.format.kind == "PartialObjectMetadata":
            return self._line(kind, encode(partial(entry.obj, call.format.version)))
        if not is_stored_form(call.resource, call.target.version):
            return self._line(kind, encode(served(call.resource, call.target.version, entry.obj)))
        return self._line(kind, change.raw() if change else encode(entry.obj))

    def _bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        call = self._call
        meta: Object = {"resourceVersion": str(call.store.revision)}
        if annotations:
            meta["annotations"] = annotations
        body: Object = {
            "kind": call.resource.kind,
            "apiVersion": call.resource.api_version_of(call.target.version),
            "metadata": meta,
        }
        if call.format.kind == "Table":
            table = render_table(call.store, call.resource, [], call.query, columns=False)
            body = {**table, "metadata": {"resourceVersion": meta["resourceVersion"]}}
            if annotations:
                body["rows"] = [{"cells": [], "object": {"kind": "PartialObjectMetadata",
                                 "apiVersion": "meta.k8s.io/v1", "metadata": meta}}]  # fmt: skip
        elif call.format.kind == "PartialObjectMetadata":
            body = partial(body, call.format.version)
        return self._line("BOOKMARK", encode(body))

    @staticmethod
    def _line(kind: str, raw: bytes) -> bytes:
        return b'{"type":"' + kind.encode() + b'","object":' + raw + b"}\n"

    async def _write(self, lines: list[bytes]) -> bool:
        """Send lines, if no fault is in the way; returns whether the stream goes on."""
        faults = self._call.api.faults
        await faults.flowing(*self._fault_key)
        if faults.silences(*self._fault_key) or (
            self._fault is not None and self._fault.action == "silent" and self._sent >= self._fault.after
        ):
            return True
        fault = self._fault
        if fault is not None and fault.action in ("end", "cut"):
            left = fault.after - self._sent
            if len(lines) >= left:
                sending = lines[:left]
                if fault.action == "cut":
                    line = lines[left] if len(lines) > left else self._line("ADDED", b"{}")
                    sending = [*sending, line[: max(1, len(line) // 2)]]
                if sending:
                    await self._response.write(b"".join(sending))
                return False
        self._sent += len(lines)
        if lines:
            await self._response.write(b"".join(lines))
        return True
