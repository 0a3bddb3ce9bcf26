"""What the request handlers share: the store, the world behind it, the users, the faults."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any

import yaml
from aiohttp import web

from bakeryops.demo.contracts import DrillProvider, ExecProvider, LogProvider, Object, UsageProvider
from bakeryops.demo.faults import Faults
from bakeryops.demo.rbac import User
from bakeryops.demo.request import Format, Target
from bakeryops.demo.resources import Resource
from bakeryops.demo.status import StatusError
from bakeryops.demo.store import ObjectStore
from bakeryops.demo.table import encode

__all__ = ["Api", "Call", "answer", "answer_error", "base_headers"]


@dataclass
class Api:
    """One API server."""

    store: ObjectStore
    faults: Faults
    users: dict[str, User] = field(repr=False)
    """Users by their bearer token."""
    logs: LogProvider | None = None
    usage: UsageProvider | None = None
    execs: ExecProvider | None = None
    drill: DrillProvider | None = None
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server ends: streams stop."""
    address: str = ""
    """host:port, for discovery."""


@dataclass(frozen=True)
class Call:
    """One authenticated request for a resource."""

    api: Api
    request: web.Request
    user: User
    target: Target
    resource: Resource
    format: Format

    @property
    def store(self) -> ObjectStore:
        """The objects."""
        return self.api.store

    @property
    def query(self) -> Any:
        """The query parameters; the first of each name."""
        return self.target.query

    @property
    def namespace(self) -> str | None:
        """The namespace of the path, None at the cluster scope."""
        return self.target.namespace if self.resource.namespaced else None

    @property
    def manager(self) -> str:
        """Name under which a write is recorded: `fieldManager`, or the first word of User-Agent."""
        given = self.query.get("fieldManager")
        if given:
            return str(given)
        agent = self.request.headers.get("User-Agent", "")
        return agent.partition("/")[0].split(" ")[0][:128] or "unknown"


def base_headers() -> dict[str, str]:
    """Return the headers that every answer of an API server has."""
    return {"Audit-Id": str(uuid.uuid4()), "Cache-Control": "no-cache, private"}


def answer(body: Object | bytes, *, status: int = 200, headers: dict[str, str] | None = None,
           as_yaml: bool = False) -> web.Response:  # fmt: skip
    """Return a JSON (or YAML) answer."""
    if as_yaml and isinstance(body, dict):
        text = yaml.safe_dump(body, sort_keys=False)
        return web.Response(
            text=text,
            status=status,
            headers={**base_headers(), **(headers or {})},
            content_type="application/yaml",
        )
    raw = body if isinstance(body, bytes) else encode(body)
    return web.Response(
        body=raw, status=status, headers={**base_headers(), "Content-Type": "application/json", **(headers or {})}
    )


def answer_error(error: StatusError) -> web.Response:
    """Return the answer to a call that failed."""
    headers = dict(error.headers)
    if error.code == 403:
        headers["X-Content-Type-Options"] = "nosniff"
    return answer(error.status(), status=error.code, headers=headers)
