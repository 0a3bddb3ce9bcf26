"""A small API server of the tests' own that fails on demand and counts what it is asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bakeryops.cluster.target import Target

Object = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# plural: (group, version, kind, namespaced)
KINDS: dict[str, tuple[str, str, str, bool]] = {
    "pods": ("", "v1", "Pod", True),
    "namespaces": ("", "v1", "Namespace", False),
    "nodes": ("", "v1", "Node", False),
    "configmaps": ("", "v1", "ConfigMap", True),
    "deployments": ("apps", "v1", "Deployment", True),
    "customresourcedefinitions": ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", False),
    "pipelineruns": ("tekton.dev", "v1", "PipelineRun", True),
    "podmetrics": ("metrics.k8s.io", "v1beta1", "PodMetrics", True),
    "nodemetrics": ("metrics.k8s.io", "v1beta1", "NodeMetrics", False),
}
_BEGAN = web.RequestKey("began", float)
RESOURCE = {"podmetrics": "pods", "nodemetrics": "nodes"}


@dataclass
class Fault:
    """What to do to requests instead of answering them well; consumed `times` times (None: always)."""

    status: int = 0
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    hang: bool = False
    end_at_once: bool = False
    error_event: dict[str, Any] | None = None
    half_line: bool = False
    raw_lines: list[bytes] = field(default_factory=list)


def status(code: int, reason: str, message: str, **extra: Any) -> str:
    """Return a Status object as JSON."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return json.dumps({**body, "message": message, "reason": reason, "code": code, **extra})


@dataclass
class Asked:
    """One request, as the server saw it."""

    at: float
    verb: str
    what: str
    query: dict[str, str]
    headers: dict[str, str]


