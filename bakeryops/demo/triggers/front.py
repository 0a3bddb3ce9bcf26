"""The sockets of EventListeners: one on loopback for each, known by its address within the cluster."""

from __future__ import annotations

import asyncio
from typing import Protocol

from aiohttp import web

from bakeryops.demo.controllers import Cluster
from bakeryops.demo.controllers.base import Key
from bakeryops.demo.controllers.objects import key_of
from bakeryops.demo.triggers.listeners import Listeners, host_of

__all__ = ["Front", "HostNames"]


class HostNames(Protocol):
    """Where addresses within the cluster are on loopback."""

    def add(self, host: str, url: str) -> None:
        """Let `host` ("name[:port]") be answered at `url`."""

    def remove(self, host: str) -> None:
        """Let nothing answer for a host any more."""


class Front:
    """Listens for every EventListener there is."""

    def __init__(self, cluster: Cluster, listeners: Listeners, names: HostNames) -> None:
        """Take what answers and where the addresses are made known."""
        self._cluster = cluster
        self._listeners = listeners
        self._names = names
        self._runners: dict[Key, web.AppRunner] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def start(self) -> None:
        """Open the sockets, and keep opening them for EventListeners that come."""
        self._cluster.store.listen(
            "eventlisteners", lambda change, obj, previous: self._changed(change, key_of(obj))
        )
        for listener in self._cluster.store.list("eventlisteners"):
            await self._open(key_of(listener))

    async def close(self) -> None:
        """Close all sockets."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for key in tuple(self._runners):
            await self._shut(key)

    def url(self, namespace: str, name: str) -> str:
        """Return where an EventListener listens on loopback, "" while it does not."""
        runner = self._runners.get((namespace, name))
        if runner is None or not runner.addresses:
            return ""
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    def _changed(self, change: str, key: Key) -> None:
        if self._closed or change == "MODIFIED":
            return
        work = self._open(key) if change == "ADDED" else self._shut(key)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, key: Key) -> None:
        if key in self._runners:
            return
        app = web.Application(client_max_size=32 * 1024 * 1024)

        async def serve(request: web.Request) -> web.Response:
            if not self._listeners.is_up(*key):
                # Nothing answers at the Service's address: the connection is refused.
                if request.transport is not None:
                    request.transport.abort()
                return web.Response(status=503)
            if request.path == "/live":
                return web.Response(text="ok")
            headers = dict(request.headers)
            status, answer = self._listeners.receive(*key, headers, await request.read())
            return web.json_response(answer, status=status)

        app.router.add_route("*", "/{path:.*}", serve)
        runner = self._runners[key] = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._names.add(host_of(*key), self.url(*key))

    async def _shut(self, key: Key) -> None:
        runner = self._runners.pop(key, None)
        if runner is not None:
            self._names.remove(host_of(*key))
            await runner.cleanup()
