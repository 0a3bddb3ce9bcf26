"""An embedded cluster for tests: in the test's own event loop, static or with a world behind it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bakeryops.demo.clock import WallClock
from bakeryops.demo.server import DemoServer, Providers
from bakeryops.demo.store import ObjectStore, object_key

__all__ = ["Answer", "Client", "kubeconfig", "place", "served", "static_store"]


def static_store(*namespaces: str, seed: int = 1, history: int = 5000) -> ObjectStore:
    """Return a store on the wall clock that holds some namespaces and no controllers."""
    store = ObjectStore(WallClock(), seed=seed, history=history)
    for name in namespaces:
        store.create("namespaces", {"metadata": {"name": name}}, manager="test")
    return store


def place(store: ObjectStore, plural: str, obj: Mapping[str, Any], namespace: str | None = None) -> None:
    """Put an object into a store as it is, with a new resourceVersion: neither defaults nor validation."""
    resource = store.registry.storage(plural)
    meta = obj["metadata"]
    key = object_key(namespace or meta.get("namespace"), meta["name"])
    store._put(resource, key, json.loads(json.dumps(obj)))


@asynccontextmanager
async def served(
    store: ObjectStore, providers: Providers | None = None, **options: Any
) -> AsyncIterator[DemoServer]:
    """Serve a store for the time of a block."""
    server = DemoServer(viewer_namespace=options.pop("viewer_namespace", "orders"))
    await server.start(store, providers, **options)
    try:
        yield server
    finally:
        await server.close()


def kubeconfig(server: DemoServer, path: Path, user: str = "admin", namespace: str = "default") -> Path:
    """Write a kubeconfig for a user of a server (kubectl needs one that serves TLS)."""
    cluster = {"server": server.url}
    if server.authority:
        cluster["certificate-authority-data"] = base64.b64encode(server.authority.encode()).decode()
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "demo",
        "clusters": [{"name": "demo", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": server.tokens.get(user, user)}}],
        "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": user, "namespace": namespace}}],
    }
    path.write_text(json.dumps(body), encoding="utf-8")
    path.chmod(0o600)
    return path


class Answer:
    """Status, headers and body of an answer."""

    def __init__(self, status: int, headers: Mapping[str, str], raw: bytes) -> None:
        self.status = status
        self.headers = headers
        self.raw = raw

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Client:
    """A bare HTTP client of a server, as one user."""

    def __init__(self, server: DemoServer, user: str | None = "admin") -> None:
        self._url = server.url
        self._headers = {"User-Agent": "console-lab/1"}
        if user is not None:
            self._headers["Authorization"] = f"Bearer {server.tokens.get(user, user)}"
        self._session = aiohttp.ClientSession()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def call(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", **headers: str
    ) -> Answer:
        """Send a request and read the whole answer."""
        data = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
        sent = {**self._headers, **{key.replace("_", "-"): value for key, value in headers.items()}}
        if data is not None:
            sent["Content-Type"] = content_type
        async with self._session.request(method, self._url + path, data=data, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.call("GET", path, **headers)

    @asynccontextmanager
    async def stream(self, path: str, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open a stream, such as a watch."""
        sent = {**self._headers, **{key.replace("_", "-"): value for key, value in headers.items()}}
        async with self._session.get(self._url + path, headers=sent) as response:
            yield response