class FaultyApi:
    """Lists and watches objects, and fails as told; one event loop with the test."""

    def __init__(self) -> None:
        self.version = 1000
        self.objects: dict[str, dict[tuple[str, str], Object]] = {plural: {} for plural in KINDS}
        self.history: dict[str, list[tuple[int, str, Object]]] = {plural: [] for plural in KINDS}
        self.compacted = 0
        self.served = set(KINDS)
        self.faults: dict[tuple[str, str], Fault] = {}
        self.asked: list[Asked] = []
        self.tokens: set[str] | None = None
        self.bookmarks = False
        self.expire_continue = 0
        self.hang_second_page = False
        self.answers: dict[str, tuple[int, str]] = {}
        self.logs: Handler | None = None
        self.pods_get: Handler | None = None
        self.port = 0
        self.open_watches = 0
        self.opened = 0
        self._changed: dict[str, asyncio.Event] = {}
        self._runner: web.AppRunner | None = None
        self._dead_before = 0.0
        self._flow = asyncio.Event()
        self._flow.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def target(self, **changes: Any) -> Target:
        return Target(
            server=self.url, context="faulty", cluster="faulty", user="tester", source="the test", **changes
        )

    # Life.

    async def start(self) -> None:
        app = web.Application(middlewares=[self._middleware], client_max_size=1 << 26)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, access_log=None, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def kill(self) -> None:
        """Cut every connection and refuse further ones, as when the process is killed."""
        runner, self._runner = self._runner, None
        if runner is None or runner.server is None:
            return
        for site in list(runner.sites):
            await site.stop()
        for connection in list(runner.server.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await runner.cleanup()

    def freeze(self) -> None:
        """Go silent on everything, as a stopped process does: connections are accepted, nothing is answered."""
        self._flow.clear()

    def thaw(self) -> None:
        """Go on where `freeze` stopped."""
        self._flow.set()

    def thaw_but_forget(self) -> None:
        """Answer what comes from now on; what was open before stays silent for ever, as behind a NAT that forgot."""
        self._dead_before = time.monotonic()
        self._flow.set()

    async def cut_streams(self) -> None:
        """Cut every connection, and go on serving."""
        if self._runner is not None and self._runner.server is not None:
            for connection in list(self._runner.server.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
        await asyncio.sleep(0)

    # Objects.

    def put(self, plural: str, name: str, namespace: str = "", **more: Any) -> Object:
        key = (namespace if KINDS[plural][3] else "", name)
        before = self.objects[plural].get(key)
        self.version += 1
        meta = {"name": name, "uid": (before or {}).get("metadata", {}).get("uid") or f"uid-{self.version}"}
        if key[0]:
            meta["namespace"] = key[0]
        meta["resourceVersion"] = str(self.version)
        meta["creationTimestamp"] = "2026-11-22T12:00:00Z"
        meta.update(more.pop("metadata", {}))
        obj = {"metadata": meta, **more}
        self.objects[plural][key] = obj
        self._event(plural, "MODIFIED" if before else "ADDED", obj)
        return obj

    def delete(self, plural: str, name: str, namespace: str = "") -> None:
        obj = self.objects[plural].pop((namespace if KINDS[plural][3] else "", name))
        self.version += 1
        gone = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        self._event(plural, "DELETED", gone)

    def compact(self) -> None:
        """Forget the history: watches from before get 410."""
        self.compacted = self.version

    def uids(self, plural: str) -> set[str]:
        return {obj["metadata"]["uid"] for obj in self.objects[plural].values()}

    def fault(self, plural: str, verb: str, **fault: Any) -> Fault:
        """Set a fault for (plural or "*", "list" or "watch" or "get" or "*")."""
        made = self.faults[plural, verb] = Fault(**fault)
        return made

    def mend(self) -> None:
        self.faults.clear()

    def count(self, what: str | None = None, verb: str | None = None, since: float = 0.0) -> int:
        return sum(
            1
            for each in self.asked
            if (what is None or each.what == what) and (verb is None or each.verb == verb) and each.at >= since
        )

    def _event(self, plural: str, kind: str, obj: Object) -> None:
        self.history[plural].append((self.version, kind, obj))
        if plural in self._changed:
            self._changed.pop(plural).set()

    def poke(self, plural: str) -> None:
        """Let the watches of a kind look again (at faults, at bookmarks)."""
        if plural in self._changed:
            self._changed.pop(plural).set()

    # HTTP.

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request[_BEGAN] = time.monotonic()
        try:
            return await handler(request)
        except ConnectionError as error:
            raise asyncio.CancelledError from error

    async def _alive(self, request: web.Request) -> None:
        """Return when the request may go on; never for one from before `thaw_but_forget`."""
        await self._flow.wait()
        if request[_BEGAN] < self._dead_before:
            await asyncio.Event().wait()

    def _where(self, path: str) -> tuple[str, str | None, str, str]:
        """Return (plural, namespace, name, subresource) of a path; plural "" where it is none."""
        parts = path.strip("/").split("/")
        if parts[0] == "api" and len(parts) > 2:
            group, rest = "", parts[2:]
        elif parts[0] == "apis" and len(parts) > 3:
            group, rest = parts[1], parts[3:]
        else:
            return "", None, "", ""
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        for plural, (its_group, *_rest) in KINDS.items():
            if its_group == group and RESOURCE.get(plural, plural) == rest[0]:
                return plural, namespace, rest[1] if len(rest) > 1 else "", rest[2] if len(rest) > 2 else ""
        return rest[0], namespace, "", ""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        plural, namespace, name, sub = self._where(request.path)
        watching = request.query.get("watch") in ("true", "1")
        verb = sub or ("get" if name else "watch" if watching else "list")
        what = plural or request.path
        self.asked.append(Asked(time.monotonic(), verb, what, dict(request.query), dict(request.headers)))
        await self._alive(request)
        if self.tokens is not None and request.headers.get("Authorization", "")[7:] not in self.tokens:
            return self._text(401, status(401, "Unauthorized", "Unauthorized"))
        if self.hang_second_page and "continue" in request.query:
            await asyncio.Event().wait()
        fault = next(
            (
                self.faults[key]
                for key in ((what, verb), (what, "*"), ("*", verb), ("*", "*"))
                if key in self.faults and self.faults[key].times != 0
            ),
            None,
        )
        if fault is not None:
            if fault.times is not None:
                fault.times -= 1
            if fault.hang:
                await asyncio.Event().wait()
            if fault.status:
                return self._text(fault.status, fault.body, fault.content_type, fault.headers)
        if request.path == "/version":
            return self._text(200, json.dumps({"major": "1", "minor": "36", "gitVersion": "v1.36.2"}))
        if request.path in self.answers:
            return self._text(*self.answers[request.path])
        if request.path in ("/api", "/apis"):
            return self._discovery(request.path)
        if sub == "log" and self.logs is not None:
            return await self.logs(request)
        if plural not in self.served:
            return self._text(404, "404 page not found\n", "text/plain")
        if verb == "watch":
            return await self._watch(request, plural, namespace, fault)
        if verb == "get":
            if plural == "pods" and self.pods_get is not None:
                return await self.pods_get(request)
            obj = self.objects[plural].get((namespace or "", name))
            if obj is None:
                return self._text(
                    404, status(404, "NotFound", f'{plural} "{name}" not found', details={"name": name})
                )
            return self._text(200, json.dumps(obj))
        return self._list(request, plural, namespace)

    def _list(self, request: web.Request, plural: str, namespace: str | None) -> web.Response:
        items = [obj for (ns, _), obj in sorted(self.objects[plural].items()) if namespace in (None, ns)]
        start = int(request.query.get("continue", "0"))
        if start and self.expire_continue:
            self.expire_continue -= 1
            return self._text(410, status(410, "Expired", "The provided continue parameter is too old"))
        limit = int(request.query.get("limit", "0")) or len(items) or 1
        meta: Object = {"resourceVersion": str(self.version)}
        if start + limit < len(items):
            meta["continue"] = str(start + limit)
        group, version, kind, _ = KINDS[plural]
        body = {"kind": f"{kind}List", "apiVersion": f"{group}/{version}".lstrip("/"), "metadata": meta}
        response = self._text(200, json.dumps({**body, "items": items[start : start + limit] or None}))
        response.enable_compression()
        return response

    async def _watch(
        self, request: web.Request, plural: str, namespace: str | None, fault: Fault | None
    ) -> web.StreamResponse:
        since = int(request.query.get("resourceVersion") or self.version)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self.opened += 1
        self.open_watches += 1
        try:
            if fault is not None and await self._spoil(response, fault):
                return response
            if since < self.compacted:
                expired = json.loads(status(410, "Expired", f"too old resource version: {since}"))
                await response.write(_line("ERROR", expired))
                return response
            deadline = time.monotonic() + float(request.query.get("timeoutSeconds", "600"))
            while time.monotonic() < deadline:
                for version, kind, obj in list(self.history[plural]):
                    if version > since and namespace in (None, obj["metadata"].get("namespace")):
                        await self._alive(request)
                        await response.write(_line(kind, obj))
                        since = version
                if self.bookmarks:
                    mark = {"kind": KINDS[plural][2], "apiVersion": "v1", "spec": {"containers": None}}
                    meta = {"resourceVersion": str(self.version), "creationTimestamp": None}
                    await response.write(_line("BOOKMARK", {**mark, "metadata": meta}))
                    since = self.version
                changed = self._changed.setdefault(plural, asyncio.Event())
                try:
                    async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                        await changed.wait()
                except TimeoutError:
                    break
                await self._alive(request)
                spoil = self.faults.get((plural, "stream"))
                if spoil is not None and await self._spoil(response, spoil):
                    return response
        finally:
            self.open_watches -= 1
        return response

    async def _spoil(self, response: web.StreamResponse, fault: Fault) -> bool:
        """Write what a fault wants written; return whether the stream is to end."""
        if fault.error_event is not None:
            await response.write(_line("ERROR", fault.error_event))
            return True
        for line in fault.raw_lines:
            await response.write(line)
        if fault.half_line:
            await response.write(b'{"type":"MODIFIED","object":{"metadata":{"na')
            return True
        return fault.end_at_once

    def _discovery(self, path: str) -> web.Response:
        groups: dict[str, list[Object]] = {}
        for plural in sorted(self.served):
            group, version, kind, namespaced = KINDS[plural]
            if (path == "/api") == (group == ""):
                groups.setdefault(f"{group}/{version}", []).append(
                    {
                        "resource": RESOURCE.get(plural, plural),
                        "responseKind": {"group": group, "version": version, "kind": kind},
                        "scope": "Namespaced" if namespaced else "Cluster",
                        "verbs": ["list", "watch", "get"],
                    }
                )
        items = [
            {
                "metadata": {"name": key.partition("/")[0]},
                "versions": [{"version": key.partition("/")[2], "resources": found, "freshness": "Current"}],
            }
            for key, found in groups.items()
        ]
        body = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}}
        return self._text(200, json.dumps({**body, "items": items}))

    def _text(
        self, code: int, body: str, content_type: str = "application/json", headers: dict[str, str] | None = None
    ) -> web.Response:
        return web.Response(status=code, body=body.encode(), content_type=content_type, headers=headers)


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


@asynccontextmanager
async def faulty_api() -> Any:
    """Serve for the length of a block."""
    api = FaultyApi()
    await api.start()
    try:
        yield api
    finally:
        api.thaw()
        await api.kill()
