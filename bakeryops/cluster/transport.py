"""Requests to one API server: `kubernetes.aio` as a pipe, on connections and deadlines of our own.

The library's client makes addresses, headers and the session's life; what it does badly is done here: its
connector (100 connections, no keepalive), its default deadline of 300 s for streams, its bodies (serialised a
second time), its hiding of exec plugins' failures, its trust in `~/.netrc`, and its four families of exceptions.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bakeryops import __version__
from bakeryops.cluster.cost import Cost
from bakeryops.cluster.credentials import Credentials, Grant, certificate_hint
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.failures import from_exception, from_response
from bakeryops.cluster.readonly import refuse_change
from bakeryops.cluster.target import Target
from bakeryops.errors import CredentialError, UsageError

if TYPE_CHECKING:
    import aiohttp

__all__ = ["PAGE", "STREAM", "UNARY", "Deadline", "Query", "Response", "Transport"]

Query = Iterable[tuple[str, str]]
_ERROR_BODY = 1 << 20
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long a request may take, in seconds; None is for ever."""

    total: float | None = 30.0
    """From sending to the last byte."""
    connect: float = 8.0
    """For the connection and its TLS handshake."""
    idle: float | None = None
    """Between two reads of the body."""


UNARY = Deadline()
PAGE = Deadline(total=60.0)
STREAM = Deadline(total=None)


class Response:
    """A successful answer (or 304, where it was asked for) whose body is still to be read."""

    def __init__(self, answer: aiohttp.ClientResponse, cost: Cost) -> None:
        """Take aiohttp's answer and the counters."""
        self._answer = answer
        self._cost = cost
        self.status: int = answer.status
        self.headers: Mapping[str, str] = answer.headers

    @property
    def content(self) -> aiohttp.StreamReader:
        """The body as a stream; who reads it counts its bytes (`Cost.received`)."""
        return self._answer.content

    @property
    def warnings(self) -> list[str]:
        """The server's `Warning` headers, without their code and agent, not yet cleaned."""
        found = self._answer.headers.getall("Warning", [])
        return [value.partition('"')[2].rpartition('"')[0].replace('\\"', '"') or value for value in found]

    async def read(self) -> bytes:
        """Return the whole body, decompressed."""
        body = await self._answer.read()
        self._cost.received(len(body))
        return body


