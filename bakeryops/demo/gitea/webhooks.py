"""Webhooks: who is told of what, and one attempt to tell it over real HTTP."""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import hmac
import ipaddress
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import aiohttp

from bakeryops.demo.contracts import Clock
from bakeryops.demo.controllers.objects import digest
from bakeryops.demo.names import Names

__all__ = ["ALLOWED_HOSTS", "Delivery", "Hook", "Webhooks", "allowed", "headers_of"]

ALLOWED_HOSTS = "el-*.bakery-ci.svc.cluster.local,webhook-receiver.flux-system.svc.cluster.local"
"""`[webhook] ALLOWED_HOST_LIST` of this Gitea: in-cluster targets are refused by the default, `external`."""
TIMEOUT = 5.0
_KEPT = 200
_DNS = "10.152.183.10:53"


@dataclass
class Delivery:
    """One attempt to tell of an event; what the history in the web interface shows."""

    uuid: str
    event: str
    url: str
    body: bytes
    """The payload, which is what is signed; sent as a field of a form where the hook says so."""
    headers: Mapping[str, str]
    when: float
    """Cluster time."""
    done: bool = False
    succeeded: bool = False
    status: int = 0
    """HTTP status of the answer, 0 where there was none."""
    response: str = ""
    """The answer's body, or why there is none."""


@dataclass
class Hook:
    """A webhook of a repository."""

    id: int
    url: str
    secret: str = field(default="", repr=False)
    events: tuple[str, ...] = ("push",)
    active: bool = True
    branch_filter: str = ""
    authorization: str = field(default="", repr=False)
    """Authorization header that is sent along."""
    content_type: str = "json"
    created: float = 0.0
    updated: float = 0.0
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """Oldest first."""

    def wants(self, event: str, ref: str) -> bool:
        """Tell whether an event about a ref is for it; tags pass any branch filter."""
        if not self.active or event not in self.events:
            return False
        if self.branch_filter in ("", "*") or not ref.startswith("refs/heads/"):
            return True
        branch = ref.removeprefix("refs/heads/")
        pattern = self.branch_filter.removeprefix("{").removesuffix("}")
        return any(fnmatch.fnmatchcase(branch, each.strip()) for each in pattern.split(","))


def allowed(setting: str, host: str, address: str) -> bool:
    """Tell whether ALLOWED_HOST_LIST lets a host with an address be called (modules/hostmatcher)."""
    try:
        place = ipaddress.ip_address(address)
    except ValueError:
        place = None
    for rule in (each.strip().lower() for each in setting.split(",")):
        if rule in ("*", host.lower()) or (rule and fnmatch.fnmatchcase(host.lower(), rule)):
            return True
        if place is None or not rule:
            continue
        if rule == "loopback" and place.is_loopback:
            return True
        if rule == "private" and place.is_private and not place.is_loopback:
            return True
        if rule == "external" and place.is_global:
            return True
        try:
            if place in ipaddress.ip_network(rule, strict=False):
                return True
        except ValueError:
            continue
    return False


def headers_of(hook: Hook, event: str, uuid: str, body: bytes, version: tuple[int, int]) -> dict[str, str]:
    """Return the headers of a delivery (services/webhook/deliver.go); without a secret nothing is signed."""
    sha1 = sha256 = ""
    if hook.secret:
        sha1 = hmac.new(hook.secret.encode(), body, hashlib.sha1).hexdigest()
        sha256 = hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
    kind = "application/x-www-form-urlencoded" if hook.content_type == "form" else "application/json"
    headers = {"Content-Type": kind, "User-Agent": "Go-http-client/1.1"}
    for brand in ("Gitea", "Gogs"):
        headers |= {f"X-{brand}-Delivery": uuid, f"X-{brand}-Event": event, f"X-{brand}-Event-Type": event,
                    f"X-{brand}-Signature": sha256}  # fmt: skip
    headers |= {
        "X-Hub-Signature": f"sha1={sha1}",
        "X-Hub-Signature-256": f"sha256={sha256}",
        "X-GitHub-Delivery": uuid,
        "X-GitHub-Event": event,
        "X-GitHub-Event-Type": event,
    }
    if version >= (1, 24):
        headers["X-Gitea-Hook-Installation-Target-Type"] = "repository"
    if hook.authorization:
        headers["Authorization"] = hook.authorization
    return headers


