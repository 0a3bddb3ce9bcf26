"""The API server of the embedded cluster: HTTP or HTTPS on loopback, bearer tokens.

kubectl sends a token over HTTPS only; the Python clients send it over both.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from bakeryops.demo import crds, gc
from bakeryops.demo.api import Api, answer_error, base_headers
from bakeryops.demo.certificate import ServerCertificate, make_certificate, server_context
from bakeryops.demo.contracts import DrillProvider, ExecProvider, LogProvider, UsageProvider
from bakeryops.demo.control import control
from bakeryops.demo.faults import REQUEST_ACTIONS, Fault, Faults
from bakeryops.demo.rbac import MASTERS, User, seed_rbac
from bakeryops.demo.request import parse_target
from bakeryops.demo.resources import Resource
from bakeryops.demo.routes import authenticate, handle
from bakeryops.demo.status import StatusError, internal_error
from bakeryops.demo.store import ObjectStore

__all__ = ["USERS", "DemoServer", "Providers"]

_LOG = logging.getLogger(__name__)
_REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 410: "Expired",
    429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip
_SIGNED_IN = "system:authenticated"
USERS: Mapping[str, User] = {
    "admin": User("admin", (MASTERS, _SIGNED_IN)),
    "operator": User("operator", (_SIGNED_IN,)),
    "viewer": User("viewer", (_SIGNED_IN,)),
    "nsviewer": User("nsviewer", (_SIGNED_IN,)),
}
"""The demo's users by the name of their context."""


@dataclass(frozen=True)
class Providers:
    """What stands behind the API: any part may be absent."""

    logs: LogProvider | None = None
    usage: UsageProvider | None = None
    execs: ExecProvider | None = None
    drill: DrillProvider | None = None


class DemoServer:
    """Serves an object store; `tokens` holds the bearer token of each user."""

    def __init__(self, *, viewer_namespace: str = "bakery-ia") -> None:
        self.tokens: dict[str, str] = {}
        self.url = ""
        self.authority = ""
        """PEM of the authority behind the server's certificate; empty without TLS."""
        self.faults = Faults()
        self._viewer_namespace = viewer_namespace
        self._api: Api | None = None
        self._runner: web.AppRunner | None = None

    async def start(
        self,
        store: ObjectStore,
        providers: Providers | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Faults | None = None,
        tokens: dict[str, str] | None = None,
        tls: ServerCertificate | bool = False,
        users: Mapping[str, User] = USERS,
    ) -> None:
        """Listen; `tls` asks for HTTPS, with a certificate of its own if True.

        `tokens` gives users fixed tokens: a restart on the same port keeps clients signed in.
        """
        self.faults = faults or self.faults
        providers = providers or Providers()
        self.tokens = {name: (tokens or {}).get(name) or secrets.token_urlsafe(24) for name in users}
        by_token = {self.tokens[name]: user for name, user in users.items()}
        api = Api(store, self.faults, by_token, providers.logs, providers.usage, providers.execs, providers.drill)
        self.faults.cut.append(self.drop_connections)
        crds.install(store)
        gc.install(store)
        seed_rbac(store, viewer_namespace=self._viewer_namespace)
        if providers.usage is not None:
            _serve_metrics(store)
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._api = api
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        certificate = make_certificate(host) if tls is True else tls or None
        context = server_context(certificate) if certificate else None
        site = web.TCPSite(self._runner, host, port, reuse_address=True, ssl_context=context)
        await site.start()
        bound = self._runner.addresses[0]
        api.address = f"{bound[0]}:{bound[1]}"
        self.authority = certificate.authority if certificate else ""
        self.url = f"{'https' if certificate else 'http'}://{api.address}"

    async def close(self) -> None:
        """Stop listening and end every stream."""
        if self._api is not None:
            self._api.closing.set()
            self.faults.resume()
        if self._runner is not None:
            self.faults.cut.remove(self.drop_connections)
            self.drop_connections()
            await self._runner.cleanup()
            self._runner = None

    def drop_connections(self) -> int:
        """Cut all connections, idle ones too; returns their number."""
        server = self._runner.server if self._runner else None
        cut = 0
        for connection in list(server.connections) if server else ():
            if connection.transport is not None:
                connection.transport.abort()
                cut += 1
        return cut

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        assert self._api is not None
        return await self._answer(self._api, request)

    async def _answer(self, api: Api, request: web.Request) -> web.StreamResponse:
        try:
            if request.path.startswith("/_demo/"):
                return await control(api, request, authenticate(api, request), self.drop_connections)
            spoiled = await self._spoil(api, request)
            if spoiled is not None:
                return spoiled
            return await handle(api, request, authenticate(api, request))
        except StatusError as error:
            return answer_error(error)
        except (ConnectionError, web.HTTPException, asyncio.CancelledError):
            raise
        except Exception as error:
            _LOG.exception("the demo API failed at %s %s", request.method, request.path)
            return answer_error(internal_error(f"{type(error).__name__}: {error}"))

    async def _spoil(self, api: Api, request: web.Request) -> web.StreamResponse | None:
        """Count a request and let the faults that are in force act on it."""
        faults = api.faults
        target = parse_target(request.method, request.path, dict(request.query))
        resource = verb = ""
        if target is not None:
            resource, verb = target.resource, target.verb
            if target.subresource:
                resource = f"{resource}/{target.subresource}"
        faults.requests[f"{verb} {resource}" if target else f"{request.method.lower()} {request.path}"] += 1
        await faults.running()
        token = request.headers.get("Authorization", "").partition(" ")[2]
        user = api.users.get(token)
        hit = faults.pick(REQUEST_ACTIONS, request.path, resource, verb, user.name if user else "")
        for fault in hit:
            if fault.action == "latency":
                await asyncio.sleep(fault.seconds)
            elif fault.action == "blackhole":
                await api.closing.wait()
                return _cut(request)
            elif fault.action == "drop":
                return _cut(request)
            else:
                return _wrong_answer(fault)
        return None


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _wrong_answer(fault: Fault) -> web.Response:
    headers = base_headers()
    if fault.retry_after is not None:
        headers["Retry-After"] = str(fault.retry_after)
    if fault.action == "html":
        page = fault.message or "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
        return web.Response(text=page, status=fault.status, content_type="text/html", headers=headers)
    reason = fault.reason or _REASONS.get(fault.status, "InternalError")
    message = fault.message or f"injected by the demo: {reason}"
    details = {"retryAfterSeconds": fault.retry_after} if fault.retry_after is not None else None
    return answer_error(StatusError(fault.status, reason, message, details=details, headers=headers))


def _serve_metrics(store: ObjectStore) -> None:
    for plural, kind, namespaced in (("nodes", "NodeMetrics", False), ("pods", "PodMetrics", True)):
        store.registry.add(
            Resource(
                plural, kind, "metrics.k8s.io", ("v1beta1",), namespaced=namespaced, verbs=("get", "list"),
                computed=True, list_kind=f"{kind}List", singular="",
            )
        )  # fmt: skip
