"""A small HTTP server that answers what a test tells it to, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bakeryops.cluster.login import Login, Trust
from bakeryops.cluster.target import Target
from bakeryops.cluster.transport import Transport

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Any
    body: bytes


@dataclass
class FakeApi:
    """Answers by (method, path): the answers given in turn, the last for ever; a handler may stand for any."""

    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    peers: list[str] = field(default_factory=list)
    """The common name of the client certificate of each request, or an empty string."""
    _answers: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    def answer(self, method: str, path: str, *answers: Any) -> None:
        """Set answers: JSON (200), (status, JSON or text), (status, JSON or text, headers), or a handler."""
        self._answers[method, path] = list(answers)

    def paths(self) -> list[str]:
        """Return the paths asked for so far."""
        return [each.path for each in self.asked]

    def target(self, *, login: Login | None = None, trust: Trust | None = None, url: str = "") -> Target:
        """Return a target that leads here."""
        return Target(
            server=url or self.url,
            context="fake",
            namespace="orders",
            source="~/.kube/config",
            login=login or Login(token="fake-token"),
            proxy=trust.proxy if trust else "",
            trust=trust or Trust(),
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        self.asked.append(
            Asked(
                request.method,
                request.raw_path.partition("?")[0],
                list(request.query.items()),
                request.headers,
                body,
            )
        )
        peer = request.get_extra_info("peercert")
        names = dict(pair[0] for pair in peer["subject"]) if peer else {}
        self.peers.append(names.get("commonName", ""))
        answers = self._answers.get((request.method, request.path)) or self._answers.get(("*", "*"))
        if not answers:
            return web.Response(status=404, text="404 page not found\n")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            return await answer(request)
        status, content, headers = 200, answer, {}
        if isinstance(answer, tuple):
            status, content, headers = (*answer, {})[:3]
        if isinstance(content, bytes | str):
            text = content if isinstance(content, bytes) else content.encode()
            headers = {"Content-Type": "text/plain; charset=utf-8", **headers}
            return web.Response(status=status, body=text, headers=headers)
        return web.json_response(content, status=status, headers=headers)


@asynccontextmanager
async def fake_api(*, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeApi]:
    """Run a server on a loopback port of its own."""
    api = FakeApi()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    api.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()


@asynccontextmanager
async def started(target: Target, **options: Any) -> AsyncIterator[Transport]:
    """Give a transport that is ready, and close it."""
    transport = Transport(target, **options)
    await transport.start()
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Run a TCP server that says exactly what `talk` writes, then cuts; gives its address."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            await talk(reader, writer)
        finally:
            open_ones.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in list(open_ones):
            writer.transport.abort()


def refused(status: int, reason: str, message: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """Return a Status object as an answer."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return status, {**body, "reason": reason, "code": status, **more}