class Webhooks:
    """Delivers to hooks: one attempt each, in the background, by the names of the cluster's inside."""

    def __init__(self, clock: Clock, names: Names, *, seed: int) -> None:
        """Take the cluster's time and names; nothing is sent before `open`."""
        self.allowed_hosts = ALLOWED_HOSTS
        """ALLOWED_HOST_LIST; may be changed at any time."""
        self.timeout = TIMEOUT
        """Wall seconds that a target may take to answer (DELIVER_TIMEOUT)."""
        self._clock = clock
        self._names = names
        self._seed = seed
        self._count = 0
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[tuple[Hook, Delivery]] = []

    async def open(self) -> None:
        """Begin to send, what was asked for before included."""
        self._session = aiohttp.ClientSession()
        waiting, self._waiting = self._waiting, []
        for hook, delivery in waiting:
            self._start(hook, delivery)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def settled(self) -> None:
        """Return when no delivery is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def send(self, hook: Hook, event: str, payload: Mapping[str, Any], version: tuple[int, int]) -> Delivery:
        """Deliver an event in the background; the delivery is in the hook's history at once."""
        self._count += 1
        uuid = str(UUID(digest(self._seed, "delivery", self._count)[:32], version=4))
        body = json.dumps(payload, indent=2, ensure_ascii=False).encode("utf-8", "replace")
        headers = headers_of(hook, event, uuid, body, version)
        delivery = Delivery(uuid, event, hook.url, body, headers, self._clock.now())
        hook.deliveries.append(delivery)
        if self._session is None:
            self._waiting.append((hook, delivery))
        else:
            self._start(hook, delivery)
        return delivery

    def _start(self, hook: Hook, delivery: Delivery) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(hook, delivery), name=f"webhook {hook.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _refusal(self, url: str) -> tuple[str, str]:
        """Return (real URL, "") or ("", why the target cannot be called)."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        real = self._names.find(url)
        address = host
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            if not self._names.knows(host):
                return "", f'Post "{url}": dial tcp: lookup {host} on {_DNS}: no such host'
            address = self._names.address(host) or f"10.152.183.{int(digest('vip', host)[:4], 16) % 250 + 2}"
        else:
            real = real or (url if literal.is_loopback else None)
        where = f"{address}:{port}"
        if not allowed(self.allowed_hosts, host, address):
            text = "webhook can only call allowed HTTP servers (check your webhook.ALLOWED_HOST_LIST setting)"
            return "", f"Post \"{url}\": dial tcp {where}: {text}, deny '{host}({where})'"
        if real is None:
            return "", f'Post "{url}": dial tcp {where}: connect: connection refused'
        return real, ""

    async def _deliver(self, hook: Hook, delivery: Delivery) -> None:
        assert self._session is not None
        try:
            real, refusal = self._refusal(delivery.url)
        except ValueError as error:
            real, refusal = "", f'Post "{delivery.url}": {error}'
        if refusal:
            delivery.response = f"Delivery: {refusal}"
            delivery.done = True
            return
        parts = urlsplit(delivery.url)
        headers = dict(delivery.headers) | {"Host": parts.netloc}
        form = hook.content_type == "form"
        data = urlencode({"payload": delivery.body}).encode() if form else delivery.body
        try:
            limit = aiohttp.ClientTimeout(total=self.timeout)
            async with self._session.post(real, data=data, headers=headers, timeout=limit) as answer:
                delivery.status = answer.status
                delivery.response = (await answer.content.read(1 << 20)).decode("utf-8", "replace")
                delivery.succeeded = answer.status // 100 == 2
        except TimeoutError:
            why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            delivery.response = f'Delivery: Post "{delivery.url}": {why}'
        except aiohttp.ClientError as error:
            cause = "connect: connection refused" if isinstance(error, aiohttp.ClientConnectorError) else "EOF"
            delivery.response = f'Delivery: Post "{delivery.url}": {cause}'
        finally:
            delivery.done = True
