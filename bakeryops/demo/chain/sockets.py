"""What of the chain is reached over HTTP beside the API: Gitea, EventListeners, Flux' receivers."""

from __future__ import annotations

from aiohttp import web

from bakeryops.demo.chain.hooks import RECEIVER_HOST
from bakeryops.demo.flux import Flux
from bakeryops.demo.gitea.server import Gitea
from bakeryops.demo.names import Names
from bakeryops.demo.triggers import Front

__all__ = ["Sockets"]


class Sockets:
    """Opens and closes them together."""

    def __init__(self, gitea: Gitea, front: Front, flux: Flux, names: Names) -> None:
        """Take what answers, and where the addresses are made known."""
        self._gitea = gitea
        self._front = front
        self._flux = flux
        self._names = names
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Listen on loopback, on any free ports."""
        await self._gitea.start()
        await self._front.start()
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self._names.add(RECEIVER_HOST, f"http://{host}:{port}")

    async def close(self) -> None:
        """Stop listening."""
        self._names.remove(RECEIVER_HOST)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._front.close()
        await self._gitea.close()

    def listener_url(self, namespace: str, name: str) -> str:
        """Return where an EventListener listens, "" while it does not."""
        return self._front.url(namespace, name)

    async def _receive(self, request: web.Request) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405)
        return web.Response(status=self._flux.receive(request.path, dict(request.headers), await request.read()))