class Transport:
    """The connections to one cluster."""

    def __init__(self, target: Target, *, cost: Cost | None = None, read_only: bool = False) -> None:
        """Take the cluster and the counters to count into; `read_only` refuses every change [S5]."""
        self.target = target
        self.read_only = read_only
        self.cost = cost if cost is not None else Cost()
        self.credentials = Credentials(target)
        self._api: Any = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Load the libraries in a thread and make ready; nothing is sent yet."""
        self._api = await asyncio.to_thread(_api_client, self.target.server)
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30.0, socket_factory=_socket),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=UNARY.connect),
            read_bufsize=1 << 18,
            # Not trust_env: it would also send passwords from ~/.netrc; the proxy is found by `proxy_for`.
            trust_env=False,
        )
        self._api.rest_client.pool_manager = self._session

    async def close(self) -> None:
        """Close every connection; requests under way end with an error."""
        api, self._api, self._session = self._api, None, None
        if api is not None:
            await api.close()

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: bytes | None = None,
        accept: str = _JSON,
        content_type: str | None = None,
        timeout: Deadline = UNARY,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Response]:
        """Send a request and give its answer; leaving the block closes an answer not read to its end.

        `path` is quoted by the caller, `query` here. Raises `KubeError` for every answer that is not 2xx (or 304
        to an `If-None-Match`) and every failure on the way, in the block too; after a 401 the credentials are
        fetched anew and the request is sent once more.
        """
        import aiohttp

        extra = {"Accept": accept, **(headers or {})}
        if content_type is not None or body is not None:
            extra["Content-Type"] = content_type or _JSON
        answer: aiohttp.ClientResponse | None = None
        try:
            answer = await self._send(method, path, list(query), extra, body, timeout)
            yield Response(answer, self.cost)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise from_exception(error, self.target) from error
        finally:
            if answer is not None:
                answer.close()

    async def get_bytes(
        self,
        path: str,
        *,
        query: Query = (),
        accept: str = _JSON,
        timeout: Deadline = UNARY,
    ) -> bytes:
        """Return the body of a GET; raises `KubeError`."""
        async with self.open("GET", path, query=query, accept=accept, timeout=timeout) as response:
            return await response.read()

    async def send_json(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Query = (),
        content_type: str = _JSON,
        timeout: Deadline = UNARY,
    ) -> bytes:
        """Send `body` (anything JSON can say; None for none) and return the answer's body; raises `KubeError`."""
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        kind = None if body is None else content_type
        async with self.open(method, path, query=query, body=data, content_type=kind, timeout=timeout) as response:
            return await response.read()

    @asynccontextmanager
    async def websocket(
        self, path: str, query: Query = (), protocols: tuple[str, ...] = (), *, seconds: float = UNARY.connect * 2
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse[bool]]:
        """Open a websocket; `seconds` bounds the handshake. Raises `KubeError` with the server's own message."""
        import aiohttp

        pairs = list(query)
        socket_: aiohttp.ClientWebSocketResponse[bool] | None = None
        try:
            async with asyncio.timeout(seconds):
                socket_ = await self._upgrade(path, pairs, protocols)
            yield socket_
        except aiohttp.WSServerHandshakeError as error:
            raise await self._why_no_upgrade(path, pairs, error) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if socket_ is not None and not isinstance(error, aiohttp.ClientError):
                raise
            raise from_exception(error, self.target) from error
        finally:
            if socket_ is not None:
                await socket_.close()

    async def _send(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        extra: dict[str, str],
        body: bytes | None,
        deadline: Deadline,
    ) -> aiohttp.ClientResponse:
        import aiohttp

        if self.read_only:
            refuse_change(method, path, query)
        timeout = aiohttp.ClientTimeout(
            total=deadline.total, sock_connect=deadline.connect, sock_read=deadline.idle
        )
        grant = await self._grant()
        while True:
            url, headers = await self._prepared(method, path, query, extra, grant)
            self.cost.request()
            try:
                answer = await self._pool().request(
                    method,
                    url,
                    headers=headers,
                    data=body,
                    timeout=timeout,
                    allow_redirects=False,
                    **self._way(grant),
                )
            except (OSError, ValueError) as error:
                raise from_exception(error, self.target) from error
            page = "html" in answer.headers.get("Content-Type", "")
            if (200 <= answer.status < 300 and not page) or (answer.status == 304 and "If-None-Match" in extra):
                return answer
            try:
                said = await _bounded(answer)
            finally:
                answer.close()
            if answer.status == 401:
                fresh = await self._grant(grant)
                if fresh is not grant:
                    grant = fresh
                    continue
            refusal = from_response(method, path, answer.status, answer.headers, said, self.target)
            raise self._explained(refusal, grant)

    async def _upgrade(
        self, path: str, query: list[tuple[str, str]], protocols: tuple[str, ...]
    ) -> aiohttp.ClientWebSocketResponse[bool]:
        import aiohttp

        if self.read_only:
            refuse_change("GET", path, query, upgrade=True)
        grant = await self._grant()
        while True:
            url, headers = await self._prepared("GET", path, query, {}, grant)
            self.cost.request()
            try:
                opened: aiohttp.ClientWebSocketResponse[bool] = await self._pool().ws_connect(
                    url, headers=headers, protocols=protocols, heartbeat=20.0, autoping=True, **self._way(grant)
                )
                return opened
            except aiohttp.WSServerHandshakeError as error:
                fresh = await self._grant(grant) if error.status == 401 else grant
                if fresh is grant:
                    raise
                grant = fresh

    async def _why_no_upgrade(
        self, path: str, query: list[tuple[str, str]], error: aiohttp.WSServerHandshakeError
    ) -> KubeError:
        # aiohttp drops the body of a refused handshake, and with it the Status that says why. The same address
        # without an upgrade is refused for the same reason, and does nothing.
        try:
            async with self.open("GET", path, query=query):
                pass
        except KubeError as told:
            if told.status == error.status and "pgrade request" not in told.message:
                return told
        return from_response("GET", path, error.status, error.headers or {}, b"", self.target)

    async def _prepared(
        self, method: str, path: str, query: list[tuple[str, str]], extra: dict[str, str], grant: Grant
    ) -> tuple[Any, Any]:
        from multidict import CIMultiDict
        from yarl import URL

        if self._api is None:
            raise _closed()
        login = {"type": "api_key", "in": "header", "key": "authorization", "value": grant.authorization}
        _, url, headers, _, _ = await self._api.param_serialize(
            method,
            path,
            query_params=query,
            header_params=dict(extra),
            auth_settings=["BearerToken"] if grant.authorization else None,
            _request_auth=login,
        )
        sent: CIMultiDict[str] = CIMultiDict(headers)
        for name, value in grant.headers:
            sent.add(name, value)
        return URL(url, encoded=True), sent

    async def _grant(self, rejected: Grant | None = None) -> Grant:
        try:
            return await (self.credentials.get() if rejected is None else self.credentials.renewed(rejected))
        except CredentialError as error:
            # The cause is what to act on (a plugin's own words), so it belongs into the one line that is shown.
            message = f"{error.message}: {error.why}" if error.why else error.message
            raise KubeError(message, kind="unauthorized", hint=error.hint) from error
        except UsageError as error:
            message = f"{error.message}: {error.why}" if error.why else error.message
            raise KubeError(message, kind="tls", hint=error.hint) from error

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise _closed()
        return self._session

    def _way(self, grant: Grant) -> dict[str, Any]:
        way: dict[str, Any] = {}
        if grant.ssl is not None:
            way["ssl"] = grant.ssl
            if self.target.trust.server_name:
                way["server_hostname"] = self.target.trust.server_name
        if self.target.proxy:
            way["proxy"] = self.target.proxy
        return way

    def _explained(self, error: KubeError, grant: Grant) -> KubeError:
        if error.kind == "unauthorized":
            who = self.target.context or "this login"
            said = f": {error.message}" if error.message != "Unauthorized" else ""
            error.message = f"{self.target.server} does not accept the credentials of {who}{said}"
            error.args = (error.message,)
            ended = certificate_hint(grant, time.time())
            if ended:
                error.why = ended
                error.hint = f"fetch {self.target.source} again (MicroK8s: microk8s config)"
            elif not grant.authorization and grant.certificate_ends is None:
                error.why = f"no credential is given in {self.target.source}"
        return error


def _closed() -> KubeError:
    return KubeError("the connections to the cluster are closed, or not open yet", kind="unreachable")


def _api_client(server: str) -> Any:
    from kubernetes.aio.client.api_client import ApiClient
    from kubernetes.aio.client.configuration import Configuration

    client = ApiClient(Configuration(host=server))
    client.user_agent = f"bakeryops/{__version__}"
    client.set_default_header("Accept-Encoding", "gzip")
    return client


def _socket(info: Any) -> socket.socket:
    made = socket.socket(info[0], info[1], info[2])
    made.setblocking(False)
    # A link that died without a word (a sleeping laptop, a NAT that forgot us) is noticed after 30 s at most.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
    return made


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    kept = bytearray()
    while len(kept) < _ERROR_BODY and (chunk := await answer.content.read(1 << 16)):
        kept += chunk
    return bytes(kept)
